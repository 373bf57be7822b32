// One connection's traffic across the lives of the process: what it sent, what is unanswered, and whether it was right.
import {
  decodeOutcome,
  Kind,
  kindName,
  OUTCOME_BYTES,
  type Outcome,
  OutcomeAt,
  OutcomeFlag,
  RECORD_BYTES,
  RecordAt,
  RecordFlag,
  ResponseCode,
  transactionSequence,
} from "@millrace/protocol"
import type { Random } from "../Random.ts"
import type { RawConnection } from "../RawConnection.ts"
import { writeRequest } from "../Records.ts"
import { currency, type Decided, Model, type Request } from "./Model.ts"
import { isRemembered, type Step, Work } from "./Work.ts"

/** Answered requests that a connection can ask about again; of older ones it keeps a few. */
const historyMax = 1 << 16
const oldMax = 256

export interface Counts {
  answered: number
  /** Unanswered when the process died. */
  inDoubt: number
  /** Of those: what had been done and only the answer was missing. */
  doneInDoubt: number
  rechecked: number
  /** Rechecked so late that the engine had forgotten them, and said so. */
  forgotten: number
  /** Highest journal sequence that any answer has shown. */
  sequence: number
}

export interface Load {
  readonly batchRecords: number
  readonly batchesInFlight: number
}

interface Item {
  readonly mode: Step["mode"]
  readonly request: Request
  readonly decided: Decided
  readonly batch: Batch
  readonly at: number
  resent: boolean
}

interface Batch {
  readonly number: number
  readonly bytes: Uint8Array
  readonly items: Array<Item>
  open: number
}

export class Player {
  readonly model = new Model()
  readonly work: Work
  readonly counts: Counts
  readonly #name: string
  readonly #random: Random
  readonly #violation: (text: string) => void
  readonly #load: Load
  readonly #inFlight: Array<Batch> = []
  readonly #pending = new Map<number, Map<bigint, Item>>()
  readonly #sequences = new Map<bigint, number>()
  readonly #history: Array<Decided> = []
  #historyCount = 0
  readonly #old: Array<Decided> = []
  /** Answered since they were last asked about again. */
  #fresh: Array<Decided> = []
  #batch = 0
  #connection: RawConnection | undefined
  #source: () => Step | undefined = nothingMore
  #done: (finished: boolean) => void = () => {}

  constructor(
    name: string,
    terminals: ReadonlyArray<number>,
    random: Random,
    counts: Counts,
    violation: (text: string) => void,
    load: Load,
  ) {
    this.#name = name
    this.#random = random
    this.#violation = violation
    this.#load = load
    this.counts = counts
    this.work = new Work(random, this.model, terminals, load.batchesInFlight)
  }

  get unanswered(): number {
    return this.#inFlight.reduce((sum, batch) => sum + batch.open, 0)
  }

  /** `lost` hears when the connection is gone, and what the server said about it. */
  attach(connection: RawConnection, lost: (why: string) => void): void {
    this.#connection = connection
    connection.onOutcome = (view, at) => this.#heard(view, at)
    connection.onClose = () => {
      if (connection.broken !== "") this.#violation(`${this.#name}: a broken stream: ${connection.broken}`)
      lost(JSON.stringify(connection.unasked.at(-1) ?? "nothing was said"))
      this.#source = nothingMore
      this.#done(false)
    }
    this.work.beginLife(Date.now())
  }

  /** Everything unanswered again, the same bytes in the same order with REPEAT. False when the connection went. */
  resend(): Promise<boolean> {
    const connection = this.#connection!
    for (const batch of this.#inFlight) {
      const unanswered = batch.items.filter((item) => this.#isPending(item))
      const records = new Uint8Array(unanswered.length * RECORD_BYTES)
      for (const [n, item] of unanswered.entries()) {
        records.set(batch.bytes.subarray(item.at, item.at + RECORD_BYTES), n * RECORD_BYTES)
        records[n * RECORD_BYTES + RecordAt.flags] |= RecordFlag.repeat
        item.resent = true
      }
      connection.sendRecords(records)
    }
    return this.#drive(nothingMore)
  }

  /** All answers of the last life once more, `sample` of earlier ones, and some that may be forgotten. */
  async recheck(sample: number, rememberedSlots: number): Promise<boolean> {
    const fresh = this.#fresh
    const chosen = new Set(fresh)
    for (let i = 0; i < sample && this.#history.length > 0; i++) chosen.add(this.#random.pick(this.#history))
    for (let i = 0; i < sample / 8 && this.#old.length > 0; i++) chosen.add(this.#random.pick(this.#old))
    const oldest = this.counts.sequence - rememberedSlots
    const steps = [...chosen].map((of): Step => {
      const isOld = isRemembered(of) && sequenceOf(of) <= oldest
      return { mode: isOld ? "old" : "repeat", request: of, of }
    })
    const next = steps.values()
    const finished = await this.#drive(() => next.next().value)
    // What was cut off is asked about again in the next life.
    if (finished) this.#fresh = this.#fresh.slice(fresh.length)
    return finished
  }

  /** Every card's balance, asked for and compared. */
  sweep(): Promise<boolean> {
    const cards = [...this.model.balances.keys()]
    return this.#drive(() => {
      const card = cards.pop()
      return card === undefined ? undefined : this.work.balanceOf(card)
    })
  }

  /** Sends without an end until the connection's end. */
  play(): Promise<boolean> {
    return this.#drive(() => this.work.next(this.#batch))
  }

  /** So many requests, and their answers. False when the connection went. */
  round(count: number): Promise<boolean> {
    let left = count
    return this.#drive(() => (left-- > 0 ? this.work.next(this.#batch) : undefined))
  }

  #drive(source: () => Step | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#connection!.closed) return resolve(false)
      this.#source = source
      this.#done = resolve
      this.#pump()
    })
  }

  /** Batch n goes when batch n − batchesInFlight is answered in full: then what is sent follows from the seed. */
  #pump(): void {
    while (
      this.#inFlight.length === 0 ||
      this.#inFlight[0].number > this.#batch - this.#load.batchesInFlight
    ) {
      const batch = this.#fill()
      if (batch === undefined) break
      this.#inFlight.push(batch)
      this.#connection!.sendRecords(batch.bytes)
    }
    if (this.#inFlight.length === 0) this.#done(true)
  }

  #fill(): Batch | undefined {
    const steps: Array<Step> = []
    const decisions: Array<Decided> = []
    while (steps.length < this.#load.batchRecords) {
      const step = this.#source()
      if (step === undefined) break
      const decided = step.mode === "first" ? this.#decide(step.request) : step.of
      decided.sentWith = this.#batch
      steps.push(step)
      decisions.push(decided)
    }
    if (steps.length === 0) return undefined
    const bytes = new Uint8Array(steps.length * RECORD_BYTES)
    const view = new DataView(bytes.buffer)
    const batch: Batch = { number: this.#batch++, bytes, items: [], open: steps.length }
    for (const [n, { mode, request }] of steps.entries()) {
      const item: Item = { mode, request, decided: decisions[n], batch, at: n * RECORD_BYTES, resent: false }
      writeRequest(
        view,
        item.at,
        request,
        mode === "repeat" || mode === "old" ? RecordFlag.repeat : 0,
        currency,
      )
      batch.items.push(item)
      this.#expect(item)
    }
    return batch
  }

  #decide(request: Request): Decided {
    const decided = this.model.decide(request, this.#batch)
    this.work.note(decided)
    return decided
  }

  #expect(item: Item): void {
    const { terminal, reference } = item.request
    const pending = this.#pending.get(terminal) ?? new Map<bigint, Item>()
    this.#pending.set(terminal, pending)
    if (pending.has(reference)) throw new Error("the witness itself sent one reference twice at once")
    pending.set(reference, item)
  }

  #isPending(item: Item): boolean {
    return this.#pending.get(item.request.terminal)?.get(item.request.reference) === item
  }

  #heard(view: DataView, at: number): void {
    const outcome = decodeOutcome(view, at)
    const pending = this.#pending.get(outcome.terminal)
    const item = pending?.get(outcome.reference)
    if (pending === undefined || item === undefined) {
      this.#violation(`${this.#name}: an outcome that nobody waits for: ${told(outcome)}`)
      return
    }
    pending.delete(outcome.reference)
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, OUTCOME_BYTES)
    const wrong =
      item.mode === "first" ? this.#judgeFirst(item, outcome, bytes) : this.#judgeAgain(item, outcome, bytes)
    if (wrong !== undefined) {
      this.#violation(
        `${this.#name}: ${wrong}: ${item.mode} ${asked(item.request)}, answered ${told(outcome)}`,
      )
    }
    item.batch.open--
    while (this.#inFlight.length > 0 && this.#inFlight[0].open === 0) this.#inFlight.shift()
    this.#pump()
  }

  #judgeFirst(item: Item, outcome: Outcome, bytes: Uint8Array): string | undefined {
    const { decided } = item
    decided.answer = Uint8Array.from(bytes)
    decided.answer[OutcomeAt.flags] &= ~OutcomeFlag.duplicate
    this.#remember(decided)
    this.counts.answered++
    const isDuplicate = (outcome.flags & OutcomeFlag.duplicate) !== 0
    if (isDuplicate) this.counts.doneInDoubt++
    if (outcome.response !== decided.response) return `expected response ${decided.response}`
    if (decided.available !== null && BigInt(outcome.available) !== decided.available) {
      return `expected ${decided.available} available`
    }
    if (isDuplicate && !item.resent) return "a first answer says DUPLICATE"
    return this.#judgeSequence(item.request, outcome)
  }

  /** Journal positions of a card grow in the order in which its requests were sent: none is given twice. */
  #judgeSequence(request: Request, outcome: Outcome): string | undefined {
    const sequence = transactionSequence(outcome.transaction)
    if (sequence === 0) {
      const stands = outcome.response === 0 || outcome.response === ResponseCode.insufficientFunds
      return stands && request.kind !== Kind.balance ? "no transaction id" : undefined
    }
    const before = this.#sequences.get(request.card) ?? 0
    this.#sequences.set(request.card, sequence)
    this.counts.sequence = Math.max(this.counts.sequence, sequence)
    return sequence <= before ? `the card's last transaction was ${before}` : undefined
  }

  #judgeAgain({ mode, decided, request }: Item, outcome: Outcome, bytes: Uint8Array): string | undefined {
    const isDuplicate = (outcome.flags & OutcomeFlag.duplicate) !== 0
    if (mode === "altered") {
      const wanted = outcome.response === ResponseCode.duplicate && !isDuplicate
      return wanted ? undefined : `expected response ${ResponseCode.duplicate}`
    }
    this.counts.rechecked++
    if (mode === "old" && outcome.response === ResponseCode.tooLate && !isDuplicate) {
      this.counts.forgotten++
      return undefined
    }
    if (!isRemembered(decided)) {
      // Decided anew, and still the same: no such card, barred; a balance is what it is now.
      if (outcome.response !== decided.response) return `expected response ${decided.response} again`
      if (request.kind === Kind.balance || outcome.transaction === 0n) return undefined
      return "it was not remembered at first"
    }
    if (!isDuplicate) return "expected DUPLICATE"
    const first = Uint8Array.from(bytes)
    first[OutcomeAt.flags] &= ~OutcomeFlag.duplicate
    return Buffer.compare(first, decided.answer!) === 0
      ? undefined
      : `the first answer was ${toldBytes(decided.answer!)}`
  }

  #remember(decided: Decided): void {
    this.#fresh.push(decided)
    const place = this.#historyCount++ % historyMax
    const gone = this.#history[place]
    this.#history[place] = decided
    if (gone === undefined) return
    this.model.forget(gone)
    if (this.#old.length < oldMax) this.#old.push(gone)
    else if (this.#random.chance(0.01)) this.#old[this.#random.between(0, oldMax - 1)] = gone
  }
}

const nothingMore = () => undefined

const sequenceOf = (decided: Decided): number => {
  const bytes = decided.answer!
  return transactionSequence(new DataView(bytes.buffer).getBigUint64(OutcomeAt.transaction, true))
}

const asked = ({ kind, terminal, reference, card, amount, original }: Request): string =>
  `${kindName(kind)} ${terminal}/${reference} card ${card} amount ${amount} original ${original}`

const told = ({ terminal, reference, response, available, transaction, flags }: Outcome): string =>
  `${terminal}/${reference} response ${response} available ${available} transaction ${transaction} flags ${flags}`

const toldBytes = (bytes: Uint8Array): string => told(decodeOutcome(new DataView(bytes.buffer), 0))
