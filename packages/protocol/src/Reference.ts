// References: a terminal's own name for each request, time-ordered, and a source of them that never repeats.
import { checkInteger } from "./bounds.ts"

/** The upper 42 bits: milliseconds since the epoch (until the year 2109). */
export const REFERENCE_MS_MAX = 2 ** 42 - 1
/** The lower 22 bits. */
export const REFERENCE_COUNTER_MAX = 2 ** 22 - 1

/** Throws RangeError. */
export const makeReference = (ms: number, counter: number): bigint => {
  checkInteger("ms", ms, REFERENCE_MS_MAX)
  checkInteger("counter", counter, REFERENCE_COUNTER_MAX)
  return (BigInt(ms) << 22n) | BigInt(counter)
}

export const referenceMs = (reference: bigint): number => Number(reference >> 22n)
export const referenceCounter = (reference: bigint): number => Number(reference & 0x3f_ffffn)

/** The halves of makeReference(ms, counter), unchecked, without a bigint. */
export const referenceLo = (ms: number, counter: number): number => (((ms % 1024) << 22) | counter) >>> 0
export const referenceHi = (ms: number): number => Math.floor(ms / 1024) >>> 0

/** Milliseconds of a reference given as halves. */
export const referenceMsOf = (lo: number, hi: number): number => hi * 1024 + (lo >>> 22)

/**
 * Gives each reference once, each greater than the last. When the clock stands or steps back, the counter goes on
 * from the last moment given; when the counter is used up, the next millisecond is borrowed. One source serves one
 * terminal or many. It remembers nothing across processes: start the next one with `after` where the clock may have
 * stepped back in between.
 */
export class ReferenceSource {
  readonly #now: () => number
  #ms = 0
  #counter = -1
  /** Halves of the reference given last. */
  lo = 0
  hi = 0

  constructor(now: () => number = Date.now, after?: bigint) {
    this.#now = now
    if (after !== undefined) {
      this.#ms = referenceMs(after)
      this.#counter = referenceCounter(after)
    }
  }

  next(): bigint {
    this.advance()
    return makeReference(this.#ms, this.#counter)
  }

  /** The fast form: the next reference is in `lo` and `hi`. Throws RangeError in the year 2109. */
  advance(): void {
    const now = Math.floor(this.#now())
    if (now > this.#ms) {
      this.#ms = now
      this.#counter = 0
    } else if (this.#counter < REFERENCE_COUNTER_MAX) {
      this.#counter++
    } else {
      this.#ms++
      this.#counter = 0
    }
    if (this.#ms > REFERENCE_MS_MAX) checkInteger("ms", this.#ms, REFERENCE_MS_MAX)
    this.lo = referenceLo(this.#ms, this.#counter)
    this.hi = referenceHi(this.#ms)
  }
}
