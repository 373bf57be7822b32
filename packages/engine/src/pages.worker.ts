/** The thread of Pages.ts. It touches each page once, in the order in which the lane comes by, and ends. */
import { workerData } from "node:worker_threads"
import type { PagesTask } from "./Pages.ts"

const pageWords = 4_096 / 4
// Given by Pages.ts, of the same version.
const { atRandom, inOrder, capacity, aheadSlots, position } = workerData as PagesTask

/** An atomic addition of nothing: whatever the lane writes to the same word meanwhile stays. */
const touch = (array: Int32Array, from: number, to: number): void => {
  for (let i = from; i < to; i += pageWords) Atomics.add(array, i, 0)
}

for (const array of atRandom) touch(array, 0, array.length)
const step = aheadSlots / 4
let done = 0
while (done < capacity) {
  const at = Atomics.load(position, 0)
  const wanted = Math.min(capacity, at * step + aheadSlots)
  while (done < wanted) {
    for (const array of inOrder) {
      const words = array.length / capacity
      touch(array, done * words, (done + step) * words)
    }
    done += step
  }
  if (done < capacity) Atomics.wait(position, 0, at)
}
