// What a record asks for: the transaction kinds of the wire and the bits of a record's flags.

/** Byte 60 of a record. 0 is invalid; from 0x80 on belongs to the engine and is refused when it comes from outside. */
export const Kind = {
  /** The card's available balance; moves nothing. Amount must be 0. */
  balance: 1,
  purchase: 2,
  /** `original` names the purchase at the same terminal; several partial ones up to its amount. */
  refund: 3,
  recharge: 4,
  /** `original` names what is turned round; the amount is 0 or the original's. */
  reversal: 5,
} as const

export type KindName = keyof typeof Kind
export type Kind = (typeof Kind)[KindName]

/** The first kind byte that no request may carry. */
export const KIND_RESERVED_FROM = 0x80

export const kindNames: ReadonlyArray<KindName> = ["balance", "purchase", "refund", "recharge", "reversal"]

/** The name of a kind byte, or undefined when this version knows none. */
export const kindName = (kind: number): KindName | undefined =>
  kind >= 1 && kind <= kindNames.length ? kindNames[kind - 1] : undefined

/** Byte 61 of a record. Bits that are not named here must be 0. */
export const RecordFlag = {
  /** The sender says that it sent this before. Not part of the content that is compared. */
  repeat: 1,
} as const

/** Every bit that a record's flags may have. */
export const RECORD_FLAGS_KNOWN: number = RecordFlag.repeat
