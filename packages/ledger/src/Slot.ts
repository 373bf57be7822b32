// A journal slot: 64 bytes, the request's record with its PIN block's place taken by the decision.
import { RecordWord } from "@millrace/protocol"

export const SLOT_BYTES = 64
export const SLOT_WORDS = 16
export const SLOT_DOUBLES = 8

/**
 * | bytes | a transaction (kind 1…0x7f) | bar | turned | control | more |
 * |---|---|---|---|---|---|
 * | 0 | reference | the original's | the original's | 0 | payload 0…60 |
 * | 8 | card | the reversal's | the original's | 0 | |
 * | 16 | amount | 0 | the original's | u32 payload bytes, u32 command code | |
 * | 24 | original | 0 | the original's | 0 | |
 * | 32 | counterparty | 0 | the original's | 0 | |
 * | 40 | f64 available after | 0 | after the reversal | 0 | |
 * | 48 | u16 response, u16 0 | 0 | 0 | 0 | |
 * | 52 | u32 terms | 0 | the original's | 0 | |
 * | 56 | terminal | the original's | the original's | 0 | |
 * | 60 | kind, flags, currency | 0xf2, 0, 0 | 0xf3, the original's kind and currency | 0xf0 | 0xf1 |
 */
export const SlotWord = {
  /** Double 5 of the slot. */
  available: 10,
  response: 12,
  /** The terms of the merchant that the transaction was decided under; 0 where there are none. */
  terms: 13,
} as const

export const SlotDouble = { available: 5 } as const

/** Kinds of slots that are not a transaction of the wire. Steps between shards will take 0x80 and on. */
export const SlotKind = {
  /** A control command's head. */
  control: 0xf0,
  /** The next 60 bytes of a control command. */
  more: 0xf1,
  /** A reversal came before its original: this reference of this terminal is barred. */
  bar: 0xf2,
  /** What a reversal turned round, whole, so that the journal alone says what was moved. */
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
