/** The disk of a terminal, with the one file that its client writes: what is not synced may be there after a crash, or not. */
import type { PendingDisk } from "@millrace/client"
import type { Process } from "./Loop.ts"
import type { Random } from "./Random.ts"

const sectorBytes = 512

export class TillDisk {
  readonly #random: Random
  #bytes = new Uint8Array(0)
  #durable = new Uint8Array(0)

  constructor(random: Random) {
    this.#random = random
  }

  /** Its process has ended with the power: each sector is the old one or the new one, and the length may be the new one. */
  crash(): void {
    const random = this.#random
    const [old, next] = [this.#durable, this.#bytes]
    const grows = next.length > old.length && random.chance(0.7)
    const left = new Uint8Array(grows ? next.length : Math.min(old.length, next.length))
    for (let at = 0; at < left.length; at += sectorBytes) {
      const source = random.chance(0.5) ? next : old
      left.set(source.subarray(at, Math.min(at + sectorBytes, left.length)), at)
    }
    this.#durable = left
    this.#bytes = left.slice()
  }

  openFor(process: Process): PendingDisk {
    const step = <A>(ms: number, run: () => A): Promise<A> =>
      new Promise((resolve) => {
        process.after(ms, () => resolve(run()))
      })
    return {
      read: () => step(0.1, () => this.#bytes.slice()),
      write: (bytes, at) =>
        step(0.05, () => {
          const next = new Uint8Array(Math.max(this.#bytes.length, at + bytes.length))
          next.set(this.#bytes)
          next.set(bytes, at)
          this.#bytes = next
        }),
      sync: () =>
        step(this.#random.delay(0.5), () => {
          this.#durable = this.#bytes.slice()
        }),
      truncate: (length) =>
        step(0.05, () => {
          this.#bytes = this.#bytes.slice(0, length)
          this.#durable = this.#durable.slice(0, length)
        }),
      close: (remove) =>
        step(0.05, () => {
          if (!remove) return
          this.#bytes = new Uint8Array(0)
          this.#durable = this.#bytes
        }),
    }
  }
}
