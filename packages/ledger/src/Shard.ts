// A shard: the cards and holds that one writer owns, and the accounts that its postings touch. It shares nothing with the others.
import { Accounts } from "./Accounts.ts"
import { Cards } from "./Cards.ts"
import type { MemoryAhead } from "./CardTable.ts"
import { ImageRefused } from "./errors.ts"
import { Holds } from "./Holds.ts"
import { makePiece, PieceTag, packBody, readPiece, unpackBody } from "./Image.ts"

interface ShardHead {
  readonly position: number
  readonly shard: number
  readonly shards: number
  readonly currencies: number
  readonly merchants: number
  readonly cards: number
  readonly holds: number
}

export class Shard {
  readonly number: number
  readonly shards: number
  readonly cards: Cards
  readonly holds = new Holds()
  readonly accounts = new Accounts()
  /** False while it is being rebuilt: then no other shard's decision may touch it. */
  up = true
  #restored: ShardHead | undefined
  /** Items of both account tables that came from an image. */
  #restoredAccounts = 0

  constructor(number: number, shards: number, ahead?: MemoryAhead) {
    this.number = number
    this.shards = shards
    this.cards = new Cards(number, ahead)
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
      holds: this.holds.freeze(),
    }
    return pieces(head, this.accounts.freeze(currencies, merchants), this.holds, this.cards)
  }

  thaw(): void {
    this.cards.thaw()
    this.holds.thaw()
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
      this.cards.reserve(head.cards)
      this.#restored = head
    } else if (piece.tag === PieceTag.cards) this.cards.restore(image, piece)
    else if (piece.tag === PieceTag.holds) this.holds.restore(image, piece)
    else if (
      piece.tag === PieceTag.general ||
      piece.tag === PieceTag.payable ||
      piece.tag === PieceTag.float
    ) {
      this.accounts.restore(image, piece)
      this.#restoredAccounts += piece.count
    } else throw new ImageRefused(image, `has a piece of an unknown kind (${piece.tag})`)
  }

  /** The position of the restored image, or undefined when none was restored. Throws ImageRefused. */
  restored(image: string): number | undefined {
    const head = this.#restored
    if (head === undefined) return undefined
    const isWhole =
      head.cards === this.cards.count &&
      head.holds === this.holds.count &&
      head.currencies + 2 * head.merchants === this.#restoredAccounts
    if (!isWhole) throw new ImageRefused(image, "is not whole")
    return head.position
  }
}

function* pieces(
  head: ShardHead,
  accounts: ReadonlyArray<Generator<Uint8Array, void>>,
  holds: Holds,
  cards: Cards,
): Generator<Uint8Array, void> {
  yield makePiece(PieceTag.shardHead, 0, 1, packBody(head))
  for (const table of accounts) yield* table
  for (let piece = holds.capture(); piece !== null; piece = holds.capture()) yield piece
  for (let piece = cards.capture(); piece !== null; piece = cards.capture()) yield piece
}
