// Who takes part: merchants with their terms, terminals, hosts. Read by all shards, changed by control commands only.
import { ImageRefused } from "./errors.ts"
import { makePiece, PieceTag, packBody, readPiece, unpackBody } from "./Image.ts"
import { type Merchant, Merchants } from "./Merchants.ts"
import { Terminals } from "./Terminals.ts"

/** An acquirer's system that acts for ranges of terminals. */
export interface Host {
  readonly id: string
  /** Each range from … to, both included. */
  readonly terminals: ReadonlyArray<readonly [number, number]>
  readonly permissions: ReadonlyArray<string>
  readonly keyVersion: number
}

export interface Terminal {
  readonly number: number
  /** The merchant's number. */
  readonly merchant: number
  readonly active: boolean
  readonly keyVersion: number
  readonly createdMs: number
}

interface SchemeHead {
  readonly position: number
  readonly shards: number
  readonly transactions: number
  readonly currencies: ReadonlyArray<number>
  readonly terms: number
  readonly merchants: number
  readonly terminals: number
  readonly hosts: number
}

const HOSTS_PER_PIECE = 64

export class Scheme {
  readonly merchants = new Merchants()
  readonly terminals = new Terminals()
  readonly hosts = new Map<string, Host>()
  #restored: SchemeHead | undefined

  merchant(number: number): Merchant | undefined {
    const slot = this.merchants.slotOf(number)
    return slot < 0 ? undefined : this.merchants.at(slot)
  }

  terminal(number: number): Terminal | undefined {
    const slot = this.terminals.find(number)
    if (slot < 0) return undefined
    const view = this.terminals.view(slot)
    return { ...view, merchant: this.merchants.at(view.merchant).number }
  }

  host(id: string): Host | undefined {
    return this.hosts.get(id)
  }

  /** Copies what changes in place at the call; everything else is shared with the image. */
  freeze(position: number, shards: number, transactions: number): Generator<Uint8Array, void> {
    const head: SchemeHead = {
      position,
      shards,
      transactions,
      currencies: this.merchants.currencies.slice(),
      terms: this.merchants.termsCount,
      merchants: this.merchants.count,
      terminals: this.terminals.count,
      hosts: this.hosts.size,
    }
    const { terms, merchants } = this.merchants.freeze()
    return pieces(head, [terms, merchants, this.terminals.freeze(), hostPieces([...this.hosts.values()])])
  }

  /** Throws ImageRefused. */
  restore(image: string, bytes: Uint8Array): void {
    const piece = readPiece(image, bytes)
    if (piece.tag === PieceTag.schemeHead) {
      // The engine's own bytes, under the journal's seal.
      this.#restored = unpackBody(piece.body) as SchemeHead
      this.merchants.restoreCurrencies(this.#restored.currencies)
    } else if (piece.tag === PieceTag.terms) this.merchants.restoreTerms(image, piece)
    else if (piece.tag === PieceTag.merchants) this.merchants.restoreMerchants(image, piece)
    else if (piece.tag === PieceTag.terminals) this.terminals.restore(image, piece)
    else if (piece.tag === PieceTag.hosts) {
      for (const host of unpackBody(piece.body) as ReadonlyArray<Host>) this.hosts.set(host.id, host)
    } else throw new ImageRefused(image, `has a piece of an unknown kind (${piece.tag})`)
  }

  /** What the restored image said of itself, or undefined when none was restored. Throws ImageRefused. */
  restored(image: string): SchemeHead | undefined {
    const head = this.#restored
    if (head === undefined) return undefined
    if (
      head.terms !== this.merchants.termsCount ||
      head.merchants !== this.merchants.count ||
      head.terminals !== this.terminals.count ||
      head.hosts !== this.hosts.size
    ) {
      throw new ImageRefused(image, "is not whole")
    }
    return head
  }
}

function* pieces(
  head: SchemeHead,
  tables: ReadonlyArray<Generator<Uint8Array, void>>,
): Generator<Uint8Array, void> {
  yield makePiece(PieceTag.schemeHead, 0, 1, packBody(head))
  for (const table of tables) yield* table
}

function* hostPieces(hosts: ReadonlyArray<Host>): Generator<Uint8Array, void> {
  for (let first = 0; first < hosts.length; first += HOSTS_PER_PIECE) {
    const some = hosts.slice(first, first + HOSTS_PER_PIECE)
    yield makePiece(PieceTag.hosts, first, some.length, packBody(some))
  }
}
