/** A shard's bounded mailbox: records copied in from sockets, taken in order, a whole batch at a time. */
import { RECORD_WORDS } from "@millrace/protocol"

/**
 * A ring of 64-byte records with the seat that each answer goes to. Records are copied in word by word: a
 * socket's bytes have no alignment, and sixteen loads through a DataView cost less than one native copy call.
 */
export class Mailbox {
  readonly words: Uint32Array
  readonly seats: Uint32Array
  readonly #mask: number
  #head = 0
  #count = 0

  /** @param capacity records, a power of two */
  constructor(capacity: number) {
    if (capacity < 1 || (capacity & (capacity - 1)) !== 0) throw new Error("capacity must be a power of two")
    this.words = new Uint32Array(capacity * RECORD_WORDS)
    this.seats = new Uint32Array(capacity)
    this.#mask = capacity - 1
  }

  get count(): number {
    return this.#count
  }

  /** The slot of the oldest record. */
  get head(): number {
    return this.#head
  }

  /** Records that lie behind each other from the oldest on. */
  get run(): number {
    return Math.min(this.#count, this.#mask + 1 - this.#head)
  }

  get full(): boolean {
    return this.#count > this.#mask
  }

  /** Copies the record at byte `at` of `view`. The caller has checked that there is room. */
  push(view: DataView, at: number, seat: number): void {
    const slot = (this.#head + this.#count) & this.#mask
    const words = this.words
    for (let to = slot * RECORD_WORDS, end = to + RECORD_WORDS; to < end; to++, at += 4) {
      words[to] = view.getUint32(at, true)
    }
    this.seats[slot] = seat
    this.#count++
  }

  /** Takes the oldest record out and returns its slot, whose words stay valid until the next `push`. */
  take(): number {
    const slot = this.#head
    this.#count--
    // An empty one begins anew, with memory that is still in the cache.
    this.#head = this.#count === 0 ? 0 : (slot + 1) & this.#mask
    return slot
  }
}
