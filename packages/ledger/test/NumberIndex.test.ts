import fc from "fast-check"
import { assert, it } from "vitest"
import { numberHash } from "../src/hash.ts"
import { NumberIndex } from "../src/NumberIndex.ts"

/** An index over `count` structs of two words, numbered from `first`, for which room for `reserved` was made. */
const filled = (first: number, count: number, reserved: number) => {
  const words = new Int32Array(2 * count)
  const hashOf = (slot: number) => numberHash(words[2 * slot], words[2 * slot + 1])
  const index = new NumberIndex([words], 24, 2, hashOf, 3)
  index.reserve(reserved)
  const bytes = index.bytes
  for (let slot = 0; slot < count; slot++) {
    words[2 * slot] = first + slot
    index.add(hashOf(slot), slot)
  }
  return { index, bytes, find: (number: number) => index.find(numberHash(number, 0), number, 0) }
}

it("finds what was added and nothing else, whether room was made for more, for fewer or for none", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 30 }),
      fc.nat(30_000),
      fc.constantFrom(0, 1, 100, 7_000, 8_192, 30_000, 100_000),
      (first, count, reserved) => {
        const { find } = filled(first, count, reserved)
        for (let slot = 0; slot < count; slot++) assert.equal(find(first + slot), slot)
        assert.equal(find(first + count), -1)
        assert.equal(find(first - 1), -1)
      },
    ),
    { numRuns: 20 },
  ))

it("does not grow on the way to what room was made for", () => {
  for (const count of [1, 7, 5_000, 8_000, 60_000, 250_000]) {
    const { index, bytes } = filled(1, count, count)
    assert.equal(index.bytes, bytes)
  }
})
