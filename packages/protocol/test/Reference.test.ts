import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  makeReference,
  REFERENCE_COUNTER_MAX,
  REFERENCE_MS_MAX,
  ReferenceSource,
  referenceCounter,
  referenceHi,
  referenceLo,
  referenceMs,
  referenceMsOf,
} from "../src/index.ts"

const ms = fc.integer({ min: 0, max: REFERENCE_MS_MAX })
const counter = fc.integer({ min: 0, max: REFERENCE_COUNTER_MAX })

describe("Reference", () => {
  it("is taken apart into what it was made of, in both forms", () => {
    fc.assert(
      fc.property(ms, counter, (at, count) => {
        const reference = makeReference(at, count)
        expect([referenceMs(reference), referenceCounter(reference)]).toEqual([at, count])
        const lo = referenceLo(at, count)
        const hi = referenceHi(at)
        expect((BigInt(hi) << 32n) | BigInt(lo)).toBe(reference)
        expect(referenceMsOf(lo, hi)).toBe(at)
      }),
    )
  })

  it("refuses parts that do not fit", () => {
    expect(() => makeReference(REFERENCE_MS_MAX + 1, 0)).toThrow(/^ms /)
    expect(() => makeReference(0, REFERENCE_COUNTER_MAX + 1)).toThrow(/^counter /)
  })

  it("grows with every call whatever the clock does", () => {
    const clock = fc.array(fc.oneof(ms, fc.constant(5), fc.double({ min: 0, max: 1e12, noNaN: true })), {
      minLength: 1,
      maxLength: 50,
    })
    fc.assert(
      fc.property(clock, fc.option(fc.tuple(ms, counter)), (times, after) => {
        fc.pre(after === null || after[0] < REFERENCE_MS_MAX - 100)
        fc.pre(times.every((time) => time < REFERENCE_MS_MAX - 100))
        let call = 0
        const first = after === null ? undefined : makeReference(after[0], after[1])
        const source = new ReferenceSource(() => times[call++], first)
        let last = first ?? -1n
        for (const _ of times) {
          const next = source.next()
          expect(next > last).toBe(true)
          expect((BigInt(source.hi) << 32n) | BigInt(source.lo)).toBe(next)
          last = next
        }
      }),
    )
  })

  it("borrows the next millisecond when the counter is used up", () => {
    const source = new ReferenceSource(() => 7, makeReference(7, REFERENCE_COUNTER_MAX))
    expect(source.next()).toBe(makeReference(8, 0))
    expect(source.next()).toBe(makeReference(8, 1))
  })
})
