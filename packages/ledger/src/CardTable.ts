// Where a shard's cards lie: 192-byte structs in pieces that never move, with copies kept aside while a snapshot is read.

import { lineBytes } from "./alignment.ts"
import { Defect, ImageRefused } from "./errors.ts"
import { numberHash } from "./hash.ts"
import { emptyPiece, PIECE_HEADER_BYTES, type Piece, PieceTag } from "./Image.ts"
import { CARDS_PER_SHARD_MAX } from "./limits.ts"
import { NumberIndex } from "./NumberIndex.ts"

/** Three cache lines. */
export const CARD_BYTES = 192
const CARD_WORDS = 48
const CARD_DOUBLES = 24

const NUMBER_LO = 0
const NUMBER_HI = 1
/** While frozen: where the copy of this card lies, plus 1. Zero in every image. */
const SHADOW = 3

/** 3 MiB: few enough arrays, with 10,000,000 cards, for their headers to stay in cache; given page by page as touched. */
const PIECE_SHIFT = 14
const CARDS_PER_PIECE = 2 ** PIECE_SHIFT
const PIECE_MASK = CARDS_PER_PIECE - 1
const PIECE_WORDS = CARDS_PER_PIECE * CARD_WORDS
const PIECE_BYTES = CARDS_PER_PIECE * CARD_BYTES
const SLAB_PIECES_MAX = 32
/**
 * 36 MiB: of more than 32 the C library makes a mapping, whose pages are given as they are touched. Of less it writes zeros into
 * all of it at once, which takes the lane 40 ms for a few MiB where the host has to find the memory.
 */
const SLAB_PIECES_MIN = 12
/** With fewer pieces the next one's memory is not told ahead. */
const AHEAD_FROM_PIECES = 2
/** Cards of one piece of an image, 768 KiB; pieces hold a whole number of them. */
const CARDS_PER_CAPTURE = 4_096

/** Is given memory, shared, that is going to be written to, from its beginning: another thread may touch it first. */
export type MemoryAhead = (words: Int32Array) => void

/** Knows places and copies, not what a field means: that is Cards. */
export class CardTable {
  readonly #words: Array<Int32Array> = []
  readonly #doubles: Array<Float64Array> = []
  readonly #index: NumberIndex
  readonly #ahead: MemoryAhead
  #slab = new SharedArrayBuffer(0)
  /** Pieces that can still be cut from it, and how many pieces in all had their memory told ahead. */
  #slabLeft = 0
  #told = AHEAD_FROM_PIECES
  #count = 0
  /** While frozen, cards from `captured` up to `frozen` are owed to the image; otherwise both are 0. */
  #frozen = 0
  #captured = 0
  /** As many as a freeze has needed stay for the next one. */
  readonly #shadows: Array<Int32Array> = []
  #shadowSlab = new SharedArrayBuffer(0)
  #shadowsLeft = 0
  #shadowCount = 0
  /** The piece that was given last. Fresh memory for each would cost the lane its faults, and collections. */
  #image: Uint8Array | undefined

  /** @param shard any number; indexes of different shards grow at different sizes */
  constructor(shard: number, ahead: MemoryAhead = () => {}) {
    this.#ahead = ahead
    const hashOf = (slot: number): number =>
      numberHash(this.word(slot, NUMBER_LO), this.word(slot, NUMBER_HI))
    this.#index = new NumberIndex(this.#words, PIECE_SHIFT, CARD_WORDS, hashOf, shard)
  }

  get count(): number {
    return this.#count
  }

  /** The card's slot, or −1. `hash` is numberHash(lo, hi). */
  find(hash: number, lo: number, hi: number): number {
    return this.#index.find(hash, lo, hi)
  }

  /** Reading ahead, step by step: see `Decider.readAhead`. */
  peek(hash: number): number {
    return this.#index.peek(hash)
  }

  touchEntry(hash: number): number {
    return this.#index.touchEntry(hash)
  }

  touch(entry: number): number {
    return this.#index.touch(entry)
  }

  /** The slot that an entry leads to when it is of this number, or what `find` finds. */
  confirm(entry: number, hash: number, lo: number, hi: number): number {
    return this.#index.confirm(entry, hash, lo, hi)
  }

  numberLo(slot: number): number {
    return this.word(slot, NUMBER_LO)
  }

  numberHi(slot: number): number {
    return this.word(slot, NUMBER_HI)
  }

  /** A struct of zeros but for its number. */
  protected place(lo: number, hi: number): number {
    if (this.#count === CARDS_PER_SHARD_MAX)
      throw new Defect("a shard is full: the command should be refused")
    const slot = this.#count
    if (slot >>> PIECE_SHIFT === this.#words.length) this.#addPiece()
    this.#count++
    const words = this.#words[slot >>> PIECE_SHIFT]
    const at = Math.imul(slot & PIECE_MASK, CARD_WORDS)
    words[at + NUMBER_LO] = lo
    words[at + NUMBER_HI] = hi
    this.#index.add(numberHash(lo, hi), slot)
    return slot
  }

  // For who reads or writes several fields of a card at once: where they lie. Before the first write comes `changing`.

  wordsOf(slot: number): Int32Array {
    return this.#words[slot >>> PIECE_SHIFT]
  }

  doublesOf(slot: number): Float64Array {
    return this.#doubles[slot >>> PIECE_SHIFT]
  }

  /** Where its words begin; its doubles begin at half of that. */
  wordAt(slot: number): number {
    return Math.imul(slot & PIECE_MASK, CARD_WORDS)
  }

  /** An image that is owed the card as it is keeps a copy. */
  changing(slot: number): void {
    if (slot < this.#frozen && slot >= this.#captured) this.#keep(slot)
  }

  protected word(slot: number, word: number): number {
    return this.#words[slot >>> PIECE_SHIFT][Math.imul(slot & PIECE_MASK, CARD_WORDS) + word]
  }

  protected setWord(slot: number, word: number, value: number): void {
    this.changing(slot)
    this.#words[slot >>> PIECE_SHIFT][Math.imul(slot & PIECE_MASK, CARD_WORDS) + word] = value
  }

  protected double(slot: number, double: number): number {
    return this.#doubles[slot >>> PIECE_SHIFT][Math.imul(slot & PIECE_MASK, CARD_DOUBLES) + double]
  }

  protected setDouble(slot: number, double: number, value: number): void {
    this.changing(slot)
    this.#doubles[slot >>> PIECE_SHIFT][Math.imul(slot & PIECE_MASK, CARD_DOUBLES) + double] = value
  }

  /** From here on the image is of this moment: the first change of a card that is not captured yet keeps a copy. */
  freeze(): number {
    if (this.#frozen !== 0) throw new Defect("the cards are frozen already")
    this.#frozen = this.#count
    this.#captured = 0
    // Told before the first copy needs it.
    if (this.#words.length > 1 && this.#shadows.length === 0) this.#addShadows()
    return this.#count
  }

  thaw(): void {
    // Shadow words that stay behind are told by the copy's own note of its card, so none has to be looked for.
    this.#frozen = 0
    this.#captured = 0
    this.#shadowCount = 0
    this.#image = undefined
  }

  /** The next piece of the image, good until the one after, or null. Once captured, its cards change freely. */
  capture(): Uint8Array | null {
    const first = this.#captured
    if (first >= this.#frozen) {
      this.#image = undefined
      return null
    }
    const count = Math.min(CARDS_PER_CAPTURE, this.#frozen - first)
    const piece = emptyPiece(PieceTag.cards, first, count, count * CARD_BYTES, this.#image)
    this.#image = piece
    const image = new Int32Array(piece.buffer, PIECE_HEADER_BYTES, count * CARD_WORDS)
    const from = (first & PIECE_MASK) * CARD_WORDS
    image.set(this.#words[first >>> PIECE_SHIFT].subarray(from, from + count * CARD_WORDS))
    for (let at = 0, slot = first; at < image.length; at += CARD_WORDS, slot++) {
      const shadow = image[at + SHADOW]
      if (shadow === 0) continue
      const copy = this.#shadowOf(shadow, slot)
      if (copy >= 0) this.#overlay(image, at, copy)
      image[at + SHADOW] = 0
    }
    this.#captured = first + count
    return piece
  }

  /** So many will be restored, before any is placed. */
  reserve(count: number): void {
    this.#index.reserve(count)
    this.#addSlab(Math.ceil(count / CARDS_PER_PIECE))
    this.#told = Math.max(this.#told, this.#slabLeft)
    this.#ahead(new Int32Array(this.#slab))
  }

  restore(image: string, piece: Piece): void {
    if (piece.first !== this.#count || piece.body.length !== piece.count * CARD_BYTES) {
      throw new ImageRefused(image, "cards are missing")
    }
    if (piece.count > CARDS_PER_CAPTURE || piece.first % CARDS_PER_CAPTURE !== 0) {
      throw new ImageRefused(image, "its cards are cut in another way")
    }
    if (piece.first >>> PIECE_SHIFT === this.#words.length) this.#addPiece()
    const words = this.#words[piece.first >>> PIECE_SHIFT]
    const from = (piece.first & PIECE_MASK) * CARD_WORDS
    words.set(new Int32Array(piece.body.buffer, piece.body.byteOffset, piece.count * CARD_WORDS), from)
    this.#count += piece.count
    for (let i = 0; i < piece.count; i++) {
      const at = from + i * CARD_WORDS
      this.#index.add(numberHash(words[at], words[at + 1]), piece.first + i)
    }
  }

  /** Bytes held for the cards, for copies of them, and for finding them; of the last piece only a part is in use. */
  get bytes(): number {
    return (this.#words.length + this.#shadows.length) * PIECE_BYTES + this.#index.bytes
  }

  #addPiece(): void {
    const at = this.#nextPiece()
    this.#slabLeft--
    this.#words.push(new Int32Array(this.#slab, at, PIECE_WORDS))
    this.#doubles.push(new Float64Array(this.#slab, at, CARDS_PER_PIECE * CARD_DOUBLES))
    if (this.#words.length < this.#told) return
    this.#told = this.#words.length + 1
    this.#ahead(new Int32Array(this.#slab, this.#nextPiece(), PIECE_WORDS))
  }

  /** Where it begins in the slab. Slabs are large, so that the system can give huge pages. */
  #nextPiece(): number {
    if (this.#slabLeft === 0) this.#addSlab(slabPieces(this.#words.length))
    return this.#slab.byteLength - this.#slabLeft * PIECE_BYTES
  }

  #addSlab(pieces: number): void {
    this.#slab = new SharedArrayBuffer(lineBytes(pieces * PIECE_BYTES))
    this.#slabLeft = pieces
  }

  /** The place of the copy that shadow word `shadow` names, or −1 when it names none of this freeze. */
  #shadowOf(shadow: number, slot: number): number {
    const place = shadow - 1
    if (place < 0 || place >= this.#shadowCount) return -1
    const at = (place & PIECE_MASK) * CARD_WORDS + SHADOW
    return this.#shadows[place >>> PIECE_SHIFT][at] === slot ? place : -1
  }

  #keep(slot: number): void {
    const words = this.#words[slot >>> PIECE_SHIFT]
    const at = Math.imul(slot & PIECE_MASK, CARD_WORDS)
    if (this.#shadowOf(words[at + SHADOW], slot) >= 0) return
    const place = this.#shadowCount++
    // One ahead of the one that is begun.
    if ((place & PIECE_MASK) === 0)
      while (this.#shadows.length < (place >>> PIECE_SHIFT) + 2) this.#addShadows()
    const shadows = this.#shadows[place >>> PIECE_SHIFT]
    const to = (place & PIECE_MASK) * CARD_WORDS
    for (let i = 0; i < CARD_WORDS; i++) shadows[to + i] = words[at + i]
    shadows[to + SHADOW] = slot
    words[at + SHADOW] = place + 1
  }

  #addShadows(): void {
    if (this.#shadowsLeft === 0) {
      this.#shadowsLeft = this.#words.length > 1 ? SLAB_PIECES_MIN : 1
      this.#shadowSlab = new SharedArrayBuffer(this.#shadowsLeft * PIECE_BYTES)
    }
    const at = this.#shadowSlab.byteLength - this.#shadowsLeft * PIECE_BYTES
    this.#shadowsLeft--
    const piece = new Int32Array(this.#shadowSlab, at, PIECE_WORDS)
    this.#shadows.push(piece)
    this.#ahead(piece)
  }

  #overlay(image: Int32Array, at: number, place: number): void {
    const from = (place & PIECE_MASK) * CARD_WORDS
    image.set(this.#shadows[place >>> PIECE_SHIFT].subarray(from, from + CARD_WORDS), at)
  }
}

/** Of a slab behind so many pieces: the first is for few cards. */
const slabPieces = (before: number): number =>
  before === 0 ? 1 : Math.min(SLAB_PIECES_MAX, Math.max(SLAB_PIECES_MIN, before))
