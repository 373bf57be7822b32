// The run itself: all are started once, and held while another is measured.
import { CARD_FIRST } from "./Debit.ts"
import { drive } from "./drive.ts"
import { type MillraceForm, millraceForms, type RunningMillrace, startMillrace } from "./Millrace.ts"
import type { Form, FormGroup, Peer, RunningPeer } from "./Peer.ts"
import { hold, temporaryDirectory } from "./processes.ts"
import { showPromise } from "./promise.ts"

export interface Sample {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Approved of a hundred answered. */
  readonly approvedPercent: number
  /** What the client took of one core; undefined where it is a process of its own. */
  readonly clientCores?: number
}

/** One form of one engine, over all rounds. */
export interface Series {
  readonly engine: string
  readonly id: string
  readonly group: FormGroup
  readonly name: string
  readonly samples: Array<Sample>
}

export interface PeersRun {
  readonly series: ReadonlyArray<Series>
  readonly engines: ReadonlyArray<{
    readonly name: string
    readonly version: string
    readonly settings: ReadonlyArray<string>
  }>
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly install: string }>
}

export interface PeersOptions {
  readonly rounds: number
  readonly seconds: number
  readonly say: (line: string) => void
}

/** A started peer with what its books must come to. */
interface Stand {
  readonly peer: Peer
  readonly running: RunningPeer
  transactions: number
  amount: number
}

/** Lets one run, Millrace when none is named: a checkpoint or a purge of who waits would be another's latency. */
const onlyRunning = (
  stands: ReadonlyArray<Stand>,
  millrace: RunningMillrace,
  one: Stand | undefined,
): void => {
  const waiting = stands.flatMap((stand) => (stand === one ? [] : stand.running.pids()))
  hold(one === undefined ? waiting : [...waiting, ...millrace.pids()])
}

const open = async (peer: Peer, directory: string): Promise<Stand> => {
  const running = await peer.start(directory)
  const stand = { peer, running, transactions: 0, amount: 0 }
  let card = CARD_FIRST
  for (const batch of new Set(peer.forms.map((form) => form.batch))) {
    const kept = await showPromise(running, batch, card)
    stand.transactions += kept.transactions
    stand.amount += kept.amount
    card += 8 * batch
  }
  return stand
}

const measure = async (stand: Stand, form: Form, seconds: number): Promise<Sample> => {
  const { answered, approved, amount, ...figures } = await drive(stand.running, form, seconds)
  stand.transactions += answered
  stand.amount += amount
  return { ...figures, approvedPercent: (100 * approved) / answered }
}

/** Throws when a peer's books are not what its clients were answered: then its figures mean nothing. */
const audit = async ({ peer, running, transactions, amount }: Stand): Promise<void> => {
  const { transactions: kept = transactions, debited } = await running.books()
  if (kept !== transactions || debited !== amount) {
    throw new Error(
      `${peer.name} has ${kept} transactions over ${debited}; its clients were answered ${transactions} over ${amount}`,
    )
  }
}

/** Below, a card runs dry here and there, and a refusal is less work than a debit. */
const APPROVED_PERCENT_MIN = 99

const measureMillrace = async (
  millrace: RunningMillrace,
  form: MillraceForm,
  seconds: number,
): Promise<Sample> => {
  const { transactions, throughput, approved, latencyMs } = await millrace.load(form, seconds)
  const approvedPercent = (100 * approved) / transactions
  if (approvedPercent < APPROVED_PERCENT_MIN)
    throw new Error(`only ${approvedPercent} % approved: fewer rounds`)
  return { perSecond: throughput, p50Ms: latencyMs.p50, p99Ms: latencyMs.p99, approvedPercent }
}

/** Throws when a peer does not keep the promise, or its books are wrong. */
export const runPeers = async (
  peers: ReadonlyArray<Peer>,
  { rounds, seconds, say }: PeersOptions,
): Promise<PeersRun> => {
  const stands: Array<Stand> = []
  let millrace: RunningMillrace | undefined
  const skipped: Array<PeersRun["skipped"][number]> = []
  try {
    for (const peer of peers) {
      const install = peer.missing()
      if (install !== undefined) {
        say(`skipped ${peer.name}: it is not installed. To install it: ${install}`)
        skipped.push({ name: peer.name, install })
        continue
      }
      const stand = await open(peer, temporaryDirectory())
      stands.push(stand)
      say(`${stand.running.version} is up and keeps the promise`)
    }
    const own = millraceForms.map(
      ({ id, group, name }): Series => ({
        engine: "Millrace",
        id,
        group,
        name,
        samples: [],
      }),
    )
    const theirs = stands.map(({ peer }) =>
      peer.forms.map(({ id, group, name }): Series => ({ engine: peer.name, id, group, name, samples: [] })),
    )
    // After the others have their cards: it waits, stopped like them.
    millrace = await startMillrace(temporaryDirectory())
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`)
      onlyRunning(stands, millrace, undefined)
      for (const [n, form] of millraceForms.entries()) {
        own[n].samples.push(await measureMillrace(millrace, form, seconds))
      }
      for (const [which, stand] of stands.entries()) {
        onlyRunning(stands, millrace, stand)
        for (const [n, form] of stand.peer.forms.entries()) {
          theirs[which][n].samples.push(await measure(stand, form, seconds))
        }
      }
    }
    for (const stand of stands) {
      onlyRunning(stands, millrace, stand)
      await audit(stand)
    }
    const engines = stands.map(({ peer, running }) => ({
      name: peer.name,
      version: running.version,
      settings: running.settings,
    }))
    return { series: [...own, ...theirs.flat()], engines, skipped }
  } finally {
    hold([])
    await millrace?.stop()
    for (const { running } of stands) await running.stop()
  }
}
