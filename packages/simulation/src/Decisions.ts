/** What the shards are asked and what they answer, as it happens: the journal has neither the PINs nor what got no slot. */
import type { Ledger } from "@millrace/ledger"
import type { Model, Request } from "@millrace/ledger/model"
import {
  decodeOutcome,
  decodeRecord,
  kindName,
  type Outcome,
  OutcomeFlag,
  ResponseCode,
  transactionSequence,
} from "@millrace/protocol"
import { keyOf } from "./reading.ts"
import { Violation } from "./Violation.ts"

interface Decision {
  readonly request: Request
  readonly outcome: Outcome
  readonly time: number
  /** Of the slot that it got, or that the next one to get a slot will get. */
  readonly sequence: number
  /** A shard was being rebuilt. */
  readonly isRebuilding: boolean
}

/** What the lane answers by itself, for a shard that fell over. */
const defectCodes: ReadonlySet<number> = new Set([ResponseCode.unavailable, ResponseCode.malfunction])

export class Decisions {
  /** What got a slot, by its sequence. */
  readonly #slotted = new Map<number, Decision>()
  /** What got none and is not judged, in the order in which it was decided. */
  #unslotted: Array<Decision> = []
  /** Every answer that was given, by the request's key. */
  readonly #given = new Map<string, Set<string>>()
  #hadDefect = false

  /** From a start on, until its process ends. */
  watch(ledger: Ledger): void {
    this.#unslotted = []
    const decide = ledger.decideAhead.bind(ledger)
    ledger.decideAhead = (shard, time, words, at, out, outAt, place) => {
      const request = requestIn(words, at)
      const sequence = ledger.next
      const isRebuilding = ledger.shards.some(({ up }) => !up)
      let slots: number
      try {
        slots = decide(shard, time, words, at, out, outAt, place)
      } catch (defect) {
        this.#hadDefect = true
        throw defect
      }
      const outcome = decodeOutcome(viewOf(out), outAt * Uint32Array.BYTES_PER_ELEMENT)
      const decision = { request, outcome, time, sequence, isRebuilding }
      if (slots > 0) this.#slotted.set(sequence, decision)
      else this.#unslotted.push(decision)
      this.#give(outcome)
      return slots
    }
  }

  #give(outcome: Outcome): void {
    const key = keyOf(outcome.terminal, outcome.reference)
    const given = this.#given.get(key) ?? new Set()
    this.#given.set(key, given.add(answerOf(outcome)))
  }

  /** The request that got this slot, as the session handed it over. */
  at(sequence: number): Request {
    const decision = this.#slotted.get(sequence)
    if (decision === undefined) throw new Violation(`nobody asked for the decision at ${sequence}`)
    const { request, outcome } = decision
    if (outcome.flags !== 0) {
      throw new Violation(`${named(request)} at ${sequence} is new, and answered with flags ${outcome.flags}`)
    }
    return request
  }

  /** Judges what was answered without a slot, as far as the model has come. */
  judge(model: Model): void {
    const next = model.memory.journal.length + 1
    while (this.#unslotted.length > 0 && this.#unslotted[0].sequence <= next) {
      const [decision] = this.#unslotted.splice(0, 1)
      judgeUnslotted(model, decision)
    }
  }

  /** A client has this answer: a shard gave it, or the lane did for a shard that fell over. */
  checkGiven(outcome: Outcome): void {
    const key = keyOf(outcome.terminal, outcome.reference)
    if (this.#given.get(key)?.has(answerOf(outcome)) === true) return
    if (outcome.transaction === 0n && this.#hadDefect && defectCodes.has(outcome.response)) return
    throw new Violation(
      `${key} is answered ${outcome.response} with flags ${outcome.flags}, which no shard has answered`,
    )
  }
}

/** A repeat has the first answer and the flag; whatever else has no slot, the model refuses without one. */
const judgeUnslotted = (model: Model, { request, outcome, time, sequence, isRebuilding }: Decision): void => {
  const is = `${named(request)} before ${sequence}`
  const { response, available, flags } = outcome
  if (response === ResponseCode.unavailable && outcome.transaction === 0n && isRebuilding) {
    const known = model.memory.find(request.terminal, request.reference)
    if (known?.request === undefined) return
    throw new Violation(`${is} is answered ${response}, and was decided at ${known.sequence}`)
  }
  const expected = model.decide(request, time)
  if (expected.sequence !== 0 && !expected.duplicate) {
    throw new Violation(`${is} is answered ${response} without a slot; by the model ${expected.response}`)
  }
  const actual = { response, available, sequence: transactionSequence(outcome.transaction), flags }
  const wanted = {
    response: expected.response,
    available: Number(expected.available),
    sequence: expected.sequence,
    flags: expected.duplicate ? OutcomeFlag.duplicate : 0,
  }
  if (JSON.stringify(actual) !== JSON.stringify(wanted)) {
    throw new Violation(`${is} is answered ${JSON.stringify(actual)}; by the model ${JSON.stringify(wanted)}`)
  }
}

const named = ({ kind, terminal, reference }: Request): string =>
  `${kindName(kind)} ${keyOf(terminal, reference)}`

const answerOf = ({ response, available, transaction, flags }: Outcome): string =>
  [response, available, transaction, flags].join()

const viewOf = ({ buffer, byteOffset, byteLength }: Uint32Array): DataView =>
  new DataView(buffer, byteOffset, byteLength)

const requestIn = (words: Uint32Array, at: number): Request => {
  const { pinBlock, ...record } = decodeRecord(viewOf(words), at * Uint32Array.BYTES_PER_ELEMENT)
  return { ...record, pin: pinBlock === null ? 0n : Buffer.from(pinBlock).readBigUInt64LE() }
}
