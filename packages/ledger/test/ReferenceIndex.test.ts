// The index alone against a list, with hashes that collide on purpose and lines that overflow.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { PLACE_WORDS, ReferenceIndex } from "../src/ReferenceIndex.ts"

/** Every sequence that a look-up of the hash comes by, as Memory.findHashed looks. */
const reached = (index: ReferenceIndex, hash: number, next: number, live: number): ReadonlyArray<number> => {
  const sequences: Array<number> = []
  let place = index.search(hash, index.first(hash), next, live)
  for (; place >= 0; place = index.search(hash, place + PLACE_WORDS, next, live))
    sequences.push(index.words[place])
  return sequences.sort((a, b) => a - b)
}

describe("the index of references", () => {
  it("leads to every sequence that is remembered under a hash, and to no other, through full lines and past 2^32", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(16, 32, 64),
        fc.constantFrom(1, 2 ** 31 - 20, 2 ** 32 - 30),
        // Few hashes, most of them of the last line, whose overflow lies in the first.
        fc.array(fc.record({ last: fc.boolean(), line: fc.nat(15), high: fc.integer({ min: 1, max: 3 }) }), {
          minLength: 1,
          maxLength: 200,
        }),
        (capacity, begin, additions) => {
          const index = new ReferenceIndex(capacity)
          const lines = capacity / 4
          const remembered: Array<{ hash: number; sequence: number }> = []
          let next = begin | 0
          for (const { last, line, high } of additions) {
            const hash = high * lines + (last ? lines - 1 : line % lines)
            index.add(hash, next, remembered.length)
            remembered.push({ hash, sequence: next })
            next = (next + 1) | 0
            if (remembered.length > capacity - 3) remembered.shift()
            for (const hash of new Set(remembered.map((one) => one.hash))) {
              const expected = remembered.filter((one) => one.hash === hash).map((one) => one.sequence)
              expect(reached(index, hash, next, remembered.length)).toEqual(expected.sort((a, b) => a - b))
            }
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
