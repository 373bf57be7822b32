/** What happened, a line each, and one hash of all of it: two runs are the same when their hashes are. */
import { createHash } from "node:crypto"

const linesAtOnce = 256

export class Trace {
  readonly #hash = createHash("sha256")
  readonly #now: () => number
  readonly #keep: boolean
  readonly #kept: Array<string> = []
  #lines: Array<string> = []
  count = 0

  /**
   * @param now milliseconds of simulated time
   * @param keep whether the lines are to be read afterwards
   */
  constructor(now: () => number, keep: boolean) {
    this.#now = now
    this.#keep = keep
  }

  add(who: string, what: string): void {
    const line = `${this.#now().toFixed(3).padStart(12)} ${who.padEnd(10)} ${what}`
    this.count++
    if (this.#keep) this.#kept.push(line)
    this.#lines.push(line)
    if (this.#lines.length === linesAtOnce) this.#flush()
  }

  get lines(): ReadonlyArray<string> {
    return this.#kept
  }

  digest(): string {
    this.#flush()
    return this.#hash.digest("hex")
  }

  #flush(): void {
    this.#hash.update(`${this.#lines.join("\n")}\n`)
    this.#lines = []
  }
}
