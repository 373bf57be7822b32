/** Outcomes that wait for their block to be durable, in the order in which they were decided. */
import { OUTCOME_BYTES, OUTCOME_WORDS, OutcomeWord } from "@millrace/protocol"
import type { Seats } from "./Seats.ts"
import type { Tally } from "./Tally.ts"

export class Outbox {
  readonly words: Uint32Array
  readonly #bytes: Buffer
  readonly #seats: Uint32Array
  readonly #mask: number
  #head = 0
  #tail = 0

  readonly capacity: number

  /** @param capacity outcomes, a power of two */
  constructor(capacity: number) {
    this.capacity = capacity
    this.words = new Uint32Array(capacity * OUTCOME_WORDS)
    this.#bytes = Buffer.from(this.words.buffer)
    this.#seats = new Uint32Array(capacity)
    this.#mask = capacity - 1
  }

  get count(): number {
    return this.#tail - this.#head
  }

  get free(): number {
    return this.capacity - this.#tail + this.#head
  }

  /** Outcomes put in since the beginning: what a seal remembers, to publish up to. */
  get tail(): number {
    return this.#tail
  }

  /** Word index at which the next outcome is to be written, before `push`. */
  get at(): number {
    return (this.#tail & this.#mask) * OUTCOME_WORDS
  }

  push(seat: number): void {
    this.#seats[this.#tail & this.#mask] = seat
    this.#tail++
  }

  /**
   * Hands every outcome before `tail` to its seat: first each seat hears how many are coming, so that it can
   * make room once, then runs of outcomes are copied, then each writes once to its connection.
   */
  publish(tail: number, seats: Seats, tally: Tally): void {
    for (let i = this.#head; i < tail; i++) {
      const slot = i & this.#mask
      seats.expect(this.#seats[slot])
      tally.answered(this.words[slot * OUTCOME_WORDS + OutcomeWord.responseFlags])
    }
    seats.begin()
    let from = this.#head
    while (from < tail) {
      const seat = this.#seats[from & this.#mask]
      const wrap = (from | this.#mask) + 1
      const end = Math.min(wrap, tail)
      let to = from + 1
      while (to < end && this.#seats[to & this.#mask] === seat) to++
      seats.deliver(seat, this.#bytes, (from & this.#mask) * OUTCOME_BYTES, to - from)
      from = to
    }
    this.#head = tail
    seats.end()
  }
}
