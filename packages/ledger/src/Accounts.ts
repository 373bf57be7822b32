// A shard's accounts: totals by currency, and its stripe of every merchant's payable.
import { ImageRefused } from "./errors.ts"
import { itemBytes, type Piece, PieceTag, tablePieces } from "./Image.ts"
import { ACCOUNT_MAX } from "./limits.ts"
import { ACCOUNT_COUNT, ACCOUNTS_MAX, Account, type Postings } from "./Postings.ts"

/** Every account of every currency of one shard adds up to 0 at every journal position. */
export class Accounts {
  /** ACCOUNTS_MAX places for each currency; `payable` has none here, it is kept by merchant. */
  #general = new Float64Array(ACCOUNTS_MAX)
  #payable = new Float64Array(64)

  /** Makes room before anything is posted, so that no posting has to look. */
  reserve(currencies: number, merchants: number): void {
    this.#general = grown(this.#general, currencies * ACCOUNTS_MAX)
    this.#payable = grown(this.#payable, merchants)
  }

  general(currency: number, account: number): number {
    return this.#general[currency * ACCOUNTS_MAX + account]
  }

  payable(merchant: number): number {
    return this.#payable[merchant]
  }

  /** Would every account stay within ±ACCOUNT_MAX? */
  allow(postings: Postings): boolean {
    const { amounts } = postings
    const at = postings.currency * ACCOUNTS_MAX
    for (let account = 0; account < ACCOUNT_COUNT; account++) {
      const amount = amounts[account]
      if (amount === 0) continue
      const before =
        account === Account.payable ? this.#payable[postings.merchant] : this.#general[at + account]
      if (Math.abs(before + amount) > ACCOUNT_MAX) return false
    }
    return true
  }

  apply(postings: Postings): void {
    const { amounts } = postings
    const at = postings.currency * ACCOUNTS_MAX
    for (let account = 0; account < ACCOUNT_COUNT; account++) {
      const amount = amounts[account]
      if (amount === 0) continue
      if (account === Account.payable) this.#payable[postings.merchant] += amount
      else this.#general[at + account] += amount
    }
  }

  /** Copies at the call: 1 MiB with 131,072 merchants. */
  freeze(currencies: number, merchants: number): Array<Generator<Uint8Array, void>> {
    return [
      tablePieces(
        PieceTag.general,
        this.#general.slice(0, currencies * ACCOUNTS_MAX),
        currencies,
        ACCOUNTS_MAX,
      ),
      tablePieces(PieceTag.payable, this.#payable.slice(0, merchants), merchants, 1),
    ]
  }

  restore(image: string, piece: Piece): void {
    const end = piece.first + piece.count
    const isGeneral = piece.tag === PieceTag.general
    const table = isGeneral ? this.#general : this.#payable
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
