// A journal slot: 64 bytes, the request's record with its PIN block's place taken by the decision.
import { Kind, RecordWord, ResponseCode } from "@millrace/protocol"

export const SLOT_BYTES = 64
export const SLOT_WORDS = 16
export const SLOT_DOUBLES = 8

/**
 * Of what a journal's payloads hold. Raised whenever a slot means something else than before, or a new kind of slot
 * comes: a program with fewer must refuse the journal, and not decide by what it takes the bytes for.
 */
export const slotVersions = { name: "slot", writes: 1, oldest: 1 } as const

/**
 * | bytes | a transaction (kind 1…0x7f) | arrival, departure | turned | expired |
 * |---|---|---|---|---|
 * | 0 | reference | the same | the original's | the hold's |
 * | 8 | card | the payee | the original's | the card |
 * | 16 | amount asked for | the same | what had moved | what was held |
 * | 24 | original | the fee | the original's | 0 |
 * | 32 | counterparty | the payer | the original's | 0 |
 * | 40 | f64 available after; of a partial approval the approved amount | available after | available after | available after |
 * | 48 | u16 response, u16 business day | 0, the day; of a departure the transfer's | 0, the original's day | 0, the day |
 * | 52 | terms and bits, see SlotBit | terms | the original's | the hold's purse |
 * | 56 | terminal | the same | the original's | the hold's |
 * | 60 | kind, flags, currency | 0x80 or 0x81, 0, currency | 0xf3, the original's kind, currency | 0x83, 0, currency |
 *
 * | bytes | split | periodic | bar | control | more |
 * |---|---|---|---|---|---|
 * | 0 | f64 of each purse in `mask`, in their order | 0 | the original's reference | 0 | payload 0…60 |
 * | 8 | | card | the reversal's card | 0 | |
 * | 16 | | u64 bonus released | 0 | u32 payload bytes, u32 command code | |
 * | 24 | | u64 dormant fee | 0 | 0 | |
 * | 32 | | u32 mask of purses that expired, u32 month | 0 | 0 | |
 * | 40 | | f64 what expired | 0 | 0 | |
 * | 48 | f64 ms at which a hold ends | 0, the day | 0 | 0 | |
 * | 52 | | 0 | 0 | 0 | |
 * | 56 | u16 mask, u16 last day given to the bonus purse | 0 | terminal | 0 | |
 * | 60 | 0x84, 1 when the bonus is locked, 0 | 0x85, 0, currency | 0xf2, 0, 0 | 0xf0 | 0xf1 |
 */
export const SlotWord = {
  /** Double 5 of the slot. */
  available: 10,
  /** u16 response, u16 day */
  response: 12,
  /** The terms that the transaction was decided under, and SlotBit. */
  terms: 13,
} as const

export const SlotDouble = { available: 5 } as const

/** In the upper 12 bits of `terms`. */
export const SlotBit = {
  termsMask: 0xfffff,
  /** 4 bits: the purse of a movement that has only one. */
  purseShift: 20,
  /** A split slot follows. */
  split: 1 << 24,
  /** A PIN or code came and was to be checked. */
  pinGiven: 1 << 25,
  pinWrong: 1 << 26,
  /** A single-use card closes with this. */
  closes: 1 << 27,
  /** A closed card is active again with what this gives back. */
  reopens: 1 << 28,
} as const

export const SplitWord = { maskExpires: 14, kindFlags: 15 } as const
/** Amounts that a split slot has room for: a product's order of use is no longer. */
export const SPLIT_PURSES_MAX = 6
export const SplitDouble = { expiresMs: 6 } as const
export const SPLIT_LOCKED = 1 << 8

/** Kinds of slots that are not a transaction of the wire. */
export const SlotKind = {
  /** The payee's side of a transfer. */
  arrival: 0x80,
  /** The same, turned round. */
  departure: 0x81,
  /** A hold ran out. */
  expired: 0x83,
  /** Which purses the slot before drew from or paid into. */
  split: 0x84,
  /** Bonus released, a dormant card's fee, purses that expired. */
  periodic: 0x85,
  /** A control command's head. */
  control: 0xf0,
  /** The next 60 bytes of a control command. */
  more: 0xf1,
  /** A reversal came before its original: this reference of this terminal is barred. */
  bar: 0xf2,
  /** What a reversal or void turned round, whole, so that the journal alone says what was moved. */
  turned: 0xf3,
} as const

/** The first kind byte that is not a transaction's. */
export const SLOT_KIND_INTERNAL_FROM = 0x80

const TWO_32 = 0x1_0000_0000

/**
 * Inside the ledger words are signed: a small integer passes between functions as it is, where every second u32 would
 * be boxed. Halves of u64 are compared for order through >>> 0.
 */
export const kindAt = (words: Int32Array, at: number): number =>
  words[at + RecordWord.kindFlagsCurrency] & 0xff

/** In a turned slot: the kind of the transaction that was turned round. */
export const turnedKindAt = (words: Int32Array, at: number): number =>
  (words[at + RecordWord.kindFlagsCurrency] >>> 8) & 0xff

export const currencyAt = (words: Int32Array, at: number): number =>
  words[at + RecordWord.kindFlagsCurrency] >>> 16

export const amountAt = (words: Int32Array, at: number): number =>
  words[at + RecordWord.amountHi] * TWO_32 + (words[at + RecordWord.amountLo] >>> 0)

export const responseAt = (words: Int32Array, at: number): number => words[at + SlotWord.response] & 0xffff

/** The business day of the decision. */
export const dayAt = (words: Int32Array, at: number): number => words[at + SlotWord.response] >>> 16

export const termsAt = (words: Int32Array, at: number): number =>
  words[at + SlotWord.terms] & SlotBit.termsMask

export const purseAt = (words: Int32Array, at: number): number =>
  (words[at + SlotWord.terms] >>> SlotBit.purseShift) & 0xf

export const isApprovedAt = (words: Int32Array, at: number): boolean => isApproved(responseAt(words, at))

export const isApproved = (response: number): boolean =>
  response === ResponseCode.approved || response === ResponseCode.partiallyApproved

/** What an approved transaction moved: of a partial approval less than was asked for. */
export const movedAt = (words: Int32Array, doubles: Float64Array, at: number): number =>
  responseAt(words, at) === ResponseCode.partiallyApproved
    ? doubles[(at + SlotWord.available) >>> 1]
    : amountAt(words, at)

/** A u64 field below 2^53 whose lower word is at `at`. */
export const u53At = (words: Int32Array, at: number): number =>
  (words[at + 1] >>> 0) * TWO_32 + (words[at] >>> 0)

export const setU53 = (words: Int32Array, at: number, value: number): void => {
  words[at] = value % TWO_32
  words[at + 1] = Math.floor(value / TWO_32)
}

/** Is a slot of this kind part of the history of the card that it names? */
export const isHistory = (kind: number): boolean =>
  kind < SLOT_KIND_INTERNAL_FROM
    ? kind !== Kind.close
    : kind <= SlotKind.expired || kind === SlotKind.periodic

export const sameCard = (a: Int32Array, aAt: number, b: Int32Array, bAt: number): boolean =>
  a[aAt + RecordWord.cardLo] === b[bAt + RecordWord.cardLo] &&
  a[aAt + RecordWord.cardHi] === b[bAt + RecordWord.cardHi]

/** A journal payload as words; copied only when it does not lie on a word's boundary. */
export const slotWords = (payload: Uint8Array): Int32Array => {
  if (payload.length % SLOT_BYTES !== 0) {
    throw new RangeError(`${payload.length} bytes are not whole slots of ${SLOT_BYTES}`)
  }
  const aligned = payload.byteOffset % 8 === 0 ? payload : payload.slice()
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
}
