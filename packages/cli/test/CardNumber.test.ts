import fc from "fast-check"
import { expect, it } from "vitest"
import { masked } from "../src/CardNumber.ts"

it("shows the first six digits and the last four", () => {
  expect(masked(5_980_000_000_000_017n)).toBe("598000******0017")
})

it("hides three digits of any number at least, and keeps its length from 13 digits on", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (card) => {
      expect(masked(card)).toMatch(/^\d{6}\*{3,}\d{4}$/)
      expect(masked(card)).toHaveLength(Math.max(13, String(card).length))
    }),
  )
})
