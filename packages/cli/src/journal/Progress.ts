// How far a long look or copy is, on one line of a terminal; elsewhere nothing is said until it is done.
import { grouped } from "../load/Report.ts"
import { progress } from "../Output.ts"

const EVERY_MS = 200
const MIB = 1 << 20

export class Progress {
  readonly #isShown = process.stderr.isTTY === true
  #toldAt = performance.now()
  #isOpen = false

  /** `done` of `total`, in bytes. */
  bytes(what: string, done: number, total: number): void {
    this.#tell(() => {
      const part = total > 0 ? `, ${Math.min(100, Math.floor((done / total) * 100))} %` : ""
      return `${what} ${grouped(Math.floor(done / MIB))} of ${grouped(Math.ceil(total / MIB))} MiB${part}`
    })
  }

  /** Where the end is not known. */
  count(what: string, done: number): void {
    this.#tell(() => `${what} ${grouped(Math.floor(done / MIB))} MiB`)
  }

  slots(what: string, done: number, total: number): void {
    this.#tell(() => {
      const part = total > 0 ? Math.floor((done / total) * 100) : 100
      return `${what}: ${grouped(done)} of ${grouped(total)} slots, ${part} %`
    })
  }

  /** Leaves the line empty. */
  end(): void {
    if (this.#isOpen) progress("")
    this.#isOpen = false
  }

  #tell(line: () => string): void {
    if (!this.#isShown || performance.now() - this.#toldAt < EVERY_MS) return
    this.#toldAt = performance.now()
    this.#isOpen = true
    progress(line())
  }
}
