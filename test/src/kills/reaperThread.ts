// The thread that kills. A timer in the loader's own event loop would find the load always at the same point of its
// round; so the moment comes from a thread that has nothing else to do.
import { watch } from "node:fs"
import { parentPort } from "node:worker_threads"
import type { Order } from "./Reaper.ts"

let current = 0

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const firstChange = (directory: string, msMax: number): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      watcher.close()
      resolve()
    }
    const watcher = watch(directory, { recursive: true }, done)
    const timer = setTimeout(done, msMax)
  })

const carryOut = async ({ id, pid, steps, signalled }: Order): Promise<void> => {
  for (const step of steps) {
    if (step.what === "wait") await wait(step.ms)
    else if (step.what === "change") await firstChange(step.directory, step.msMax)
    // Taken back: the process ended by itself, and its number may be another's by now.
    else if (current === id) {
      Atomics.store(signalled, 0, 1)
      process.kill(pid, step.signal)
    }
  }
}

parentPort?.on("message", (order: Order) => {
  current = order.id
  // ESRCH: it ended in this very moment.
  if (order.pid > 0) carryOut(order).catch(() => {})
})
