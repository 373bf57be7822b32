// Fees are exact whatever the plan, and the same plan is the same number, also after an image.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { FeePlan, FeeTier } from "../src/Command.ts"
import { readPiece } from "../src/Image.ts"
import { basisPointsOf, NO_PLAN, Plans } from "../src/Plans.ts"

const MAX = Number.MAX_SAFE_INTEGER
const amount = fc.oneof(
  fc.integer({ min: 0, max: 100_000 }),
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 30_000 }).map((less) => MAX - less),
  // On both sides of a whole number of ten thousands, where a quotient rounded to a double could be wrong.
  fc
    .tuple(fc.integer({ min: 1, max: 900_719_925_474 }), fc.constantFrom(-1, 0, 1))
    .map(([q, by]) => Math.min(MAX, q * 10_000 + by)),
)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const tier = fc
  .record({
    fixed: maybe(fc.oneof(fc.integer({ min: 0, max: 500 }), fc.maxSafeNat())),
    basisPoints: maybe(fc.integer({ min: 0, max: 10_000 })),
    bounds: maybe(fc.tuple(amount, amount)),
    has: fc.integer({ min: 0, max: 3 }),
  })
  .map(
    ({ fixed, basisPoints, bounds, has }): FeeTier => ({
      ...(fixed === undefined ? {} : { fixed }),
      ...(basisPoints === undefined ? {} : { basisPoints }),
      ...(bounds !== undefined && (has & 1) === 1 ? { min: Math.min(...bounds) } : {}),
      ...(bounds !== undefined && (has & 2) === 2 ? { max: Math.max(...bounds) } : {}),
    }),
  )
const plan = fc
  .tuple(fc.array(tier, { maxLength: 8 }), fc.uniqueArray(amount, { minLength: 8, maxLength: 8 }))
  .map(([tiers, bounds]): FeePlan => {
    const upward = bounds.sort((a, b) => a - b)
    return tiers.map((tier, index) => (index === tiers.length - 1 ? tier : { upTo: upward[index], ...tier }))
  })

/** As the rule is written, in numbers that have no end. */
const naive = (plan: FeePlan, amount: number): bigint => {
  const tier = plan.find(({ upTo }) => upTo === undefined || amount <= upTo)
  if (tier === undefined) return 0n
  const whole = BigInt(amount)
  let fee = BigInt(tier.fixed ?? 0) + (whole * BigInt(tier.basisPoints ?? 0)) / 10_000n
  if (fee < BigInt(tier.min ?? 0)) fee = BigInt(tier.min ?? 0)
  if (tier.max !== undefined && fee > BigInt(tier.max)) fee = BigInt(tier.max)
  return fee > whole ? whole : fee
}

/** The amounts that a plan is about, and those beside them. */
const edges = (plan: FeePlan): ReadonlyArray<number> =>
  plan.flatMap(({ upTo = 0, min = 0, max = 0 }) => [upTo, min, max].flatMap((edge) => [edge, edge + 1]))

describe("fee plans", () => {
  it("take floor(amount × basis points / 10,000) as a share, exactly", () => {
    fc.assert(
      fc.property(amount, fc.integer({ min: 0, max: 10_000 }), (amount, basisPoints) => {
        expect(BigInt(basisPointsOf(amount, basisPoints))).toBe(
          (BigInt(amount) * BigInt(basisPoints)) / 10_000n,
        )
      }),
      { numRuns: 10_000 },
    )
  })

  it("take what the rule says, for any amount", () => {
    fc.assert(
      fc.property(fc.array(plan, { maxLength: 5 }), fc.array(amount), (given, amounts) => {
        const plans = new Plans()
        const numbers = given.map((plan) => plans.put(plan))
        for (const [index, plan] of given.entries()) {
          for (const amount of [0, 1, MAX, ...amounts, ...edges(plan).filter((edge) => edge <= MAX)]) {
            expect(BigInt(plans.feeOf(numbers[index], amount)), `${amount}`).toBe(naive(plan, amount))
          }
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it("have one number for what is the same, and 0 for what takes nothing", () => {
    const plans = new Plans()
    for (const nothing of [
      [],
      [{}],
      [{ upTo: 5 }, {}],
      [{ basisPoints: 0, max: 7 }],
      [{ fixed: 9, max: 0 }],
    ]) {
      expect(plans.put(nothing)).toBe(NO_PLAN)
    }
    expect(plans.count).toBe(1)
    const first = plans.put([{ basisPoints: 100 }])
    expect(plans.numberOf([{ basisPoints: 100, fixed: 0, min: 0 }])).toBe(first)
    expect(plans.numberOf([{ basisPoints: 101 }])).toBe(plans.count)
    expect(plans.put([{ upTo: 10, basisPoints: 100 }, { basisPoints: 100 }])).not.toBe(first)
    expect(plans.at(first)).toEqual([{ basisPoints: 100 }])
    expect(plans.at(NO_PLAN)).toEqual([])
  })

  it("are the same after an image, which is of the moment of its freeze", () => {
    fc.assert(
      fc.property(fc.array(plan, { maxLength: 30 }), fc.array(plan, { maxLength: 30 }), (before, after) => {
        const plans = new Plans()
        for (const plan of before) plans.put(plan)
        const count = plans.count
        const frozen = plans.freeze()
        for (const plan of after) plans.put(plan)
        const restored = new Plans()
        for (const bytes of frozen) restored.restore("scheme", readPiece("scheme", bytes))
        expect(restored.count).toBe(count)
        for (let number = 0; number < count; number++) {
          expect(restored.at(number)).toEqual(plans.at(number))
          expect(restored.put(plans.at(number))).toBe(number)
        }
        for (const plan of [...before, ...after]) expect(restored.put(plan)).toBe(plans.numberOf(plan))
      }),
    )
  })

  it("refuse an image with a piece missing", () => {
    const plans = new Plans()
    for (let fixed = 1; fixed < 30_000; fixed++) plans.put([{ fixed }])
    const [, second] = plans.freeze()
    expect(() => new Plans().restore("scheme", readPiece("scheme", second))).toThrow(/plans are missing/)
  })
})
