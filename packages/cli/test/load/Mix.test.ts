import { Kind } from "@millrace/protocol"
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  amountScales,
  defaultMixText,
  kindTable,
  mixKinds,
  parseMix,
  purchaseAmount,
  rechargeScale,
} from "../../src/load/Mix.ts"

const parsed = (text: string) => Result.getOrThrow(parseMix(text))

describe("parseMix", () => {
  it("reads shares in any order; what is left out has none", () => {
    expect(parsed("balance=1,purchase=3")).toEqual({
      purchase: 3,
      recharge: 0,
      balance: 1,
      preauthorisation: 0,
      transfer: 0,
    })
  })

  it.each([
    ["purchase", '"purchase" is not a share such as purchase=80'],
    ["refund=5", '"refund" is not one of purchase, recharge, balance, preauthorisation, transfer'],
    ["purchase=0", "all shares are 0: give one kind more, such as purchase=80"],
    ["purchase=-1", '"purchase=-1" is not a share such as purchase=80'],
  ])("refuses %s", (text, message) => {
    expect(parseMix(text)).toEqual(Result.fail(message))
  })
})

describe("kindTable", () => {
  it("has each kind in its share", () => {
    fc.assert(
      fc.property(fc.tuple(...mixKinds.map(() => fc.nat(1_000))), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        fc.pre(total > 0)
        const text = mixKinds.map((kind, index) => `${kind}=${weights[index]}`).join(",")
        const table = kindTable(parsed(text))
        for (const [index, kind] of mixKinds.entries()) {
          const share = table.filter((one) => one === Kind[kind]).length / table.length
          expect(share).toBeCloseTo(weights[index] / total, 2)
        }
      }),
    )
  })
})

describe("amounts", () => {
  it("are none for a balance and at least one unit otherwise", () => {
    const scales = amountScales(parsed(defaultMixText))
    expect([scales[Kind.purchase], scales[Kind.recharge], scales[Kind.balance]]).toEqual([1, 5, 0])
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (random) => {
        expect(purchaseAmount(random)).toBeGreaterThanOrEqual(100)
        expect(purchaseAmount(random)).toBeLessThan(4_200)
      }),
    )
  })

  it("bring in about what goes out", () => {
    expect(rechargeScale(parsed(defaultMixText))).toBe(5)
    expect(rechargeScale(parsed("purchase=1"))).toBe(1)
    expect(rechargeScale(parsed("purchase=20,preauthorisation=20,transfer=50,recharge=10"))).toBe(4)
  })
})
