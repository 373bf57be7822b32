// Who takes part, on which terms: read by all shards, changed by control commands, and what the lane itself keeps.
import { Calendar } from "./Calendar.ts"
import { ImageRefused } from "./errors.ts"
import { Hotlist } from "./Hotlist.ts"
import {
  makePiece,
  type Piece,
  PieceTag,
  packBody,
  packedPieces,
  readPiece,
  unpackBody,
  unpackItems,
} from "./Image.ts"
import { type Merchant, Merchants } from "./Merchants.ts"
import { Plans } from "./Plans.ts"
import { type Product, Products } from "./Products.ts"
import { Terminals, type TerminalView } from "./Terminals.ts"

/** An acquirer's system that acts for ranges of terminals. */
export interface Host {
  readonly id: string
  /** Each range from … to, both included. */
  readonly terminals: ReadonlyArray<readonly [number, number]>
  readonly permissions: ReadonlyArray<string>
  readonly keyVersion: number
}

/** `merchant` is the merchant's number. */
export type Terminal = TerminalView

/** How many of what an image has. */
interface Counts {
  readonly plans: number
  readonly terms: number
  readonly merchants: number
  readonly merchantStates: number
  readonly products: number
  readonly terminals: number
  readonly terminalBatches: number
  readonly terminalSettings: number
  readonly hosts: number
  readonly hotlist: number
}

interface SchemeHead {
  readonly position: number
  readonly shards: number
  readonly transactions: number
  readonly utcOffsetMinutes: number
  readonly currencies: ReadonlyArray<number>
  readonly counts: Counts
}

export class Scheme {
  readonly plans = new Plans()
  readonly merchants = new Merchants()
  readonly products = new Products(this.plans)
  readonly terminals = new Terminals()
  readonly hosts = new Map<string, Host>()
  readonly hotlist = new Hotlist()
  readonly calendar = new Calendar()
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

  product(number: number): Product | undefined {
    const slot = this.products.slotOf(number)
    return slot < 0 ? undefined : this.products.at(slot)
  }

  host(id: string): Host | undefined {
    return this.hosts.get(id)
  }

  /** Copies short lists at the call; what may be long is shared with the image, or kept when it changes, until `thaw`. */
  freeze(position: number, shards: number, transactions: number): Generator<Uint8Array, void> {
    const head: SchemeHead = {
      position,
      shards,
      transactions,
      utcOffsetMinutes: this.calendar.utcOffsetMinutes,
      currencies: this.merchants.currencies.slice(),
      counts: this.#counts(),
    }
    // Plans before products, which ask for theirs.
    return pieces(head, [
      this.plans.freeze(),
      ...this.merchants.freeze(),
      this.products.freeze(),
      ...this.terminals.freeze(),
      packedPieces(PieceTag.hosts, [...this.hosts.values()]),
      this.hotlist.freeze(),
    ])
  }

  /** Ends a freeze, whether its image was read to its end or not. */
  thaw(): void {
    this.merchants.thaw()
    this.terminals.thaw()
    this.hotlist.thaw()
  }

  /** Throws ImageRefused. */
  restore(image: string, bytes: Uint8Array): void {
    const piece = readPiece(image, bytes)
    const taker = this.#takers[piece.tag]
    if (taker === undefined) throw new ImageRefused(image, `has a piece of an unknown kind (${piece.tag})`)
    taker(image, piece)
  }

  /** What the restored image said of itself, or undefined when none was restored. Throws ImageRefused. */
  restored(image: string): SchemeHead | undefined {
    const head = this.#restored
    if (head === undefined) return undefined
    const counts = this.#counts()
    // The two have the same keys: both were made by #counts.
    for (const table of Object.keys(counts) as ReadonlyArray<keyof Counts>) {
      if (counts[table] !== head.counts[table]) throw new ImageRefused(image, `is not whole (${table})`)
    }
    return head
  }

  readonly #takers: { readonly [tag: number]: (image: string, piece: Piece) => void } = {
    [PieceTag.schemeHead]: (_, piece) => this.#restoreHead(piece),
    [PieceTag.plans]: (image, piece) => this.plans.restore(image, piece),
    [PieceTag.terms]: (image, piece) => this.merchants.restoreTerms(image, piece),
    [PieceTag.merchants]: (image, piece) => this.merchants.restoreMerchants(image, piece),
    [PieceTag.merchantStates]: (image, piece) => this.merchants.restoreStates(image, piece),
    [PieceTag.products]: (image, piece) => this.products.restore(image, piece),
    [PieceTag.terminals]: (image, piece) => this.terminals.restore(image, piece),
    [PieceTag.terminalBatches]: (image, piece) => this.terminals.restoreBatches(image, piece),
    [PieceTag.terminalSettings]: (image, piece) => this.terminals.restoreSettings(image, piece),
    [PieceTag.hosts]: (image, piece) => this.#restoreHosts(image, piece),
    [PieceTag.hotlist]: (image, piece) => this.hotlist.restore(image, piece),
  }

  #restoreHead(piece: Piece): void {
    // The engine's own bytes, under the journal's seal.
    this.#restored = unpackBody(piece.body) as SchemeHead
    this.merchants.restoreCurrencies(this.#restored.currencies)
    this.calendar.utcOffsetMinutes = this.#restored.utcOffsetMinutes
  }

  #restoreHosts(image: string, piece: Piece): void {
    if (piece.first !== this.hosts.size) throw new ImageRefused(image, "hosts are missing")
    // As above.
    for (const host of unpackItems(image, piece) as ReadonlyArray<Host>) this.hosts.set(host.id, host)
  }

  #counts(): Counts {
    return {
      plans: this.plans.tierCount,
      terms: this.merchants.termsCount,
      merchants: this.merchants.count,
      merchantStates: this.merchants.stateCount,
      products: this.products.count,
      terminals: this.terminals.size,
      terminalBatches: this.terminals.batchCount,
      terminalSettings: this.terminals.settingsCount,
      hosts: this.hosts.size,
      hotlist: this.hotlist.count,
    }
  }
}

function* pieces(
  head: SchemeHead,
  tables: ReadonlyArray<Generator<Uint8Array, void>>,
): Generator<Uint8Array, void> {
  yield makePiece(PieceTag.schemeHead, 0, 1, packBody(head))
  for (const table of tables) yield* table
}
