/** Where answers go: a small number for each connection, and how many of its requests are on their way. */

/** What a connection gives the engine to be answered through. All calls are synchronous. */
export interface Receiver {
  /** `count` outcomes come now, in one or more calls of `outcomes`. */
  readonly begin: (count: number) => void
  /** `count` outcomes lie from byte `at` of `bytes`; they are overwritten after the call. */
  readonly outcomes: (bytes: Buffer, at: number, count: number) => void
  /** All that were announced have come: write them. */
  readonly end: () => void
  /** There is room again for what `submit` did not take. */
  readonly room: () => void
}

/**
 * The table of seats. A seat that is given back while requests are on their way is reused only when the last
 * of them was decided: a number never leads to a connection that did not ask.
 */
export class Seats {
  readonly #receivers: Array<Receiver | undefined> = []
  readonly #inFlight: Int32Array
  readonly #expected: Int32Array
  readonly #free: Array<number> = []
  readonly #announced: Array<number> = []
  readonly #waiting = new Set<number>()
  #open = 0

  readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
    this.#inFlight = new Int32Array(capacity)
    this.#expected = new Int32Array(capacity)
  }

  get open(): number {
    return this.#open
  }

  /** A seat's number, or -1 when all are taken. */
  take(receiver: Receiver): number {
    const seat = this.#free.pop() ?? (this.#receivers.length < this.capacity ? this.#receivers.length : -1)
    if (seat < 0) return -1
    this.#receivers[seat] = receiver
    this.#open++
    return seat
  }

  giveBack(seat: number): void {
    if (this.#receivers[seat] === undefined) return
    this.#receivers[seat] = undefined
    this.#waiting.delete(seat)
    this.#open--
    if (this.#inFlight[seat] === 0) this.#free.push(seat)
  }

  inFlight(seat: number): number {
    return this.#inFlight[seat]
  }

  sent(seat: number, count: number): void {
    this.#inFlight[seat] += count
  }

  /** The seat could not hand over all that it had: it hears `room` once there is room again. */
  wait(seat: number): void {
    this.#waiting.add(seat)
  }

  /** Those who wait are told in the order in which they came to wait. */
  room(): void {
    if (this.#waiting.size === 0) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const seat of waiting) this.#receivers[seat]?.room()
  }

  expect(seat: number): void {
    if (this.#expected[seat]++ === 0) this.#announced.push(seat)
  }

  begin(): void {
    for (const seat of this.#announced) this.#receivers[seat]?.begin(this.#expected[seat])
  }

  deliver(seat: number, bytes: Buffer, at: number, count: number): void {
    this.#receivers[seat]?.outcomes(bytes, at, count)
  }

  end(): void {
    // In order of their first outcome: who was decided first is written first.
    for (const seat of this.#announced) {
      this.#inFlight[seat] -= this.#expected[seat]
      this.#expected[seat] = 0
      const receiver = this.#receivers[seat]
      if (receiver !== undefined) receiver.end()
      else if (this.#inFlight[seat] === 0) this.#free.push(seat)
    }
    this.#announced.length = 0
  }
}
