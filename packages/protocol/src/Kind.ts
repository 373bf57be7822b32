// What a record asks for: the transaction kinds of the wire and the bits of a record's flags.

/** Byte 60 of a record. 0 is invalid; from 0x80 on belongs to the engine and is refused when it comes from outside. */
export const Kind = {
  /** The card's available balance; moves nothing. Amount must be 0. */
  balance: 1,
  purchase: 2,
  /** `original` names the purchase or completion at the same terminal; several partial ones up to its amount. */
  refund: 3,
  /** Money onto the card, out of the merchant's float. */
  recharge: 4,
  /** `original` names what is turned round; the amount is 0 or the original's. */
  reversal: 5,
  /** Holds the amount until it is completed, cancelled, or runs out. */
  preauthorisation: 6,
  /** `original` names the pre-authorisation, whose hold becomes a purchase of this amount. */
  completion: 7,
  /** `original` names the pre-authorisation whose hold is let go. */
  cancellation: 8,
  /** `original` names a transaction of the same terminal and day that is turned round. */
  void: 9,
  /** `counterparty` is the card that gets the amount. */
  transfer: 10,
  /** Bytes 24 to 40 hold the new PIN's block. Amount must be 0. */
  pinChange: 11,
  /** A terminal's own totals, to be agreed: debits in `amount`, credits in `original`, counts in `counterparty`. */
  close: 12,
} as const

export type KindName = keyof typeof Kind
export type Kind = (typeof Kind)[KindName]

/** The first kind byte that no request may carry. */
export const KIND_RESERVED_FROM = 0x80

// Object.keys is typed string[]; the object above is const, and its keys stand in the order of their numbers.
export const kindNames = Object.keys(Kind) as ReadonlyArray<KindName>

/** The name of a kind byte, or undefined when this version knows none. */
export const kindName = (kind: number): KindName | undefined =>
  kind >= 1 && kind <= kindNames.length ? kindNames[kind - 1] : undefined

/** Byte 61 of a record. Which kinds may carry a bit says `flagsOf`; every other bit must be 0. */
export const RecordFlag = {
  /** The sender says that it sent this before. Not part of the content that is compared. */
  repeat: 1,
  /** The terminal takes an approval of a part, answered with code 10. */
  partial: 2,
  /** The PIN field is the merchant's authorisation code, not the card's PIN. */
  code: 4,
  /** The batch is closed although the totals do not agree. */
  forced: 8,
} as const

export type RecordFlagName = keyof typeof RecordFlag

// As with kindNames.
export const recordFlagNames = Object.keys(RecordFlag) as ReadonlyArray<RecordFlagName>

/** Every bit that the flags of any record may have. */
export const RECORD_FLAGS_KNOWN: number =
  RecordFlag.repeat | RecordFlag.partial | RecordFlag.code | RecordFlag.forced

const flagsByKind = new Uint8Array(256).fill(RecordFlag.repeat)
flagsByKind[Kind.purchase] |= RecordFlag.partial
flagsByKind[Kind.recharge] |= RecordFlag.code
flagsByKind[Kind.refund] |= RecordFlag.code
flagsByKind[Kind.close] |= RecordFlag.forced

/** The bits that a record of this kind may have. */
export const flagsOf = (kind: number): number => flagsByKind[kind & 0xff]
