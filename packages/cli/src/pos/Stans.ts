// The terminal's numbers: a trace number (STAN) for each request, carried in the lower part of its reference.
import { REVERSAL_BIT } from "@millrace/client"
import { makeReference, referenceCounter, referenceMs } from "@millrace/protocol"

const STAN_MAX = 999_999

/** A reversal that the client made by itself has its original's. */
export const stanOf = (reference: bigint): number => referenceCounter(reference) & (REVERSAL_BIT - 1)

/** References that go on from the terminal's last one, whatever the clock does. */
export class Stans {
  #ms: number
  #stan: number

  /** @param last the terminal's last reference, as the engine knows it */
  constructor(last: bigint) {
    this.#ms = referenceMs(last)
    this.#stan = stanOf(last) % (STAN_MAX + 1)
  }

  next(now: number): bigint {
    this.#ms = Math.max(this.#ms, now)
    if (this.#stan < STAN_MAX) this.#stan++
    else {
      // A number that comes again needs another moment.
      this.#stan = 1
      this.#ms++
    }
    return makeReference(this.#ms, this.#stan)
  }
}
