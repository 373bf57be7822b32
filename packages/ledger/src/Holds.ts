// A shard's pre-authorisations that are open: found by terminal and reference, and in the order in which they run out.
import { Defect } from "./errors.ts"
import { referenceHash } from "./hash.ts"
import { type Piece, PieceTag } from "./Image.ts"
import { IntPages } from "./IntPages.ts"
import { HOLDS_PER_SHARD_MAX } from "./limits.ts"
import { Pages } from "./Pages.ts"

/** 64 bytes: a cache line. */
const HOLD_WORDS = 16
const HoldWord = {
  terminal: 0,
  referenceLo: 1,
  referenceHi: 2,
  card: 3,
  /** u16 purse, u16 day */
  purseDay: 4,
} as const
const HoldDouble = { amount: 3, expiresMs: 4 } as const

const NONE = -1
const BUCKETS_MIN = 1_024

/**
 * Rows lie without a gap: `remove` moves the last one into the place that it makes free, so a row's number is good until
 * the next `remove`. No answer depends on where a row lies.
 *
 * The hash table grows by one bucket with each row that has no bucket of its own (linear hashing), the heap and the
 * chains by pages: nothing is ever rebuilt as a whole.
 */
export class Holds {
  readonly #rows = new Pages(PieceTag.holds, HOLD_WORDS)
  /** By bucket: its first row, plus 1. */
  readonly #heads = new IntPages()
  /** By row: the next one of its bucket, plus 1. */
  readonly #links = new IntPages()
  /** A binary heap of rows: the first to run out is at 0. */
  readonly #heap = new IntPages()
  /** By row: its place in the heap. */
  readonly #places = new IntPages()
  #buckets = BUCKETS_MIN
  /** The greatest power of two that is not more than `#buckets`. */
  #round = BUCKETS_MIN
  readonly #salt: number

  /** @param salt of the hash; no decision depends on it */
  constructor(salt = 0) {
    this.#salt = salt
    this.#heads.reserve(BUCKETS_MIN)
  }

  get count(): number {
    return this.#rows.count
  }

  get isFull(): boolean {
    return this.#rows.count >= HOLDS_PER_SHARD_MAX
  }

  /** The row of the hold that this reference of this terminal made, or −1. */
  find(terminal: number, lo: number, hi: number): number {
    const rows = this.#rows
    let row = this.#heads.get(this.#bucketOf(referenceHash(this.#salt, terminal | 0, lo | 0, hi | 0))) - 1
    while (row !== NONE) {
      if (
        rows.word(row, HoldWord.referenceLo) === (lo | 0) &&
        rows.word(row, HoldWord.terminal) === (terminal | 0) &&
        rows.word(row, HoldWord.referenceHi) === (hi | 0)
      ) {
        return row
      }
      row = this.#links.get(row) - 1
    }
    return NONE
  }

  /** Adds what is not there yet; whether there is room was judged before. */
  add(
    terminal: number,
    lo: number,
    hi: number,
    card: number,
    purse: number,
    amount: number,
    expiresMs: number,
    day: number,
  ): number {
    if (this.isFull) throw new Defect("the holds are full: the request should have been refused")
    const rows = this.#rows
    const row = rows.place()
    rows.setWord(row, HoldWord.terminal, terminal)
    rows.setWord(row, HoldWord.referenceLo, lo)
    rows.setWord(row, HoldWord.referenceHi, hi)
    rows.setWord(row, HoldWord.card, card)
    rows.setWord(row, HoldWord.purseDay, purse | (day << 16))
    rows.setDouble(row, HoldDouble.amount, amount)
    rows.setDouble(row, HoldDouble.expiresMs, expiresMs)
    this.#enter(row)
    return row
  }

  remove(row: number): void {
    this.#replaceLink(row, this.#links.get(row))
    this.#takeFromHeap(this.#places.get(row), this.count - 1)
    const last = this.count - 1
    if (row !== last) {
      this.#replaceLink(last, row + 1)
      this.#links.set(row, this.#links.get(last))
      this.#put(this.#places.get(last), row)
    }
    this.#rows.drop(row)
  }

  terminal(row: number): number {
    return this.#rows.word(row, HoldWord.terminal)
  }

  /** Of the reference. */
  lo(row: number): number {
    return this.#rows.word(row, HoldWord.referenceLo)
  }

  hi(row: number): number {
    return this.#rows.word(row, HoldWord.referenceHi)
  }

  /** The slot of the card that it was asked for; whether that has been replaced since, the card knows. */
  card(row: number): number {
    return this.#rows.word(row, HoldWord.card)
  }

  purse(row: number): number {
    return this.#rows.word(row, HoldWord.purseDay) & 0xffff
  }

  /** When it was made: its counters are those of that day. */
  day(row: number): number {
    return this.#rows.word(row, HoldWord.purseDay) >>> 16
  }

  amount(row: number): number {
    return this.#rows.double(row, HoldDouble.amount)
  }

  expiresMs(row: number): number {
    return this.#rows.double(row, HoldDouble.expiresMs)
  }

  /** The row that runs out first, if it has run out by `time`, else −1. Those of one moment: by terminal, then reference. */
  due(time: number): number {
    if (this.count === 0) return NONE
    const row = this.#heap.get(0)
    return this.#rows.double(row, HoldDouble.expiresMs) <= time ? row : NONE
  }

  /** When the next one runs out; infinity when there is none. */
  get nextExpiry(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.expiresMs(this.#heap.get(0))
  }

  // ---- snapshots, as of the cards

  freeze(): number {
    return this.#rows.freeze()
  }

  thaw(): void {
    this.#rows.thaw()
  }

  capture(): Uint8Array | null {
    return this.#rows.capture()
  }

  restore(image: string, piece: Piece): void {
    this.#rows.restore(image, piece, "holds", HOLDS_PER_SHARD_MAX)
    for (let row = piece.first; row < piece.first + piece.count; row++) this.#enter(row)
  }

  /** Of the rows and of what finds them. */
  get bytes(): number {
    return [this.#rows, this.#heads, this.#links, this.#heap, this.#places].reduce(
      (sum, pages) => sum + pages.bytes,
      0,
    )
  }

  // ---- the hash table

  #bucketOf(hash: number): number {
    const bucket = hash & (this.#round * 2 - 1)
    return bucket < this.#buckets ? bucket : bucket & (this.#round - 1)
  }

  #hashOf(row: number): number {
    const rows = this.#rows
    const lo = rows.word(row, HoldWord.referenceLo)
    return referenceHash(
      this.#salt,
      rows.word(row, HoldWord.terminal),
      lo,
      rows.word(row, HoldWord.referenceHi),
    )
  }

  /** Enters row `row`, which comes after all others, into the hash table and the heap. */
  #enter(row: number): void {
    this.#links.reserve(row + 1)
    this.#heap.reserve(row + 1)
    this.#places.reserve(row + 1)
    if (row >= this.#buckets) this.#addBucket()
    const bucket = this.#bucketOf(this.#hashOf(row))
    this.#links.set(row, this.#heads.get(bucket))
    this.#heads.set(bucket, row + 1)
    this.#put(row, row)
    this.#siftUp(row)
  }

  /** One bucket more: it takes its rows out of the one that stood for it. */
  #addBucket(): void {
    const added = this.#buckets
    const divided = added - this.#round
    this.#heads.reserve(added + 1)
    this.#buckets++
    let row = this.#heads.get(divided) - 1
    this.#heads.set(divided, 0)
    this.#heads.set(added, 0)
    while (row !== NONE) {
      const next = this.#links.get(row) - 1
      const bucket = this.#bucketOf(this.#hashOf(row))
      this.#links.set(row, this.#heads.get(bucket))
      this.#heads.set(bucket, row + 1)
      row = next
    }
    if (this.#buckets === this.#round * 2) this.#round = this.#buckets
  }

  /** Whatever leads to `row` in its bucket leads to `link` instead. */
  #replaceLink(row: number, link: number): void {
    const bucket = this.#bucketOf(this.#hashOf(row))
    let at = this.#heads.get(bucket) - 1
    if (at === row) {
      this.#heads.set(bucket, link)
      return
    }
    for (;;) {
      if (at === NONE) throw new Defect("a hold is not in its bucket")
      const next = this.#links.get(at) - 1
      if (next === row) break
      at = next
    }
    this.#links.set(at, link)
  }

  // ---- the heap

  /** Does row a run out before row b? */
  #isBefore(a: number, b: number): boolean {
    const rows = this.#rows
    const expiresA = rows.double(a, HoldDouble.expiresMs)
    const expiresB = rows.double(b, HoldDouble.expiresMs)
    if (expiresA !== expiresB) return expiresA < expiresB
    const terminalA = rows.word(a, HoldWord.terminal)
    const terminalB = rows.word(b, HoldWord.terminal)
    if (terminalA !== terminalB) return terminalA >>> 0 < terminalB >>> 0
    const hiA = rows.word(a, HoldWord.referenceHi)
    const hiB = rows.word(b, HoldWord.referenceHi)
    if (hiA !== hiB) return hiA >>> 0 < hiB >>> 0
    return rows.word(a, HoldWord.referenceLo) >>> 0 < rows.word(b, HoldWord.referenceLo) >>> 0
  }

  #put(place: number, row: number): void {
    this.#heap.set(place, row)
    this.#places.set(row, place)
  }

  #siftUp(from: number): void {
    const row = this.#heap.get(from)
    let place = from
    while (place > 0) {
      const parent = (place - 1) >>> 1
      const above = this.#heap.get(parent)
      if (!this.#isBefore(row, above)) break
      this.#put(place, above)
      place = parent
    }
    this.#put(place, row)
  }

  /** @param size of the heap */
  #siftDown(from: number, size: number): void {
    const row = this.#heap.get(from)
    let place = from
    for (;;) {
      let child = place * 2 + 1
      if (child >= size) break
      if (child + 1 < size && this.#isBefore(this.#heap.get(child + 1), this.#heap.get(child))) child++
      const below = this.#heap.get(child)
      if (!this.#isBefore(below, row)) break
      this.#put(place, below)
      place = child
    }
    this.#put(place, row)
  }

  /** The heap's last row takes the place and finds its own; `size` is that of the heap afterwards. */
  #takeFromHeap(place: number, size: number): void {
    if (place === size) return
    this.#put(place, this.#heap.get(size))
    this.#siftDown(place, size)
    this.#siftUp(place)
  }
}
