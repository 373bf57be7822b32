// Which record an outcome answers: a table of what is in flight, by (terminal, reference), of fixed size.
import type { Flight } from "./Flight.ts"

const EMPTY = -1

/**
 * Open addressing over typed arrays, at most half full. A Map would need a bigint or text for each key: several times
 * the cost, and garbage for each record.
 */
export class InFlight {
  readonly capacity: number
  readonly #mask: number
  /** The entry of each place, or EMPTY. */
  readonly #places: Int32Array
  readonly #terminal: Uint32Array
  readonly #lo: Uint32Array
  readonly #hi: Uint32Array
  readonly #unit: Uint32Array
  readonly #flight: Array<Flight | null>
  readonly #free: Int32Array
  #freeCount: number
  /** The unit of the flight that `take` or `find` gave last. */
  unit = 0

  constructor(capacity: number) {
    this.capacity = capacity
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, capacity * 2)))
    this.#mask = places - 1
    this.#places = new Int32Array(places).fill(EMPTY)
    this.#terminal = new Uint32Array(capacity)
    this.#lo = new Uint32Array(capacity)
    this.#hi = new Uint32Array(capacity)
    this.#unit = new Uint32Array(capacity)
    this.#flight = new Array<Flight | null>(capacity).fill(null)
    this.#free = Int32Array.from({ length: capacity }, (_, i) => i)
    this.#freeCount = capacity
  }

  get size(): number {
    return this.capacity - this.#freeCount
  }

  #home(terminal: number, lo: number, hi: number): number {
    let hash = Math.imul(lo, 0x9e3779b1) ^ Math.imul(hi, 0x85ebca6b) ^ Math.imul(terminal, 0xc2b2ae35)
    hash ^= hash >>> 15
    return Math.imul(hash, 0x2c1b3c6d) >>> 7
  }

  /** The place of a key, or the empty place where it would go. */
  #place(terminal: number, lo: number, hi: number): number {
    let place = this.#home(terminal, lo, hi) & this.#mask
    for (;;) {
      const entry = this.#places[place]
      if (entry === EMPTY) return place
      if (this.#lo[entry] === lo && this.#terminal[entry] === terminal && this.#hi[entry] === hi) return place
      place = (place + 1) & this.#mask
    }
  }

  /** False when the key is in flight already or the table is full. */
  add(terminal: number, lo: number, hi: number, flight: Flight, unit: number): boolean {
    if (this.#freeCount === 0) return false
    const place = this.#place(terminal, lo, hi)
    if (this.#places[place] !== EMPTY) return false
    const entry = this.#free[--this.#freeCount]
    this.#places[place] = entry
    this.#terminal[entry] = terminal
    this.#lo[entry] = lo
    this.#hi[entry] = hi
    this.#unit[entry] = unit
    this.#flight[entry] = flight
    return true
  }

  /** The flight of a key, with its unit in `unit`, or null. */
  find(terminal: number, lo: number, hi: number): Flight | null {
    const entry = this.#places[this.#place(terminal, lo, hi)]
    if (entry === EMPTY) return null
    this.unit = this.#unit[entry]
    return this.#flight[entry]
  }

  remove(terminal: number, lo: number, hi: number): void {
    let place = this.#place(terminal, lo, hi)
    const entry = this.#places[place]
    if (entry === EMPTY) return
    this.#flight[entry] = null
    this.#free[this.#freeCount++] = entry
    // What comes after and had been pushed past this place moves back, so that no search stops short.
    for (let next = (place + 1) & this.#mask; ; next = (next + 1) & this.#mask) {
      const moved = this.#places[next]
      if (moved === EMPTY) break
      const home = this.#home(this.#terminal[moved], this.#lo[moved], this.#hi[moved]) & this.#mask
      if (((next - home) & this.#mask) >= ((next - place) & this.#mask)) {
        this.#places[place] = moved
        place = next
      }
    }
    this.#places[place] = EMPTY
  }
}
