// The books of the model: what is moved, between which accounts, and what they hold.
import type { Card } from "./Card.ts"
import type { Merchant } from "./Parties.ts"

export const MAX = 2n ** 53n - 1n

/** One line of a posting: of an account in a shard, and of the card or merchant that it belongs to. */
export interface Move {
  readonly shard: number
  readonly account: string
  readonly currency: number
  readonly amount: bigint
  readonly card?: Card
  readonly purse?: number
  readonly merchant?: Merchant
}

export class Moves {
  readonly list: Array<Move> = []
  readonly #shardOf: (card: bigint) => number

  constructor(shardOf: (card: bigint) => number) {
    this.#shardOf = shardOf
  }

  purse(card: Card, purse: number, amount: bigint): void {
    this.#ofCard("purses", card, amount, purse)
  }

  held(card: Card, amount: bigint): void {
    this.#ofCard("held", card, amount)
  }

  locked(card: Card, amount: bigint): void {
    this.#ofCard("bonusLocked", card, amount)
  }

  deposit(card: Card, amount: bigint): void {
    this.#ofCard("deposits", card, amount)
  }

  /** An account that is one for the shard, beside a card. */
  general(card: Card, account: string, amount: bigint): void {
    this.list.push({ shard: this.#shardOf(card.number), account, currency: card.currency, amount })
  }

  /** A merchant's stripe in the shard of a card. */
  merchant(card: Card, account: "payable" | "float", merchant: Merchant, amount: bigint): void {
    this.ofMerchant(this.#shardOf(card.number), account, merchant, amount)
  }

  ofMerchant(
    shard: number,
    account: "payable" | "float" | "cashIn",
    merchant: Merchant,
    amount: bigint,
  ): void {
    const { currency } = merchant
    this.list.push({ shard, account, currency, amount, ...(account === "cashIn" ? {} : { merchant }) })
  }

  #ofCard(account: string, card: Card, amount: bigint, purse?: number): void {
    const shard = this.#shardOf(card.number)
    const { currency } = card
    this.list.push({ shard, account, currency, amount, card, ...(purse === undefined ? {} : { purse }) })
  }
}

/** The same, turned round, for whoever has the cards' money now. */
export const turned = (moves: ReadonlyArray<Move>): ReadonlyArray<Move> =>
  moves.map((move) => ({
    ...move,
    amount: -move.amount,
    ...(move.card === undefined ? {} : { card: move.card.newest }),
  }))

/** What cards are owed. */
const owed: ReadonlyArray<string> = ["purses", "held", "bonusLocked"]

const keyOf = ({ shard, account, currency, merchant }: Move): string =>
  `${shard} ${account} ${merchant === undefined ? currency : `of ${merchant.number}`}`

export class Book {
  /** By shard, account, and currency or merchant. */
  readonly accounts = new Map<string, { readonly move: Move; sum: bigint }>()
  /** By shard, account and currency. */
  readonly #totals = new Map<string, bigint>()

  /**
   * Would every purse and every account stay within 2^53 − 1? What is held or locked can come back to a purse at any
   * time without being asked, so it counts with what the purse gets.
   */
  allows(moves: ReadonlyArray<Move>): boolean {
    const sums = new Map<string, bigint>()
    for (const move of moves) {
      const key = keyOf(move)
      sums.set(key, (sums.get(key) ?? this.accounts.get(key)?.sum ?? 0n) + move.amount)
    }
    return (
      [...sums.values()].every((sum) => sum <= MAX && sum >= -MAX) &&
      moves.every((move) => this.#hasRoom(move, moves) && this.#isOwable(move, moves))
    )
  }

  /** A purse that gets something, with all that the card may get back. */
  #hasRoom({ card, purse, amount }: Move, moves: ReadonlyArray<Move>): boolean {
    if (card === undefined || purse === undefined || amount <= 0n) return true
    const after = [...card.purses]
    let waiting = card.held + card.locked + card.deposit
    for (const other of moves) {
      if (other.card !== card) continue
      if (other.purse !== undefined) after[other.purse] += other.amount
      else if (other.account === "held" || other.account === "bonusLocked") waiting += other.amount
    }
    return after.reduce((sum, one) => (one > 0n ? sum + one : sum), waiting) <= MAX
  }

  /** The same for the shard as a whole, where its cards get more than they give. */
  #isOwable({ shard, currency }: Move, moves: ReadonlyArray<Move>): boolean {
    const more = moves
      .filter((other) => other.shard === shard && owed.includes(other.account))
      .reduce((sum, other) => sum + other.amount, 0n)
    const before = owed.reduce((sum, account) => {
      return sum + (this.accounts.get(`${shard} ${account} ${currency}`)?.sum ?? 0n)
    }, 0n)
    return more <= 0n || before + more <= MAX
  }

  apply(moves: ReadonlyArray<Move>, day: number): void {
    for (const move of moves) {
      if (move.card !== undefined && move.purse !== undefined && move.amount > 0n)
        move.card.refresh(move.purse, day)
      const key = keyOf(move)
      const account = this.accounts.get(key) ?? { move, sum: 0n }
      account.sum += move.amount
      this.accounts.set(key, account)
      const name = `${move.shard} ${move.account} ${move.currency}`
      this.#totals.set(name, (this.#totals.get(name) ?? 0n) + move.amount)
      const { card, merchant } = move
      if (merchant !== undefined && move.account === "float") merchant.float += move.amount
      if (card === undefined) continue
      if (move.account === "held") card.held += move.amount
      else if (move.account === "bonusLocked") card.locked += move.amount
      else if (move.account === "deposits") card.deposit += move.amount
      else card.purses[move.purse ?? 0] += move.amount
    }
  }

  /** An account's sum over one shard, all merchants together. */
  total(shard: number, account: string, currency: number): bigint {
    return this.#totals.get(`${shard} ${account} ${currency}`) ?? 0n
  }
}
