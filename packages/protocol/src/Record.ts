// The fixed request record: 64 bytes, little-endian, the same from the socket to the disk.
import { AMOUNT_MAX, checkInteger, checkU64, TWO_32, U16_MAX, U32_MAX, viewOf } from "./bounds.ts"

export const RECORD_BYTES = 64
export const PIN_BLOCK_BYTES = 16

/** Where each field begins, in bytes. */
export const RecordAt = {
  /** u64 */
  reference: 0,
  /** u64 */
  card: 8,
  /** u64, minor units */
  amount: 16,
  /** u64 */
  original: 24,
  /** u64 */
  counterparty: 32,
  /** 16 bytes */
  pinBlock: 40,
  /** u32 */
  terminal: 56,
  /** u8 */
  kind: 60,
  /** u8 */
  flags: 61,
  /** u16, ISO 4217 numeric */
  currency: 62,
} as const

export const RECORD_WORDS = RECORD_BYTES / 4

/** The same as u32 words, for a Uint32Array on a little-endian machine (see `littleEndianHost`). */
export const RecordWord = {
  referenceLo: 0,
  referenceHi: 1,
  cardLo: 2,
  cardHi: 3,
  amountLo: 4,
  amountHi: 5,
  originalLo: 6,
  originalHi: 7,
  counterpartyLo: 8,
  counterpartyHi: 9,
  pinBlock0: 10,
  pinBlock1: 11,
  pinBlock2: 12,
  pinBlock3: 13,
  terminal: 14,
  /** kind | flags << 8 | currency << 16 */
  kindFlagsCurrency: 15,
} as const

/** Word indexes and Uint32Array views of records are right only where this is true; every machine we know. */
export const littleEndianHost: boolean = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

export interface TransactionRecord {
  readonly reference: bigint
  readonly card: bigint
  /**
   * Minor units, 0 … 2^53 − 1. Decoding keeps a larger (invalid) amount larger than that, but not exact.
   */
  readonly amount: number
  /** The original's reference; 0n where there is none. */
  readonly original: bigint
  /** Second card or voucher product; 0n where there is none. */
  readonly counterparty: bigint
  /** 16 bytes; null stands for all zero: no PIN. */
  readonly pinBlock: Uint8Array | null
  readonly terminal: number
  readonly kind: number
  readonly flags: number
  readonly currency: number
}

/** What a caller has to say; the rest is zero. */
export type RecordInput = Pick<
  TransactionRecord,
  "reference" | "card" | "amount" | "terminal" | "kind" | "currency"
> &
  Partial<TransactionRecord>

/** Writes the record at byte `at`. Throws RangeError that names the field whose value does not fit. */
export const encodeRecord = (record: RecordInput, view: DataView, at: number): void => {
  const { original = 0n, counterparty = 0n, pinBlock = null, flags = 0 } = record
  checkU64("reference", record.reference)
  checkU64("card", record.card)
  checkInteger("amount", record.amount, AMOUNT_MAX)
  checkU64("original", original)
  checkU64("counterparty", counterparty)
  checkInteger("terminal", record.terminal, U32_MAX)
  checkInteger("kind", record.kind, 0xff)
  checkInteger("flags", flags, 0xff)
  checkInteger("currency", record.currency, U16_MAX)
  if (pinBlock !== null && pinBlock.length !== PIN_BLOCK_BYTES) {
    throw new RangeError(`pinBlock must have ${PIN_BLOCK_BYTES} bytes, not ${pinBlock.length}`)
  }
  view.setBigUint64(at + RecordAt.reference, record.reference, true)
  view.setBigUint64(at + RecordAt.card, record.card, true)
  view.setUint32(at + RecordAt.amount, record.amount % TWO_32, true)
  view.setUint32(at + RecordAt.amount + 4, Math.floor(record.amount / TWO_32), true)
  view.setBigUint64(at + RecordAt.original, original, true)
  view.setBigUint64(at + RecordAt.counterparty, counterparty, true)
  for (let i = 0; i < PIN_BLOCK_BYTES; i++) {
    view.setUint8(at + RecordAt.pinBlock + i, pinBlock === null ? 0 : pinBlock[i])
  }
  view.setUint32(at + RecordAt.terminal, record.terminal, true)
  view.setUint8(at + RecordAt.kind, record.kind)
  view.setUint8(at + RecordAt.flags, flags)
  view.setUint16(at + RecordAt.currency, record.currency, true)
}

/** The record's 64 bytes. Throws RangeError like `encodeRecord`. */
export const recordBytes = (record: RecordInput): Uint8Array => {
  const bytes = new Uint8Array(RECORD_BYTES)
  encodeRecord(record, viewOf(bytes), 0)
  return bytes
}

/** Reads 64 bytes at byte `at`. Any bytes give a record: whether it makes sense is the ledger's to say. */
export const decodeRecord = (view: DataView, at: number): TransactionRecord => ({
  reference: view.getBigUint64(at + RecordAt.reference, true),
  card: view.getBigUint64(at + RecordAt.card, true),
  amount:
    view.getUint32(at + RecordAt.amount + 4, true) * TWO_32 + view.getUint32(at + RecordAt.amount, true),
  original: view.getBigUint64(at + RecordAt.original, true),
  counterparty: view.getBigUint64(at + RecordAt.counterparty, true),
  pinBlock: readPinBlock(view, at + RecordAt.pinBlock),
  terminal: view.getUint32(at + RecordAt.terminal, true),
  kind: view.getUint8(at + RecordAt.kind),
  flags: view.getUint8(at + RecordAt.flags),
  currency: view.getUint16(at + RecordAt.currency, true),
})

const readPinBlock = (view: DataView, at: number): Uint8Array | null => {
  const block = new Uint8Array(PIN_BLOCK_BYTES)
  let any = 0
  for (let i = 0; i < PIN_BLOCK_BYTES; i++) any |= block[i] = view.getUint8(at + i)
  return any === 0 ? null : block
}

/**
 * The form for load generators: u32 halves in, nothing allocated, nothing checked (each value is taken modulo its
 * field's size). Counterparty and PIN block are written as zero.
 */
export const writeRecord = (
  view: DataView,
  at: number,
  referenceLo: number,
  referenceHi: number,
  cardLo: number,
  cardHi: number,
  amountLo: number,
  amountHi: number,
  originalLo: number,
  originalHi: number,
  terminal: number,
  kind: number,
  flags: number,
  currency: number,
): void => {
  view.setUint32(at, referenceLo, true)
  view.setUint32(at + 4, referenceHi, true)
  view.setUint32(at + 8, cardLo, true)
  view.setUint32(at + 12, cardHi, true)
  view.setUint32(at + 16, amountLo, true)
  view.setUint32(at + 20, amountHi, true)
  view.setUint32(at + 24, originalLo, true)
  view.setUint32(at + 28, originalHi, true)
  for (let i = RecordAt.counterparty; i < RecordAt.terminal; i += 4) view.setUint32(at + i, 0, true)
  view.setUint32(at + 56, terminal, true)
  view.setUint32(at + 60, (kind & 0xff) | ((flags & 0xff) << 8) | (currency << 16), true)
}
