/** Simulated time: a queue of events that drives everything, and processes that can be ended between any two steps. */
import type { Random } from "./Random.ts"

/** When simulated time begins. */
export const epochMs = Date.UTC(2026, 10, 22, 9)

interface Timer {
  readonly at: number
  readonly sequence: number
  readonly process: Process
  run: (() => void) | undefined
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence)

/** A binary heap by (time, sequence). */
class Timers {
  readonly #heap: Array<Timer> = []

  get first(): Timer | undefined {
    return this.#heap[0]
  }

  push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = timer
  }

  pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++
      if (!isBefore(heap[child], last)) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = last
  }
}

/** Whatever has a power switch: the server, each client, and the world, which has none. */
export class Process {
  alive = true
  /** What its wall clock shows beside the true time. */
  skewMs = 0
  /** Steps that it still takes before it ends; told of by `onEnd`. */
  stepsLeft = Number.POSITIVE_INFINITY
  /** Called in place of the step at which it was to end. */
  onEnd: () => void = () => {}
  readonly name: string
  readonly loop: Loop
  readonly random: Random

  constructor(loop: Loop, name: string, random: Random) {
    this.loop = loop
    this.name = name
    this.random = random
  }

  /** Its wall clock, ms since the epoch. */
  get wallMs(): number {
    return Math.floor(epochMs + this.loop.now + this.skewMs)
  }

  /** On a fresh stack, after what is ready now. */
  soon(run: () => void): () => void {
    return this.loop.soon(this, run)
  }

  after(ms: number, run: () => void): () => void {
    return this.loop.after(this, ms, run)
  }
}

/**
 * Ready steps go first, in the order in which they became ready; then time jumps to the next timer. Between two steps all
 * microtasks run, as they do between two callbacks of Node's event loop, and nothing else: neither I/O nor real timers.
 */
export class Loop {
  /** Milliseconds of simulated time. */
  now = 0
  steps = 0
  readonly #timers = new Timers()
  #ready: Array<Timer> = []
  #head = 0
  #sequence = 0

  soon(process: Process, run: () => void): () => void {
    const step: Timer = { at: this.now, sequence: this.#sequence++, process, run }
    this.#ready.push(step)
    return () => {
      step.run = undefined
    }
  }

  after(process: Process, ms: number, run: () => void): () => void {
    const timer: Timer = { at: this.now + Math.max(0, ms), sequence: this.#sequence++, process, run }
    this.#timers.push(timer)
    return () => {
      timer.run = undefined
    }
  }

  /** Until nothing is left to do or `isDone` after a step. Rejects with what a step throws. */
  run(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          if (isDone() || !this.#step()) {
            resolve()
            return
          }
        } catch (error) {
          reject(error)
          return
        }
        // Ticks come after the last microtask, so a tick asked for by a microtask comes when all are done.
        queueMicrotask(() => process.nextTick(turn))
      }
      turn()
    })
  }

  /** False when there is nothing to do. */
  #step(): boolean {
    for (;;) {
      const step = this.#next()
      if (step === undefined) return false
      const { process, run } = step
      if (run === undefined || !process.alive) continue
      this.steps++
      if (process.stepsLeft-- <= 0) {
        process.stepsLeft = Number.POSITIVE_INFINITY
        process.onEnd()
      } else run()
      return true
    }
  }

  #next(): Timer | undefined {
    if (this.#head < this.#ready.length) {
      const step = this.#ready[this.#head++]
      if (this.#head === this.#ready.length) {
        this.#ready = []
        this.#head = 0
      }
      return step
    }
    const { first } = this.#timers
    if (first === undefined) return undefined
    this.#timers.pop()
    if (first.run !== undefined && first.process.alive) this.now = Math.max(this.now, first.at)
    return first
  }
}
