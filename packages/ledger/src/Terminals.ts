// The terminals of the scheme as structs in one typed array, found by number, each with the horizon of its references.
import { ImageRefused } from "./errors.ts"
import { itemBytes, type Piece, PieceTag, tablePieces } from "./Image.ts"
import { TERMINALS_MAX } from "./limits.ts"

/** 32 bytes, so that a decision touches one cache line of it. */
const TERMINAL_WORDS = 8
const TERMINAL_DOUBLES = 4

const TerminalWord = {
  number: 0,
  /** The merchant's slot. */
  merchant: 1,
  status: 2,
  keyVersion: 3,
  /** The greatest reference that was forgotten: what is not greater and not remembered is refused. */
  horizonLo: 4,
  horizonHi: 5,
} as const
const TerminalDouble = { createdMs: 3 } as const

export const TerminalStatus = { active: 1 } as const

export interface TerminalView {
  readonly number: number
  readonly merchant: number
  readonly active: boolean
  readonly keyVersion: number
  readonly createdMs: number
}

const CAPACITY_MIN = 256

/** Tables double: at 262,144 terminals that is one pause of about 6 ms (bench/src/ledger.ts). */
export class Terminals {
  #words: Int32Array
  #doubles: Float64Array
  /** Open addressing at a load of at most a half: number, slot + 1. The number stands inline, for quick growth. */
  #index: Int32Array
  #count = 0

  constructor() {
    this.#words = new Int32Array(CAPACITY_MIN * TERMINAL_WORDS)
    this.#doubles = new Float64Array(this.#words.buffer)
    this.#index = new Int32Array(CAPACITY_MIN * 4)
  }

  get count(): number {
    return this.#count
  }

  /** The terminal's slot, or −1. `number` is its 32 bits, signed or not. */
  find(number: number): number {
    const index = this.#index
    const mask = index.length / 2 - 1
    let i = (Math.imul(number, 0x9e3779b1) >>> 8) & mask
    for (;;) {
      const slot = index[i * 2 + 1]
      if (slot === 0) return -1
      if (index[i * 2] === (number | 0)) return slot - 1
      i = (i + 1) & mask
    }
  }

  isActive(slot: number): boolean {
    return this.#words[slot * TERMINAL_WORDS + TerminalWord.status] === TerminalStatus.active
  }

  merchantOf(slot: number): number {
    return this.#words[slot * TERMINAL_WORDS + TerminalWord.merchant]
  }

  /** Was a reference like this, or a later one, remembered and forgotten? Reference 0 always counts as forgotten. */
  isForgotten(slot: number, lo: number, hi: number): boolean {
    const at = slot * TERMINAL_WORDS
    const horizonHi = this.#words[at + TerminalWord.horizonHi]
    if (hi !== horizonHi) return hi >>> 0 < horizonHi >>> 0
    return lo >>> 0 <= this.#words[at + TerminalWord.horizonLo] >>> 0
  }

  raiseHorizon(number: number, lo: number, hi: number): void {
    const slot = this.find(number)
    if (slot < 0 || this.isForgotten(slot, lo, hi)) return
    this.#words[slot * TERMINAL_WORDS + TerminalWord.horizonLo] = lo
    this.#words[slot * TERMINAL_WORDS + TerminalWord.horizonHi] = hi
  }

  add(number: number, merchant: number, createdMs: number): number {
    if (this.#count === TERMINALS_MAX) throw new RangeError(`more than ${TERMINALS_MAX} terminals`)
    if (this.#count * TERMINAL_WORDS === this.#words.length) this.#grow(this.#count * 2)
    const slot = this.#count++
    const at = slot * TERMINAL_WORDS
    this.#words[at + TerminalWord.number] = number
    this.#words[at + TerminalWord.merchant] = merchant
    this.#words[at + TerminalWord.status] = TerminalStatus.active
    this.#words[at + TerminalWord.keyVersion] = 1
    this.#doubles[slot * TERMINAL_DOUBLES + TerminalDouble.createdMs] = createdMs
    this.#place(number, slot)
    return slot
  }

  /** `merchant` of the view is the merchant's slot. */
  view(slot: number): TerminalView {
    const at = slot * TERMINAL_WORDS
    return {
      number: this.#words[at + TerminalWord.number] >>> 0,
      merchant: this.#words[at + TerminalWord.merchant],
      active: this.isActive(slot),
      keyVersion: this.#words[at + TerminalWord.keyVersion],
      createdMs: this.#doubles[slot * TERMINAL_DOUBLES + TerminalDouble.createdMs],
    }
  }

  /** Horizons move with the traffic, so the table is copied at the call: 9.6 MB with 300,000 terminals, about 3 ms. */
  freeze(): Generator<Uint8Array, void> {
    const copy = this.#words.slice(0, this.#count * TERMINAL_WORDS)
    return tablePieces(PieceTag.terminals, copy, this.#count, TERMINAL_WORDS)
  }

  restore(image: string, piece: Piece): void {
    const end = piece.first + piece.count
    if (piece.first !== this.#count || end > TERMINALS_MAX)
      throw new ImageRefused(image, "terminals are missing")
    let capacity = this.#words.length / TERMINAL_WORDS
    while (capacity < end) capacity *= 2
    if (capacity * TERMINAL_WORDS > this.#words.length) this.#grow(capacity)
    itemBytes(this.#words, piece.first * TERMINAL_WORDS, end * TERMINAL_WORDS).set(piece.body)
    this.#count = end
    for (let slot = piece.first; slot < end; slot++) {
      this.#place(this.#words[slot * TERMINAL_WORDS + TerminalWord.number], slot)
    }
  }

  #place(number: number, slot: number): void {
    const index = this.#index
    const mask = index.length / 2 - 1
    let i = (Math.imul(number, 0x9e3779b1) >>> 8) & mask
    while (index[i * 2 + 1] !== 0) i = (i + 1) & mask
    index[i * 2] = number
    index[i * 2 + 1] = slot + 1
  }

  #grow(capacity: number): void {
    const words = new Int32Array(capacity * TERMINAL_WORDS)
    words.set(this.#words)
    this.#words = words
    this.#doubles = new Float64Array(words.buffer)
    this.#index = new Int32Array(capacity * 4)
    for (let slot = 0; slot < this.#count; slot++) {
      this.#place(words[slot * TERMINAL_WORDS + TerminalWord.number], slot)
    }
  }
}
