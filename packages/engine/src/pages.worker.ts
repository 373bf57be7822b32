/** The thread of Pages.ts. It touches each page once, in the order in which the lane comes by. */
import { receiveMessageOnPort, workerData } from "node:worker_threads"
import type { PagesTask } from "./Pages.ts"

const pageWords = 4_096 / 4
/** After so many words it looks for what is urgent. */
const stepWords = 2 ** 21
// Given by Pages.ts, of the same version.
const { atRandom, inOrder, capacity, aheadSlots, position, urgent } = workerData as PagesTask

/** An atomic addition of nothing: whatever the lane writes to the same word meanwhile stays. */
const touch = (array: Int32Array, from: number, to: number): void => {
  for (let i = from; i < to; i += pageWords) Atomics.add(array, i, 0)
}

let holdsGarbage = false
const touchUrgent = (): void => {
  for (let next = receiveMessageOnPort(urgent); next !== undefined; next = receiveMessageOnPort(urgent)) {
    touch(next.message, 0, next.message.length)
    holdsGarbage = true
  }
}

for (const array of atRandom) {
  for (let from = 0; from < array.length; from += stepWords) {
    touchUrgent()
    touch(array, from, Math.min(array.length, from + stepWords))
  }
}
const step = aheadSlots / 4
let done = 0
for (;;) {
  const call = Atomics.load(position, 1)
  touchUrgent()
  const at = Atomics.load(position, 0)
  const wanted = Math.min(capacity, at * step + aheadSlots)
  while (done < wanted) {
    touchUrgent()
    for (const array of inOrder) {
      const words = array.length / capacity
      touch(array, done * words, (done + step) * words)
    }
    done += step
  }
  // While it waits nothing is collected here, and what is garbage only here would stay for ever.
  if (holdsGarbage) globalThis.gc?.()
  holdsGarbage = false
  Atomics.wait(position, 1, call)
}
