// What lies where in a card's struct, for the fields of Cards and for Plain, which reads several of them at once.

/** The first 64 bytes are all that a purchase touches on a card without PIN, expiry date and other purses than main. */
export const CardWord = {
  /** u16 ISO 4217 numeric, u8 status, u8 flags: see below */
  currencyStatus: 2,
  /** u16 product's slot, u8 PIN tries, u8 months over which locked bonus is still spread */
  product: 4,
  /** Lower 32 bits of the sequence of the card's newest slot. */
  last: 5,
  /** u16 day and u16 month of the counters */
  stamps: 6,
  /** u16 of the day, u16 of the month */
  counts: 7,
  /** u16 day, u16 day (0: never) */
  issuedExpires: 32,
  /** u16 month of the last periodic work, u16 digest of the last movement by command */
  period: 33,
  fundReferenceLo: 36,
  fundReferenceHi: 37,
  pinLo: 38,
  pinHi: 39,
  /** The replacing card's slot plus 1. */
  replacedBy: 40,
  /** The replaced card's slot plus 1. */
  replaces: 41,
  /** What the check value is made from. */
  nonce: 42,
  /** u32 minor units */
  deposit: 43,
  /** u16 each, purses 1 to 8 */
  purseExpires: 44,
} as const

export const CardDouble = {
  main: 4,
  held: 5,
  dayAmount: 6,
  monthAmount: 7,
  /** The purses behind main, one after the other. */
  bonus: 8,
  bonusLocked: 17,
} as const

/** In the last byte of `currencyStatus`: whether a field of the last cache line is worth reading. */
export const CardFlag = { named: 1 << 24, hasPin: 1 << 25, expires: 1 << 26, replaced: 1 << 27 } as const
/** Above the flags 4 bits: the status before a blacklisting. */
export const PREVIOUS_SHIFT = 28
/** The most that a count says. */
export const COUNT_MAX = 0xffff
