// One fault on one data directory: traffic before, the fault in the middle of it, and the proof afterwards.
import type { RawConnection } from "../RawConnection.ts"
import { type Exit, removeDirectory, type ServeOptions, Server, temporaryDirectory } from "../Server.ts"
import { until, within } from "../within.ts"
import { phaseSecondsMax, Witness } from "../witness/Witness.ts"

export interface Fault {
  readonly name: string
  /** What is done, in a line. */
  readonly says: string
  /** One of the quick ones, which need no privilege. */
  readonly sample: boolean
  /** Why it can't be done on this machine, or undefined. */
  readonly lacks: () => string | undefined
  readonly run: (trial: Trial) => Promise<void>
}

const remembered = 2 ** 16
/** In a quiet moment the engine has journaled at most so much more than the last answer seen shows. */
const marginSlots = 1 << 13
/** Full: the mailboxes are smaller than what the connections keep on their way. */
const load = { batchRecords: 128, batchesInFlight: 8 }
const settings = {
  MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: remembered,
  MILLRACE_ENGINE_SNAPSHOT_EVERY_SLOTS: remembered / 8,
  MILLRACE_ENGINE_MAILBOX_RECORDS_MAX: 512,
  MILLRACE_JOURNAL_SEGMENT_BYTES: 2 ** 24,
}

/** What went against a promise. */
export class Violated extends Error {}

export class Trial {
  readonly data: string
  readonly witness: Witness
  readonly #violations: Array<string> = []
  readonly #ends: Array<() => void> = []
  readonly #servers: Array<Server> = []

  constructor(seed: number, connections = 2) {
    this.data = temporaryDirectory()
    this.witness = new Witness({
      seed,
      connections,
      load,
      violation: (text) => void this.#violations.push(text),
      ballastCards: 0,
    })
  }

  /** Done when the trial is over, last things first. */
  atEnd(end: () => void): void {
    this.#ends.push(end)
  }

  async end(): Promise<void> {
    // A process that is left over, when the trial failed, keeps the file system busy.
    for (const server of this.#servers) if (server.exit === undefined) await server.killed()
    for (const end of this.#ends.reverse()) end()
    removeDirectory(this.data)
  }

  #spawn(more: Partial<ServeOptions>): Server {
    const server = Server.spawn({ data: this.data, ...more, settings: { ...settings, ...more.settings } })
    this.#servers.push(server)
    return server
  }

  async start(more: Partial<ServeOptions> = {}): Promise<Server> {
    const server = this.#spawn(more)
    await server.ready(phaseSecondsMax)
    return server
  }

  /** A start that must not be: its exit code, and what it says. */
  async refused(code: number, says: RegExp, more: Partial<ServeOptions> = {}): Promise<void> {
    const server = this.#spawn(more)
    this.endedWith(server, await within("a refused start", server.exited, phaseSecondsMax), code, says)
  }

  /** Connections of which everything was looked at: what was in doubt, all answers, balances and accounts. */
  async checked(server: Server): Promise<ReadonlyArray<RawConnection>> {
    const connections = await this.witness.connect(server, () => {})
    const whole = await this.witness.settleAndCheck(connections, remembered - marginSlots)
    this.#assertSound()
    if (!whole) throw new Violated(`the checks were cut off\n${server.stderr}`)
    return connections
  }

  /** Full load from now on; when it returns, so many first answers have come since. The promise inside ends with the connections. */
  async underLoad(answers: number): Promise<{ readonly ends: Promise<boolean> }> {
    const ends = this.witness.play()
    await this.answered(answers)
    return { ends }
  }

  /** So many first answers more. */
  async answered(answers: number): Promise<void> {
    const goal = this.witness.counts.answered + answers
    await until(
      `${answers} answers`,
      () => this.witness.counts.answered >= goal || this.#violations.length > 0,
      phaseSecondsMax,
    )
    this.#assertSound()
  }

  /** The process ends by itself with this code, and says so. */
  async ends(server: Server, code: number, says: RegExp): Promise<void> {
    this.endedWith(server, await within("the end of serve", server.exited, phaseSecondsMax), code, says)
  }

  endedWith(server: Server, { code, signal }: Exit, wanted: number, says: RegExp): void {
    if (code !== wanted) throw new Violated(`ended with ${signal ?? code}, not ${wanted}\n${server.stderr}`)
    if (!says.test(server.stderr)) throw new Violated(`it does not say ${says}\n${server.stderr}`)
    if (wanted !== 70 && /\n\s+at /.test(server.stderr)) throw new Violated(`a stack\n${server.stderr}`)
  }

  /** The next start, when the fault is gone: all is there, traffic goes on, and it stops cleanly. */
  async recovers(more: Partial<ServeOptions> = {}): Promise<void> {
    const server = await this.start(more)
    await this.checked(server)
    const { ends } = await this.underLoad(1_000)
    await this.stops(server)
    await ends
  }

  async stops(server: Server): Promise<void> {
    server.kill("SIGTERM")
    await this.ends(server, 0, /stopped: snapshot at/)
    this.#assertSound()
  }

  #assertSound(): void {
    if (this.#violations.length > 0) throw new Violated(this.#violations.join("\n"))
  }
}
