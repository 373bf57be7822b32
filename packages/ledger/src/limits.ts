// The ledger's limits, in one place: every table, command and amount has one.
import { AMOUNT_MAX } from "@millrace/protocol"

/** No purse or account passes this in magnitude, so that every sum of money is exact as a number. */
export const ACCOUNT_MAX: number = AMOUNT_MAX

export const SHARDS_MAX = 64
/** The request's own, and its companions. */
export const SLOTS_PER_REQUEST_MAX = 3
/** Slots of the exactly-once memory: word arithmetic and one typed array both end here. */
export const TRANSACTIONS_MIN = 16
export const TRANSACTIONS_MAX = 2 ** 26
export const TRANSACTIONS_DEFAULT = 2 ** 24

/** A card's slot and its tag share one u32 of the index: 24 bits are the slot's. */
export const CARDS_PER_SHARD_MAX = 2 ** 24 - 1
/** 19 digits. */
export const CARD_NUMBER_MAX = 9_999_999_999_999_999_999n
export const TERMINALS_MAX = 2 ** 19
export const MERCHANTS_MAX = 2 ** 17
/** What was ever agreed with merchants; terms are kept for good, since slots name them. */
export const TERMS_MAX = 2 ** 20
export const CURRENCIES_MAX = 64
export const HOSTS_MAX = 4_096
/** A card names its product's slot in 16 bits; each product has its tables. */
export const PRODUCTS_MAX = 1_024
/** What fees were ever agreed; terms name plans, so they are kept for good as well. */
export const PLANS_MAX = 2 ** 16
export const HOLDS_PER_SHARD_MAX = 2 ** 20
/** Cards that were ever on the hotlist: one that came off it is remembered, so that it can be told. */
export const HOTLIST_MAX = 2 ** 22

export const CARDS_PER_COMMAND_MAX = 8_192
export const TERMINALS_PER_COMMAND_MAX = 65_536
export const HOST_RANGES_MAX = 256
export const HOST_PERMISSIONS_MAX = 32
export const NAME_CHARACTERS_MAX = 80
export const COMMAND_BYTES_MAX = 16_384
/** 10,000 basis points are the whole amount. */
export const BASIS_POINTS_MAX = 10_000

export const isPowerOfTwo = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max && (value & (value - 1)) === 0

/** One piece of an image. */
export const PIECE_BYTES_MAX = 1_048_576

/** Three bytes beside a terminal's status. */
export const KEY_VERSION_MAX = 0xff_ffff
