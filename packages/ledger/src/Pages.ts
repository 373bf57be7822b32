// Structs of one size in pages of 64 KiB that never move; a snapshot reads them as they were while they go on changing.
import { Defect, ImageRefused } from "./errors.ts"
import { itemBytes, makePiece, type Piece } from "./Image.ts"

const PAGE_BYTES_SHIFT = 16
const PAGE_WORDS = 2 ** (PAGE_BYTES_SHIFT - 2)

/**
 * A freeze copies nothing: the first write to a page that the image is still owed keeps a copy of that page, which takes
 * some ten microseconds. The structs lie without a gap: places 0 … count − 1.
 */
export class Pages {
  /** For an index over the structs, and for tables that read and write them at places they know; see `changing`. */
  readonly words: Array<Int32Array> = []
  readonly doubles: Array<Float64Array> = []
  readonly structWords: number
  /** 2^pageShift structs to a page. */
  readonly pageShift: number
  readonly #tag: number
  readonly #mask: number
  readonly #wordsShift: number
  #count = 0
  /** While frozen, pages from `captured` up to `frozenPages` are owed to the image; otherwise both are 0. */
  #frozen = 0
  #frozenPages = 0
  #captured = 0
  /** Of owed pages that were written to since: what they held. */
  readonly #copies = new Map<number, Int32Array>()
  /** By page: the freeze whose copy was kept, so that a write asks one array and no map. */
  readonly #keptIn: Array<number> = []
  #freezes = 0

  /**
   * @param tag of the pieces of an image
   * @param structWords a power of two from 2 on
   */
  constructor(tag: number, structWords: number) {
    this.#tag = tag
    this.structWords = structWords
    this.#wordsShift = 31 - Math.clz32(structWords)
    this.pageShift = PAGE_BYTES_SHIFT - 2 - this.#wordsShift
    this.#mask = 2 ** this.pageShift - 1
  }

  get count(): number {
    return this.#count
  }

  word(place: number, word: number): number {
    return this.words[place >>> this.pageShift][((place & this.#mask) << this.#wordsShift) + word]
  }

  double(place: number, double: number): number {
    return this.doubles[place >>> this.pageShift][((place & this.#mask) << (this.#wordsShift - 1)) + double]
  }

  setWord(place: number, word: number, value: number): void {
    this.changing(place)
    this.words[place >>> this.pageShift][((place & this.#mask) << this.#wordsShift) + word] = value
  }

  setDouble(place: number, double: number, value: number): void {
    this.changing(place)
    this.doubles[place >>> this.pageShift][((place & this.#mask) << (this.#wordsShift - 1)) + double] = value
  }

  /** Before a write to the arrays themselves: an image that is owed the page keeps a copy. */
  changing(place: number): void {
    const page = place >>> this.pageShift
    if (page < this.#frozenPages) this.#keep(page)
  }

  addDouble(place: number, double: number, amount: number): void {
    this.setDouble(place, double, this.double(place, double) + amount)
  }

  /** A new place at the end, all zeros. */
  place(): number {
    const place = this.#count++
    const page = place >>> this.pageShift
    if (page === this.words.length) this.#addPage()
    return place
  }

  /** Gives up the place `place`: the last one's struct moves there, and the last place is zeros again. */
  drop(place: number): void {
    const last = --this.#count
    const page = place >>> this.pageShift
    const lastPage = last >>> this.pageShift
    if (page < this.#frozenPages) this.#keep(page)
    if (lastPage < this.#frozenPages) this.#keep(lastPage)
    const to = this.words[page]
    const from = this.words[lastPage]
    const at = (place & this.#mask) << this.#wordsShift
    const lastAt = (last & this.#mask) << this.#wordsShift
    for (let i = 0; i < this.structWords; i++) {
      to[at + i] = from[lastAt + i]
      from[lastAt + i] = 0
    }
  }

  // ---- snapshots

  /** From here on the image is of this moment. Returns how many structs it has. */
  freeze(): number {
    if (this.#frozen !== 0) throw new Defect("the pages are frozen already")
    this.#frozen = this.#count
    this.#frozenPages = Math.ceil(this.#count / (this.#mask + 1))
    this.#captured = 0
    this.#freezes++
    return this.#count
  }

  thaw(): void {
    this.#frozen = 0
    this.#frozenPages = 0
    this.#captured = 0
    this.#copies.clear()
  }

  /** The next piece of the image, or null. Once captured, its structs change freely. */
  capture(): Uint8Array | null {
    const page = this.#captured
    if (page >= this.#frozenPages) return null
    const first = page << this.pageShift
    const count = Math.min(this.#mask + 1, this.#frozen - first)
    const words = this.#copies.get(page) ?? this.words[page]
    const piece = makePiece(this.#tag, first, count, itemBytes(words, 0, count << this.#wordsShift))
    this.#copies.delete(page)
    this.#captured++
    return piece
  }

  /** Takes the structs of the next piece. Throws ImageRefused. */
  restore(image: string, piece: Piece, what: string, countMax: number): void {
    const { first, count, body } = piece
    const isWhole = body.length === count * this.structWords * 4
    const isPage = (first & this.#mask) === 0 && count <= this.#mask + 1
    if (first !== this.#count || first + count > countMax || !isWhole || !isPage) {
      throw new ImageRefused(image, `${what} are missing`)
    }
    if (count === 0) return
    this.#addPage()
    itemBytes(this.words[first >>> this.pageShift], 0, count << this.#wordsShift).set(body)
    this.#count += count
  }

  get bytes(): number {
    return this.words.length * PAGE_WORDS * 4
  }

  #addPage(): void {
    const words = new Int32Array(PAGE_WORDS)
    this.words.push(words)
    this.doubles.push(new Float64Array(words.buffer))
    this.#keptIn.push(0)
  }

  #keep(page: number): void {
    if (page < this.#captured || this.#keptIn[page] === this.#freezes) return
    this.#keptIn[page] = this.#freezes
    this.#copies.set(page, this.words[page].slice())
  }
}

/** What is left of a freeze, as a generator. */
export function* capturedPieces(pages: Pages): Generator<Uint8Array, void> {
  for (let piece = pages.capture(); piece !== null; piece = pages.capture()) yield piece
}
