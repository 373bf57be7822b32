// Parts of an amount are exact, and postings that do not add up are a defect.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { basisPointsOf } from "../src/Plans.ts"
import { Account, Postings } from "../src/Postings.ts"

const amount = fc.oneof(
  fc.integer({ min: 0, max: 100_000 }),
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 30_000 }).map((less) => Number.MAX_SAFE_INTEGER - less),
  // On both sides of a whole number of ten thousands, where a quotient rounded to a double could be wrong.
  fc
    .tuple(fc.integer({ min: 1, max: 900_719_925_474 }), fc.constantFrom(-1, 0, 1))
    .map(([q, by]) => Math.min(Number.MAX_SAFE_INTEGER, q * 10_000 + by)),
)

describe("a part of an amount", () => {
  it("is floor(amount × basis points / 10,000), exactly", () => {
    fc.assert(
      fc.property(amount, fc.integer({ min: 0, max: 10_000 }), (amount, basisPoints) => {
        expect(BigInt(basisPointsOf(amount, basisPoints))).toBe(
          (BigInt(amount) * BigInt(basisPoints)) / 10_000n,
        )
      }),
      { numRuns: 20_000 },
    )
  })
})

describe("postings", () => {
  it("that do not add up to 0 are a defect", () => {
    const postings = new Postings()
    postings.begin(0, 0)
    postings.add(Account.purse, -10)
    expect(() => postings.assertBalanced()).toThrow(/add up to -10/)
    postings.add(Account.payable, 10)
    postings.assertBalanced()
  })

  it("are added up exactly also where the sum passes 2^53 on its way", () => {
    const postings = new Postings()
    postings.begin(0, 0)
    for (const amount of [Number.MAX_SAFE_INTEGER, 30, -30, -Number.MAX_SAFE_INTEGER]) {
      postings.add(Account.purse, amount)
    }
    postings.assertBalanced()
    postings.begin(0, 0)
    for (const amount of [-Number.MAX_SAFE_INTEGER, -30, 29, Number.MAX_SAFE_INTEGER]) {
      postings.add(Account.purse, amount)
    }
    expect(() => postings.assertBalanced()).toThrow(/add up/)
  })
})
