import { referenceCounter, referenceMs } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { momentOf, referenceOf } from "../../src/iso/References.ts"

const at = (year: number, month: number, day: number) => Date.UTC(year, month - 1, day, 12)

describe("the time of a message", () => {
  it("is of the year that brings it nearest", () => {
    expect(momentOf("0101000001", at(2026, 12, 31))).toBe(Date.UTC(2027, 0, 1, 0, 0, 1))
    expect(momentOf("1231235959", at(2027, 1, 1))).toBe(Date.UTC(2026, 11, 31, 23, 59, 59))
    expect(momentOf("0615120000", at(2026, 6, 15))).toBe(at(2026, 6, 15))
  })

  it("of the 29th of February is of a year that has one", () => {
    expect(momentOf("0229120000", at(2027, 3, 1))).toBe(at(2028, 2, 29))
    expect(momentOf("0229120000", at(2026, 3, 1))).toBeUndefined()
  })

  it("has its year with twelve digits", () => {
    expect(momentOf("261122103000", 0)).toBe(Date.UTC(2026, 10, 22, 10, 30))
  })

  it("must be one", () => {
    for (const wrong of ["1322103000", "1132103000", "1122240000", "1122106000", "112210300", "x122103000"]) {
      expect(momentOf(wrong, at(2026, 11, 22))).toBeUndefined()
    }
  })
})

describe("a reference", () => {
  const of = (mti: string, stan = "999999") => referenceOf(mti, "1122103000", stan, at(2026, 11, 22))

  it("has the time above and the STAN below, and differs by class, not by version, function or repeat", () => {
    const sale = of("0200") ?? 0n
    expect(referenceMs(sale)).toBe(Date.UTC(2026, 10, 22, 10, 30))
    expect(referenceCounter(sale) % 2 ** 20).toBe(999_999)
    expect([of("0201"), of("0220"), of("1200")]).toEqual([sale, sale, sale])
    expect(new Set([of("0100"), sale, of("0400"), of("0500")]).size).toBe(4)
    expect(of("0420")).toBe(of("0401"))
  })

  it("must be one", () => {
    expect([of("0800"), of("0200", "12345"), of("0200", "abcdef")]).toEqual([undefined, undefined, undefined])
  })
})
