// A disk for pending reversals that can end its program at any step: what it holds then is what the next one finds.
import type { PendingDisk } from "../src/index.ts"

/** What becomes of bytes that were written and not synced. */
export type Fate = "whole" | "half" | "zeros" | "gone"

export class MemoryDisk implements PendingDisk {
  /** What survives. */
  durable: Uint8Array
  /** What its program sees. */
  #bytes: Uint8Array
  #steps = 0
  readonly #crashAt: number
  readonly #fate: Fate
  readonly #crashed: () => void
  dead = false
  removed = false

  constructor(
    bytes: Uint8Array = new Uint8Array(0),
    crashAt = Number.POSITIVE_INFINITY,
    fate: Fate = "gone",
    crashed: () => void = () => {},
  ) {
    this.durable = bytes
    this.#bytes = bytes
    this.#crashAt = crashAt
    this.#fate = fate
    this.#crashed = crashed
  }

  get steps(): number {
    return this.#steps
  }

  async read(): Promise<Uint8Array> {
    return Uint8Array.from(this.#bytes)
  }

  async write(bytes: Uint8Array, at: number): Promise<void> {
    const next = new Uint8Array(Math.max(this.#bytes.length, at + bytes.length))
    next.set(this.#bytes)
    next.set(bytes, at)
    this.#step(next)
    this.#bytes = next
  }

  async sync(): Promise<void> {
    this.#step(this.#bytes)
    this.durable = this.#bytes
  }

  async truncate(length: number): Promise<void> {
    const next = this.#bytes.slice(0, length)
    this.#step(next)
    this.#bytes = next
  }

  async close(remove: boolean): Promise<void> {
    if (this.dead || !remove) return
    this.removed = true
    this.durable = new Uint8Array(0)
  }

  #step(next: Uint8Array): void {
    if (!this.dead && this.#steps++ === this.#crashAt) {
      this.dead = true
      this.durable = this.#survives(next)
      this.#crashed()
    }
    if (this.dead) throw new Error("the program has ended")
  }

  #survives(next: Uint8Array): Uint8Array {
    const from = this.durable.length
    if (this.#fate === "whole") return next
    if (this.#fate === "gone" || next.length <= from) return this.durable
    if (this.#fate === "half") return next.slice(0, from + Math.ceil((next.length - from) / 2))
    const zeros = new Uint8Array(next.length)
    zeros.set(this.durable)
    return zeros
  }
}
