// Where a remembered reference lies: hash lines of one cache line each, in which what is too old is free again.
import { LINE_START, lineBytes } from "./alignment.ts"
import { Defect } from "./errors.ts"

/** A line is 64 bytes: a word for what found no room in it, one that says whether it was ever so, and seven places. */
const LINE_SHIFT = 4
const LINE_WORDS = 1 << LINE_SHIFT
const OVERFLOW = 0
const HAS_OVERFLOWED = 1
const FIRST_PLACE = 2
/** Where a look-up goes on from the place that it has found. */
export const PLACE_WORDS = 2
/** Remembered slots to a line: four of its seven places are in use when the memory is full. */
const SLOTS_PER_LINE_SHIFT = 2

/**
 * A place holds a sequence (its lower 32 bits) and the whole hash, which is never 0, so that looking for what was never seen, the common
 * case, reads one line and no slot. Nothing is ever deleted: a place whose sequence is no longer remembered is free. What
 * finds its line full goes to the next one, and leaves its sequence behind: as long as that is remembered, who looks goes
 * on, too.
 */
export class ReferenceIndex {
  readonly words: Int32Array
  readonly #mask: number

  /** @param capacity slots that are remembered, a power of two from 4 on */
  constructor(capacity: number) {
    const lines = capacity >>> SLOTS_PER_LINE_SHIFT
    const buffer = new SharedArrayBuffer(lineBytes(lines * LINE_WORDS * 4))
    this.words = new Int32Array(buffer, LINE_START, lines * LINE_WORDS)
    this.#mask = this.words.length - 1
  }

  /** Reads the line that a look-up will read. */
  peek(hash: number): number {
    return this.words[(hash << LINE_SHIFT) & this.#mask]
  }

  /** The word of the first place of the line in which a look-up begins. */
  first(hash: number): number {
    return ((hash << LINE_SHIFT) & this.#mask) + FIRST_PLACE
  }

  /**
   * The word of the next place, from `place` on, that has this hash and is remembered; −1 when there is none. With `next`,
   * the sequence that comes next, and `live`, how many before it are remembered, a place is good from age 1 to `live`.
   */
  search(hash: number, place: number, next: number, live: number): number {
    const words = this.words
    const last = (hash << LINE_SHIFT) & this.#mask
    for (let at = place; ; ) {
      // `place` may be the end of its line, which is the beginning of the next one.
      const line = (at - 1) & -LINE_WORDS
      for (const end = line + LINE_WORDS; at < end; at += PLACE_WORDS) {
        if (words[at + 1] !== hash) continue
        const age = (next - words[at]) >>> 0
        if (age > 0 && age <= live) return at
      }
      if (words[line + HAS_OVERFLOWED] === 0) return -1
      const age = (next - words[line + OVERFLOW]) >>> 0
      if (age === 0 || age > live) return -1
      const after = (line + LINE_WORDS) & this.#mask
      if (after === last) return -1
      at = after + FIRST_PLACE
    }
  }

  /**
   * A free place of the hash's line, when nothing in it is of this hash and nothing that belongs here lies in the next one;
   * else −1, which says nothing: then `search` and `add` do. Which of a full memory's places are free is anybody's guess,
   * so there is no branch to guess wrong.
   */
  fresh(hash: number, next: number, live: number): number {
    const words = this.words
    const line = (hash << LINE_SHIFT) & this.#mask
    if (words[line + HAS_OVERFLOWED] !== 0 && (next - words[line + OVERFLOW] - 1) >>> 0 < live) return -1
    let free = -1
    for (let at = line + FIRST_PLACE; at < line + LINE_WORDS; at += PLACE_WORDS) {
      if (words[at + 1] === hash) return -1
      // From 0 to live − 1 it is remembered: then all bits are 0, else 1.
      const behind = (next - words[at] - 1) | 0
      const isFree = (behind | (live - 1 - (behind & 0x7fff_ffff))) >> 31
      free = (at & isFree) | (free & ~isFree)
    }
    return free
  }

  /** The sequence `next` lies under this hash at a place that `fresh` gave. */
  put(place: number, hash: number, next: number): void {
    this.words[place] = next
    this.words[place + 1] = hash
  }

  /** The sequence `next` lies under this hash. There is always room: there are more places than are remembered. */
  add(hash: number, next: number, live: number): void {
    const words = this.words
    const first = (hash << LINE_SHIFT) & this.#mask
    for (let line = first; ; ) {
      for (let at = line + FIRST_PLACE; at < line + LINE_WORDS; at += PLACE_WORDS) {
        const age = (next - words[at]) >>> 0
        if (words[at + 1] !== 0 && age > 0 && age <= live) continue
        this.put(at, hash, next)
        return
      }
      words[line + OVERFLOW] = next
      words[line + HAS_OVERFLOWED] = 1
      line = (line + LINE_WORDS) & this.#mask
      if (line === first)
        throw new Defect("the memory's index has no place, although it has more than are remembered")
    }
  }
}
