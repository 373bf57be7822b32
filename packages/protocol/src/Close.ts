// How a terminal's own totals lie in the record of a close.
import { checkInteger, U32_MAX } from "./bounds.ts"

export interface Totals {
  /** Up to 2^32 − 1. */
  readonly count: number
  /** Minor units. */
  readonly amount: number
}

/**
 * The fields of a close: the sum of debits as amount, that of credits as original, both counts as counterparty. Debits are
 * purchases, completions and transfers less what was turned round, credits refunds and recharges likewise. Throws
 * RangeError for a count that does not fit.
 */
export const closeFields = (debits: Totals, credits: Totals) => {
  checkInteger("debits.count", debits.count, U32_MAX)
  checkInteger("credits.count", credits.count, U32_MAX)
  return {
    card: 0n,
    amount: debits.amount,
    original: BigInt(credits.amount),
    counterparty: BigInt(debits.count) | (BigInt(credits.count) << 32n),
  }
}
