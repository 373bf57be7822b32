import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Histogram } from "../../src/load/Histogram.ts"

/** What a percentile is by definition: the smallest value that so many of all do not exceed. */
const exact = (values: ReadonlyArray<number>, fraction: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1]
}

const microseconds = fc.oneof(
  fc.double({ min: 0, max: 300, noNaN: true }),
  fc.double({ min: 0, max: 100_000, noNaN: true }),
  fc.double({ min: 0, max: 4_000_000_000, noNaN: true }),
)

describe("Histogram", () => {
  it("gives every percentile within 1 % or 1 µs of the sorted values", () => {
    fc.assert(
      fc.property(
        fc.array(microseconds, { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, fraction) => {
          const histogram = new Histogram()
          for (const value of values) histogram.record(value, 1)
          const found = histogram.percentile(fraction)
          const wanted = exact(values, fraction)
          expect(Math.abs(found - wanted)).toBeLessThanOrEqual(Math.max(1, wanted * 0.01))
          expect(histogram.max).toBe(Math.max(...values))
          expect(histogram.count).toBe(values.length)
        },
      ),
    )
  })

  it("counts a value as often as it is told", () => {
    const histogram = new Histogram()
    histogram.record(10, 99)
    histogram.record(50_000, 1)
    expect(histogram.percentile(0.99)).toBe(10)
    expect(histogram.percentile(1)).toBeCloseTo(50_000, -3)
  })

  it("keeps what is longer than its range, and takes a clock that stood for no time", () => {
    const histogram = new Histogram()
    histogram.record(-3, 1)
    expect(histogram.percentile(1)).toBe(0)
    histogram.record(1e13, 1)
    expect(histogram.max).toBe(1e13)
    expect(histogram.percentile(1)).toBeGreaterThan(4e9)
  })

  it("has, corrected, those that a stall kept from being sent", () => {
    const histogram = new Histogram()
    // 99 answers after 100 µs each, then one after 100 ms: at that pace 999 more would have waited behind it.
    histogram.record(100, 99)
    histogram.record(100_000, 1)
    const corrected = histogram.corrected(100)
    expect(corrected.count).toBe(99 + 1_000)
    expect(corrected.percentile(0.5)).toBeGreaterThan(40_000)
    expect(corrected.max).toBeCloseTo(histogram.max, -3)
    expect(histogram.percentile(0.5)).toBe(100)
    expect(histogram.corrected(200_000).count).toBe(histogram.count)
    expect(new Histogram().corrected(10).count).toBe(0)
  })

  it("is empty after a reset", () => {
    const histogram = new Histogram()
    histogram.record(700, 5)
    histogram.reset()
    expect([histogram.count, histogram.max, histogram.mean, histogram.percentile(0.5)]).toEqual([0, 0, 0, 0])
  })
})
