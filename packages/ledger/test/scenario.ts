// What the tests share: requests as values, a ledger with a journal kept beside it, and its whole state to compare.
import { decodeOutcome, Kind, type Outcome, RecordWord, recordBytes } from "@millrace/protocol"
import { type Command, type ControlResult, Ledger, type LedgerOptions, SLOT_BYTES } from "../src/index.ts"
import type { Request } from "../src/model/Request.ts"

export type { Request }

/** Kinds whose amount is 0 unless a test says otherwise. */
const amountless: ReadonlyArray<number> = [
  Kind.balance,
  Kind.reversal,
  Kind.cancellation,
  Kind.void,
  Kind.pinChange,
  Kind.close,
]

export const request = (some: Partial<Request>): Request => ({
  kind: Kind.purchase,
  terminal: 1,
  reference: 1n,
  card: 1n,
  amount: amountless.includes(some.kind ?? Kind.purchase) ? 0 : 100,
  original: 0n,
  currency: 203,
  flags: 0,
  counterparty: 0n,
  pin: 0n,
  ...some,
})

export interface Block {
  readonly first: number
  readonly time: number
  readonly payload: Uint8Array
}

export const requestWords = (value: Request): Uint32Array => {
  const words = new Uint32Array(16)
  new Uint8Array(words.buffer).set(recordBytes(value))
  words[RecordWord.pinBlock0] = Number(value.pin & 0xffff_ffffn)
  words[RecordWord.pinBlock0 + 1] = Number(value.pin >> 32n)
  return words
}

const outcomeOf = (words: Uint32Array): Outcome => decodeOutcome(new DataView(words.buffer), 0)

/** A ledger whose slots are copied out after every call, as a journal would. */
export class Journaled {
  ledger: Ledger
  readonly blocks: Array<Block> = []
  time = 1_000

  constructor(options: LedgerOptions) {
    this.ledger = new Ledger(options)
  }

  shardOf(card: bigint): number {
    return this.ledger.shardOf(Number(card & 0xffff_ffffn), Number(card >> 32n))
  }

  send(value: Request): Outcome & { readonly journaled: number } {
    const words = new Uint32Array(8)
    const first = this.ledger.next
    const shard = this.shardOf(value.card)
    const journaled = this.ledger.decide(shard, ++this.time, requestWords(value), 0, words, 0)
    this.#keep(first)
    return { ...outcomeOf(words), journaled }
  }

  /** Gives the response code. */
  code(some: Partial<Request>): number {
    return this.send(request(some)).response
  }

  control(command: Command): ControlResult {
    const first = this.ledger.next
    const result = this.ledger.control(++this.time, command)
    this.#keep(first)
    return result
  }

  /** What is due by now, at most `slotsMax` slots at a time, as a lane would between its batches. */
  tick(slotsMax = 8): number {
    let slots = 0
    for (;;) {
      const first = this.ledger.next
      const journaled = this.ledger.tick(this.time, slotsMax)
      this.#keep(first)
      if (journaled === 0) return slots
      slots += journaled
    }
  }

  /**
   * Merchants 1 (1.5 % fee) and 2 (none), who may recharge as they like, terminals 1–3 and 11–12 of theirs, cards 1–8
   * with `balance` each.
   */
  provision(balance = 1_000): this {
    const by = "host:test"
    const currency = 203
    const merchant = { type: "merchant", by, currency, floatLimit: Number.MAX_SAFE_INTEGER } as const
    this.control({ ...merchant, number: 1, name: "Bakery", feeBasisPoints: 150 })
    this.control({ ...merchant, number: 2, name: "Kiosk", feeBasisPoints: 0 })
    this.control({ type: "terminals", by, first: 1, count: 3, merchant: 1 })
    this.control({ type: "terminals", by, first: 11, count: 2, merchant: 2 })
    this.control({ type: "cards", by, first: 1n, count: 8, currency, openingBalance: balance })
    return this
  }

  balance(card: bigint): number | undefined {
    return this.ledger.card(card)?.balance
  }

  #keep(first: number): void {
    const { next } = this.ledger
    if (next === first) return
    const payload = new Uint8Array((next - first) * SLOT_BYTES)
    let at = 0
    for (const part of this.ledger.slots(first, next)) {
      payload.set(part, at)
      at += part.length
    }
    this.blocks.push({ first, time: this.time, payload })
  }
}

/** All images of a ledger, pulled at once. */
export const images = (ledger: Ledger): Map<string, ReadonlyArray<Uint8Array>> => {
  const result = new Map<string, ReadonlyArray<Uint8Array>>()
  for (const source of ledger.freeze()) {
    const pieces: Array<Uint8Array> = []
    for (let piece = source.next(); piece !== null; piece = source.next()) pieces.push(piece.slice())
    result.set(source.name, pieces)
  }
  ledger.thaw()
  return result
}

/** What the memory holds, oldest first: slot bytes, mark, and whether its key leads to it. */
const remembered = (ledger: Ledger): ReadonlyArray<string> => {
  const { memory } = ledger
  const result: Array<string> = []
  for (let sequence = memory.next - memory.live; sequence < memory.next; sequence++) {
    const at = memory.wordOf(sequence)
    const words = memory.ring.subarray(at, at + 16)
    const found = memory.find(words[14], words[0], words[1])
    const foundSequence = found < 0 ? 0 : memory.sequenceAt(found * 16)
    result.push(`${sequence} ${words.join(",")} ${memory.marks[at / 16]} ${foundSequence}`)
  }
  return result
}

/** Everything that decisions depend on. */
export const stateOf = (ledger: Ledger): unknown => ({
  next: ledger.next,
  images: [...images(ledger)].map(([name, pieces]) => [
    name,
    pieces.map((piece) => Buffer.from(piece).toString("hex")),
  ]),
  remembered: remembered(ledger),
})

/** A ledger made from images and blocks as a start of the engine would make it. */
export const recovered = (
  options: LedgerOptions,
  blocks: ReadonlyArray<Block>,
  snapshot?: { readonly position: number; readonly images: Map<string, ReadonlyArray<Uint8Array>> },
): Ledger => {
  const ledger = new Ledger(options)
  for (const [name, pieces] of snapshot?.images ?? []) {
    for (const piece of pieces) ledger.restore(name, piece)
  }
  const position = snapshot?.position ?? 0
  const wanted = Math.max(1, position + 1 - ledger.memory.capacity)
  const window = blocks.filter((block) => block.first + block.payload.length / SLOT_BYTES > wanted)
  ledger.resume(window[0]?.first ?? position + 1)
  for (const { first, time, payload } of window) {
    if (first <= position) ledger.remember(payload, first)
    else ledger.replay(time, payload, first)
  }
  return ledger
}

/** Both merchants may owe for recharges whatever they like. */
export const withFloat = (run: Journaled): Journaled => {
  const some = {
    type: "merchant",
    by: "host:test",
    currency: 203,
    floatLimit: Number.MAX_SAFE_INTEGER,
  } as const
  run.control({ ...some, number: 1, name: "Bakery", feeBasisPoints: 150 })
  run.control({ ...some, number: 2, name: "Kiosk", feeBasisPoints: 0 })
  return run
}
