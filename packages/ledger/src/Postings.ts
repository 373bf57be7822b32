// What one transaction moves: an amount for each account that it touches. The sum is 0, always.
import { Defect } from "./errors.ts"
import { TERMS_WORDS, TermsWord } from "./Merchants.ts"

/** The accounts, by their place in a posting. Liabilities are positive, assets negative. */
export const Account = {
  /** The card's purse, and with it the total of all purses. Liability. */
  purse: 0,
  /** What is owed to the merchant. Liability. */
  payable: 1,
  /** Liability side: income. */
  feeIncome: 2,
  /** What came in for purses from outside. Asset. */
  cashIn: 3,
} as const

/** How many there are: what a posting is looped over. */
export const ACCOUNT_COUNT = 4
/** Room for merchants' float, commission, promotion expense, recharge stock and money in transit. */
export const ACCOUNTS_MAX = 16

/** Made once a lane and filled anew for each transaction. */
export class Postings {
  readonly amounts = new Float64Array(ACCOUNT_COUNT)
  /** Slot of the merchant whose payable is meant. */
  merchant = 0
  /** Slot of the currency's accounts. */
  currency = 0

  begin(terms: Int32Array, number: number): void {
    const at = number * TERMS_WORDS
    for (let i = 0; i < ACCOUNT_COUNT; i++) this.amounts[i] = 0
    this.merchant = terms[at + TermsWord.merchant]
    this.currency = terms[at + TermsWord.accounts]
  }

  /** Every amount is below 2^53, so the sum is exact. */
  assertBalanced(): void {
    const { amounts } = this
    let sum = 0
    for (let i = 0; i < ACCOUNT_COUNT; i++) sum += amounts[i]
    if (sum !== 0) throw new Defect(`postings add up to ${sum}, not 0`)
  }
}

/** floor(amount × basisPoints / 10,000), exact for every amount below 2^53 and up to 10,000 basis points. */
export const feeOf = (amount: number, basisPoints: number): number => {
  // amount = whole × 10,000 + rest; amount × basisPoints itself would not fit in 53 bits.
  const whole = Math.floor(amount / 10_000)
  const rest = amount - whole * 10_000
  return whole * basisPoints + Math.floor((rest * basisPoints) / 10_000)
}
