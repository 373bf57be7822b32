import fc from "fast-check"
import { expect, it } from "vitest"
import { masked, maskedIn } from "../src/CardNumber.ts"

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

it("masks numbers as long as a card's in a sentence, and leaves shorter ones", () => {
  expect(maskedIn("card 5000000000000000 is kept in currency 978 (conflict)")).toBe(
    "card 500000******0000 is kept in currency 978 (conflict)",
  )
  expect(maskedIn("terminal 4294967295 belongs to merchant 12")).toBe(
    "terminal 4294967295 belongs to merchant 12",
  )
})
