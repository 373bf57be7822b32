import { Kind } from "@millrace/protocol"
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { amountOf, defaultMixText, kindTable, parseMix, rechargeScale } from "../../src/load/Mix.ts"

const parsed = (text: string) => Result.getOrThrow(parseMix(text))

describe("parseMix", () => {
  it("reads shares in any order; what is left out has none", () => {
    expect(parsed("balance=1,purchase=3")).toEqual({ purchase: 3, recharge: 0, balance: 1 })
  })

  it.each([
    ["purchase", '"purchase" is not a share such as purchase=80'],
    ["refund=5", '"refund" is not one of purchase, recharge, balance'],
    ["purchase=0", "all shares are 0"],
    ["purchase=-1", '"purchase=-1" is not a share such as purchase=80'],
  ])("refuses %s", (text, message) => {
    expect(parseMix(text)).toEqual(Result.fail(message))
  })
})

describe("kindTable", () => {
  it("has each kind in its share", () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(1_000), fc.nat(1_000), (purchase, recharge, balance) => {
        fc.pre(purchase + recharge + balance > 0)
        const table = kindTable({ purchase, recharge, balance })
        const share = (kind: number) => table.filter((one) => one === kind).length / table.length
        const total = purchase + recharge + balance
        expect(share(Kind.purchase)).toBeCloseTo(purchase / total, 2)
        expect(share(Kind.recharge)).toBeCloseTo(recharge / total, 2)
        expect(share(Kind.balance)).toBeCloseTo(balance / total, 2)
      }),
    )
  })
})

describe("amounts", () => {
  it("are none for a balance and at least one unit otherwise", () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (random) => {
        const purchase = amountOf(Kind.purchase, random, 5)
        expect(amountOf(Kind.balance, random, 5)).toBe(0)
        expect(purchase).toBeGreaterThanOrEqual(100)
        expect(purchase).toBeLessThan(4_200)
        expect(amountOf(Kind.recharge, random, 5)).toBe(purchase * 5)
      }),
    )
  })

  it("bring in about what goes out", () => {
    expect(rechargeScale(parsed(defaultMixText))).toBe(5)
    expect(rechargeScale(parsed("purchase=1"))).toBe(1)
  })
})
