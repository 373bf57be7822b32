// The terminals of the scheme as structs in pieces that never move, found by number, each with the horizon of its references.
import { ImageRefused } from "./errors.ts"
import { numberHash } from "./hash.ts"
import { type Piece, PieceTag, tablePieces } from "./Image.ts"
import { TERMINALS_MAX } from "./limits.ts"
import { NumberIndex } from "./NumberIndex.ts"

/** 32 bytes, so that a decision touches one cache line of it. */
const TERMINAL_WORDS = 8
const WORDS_SHIFT = 3
const DOUBLES_SHIFT = 2

const TerminalWord = {
  number: 0,
  /** 0: the index knows numbers of two words. */
  numberHi: 1,
  /** The merchant's slot. */
  merchant: 2,
  /** u8 status, u24 key version */
  statusKey: 3,
  /** The greatest reference that was forgotten: what is not greater and not remembered is refused. */
  horizonLo: 4,
  horizonHi: 5,
} as const
const TerminalDouble = { createdMs: 3 } as const

const PIECE_SHIFT = 12
const TERMINALS_PER_PIECE = 2 ** PIECE_SHIFT
const PIECE_MASK = TERMINALS_PER_PIECE - 1

export const TerminalStatus = { active: 1 } as const

export interface TerminalView {
  readonly number: number
  readonly merchant: number
  readonly active: boolean
  readonly keyVersion: number
  readonly createdMs: number
}

export class Terminals {
  readonly #words: Array<Int32Array> = []
  readonly #doubles: Array<Float64Array> = []
  readonly #index: NumberIndex
  #count = 0

  constructor() {
    const hashOf = (slot: number): number => numberHash(this.#word(slot, TerminalWord.number), 0)
    this.#index = new NumberIndex(this.#words, PIECE_SHIFT, WORDS_SHIFT, hashOf, 0)
  }

  get count(): number {
    return this.#count
  }

  /** The terminal's slot, or −1. `number` is its 32 bits, signed or not. */
  find(number: number): number {
    return this.#index.find(numberHash(number, 0), number | 0, 0)
  }

  isActive(slot: number): boolean {
    return (this.#word(slot, TerminalWord.statusKey) & 0xff) === TerminalStatus.active
  }

  merchantOf(slot: number): number {
    return this.#word(slot, TerminalWord.merchant)
  }

  /** Was a reference like this, or a later one, remembered and forgotten? Reference 0 always counts as forgotten. */
  isForgotten(slot: number, lo: number, hi: number): boolean {
    const words = this.#words[slot >>> PIECE_SHIFT]
    const at = (slot & PIECE_MASK) << WORDS_SHIFT
    const horizonHi = words[at + TerminalWord.horizonHi]
    if (hi !== horizonHi) return hi >>> 0 < horizonHi >>> 0
    return lo >>> 0 <= words[at + TerminalWord.horizonLo] >>> 0
  }

  raiseHorizon(number: number, lo: number, hi: number): void {
    const slot = this.find(number)
    if (slot < 0 || this.isForgotten(slot, lo, hi)) return
    const words = this.#words[slot >>> PIECE_SHIFT]
    const at = (slot & PIECE_MASK) << WORDS_SHIFT
    words[at + TerminalWord.horizonLo] = lo
    words[at + TerminalWord.horizonHi] = hi
  }

  add(number: number, merchant: number, createdMs: number): number {
    if (this.#count === TERMINALS_MAX) throw new RangeError(`more than ${TERMINALS_MAX} terminals`)
    const slot = this.#place()
    const words = this.#words[slot >>> PIECE_SHIFT]
    const at = (slot & PIECE_MASK) << WORDS_SHIFT
    words[at + TerminalWord.number] = number
    words[at + TerminalWord.merchant] = merchant
    words[at + TerminalWord.statusKey] = TerminalStatus.active | (1 << 8)
    this.#doubles[slot >>> PIECE_SHIFT][((slot & PIECE_MASK) << DOUBLES_SHIFT) + TerminalDouble.createdMs] =
      createdMs
    this.#index.add(numberHash(number, 0), slot)
    return slot
  }

  /** `merchant` of the view is the merchant's slot. */
  view(slot: number): TerminalView {
    const doubles = this.#doubles[slot >>> PIECE_SHIFT]
    return {
      number: this.#word(slot, TerminalWord.number) >>> 0,
      merchant: this.merchantOf(slot),
      active: this.isActive(slot),
      keyVersion: this.#word(slot, TerminalWord.statusKey) >>> 8,
      createdMs: doubles[((slot & PIECE_MASK) << DOUBLES_SHIFT) + TerminalDouble.createdMs],
    }
  }

  /** Horizons move with the traffic, so the table is copied at the call: 9.6 MB with 300,000 terminals. */
  freeze(): Generator<Uint8Array, void> {
    const copy = new Int32Array(this.#count * TERMINAL_WORDS)
    for (let first = 0; first < this.#count; first += TERMINALS_PER_PIECE) {
      const count = Math.min(TERMINALS_PER_PIECE, this.#count - first)
      const words = this.#words[first >>> PIECE_SHIFT]
      copy.set(words.subarray(0, count * TERMINAL_WORDS), first * TERMINAL_WORDS)
    }
    return tablePieces(PieceTag.terminals, copy, this.#count, TERMINAL_WORDS)
  }

  restore(image: string, piece: Piece): void {
    if (
      piece.first !== this.#count ||
      piece.first + piece.count > TERMINALS_MAX ||
      piece.body.length !== piece.count * TERMINAL_WORDS * 4
    ) {
      throw new ImageRefused(image, "terminals are missing")
    }
    const from = new Int32Array(piece.body.buffer, piece.body.byteOffset, piece.count * TERMINAL_WORDS)
    for (let i = 0; i < from.length; i += TERMINAL_WORDS) {
      const slot = this.#place()
      const to = (slot & PIECE_MASK) << WORDS_SHIFT
      this.#words[slot >>> PIECE_SHIFT].set(from.subarray(i, i + TERMINAL_WORDS), to)
      this.#index.add(numberHash(from[i], 0), slot)
    }
  }

  #word(slot: number, word: number): number {
    return this.#words[slot >>> PIECE_SHIFT][((slot & PIECE_MASK) << WORDS_SHIFT) + word]
  }

  /** A new slot, in a piece that never moves. */
  #place(): number {
    const slot = this.#count++
    if (slot >>> PIECE_SHIFT === this.#words.length) {
      const words = new Int32Array(TERMINALS_PER_PIECE * TERMINAL_WORDS)
      this.#words.push(words)
      this.#doubles.push(new Float64Array(words.buffer))
    }
    return slot
  }
}
