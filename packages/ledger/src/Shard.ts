// A shard: the cards that one writer owns, and the accounts that its postings touch. It shares nothing with the others.
import { ResponseCode } from "@millrace/protocol"
import { Accounts } from "./Accounts.ts"
import { Cards } from "./Cards.ts"
import { ImageRefused } from "./errors.ts"
import { makePiece, PieceTag, packBody, readPiece, unpackBody } from "./Image.ts"
import { ACCOUNT_MAX } from "./limits.ts"
import { Account, type Postings } from "./Postings.ts"

interface ShardHead {
  readonly position: number
  readonly shard: number
  readonly shards: number
  readonly currencies: number
  readonly merchants: number
  readonly cards: number
}

export class Shard {
  readonly number: number
  readonly shards: number
  readonly cards: Cards
  readonly accounts = new Accounts()
  #restored: ShardHead | undefined
  /** Items of both account tables that came from an image. */
  #restoredAccounts = 0

  constructor(number: number, shards: number) {
    this.number = number
    this.shards = shards
    this.cards = new Cards(number)
  }

  /** What the card can pay with, minor units. */
  available(card: number): number {
    return this.cards.purse(card)
  }

  /** 0 when the postings may be applied, else 51 (the purse would go below 0) or 61 (an account out of range). */
  judge(card: number, postings: Postings): number {
    const purse = this.cards.purse(card) + postings.amounts[Account.purse]
    if (purse < 0) return ResponseCode.insufficientFunds
    if (purse > ACCOUNT_MAX || !this.accounts.allow(postings)) return ResponseCode.overLimit
    return ResponseCode.approved
  }

  apply(card: number, postings: Postings): void {
    postings.assertBalanced()
    this.cards.addToPurse(card, postings.amounts[Account.purse])
    this.accounts.apply(postings)
  }

  freeze(position: number, currencies: number, merchants: number): Generator<Uint8Array, void> {
    const cards = this.cards.freeze()
    const head: ShardHead = {
      position,
      shard: this.number,
      shards: this.shards,
      currencies,
      merchants,
      cards,
    }
    return pieces(head, this.accounts.freeze(currencies, merchants), this.cards)
  }

  thaw(): void {
    this.cards.thaw()
  }

  /** Throws ImageRefused. */
  restore(image: string, bytes: Uint8Array): void {
    const piece = readPiece(image, bytes)
    if (piece.tag === PieceTag.shardHead) {
      // The engine's own bytes, under the journal's seal.
      const head = unpackBody(piece.body) as ShardHead
      if (head.shard !== this.number || head.shards !== this.shards) {
        const was = `shard ${head.shard} of ${head.shards}`
        throw new ImageRefused(image, `is of ${was}, not of ${this.number} of ${this.shards}`)
      }
      this.accounts.reserve(head.currencies, head.merchants)
      this.#restored = head
    } else if (piece.tag === PieceTag.cards) this.cards.restore(image, piece)
    else if (piece.tag === PieceTag.general || piece.tag === PieceTag.payable) {
      this.accounts.restore(image, piece)
      this.#restoredAccounts += piece.count
    } else throw new ImageRefused(image, `has a piece of an unknown kind (${piece.tag})`)
  }

  /** The position of the restored image, or undefined when none was restored. Throws ImageRefused. */
  restored(image: string): number | undefined {
    const head = this.#restored
    if (head === undefined) return undefined
    const isWhole =
      head.cards === this.cards.count && head.currencies + head.merchants === this.#restoredAccounts
    if (!isWhole) throw new ImageRefused(image, "is not whole")
    return head.position
  }
}

function* pieces(
  head: ShardHead,
  accounts: ReadonlyArray<Generator<Uint8Array, void>>,
  cards: Cards,
): Generator<Uint8Array, void> {
  yield makePiece(PieceTag.shardHead, 0, 1, packBody(head))
  for (const table of accounts) yield* table
  for (let piece = cards.capture(); piece !== null; piece = cards.capture()) yield piece
}
