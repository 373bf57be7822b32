// A shard's accounts: totals by currency, and its stripes of every merchant's payable and float.
import { ImageRefused } from "./errors.ts"
import { itemBytes, type Piece, PieceTag, tablePieces } from "./Image.ts"
import { ACCOUNT_MAX } from "./limits.ts"
import { ACCOUNTS_MAX, Account, type Postings } from "./Postings.ts"

/** Every account of every currency of one shard adds up to 0 at every journal position. */
export class Accounts {
  /** ACCOUNTS_MAX places for each currency; those that are kept by merchant have none in use here. */
  #general = new Float64Array(ACCOUNTS_MAX)
  #payable = new Float64Array(64)
  #float = new Float64Array(64)

  /** Makes room before anything is posted, so that no posting has to look. */
  reserve(currencies: number, merchants: number): void {
    this.#general = grown(this.#general, currencies * ACCOUNTS_MAX)
    this.#payable = grown(this.#payable, merchants)
    this.#float = grown(this.#float, merchants)
  }

  general(currency: number, account: number): number {
    return this.#general[currency * ACCOUNTS_MAX + account]
  }

  payable(merchant: number): number {
    return this.#payable[merchant]
  }

  /** This shard's stripe; the merchant's float is the sum over the shards. */
  float(merchant: number): number {
    return this.#float[merchant]
  }

  /**
   * Would every account stay within ±ACCOUNT_MAX? What is held or locked returns to purses without being asked again,
   * so it counts with them.
   */
  allow(postings: Postings): boolean {
    const { accounts, amounts, count } = postings
    const at = postings.currency * ACCOUNTS_MAX
    let owed = 0
    for (let i = 0; i < count; i++) {
      const account = accounts[i]
      if (Math.abs(this.#balance(postings, account) + amounts[i]) > ACCOUNT_MAX) return false
      if (account === Account.purse || account === Account.held || account === Account.bonusLocked)
        owed += amounts[i]
    }
    if (owed <= 0) return true
    const general = this.#general
    const before =
      general[at + Account.purse] + general[at + Account.held] + general[at + Account.bonusLocked]
    return before + owed <= ACCOUNT_MAX
  }

  apply(postings: Postings): void {
    const { accounts, amounts, count, merchant } = postings
    const at = postings.currency * ACCOUNTS_MAX
    for (let i = 0; i < count; i++) {
      const account = accounts[i]
      if (account === Account.payable) this.#payable[merchant] += amounts[i]
      else if (account === Account.float) this.#float[merchant] += amounts[i]
      else this.#general[at + account] += amounts[i]
    }
  }

  // The plain transactions of Plain: what Moves posts for them, without a list between. False, and nothing is posted, when
  // an account might leave its range.

  purchase(merchant: number, currency: number, amount: number, fee: number): boolean {
    const general = this.#general
    const at = currency * ACCOUNTS_MAX
    const purse = general[at + Account.purse] - amount
    const payable = this.#payable[merchant] + (amount - fee)
    const income = general[at + Account.feeIncome] + fee
    if (purse < -ACCOUNT_MAX || payable > ACCOUNT_MAX || income > ACCOUNT_MAX) return false
    general[at + Account.purse] = purse
    this.#payable[merchant] = payable
    general[at + Account.feeIncome] = income
    return true
  }

  recharge(merchant: number, currency: number, amount: number, fee: number, commission: number): boolean {
    const general = this.#general
    const at = currency * ACCOUNTS_MAX
    const purse = general[at + Account.purse] + amount
    const owed = purse + general[at + Account.held] + general[at + Account.bonusLocked]
    const float = this.#float[merchant] - amount
    const payable = this.#payable[merchant] + (commission - fee)
    const income = general[at + Account.feeIncome] + fee
    const paid = general[at + Account.commission] - commission
    if (purse > ACCOUNT_MAX || owed > ACCOUNT_MAX || float < -ACCOUNT_MAX) return false
    if (Math.abs(payable) > ACCOUNT_MAX || income > ACCOUNT_MAX || paid < -ACCOUNT_MAX) return false
    general[at + Account.purse] = purse
    this.#float[merchant] = float
    this.#payable[merchant] = payable
    general[at + Account.feeIncome] = income
    general[at + Account.commission] = paid
    return true
  }

  #balance(postings: Postings, account: number): number {
    if (account === Account.payable) return this.#payable[postings.merchant]
    if (account === Account.float) return this.#float[postings.merchant]
    return this.#general[postings.currency * ACCOUNTS_MAX + account]
  }

  /** Copies at the call: 2 MiB with 131,072 merchants. */
  freeze(currencies: number, merchants: number): Array<Generator<Uint8Array, void>> {
    const general = this.#general.slice(0, currencies * ACCOUNTS_MAX)
    return [
      tablePieces(PieceTag.general, general, currencies, ACCOUNTS_MAX),
      tablePieces(PieceTag.payable, this.#payable.slice(0, merchants), merchants, 1),
      tablePieces(PieceTag.float, this.#float.slice(0, merchants), merchants, 1),
    ]
  }

  restore(image: string, piece: Piece): void {
    const end = piece.first + piece.count
    const isGeneral = piece.tag === PieceTag.general
    const byMerchant = piece.tag === PieceTag.payable ? this.#payable : this.#float
    const table = isGeneral ? this.#general : byMerchant
    const width = isGeneral ? ACCOUNTS_MAX : 1
    if (end * width > table.length) throw new ImageRefused(image, "has more accounts than it said")
    itemBytes(table, piece.first * width, end * width).set(piece.body)
  }
}

const grown = (array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> => {
  if (length <= array.length) return array
  const larger = new Float64Array(Math.max(length, array.length * 2))
  larger.set(array)
  return larger
}
