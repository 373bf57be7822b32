// The fixed answer to a record: 32 bytes, little-endian, matched to its request by (terminal, reference).
import { AMOUNT_MAX, checkInteger, checkU64, TWO_32, U16_MAX, U32_MAX, viewOf } from "./bounds.ts"

export const OUTCOME_BYTES = 32

/** Where each field begins, in bytes. */
export const OutcomeAt = {
  /** u64 */
  reference: 0,
  /** u64, minor units */
  available: 8,
  /** u64: shard in the upper 16 bits, journal sequence in the lower 48 */
  transaction: 16,
  /** u32 */
  terminal: 24,
  /** u16 */
  response: 28,
  /** u16 */
  flags: 30,
} as const

export const OUTCOME_WORDS = OUTCOME_BYTES / 4

/** The same as u32 words, for a Uint32Array on a little-endian machine. */
export const OutcomeWord = {
  referenceLo: 0,
  referenceHi: 1,
  availableLo: 2,
  availableHi: 3,
  transactionLo: 4,
  transactionHi: 5,
  terminal: 6,
  /** response | flags << 16 */
  responseFlags: 7,
} as const

export interface Outcome {
  readonly reference: bigint
  /** Minor units; 0 when the request was refused before its card was seen. */
  readonly available: number
  /** 0n when the request was refused without being remembered. */
  readonly transaction: bigint
  readonly terminal: number
  readonly response: number
  readonly flags: number
}

/** Writes the outcome at byte `at`. Throws RangeError that names the field whose value does not fit. */
export const encodeOutcome = (outcome: Outcome, view: DataView, at: number): void => {
  checkU64("reference", outcome.reference)
  checkInteger("available", outcome.available, AMOUNT_MAX)
  checkU64("transaction", outcome.transaction)
  checkInteger("terminal", outcome.terminal, U32_MAX)
  checkInteger("response", outcome.response, U16_MAX)
  checkInteger("flags", outcome.flags, U16_MAX)
  view.setBigUint64(at + OutcomeAt.reference, outcome.reference, true)
  view.setUint32(at + OutcomeAt.available, outcome.available % TWO_32, true)
  view.setUint32(at + OutcomeAt.available + 4, Math.floor(outcome.available / TWO_32), true)
  view.setBigUint64(at + OutcomeAt.transaction, outcome.transaction, true)
  view.setUint32(at + OutcomeAt.terminal, outcome.terminal, true)
  view.setUint16(at + OutcomeAt.response, outcome.response, true)
  view.setUint16(at + OutcomeAt.flags, outcome.flags, true)
}

/** The outcome's 32 bytes. Throws RangeError like `encodeOutcome`. */
export const outcomeBytes = (outcome: Outcome): Uint8Array => {
  const bytes = new Uint8Array(OUTCOME_BYTES)
  encodeOutcome(outcome, viewOf(bytes), 0)
  return bytes
}

/** Reads 32 bytes at byte `at`. */
export const decodeOutcome = (view: DataView, at: number): Outcome => ({
  reference: view.getBigUint64(at + OutcomeAt.reference, true),
  available:
    view.getUint32(at + OutcomeAt.available + 4, true) * TWO_32 +
    view.getUint32(at + OutcomeAt.available, true),
  transaction: view.getBigUint64(at + OutcomeAt.transaction, true),
  terminal: view.getUint32(at + OutcomeAt.terminal, true),
  response: view.getUint16(at + OutcomeAt.response, true),
  flags: view.getUint16(at + OutcomeAt.flags, true),
})

/** The form of the data plane: u32 halves in, nothing allocated, nothing checked. */
export const writeOutcome = (
  view: DataView,
  at: number,
  referenceLo: number,
  referenceHi: number,
  availableLo: number,
  availableHi: number,
  transactionLo: number,
  transactionHi: number,
  terminal: number,
  response: number,
  flags: number,
): void => {
  view.setUint32(at, referenceLo, true)
  view.setUint32(at + 4, referenceHi, true)
  view.setUint32(at + 8, availableLo, true)
  view.setUint32(at + 12, availableHi, true)
  view.setUint32(at + 16, transactionLo, true)
  view.setUint32(at + 20, transactionHi, true)
  view.setUint32(at + 24, terminal, true)
  view.setUint32(at + 28, (response & 0xffff) | (flags << 16), true)
}

const SHARD_MAX = 0xffff
const SEQUENCE_MAX = 2 ** 48 - 1

/** A transaction id from its shard and journal sequence. Throws RangeError. */
export const makeTransactionId = (shard: number, sequence: number): bigint => {
  checkInteger("shard", shard, SHARD_MAX)
  checkInteger("sequence", sequence, SEQUENCE_MAX)
  return (BigInt(shard) << 48n) | BigInt(sequence)
}

export const transactionShard = (transaction: bigint): number => Number(transaction >> 48n)
export const transactionSequence = (transaction: bigint): number => Number(transaction & 0xffff_ffff_ffffn)
