/** A thread that has the system give the memory's pages before the lane needs them. */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads"
import type { Memory } from "@millrace/ledger"
import { Effect } from "effect"

/** Slots whose pages are there before they are written: a second of full speed. */
const aheadSlots = 2 ** 20
/** Below this many slots the first touch of all of them costs less than a thread. */
const threadFromSlots = 2 ** 20

/** What the thread is given. `position[0]` tells where the lane is; `position[1]` changes whenever there is something to do. */
export interface PagesTask {
  readonly atRandom: ReadonlyArray<Int32Array>
  readonly inOrder: ReadonlyArray<Int32Array>
  readonly capacity: number
  readonly aheadSlots: number
  readonly position: Int32Array
  /** Brings arrays of which each is wanted before all else. */
  readonly urgent: MessagePort
}

export interface Pages {
  /** Tells the thread how far the lane is; to be called once a block. */
  readonly advance: () => void
  /** An array in shared memory is about to be written from its beginning. */
  readonly urgent: (array: Int32Array) => void
}

/** Without a thread: pages are given as they are touched. */
export const noPages: Pages = { advance: () => {}, urgent: () => {} }

/**
 * A page that was never touched costs a fault, and on a virtual machine whose host has to find the memory first,
 * milliseconds for a huge one: the first answers would take half a second.
 */
export const givePages = (memory: Memory) =>
  memory.capacity < threadFromSlots
    ? Effect.succeed(noPages)
    : Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => start(memory)),
          ({ worker }) => Effect.promise(() => worker.terminate()),
        ),
        ({ position, urgent }): Pages => ({
          advance: () => {
            const at = Math.floor((memory.next & (memory.capacity - 1)) / (aheadSlots / 4))
            if (Atomics.load(position, 0) === at) return
            Atomics.store(position, 0, at)
            call(position)
          },
          urgent: (array) => {
            urgent.postMessage(array)
            call(position)
          },
        }),
      )

const call = (position: Int32Array): void => {
  Atomics.add(position, 1, 1)
  Atomics.notify(position, 1)
}

const start = (memory: Memory) => {
  const position = new Int32Array(new SharedArrayBuffer(8))
  const { port1, port2 } = new MessageChannel()
  const task: PagesTask = { ...memory.pages, capacity: memory.capacity, aheadSlots, position, urgent: port2 }
  const worker = new Worker(new URL("./pages.worker.ts", import.meta.url), {
    workerData: task,
    transferList: [port2],
  })
  // Without it the lane is slower at first and nothing else.
  worker.on("error", () => {})
  worker.unref()
  port1.unref()
  return { worker, position, urgent: port1 }
}
