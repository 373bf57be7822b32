/** Watches what is journaled and what is answered, and says what must not be. It knows the rules from the model alone. */
import type { Engine } from "@millrace/engine"
import type { JournalShape } from "@millrace/journal"
import { masked, SLOT_BYTES, SLOT_WORDS, SlotKind } from "@millrace/ledger"
import {
  commandSlots,
  conservation,
  decodeCommand,
  everything,
  inLedger,
  inModel,
  type JournaledCommand,
  Model,
} from "@millrace/ledger/model"
import {
  decodeRecord,
  type FrameReader,
  kindName,
  type Outcome,
  transactionSequence,
} from "@millrace/protocol"
import { Cause, Effect } from "effect"
import { Decisions } from "./Decisions.ts"
import { checkSlot, judgeExpiry, keyOf, readerOf } from "./reading.ts"
import type { WatchedBlock } from "./Server.ts"
import { currency } from "./town.ts"
import { Violation } from "./Violation.ts"

/** A slot as it was given to the journal. */
interface JournaledSlot {
  readonly bytes: Uint8Array
  readonly time: number
}

const companionKinds: ReadonlySet<number> = new Set([
  SlotKind.arrival,
  SlotKind.departure,
  SlotKind.split,
  SlotKind.turned,
  SlotKind.bar,
])

const kindAt = 60

export class Judge {
  model: Model | undefined
  /** By sequence − 1. */
  #slots: Array<JournaledSlot> = []
  /** The journal has said that everything up to here is durable. */
  durable = 0
  /** The model has seen everything up to here. */
  #judged = 0
  readonly #told = new Map<string, Outcome>()
  /** Where a request was decided. */
  #decided = new Map<string, number>()
  #commands: Array<JournaledCommand> = []
  #newModel: (() => Model) | undefined
  readonly #decisions = new Decisions()
  readonly #writtenReader: FrameReader
  readonly #toldReader: FrameReader
  /** What the disk did behind everybody's back. */
  readonly #lies: () => ReadonlyArray<string>
  /** The run can't go on, and why that is no violation. */
  over: string | undefined
  violation: string | undefined
  answers = 0

  constructor(lies: () => ReadonlyArray<string>) {
    this.#lies = lies
    this.#writtenReader = readerOf((outcome) => this.#wrote(outcome))
    this.#toldReader = readerOf((outcome) => this.#hear(outcome))
  }

  // ---- the journal

  sealed(block: WatchedBlock): void {
    this.#watching(() => this.#sealed(block))
  }

  #sealed({ first, count, time, payload }: WatchedBlock): void {
    if (first !== this.#slots.length + 1) {
      throw new Violation(`a block begins with sequence ${first}, after ${this.#slots.length}`)
    }
    const before = this.#slots[this.#slots.length - 1]
    if (before !== undefined && time < before.time) {
      throw new Violation(`the block at ${first} is of ${time}, the one before of ${before.time}`)
    }
    for (let i = 0; i < count; i++) {
      this.#slots.push({ bytes: payload.subarray(i * SLOT_BYTES, (i + 1) * SLOT_BYTES), time })
    }
  }

  isDurable({ first, count }: WatchedBlock): void {
    this.durable = first + count - 1
    this.#watching(() => this.#judgeTo(this.durable))
  }

  /** A violation may be thrown into a fiber that catches everything: it is written down before. */
  #watching(look: () => void): void {
    try {
      look()
    } catch (error) {
      if (error instanceof Violation) this.violation ??= error.message
      throw error
    }
  }

  /** What a start made of the disk, before it serves anybody. */
  recovered(engine: Engine["Service"], journal: JournalShape): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { ledger } = engine.lane
      this.#newModel ??= () =>
        new Model(ledger.memory.rememberedMax, ledger.shards.length, (card) =>
          ledger.shardOf(Number(card & 0xffff_ffffn), Number(card >> 32n)),
        )
      this.model ??= this.#newModel()
      const { last } = journal
      if (last > this.#slots.length) {
        throw new Violation(`the journal ends at ${last}, and ${this.#slots.length} slots were ever written`)
      }
      if (last < this.durable) this.#shorter(last)
      yield* this.#compareSlots(journal)
      this.#slots.length = last
      this.durable = last
      this.#judgeTo(last)
      this.compare(engine)
      this.#decisions.watch(ledger)
    }).pipe(
      Effect.tapCause((cause) =>
        Effect.sync(() => {
          const error = Cause.squash(cause)
          if (error instanceof Violation) this.violation ??= error.message
        }),
      ),
      Effect.orDie,
    )
  }

  /** What was durable is not there. */
  #shorter(last: number): void {
    if (this.#lies().length === 0) {
      throw new Violation(`the journal ends at ${last}, but everything up to ${this.durable} was durable`)
    }
    this.over = `the disk lost what came after ${last}, of which it had said that it has it`
    this.model = this.#newModel?.()
    this.#judged = 0
    this.#decided = new Map()
    this.#commands = []
    for (const [key, outcome] of this.#told) {
      if (transactionSequence(outcome.transaction) > last) this.#told.delete(key)
    }
  }

  readonly #compareSlots = Effect.fnUntraced(function* (this: Judge, journal: JournalShape) {
    if (journal.last < journal.first) return
    const pull = yield* journal.read(journal.first)
    for (let block = yield* pull; block !== null; block = yield* pull) {
      for (let i = 0; i < block.count; i++) {
        const sequence = block.first + i
        const slot = this.#slots[sequence - 1]
        const bytes = block.payload.subarray(i * SLOT_BYTES, (i + 1) * SLOT_BYTES)
        if (slot === undefined || Buffer.compare(slot.bytes, bytes) !== 0 || slot.time !== block.time) {
          throw new Violation(`slot ${sequence} of the journal is not the one that was written`)
        }
      }
    }
  })

  /** The ledger's state is the model's. */
  compare(engine: Engine["Service"]): void {
    const { model } = this
    // Before the first merchant there is no currency, and no account.
    if (model === undefined || model.merchants.size === 0) return
    const { ledger } = engine.lane
    const concerned = everything(model, currency)
    const actual = inLedger(ledger, model, concerned)
    const expected = inModel(model, concerned)
    if (JSON.stringify(actual) !== JSON.stringify(expected)) {
      throw new Violation(`the state is not the model's: ${differences(actual, expected)}`)
    }
    const { sum, imbalances, inTransit, audits, holds } = conservation(ledger, [currency])
    if (sum !== 0n || imbalances.length > 0 || inTransit.length > 0 || audits.length > 0) {
      throw new Violation(
        `money is not conserved: ${sum}, ${imbalances.length} shards, ${audits.length} audits`,
      )
    }
    if (holds !== model.holds.length) throw new Violation(`${holds} holds stand, not ${model.holds.length}`)
  }

  // ---- the model

  #judgeTo(last: number): void {
    const { model } = this
    if (model === undefined) return
    while (this.#judged < last) {
      const { time } = this.#slots[this.#judged]
      let end = this.#judged + 1
      while (end < last && this.#slots[end].time === time) end++
      const payload = Buffer.concat(this.#slots.slice(this.#judged, end).map(({ bytes }) => bytes))
      this.#judgeSlots(model, payload, time)
      this.#judged = end
    }
  }

  #judgeSlots(model: Model, payload: Buffer, time: number): void {
    const words = new Int32Array(new Uint8Array(payload).buffer)
    const view = new DataView(words.buffer)
    for (let at = 0; at < payload.length; ) {
      this.#decisions.judge(model)
      const sequence = model.memory.journal.length + 1
      const kind = payload[at + kindAt]
      if (kind === SlotKind.control) {
        this.#judgeCommand(model, words, (at / SLOT_BYTES) * SLOT_WORDS, time, sequence)
      } else if (kind === SlotKind.expired) judgeExpiry(model, view, at, time, sequence)
      else if (kind < SlotKind.arrival) this.#judgeDecision(model, view, at, time, sequence)
      else
        throw new Violation(
          `slot ${sequence} is of kind ${kind}, and nothing that it belongs to is before it`,
        )
      const slots = model.memory.journal.length + 1 - sequence
      at += slots * SLOT_BYTES
      if (at > payload.length) throw new Violation(`the decision at ${sequence} lacks slots`)
      if (at < payload.length && companionKinds.has(payload[at + kindAt])) {
        throw new Violation(`the decision at ${sequence} has more than ${slots} slots`)
      }
    }
  }

  #judgeCommand(model: Model, words: Int32Array, at: number, time: number, sequence: number): void {
    const command = decodeCommand(words, at)
    if (typeof command === "string") throw new Violation(`the command at ${sequence}: ${command}`)
    const answer = model.control(time, command)
    if (!answer.ok)
      throw new Violation(`the ${command.type} at ${sequence} was to be refused: ${answer.code}`)
    model.controlled(commandSlots(words, at))
    this.#commands.push(command)
  }

  #judgeDecision(model: Model, view: DataView, at: number, time: number, sequence: number): void {
    const request = this.#decisions.at(sequence)
    checkSlot(view, at, request)
    const { response, available, sequence: own, duplicate } = model.decide(request, time)
    const is = `${kindName(request.kind)} ${keyOf(request.terminal, request.reference)} at ${sequence}`
    if (duplicate) throw new Violation(`${is} was decided before, at ${own}`)
    if (own === 0) throw new Violation(`${is} was to be refused with ${response}, unremembered`)
    const actual = { response: view.getUint16(at + 48, true), available: view.getFloat64(at + 40, true) }
    if (actual.response !== response || actual.available !== Number(available)) {
      throw new Violation(
        `${is} (card ${masked(request.card)}, amount ${request.amount}) was decided ${actual.response} with ` +
          `${actual.available} available; by the model ${response} with ${available}`,
      )
    }
    this.#decided.set(keyOf(request.terminal, request.reference), sequence)
  }

  // ---- answers

  /** The server writes these frames to a client. */
  wrote(frames: Uint8Array): void {
    this.#watching(() => void this.#writtenReader.push(frames))
  }

  /** A client has them. */
  told(frames: Uint8Array): void {
    this.#watching(() => void this.#toldReader.push(frames))
  }

  #wrote(outcome: Outcome): void {
    if (this.model !== undefined) this.#decisions.judge(this.model)
    const sequence = transactionSequence(outcome.transaction)
    if (sequence > this.durable) {
      throw new Violation(
        `${keyOf(outcome.terminal, outcome.reference)} is answered at ${sequence}, and ${this.durable} is durable`,
      )
    }
  }

  #hear(outcome: Outcome): void {
    const { terminal, reference, response, available, transaction } = outcome
    const key = keyOf(terminal, reference)
    this.answers++
    this.#decisions.checkGiven(outcome)
    if (transaction === 0n) return
    const before = this.#told.get(key)
    if (before === undefined) this.#told.set(key, outcome)
    else if (
      before.response !== response ||
      before.available !== available ||
      before.transaction !== transaction
    ) {
      throw new Violation(
        `${key} is answered ${response} with ${available}, at first it was ${before.response} with ${before.available}`,
      )
    }
    this.#checkTold(key, outcome)
  }

  #checkTold(key: string, { terminal, reference, response, available, transaction }: Outcome): void {
    const sequence = transactionSequence(transaction)
    const slot = this.#slots[sequence - 1]
    if (slot === undefined) throw new Violation(`${key} is answered at ${sequence}, where there is nothing`)
    const view = new DataView(slot.bytes.buffer, slot.bytes.byteOffset, SLOT_BYTES)
    const record = decodeRecord(view, 0)
    const is =
      record.terminal === terminal &&
      record.reference === reference &&
      view.getUint16(48, true) === response &&
      view.getFloat64(40, true) === available
    if (!is) throw new Violation(`${key} is answered ${response}, and slot ${sequence} says something else`)
  }

  // ---- at the end

  /** Every answer is still in the journal. */
  checkAnswers(): void {
    for (const [key, outcome] of this.#told) {
      this.#checkTold(key, outcome)
      if (this.#decided.get(key) !== transactionSequence(outcome.transaction)) {
        throw new Violation(`${key} was answered, and is not among what was decided`)
      }
    }
  }

  /** Where the request was decided, or undefined. */
  decidedAt(terminal: number, reference: bigint): number | undefined {
    return this.#decided.get(keyOf(terminal, reference))
  }

  wasTold(terminal: number, reference: bigint): Outcome | undefined {
    return this.#told.get(keyOf(terminal, reference))
  }

  get commands(): ReadonlyArray<JournaledCommand> {
    return this.#commands
  }
}

const shownDifferences = 3

const differences = (actual: ReturnType<typeof inModel>, expected: ReturnType<typeof inModel>): string => {
  const lines = ({ next, cards, terminals, accounts }: typeof actual) => [
    `next ${next}`,
    ...cards,
    ...terminals,
    ...accounts,
  ]
  const [is, wanted] = [lines(actual), lines(expected)]
  return wanted
    .flatMap((line, i) => (line === is[i] ? [] : [`[${is[i]}] and not [${line}]`]))
    .slice(0, shownDifferences)
    .join("; ")
}
