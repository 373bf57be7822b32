// What one transaction moves: amounts for the few accounts that it touches. The sum is 0, always.
import { Defect } from "./errors.ts"

/** The accounts of a shard, by their place. Liabilities and income are positive, assets and expenses negative. */
export const Account = {
  /** The total of all cards' purses. */
  purse: 0,
  /** What is owed to a merchant; kept by merchant. */
  payable: 1,
  feeIncome: 2,
  /** What came in from outside: for purses, floats and deposits. Asset. */
  cashIn: 3,
  /** The total of what pre-authorisations hold. */
  held: 4,
  /** A merchant's quota for recharges; kept by merchant. */
  float: 5,
  /** Paid to merchants for recharges. Expense. */
  commission: 6,
  /** Bonus that was given. Expense. */
  promotion: 7,
  /** Bonus that was given and is not released yet. */
  bonusLocked: 8,
  deposits: 9,
  /** What expired in purses. Income. */
  breakage: 10,
  /** What was paid out to cardholders. */
  cashOut: 11,
  /** Transfers: what this shard's cards sent, less what they received. Over all shards it is 0. */
  inTransit: 12,
} as const

/** Places in an image: a few are free. */
export const ACCOUNTS_MAX = 16
/** The most that one slot's movement touches. */
const POSTINGS_MAX = 8

/** Made once a lane and filled anew for each transaction. */
export class Postings {
  readonly accounts = new Int32Array(POSTINGS_MAX)
  readonly amounts = new Float64Array(POSTINGS_MAX)
  count = 0
  /** Slot of the merchant whose payable and float are meant. */
  merchant = 0
  /** Slot of the currency's accounts. */
  currency = 0

  begin(merchant: number, currency: number): void {
    this.count = 0
    this.merchant = merchant
    this.currency = currency
  }

  /** An amount of 0 is left out. */
  add(account: number, amount: number): void {
    if (amount === 0) return
    this.accounts[this.count] = account
    this.amounts[this.count++] = amount
  }

  /** Every amount is below 2^53, and so is the sum on its way, but for absurd amounts that are added up again exactly. */
  assertBalanced(): void {
    let sum = 0
    let isExact = true
    for (let i = 0; i < this.count; i++) {
      sum += this.amounts[i]
      if (Math.abs(sum) > Number.MAX_SAFE_INTEGER) isExact = false
    }
    if (isExact ? sum !== 0 : this.#exactSum() !== 0n) throw new Defect(`postings add up to ${sum}, not 0`)
  }

  #exactSum(): bigint {
    return Array.from(this.amounts.subarray(0, this.count), BigInt).reduce((sum, amount) => sum + amount, 0n)
  }
}
