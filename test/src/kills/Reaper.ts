// Orders to the thread that kills: what to wait for, and the signal.
import { Worker } from "node:worker_threads"

export type Step =
  | { readonly what: "wait"; readonly ms: number }
  /** The first change in a directory or below it; when none comes, the wait ends all the same. */
  | { readonly what: "change"; readonly directory: string; readonly msMax: number }
  | { readonly what: "signal"; readonly signal: "SIGTERM" | "SIGKILL" }

export interface Order {
  readonly id: number
  /** 0 only takes the order before it back. */
  readonly pid: number
  readonly steps: ReadonlyArray<Step>
  /** Becomes 1 before the first signal. */
  readonly signalled: Int32Array
}

export class Reaper {
  readonly #worker = new Worker(new URL("./reaperThread.ts", import.meta.url))
  readonly #signalled = new Int32Array(new SharedArrayBuffer(4))
  #id = 0

  /** A signal was sent, or is just being sent: from now on connections may go. */
  get signalled(): boolean {
    return Atomics.load(this.#signalled, 0) === 1
  }

  order(pid: number, steps: ReadonlyArray<Step>): void {
    this.#id++
    Atomics.store(this.#signalled, 0, 0)
    this.#worker.postMessage({ id: this.#id, pid, steps, signalled: this.#signalled } satisfies Order)
  }

  /** What was ordered and not done yet is not done any more. */
  cancel(): void {
    this.order(0, [])
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
