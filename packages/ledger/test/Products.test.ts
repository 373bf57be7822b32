// Products: what a command leaves out, which purses pay where, and what stays when one is put again.
import { type PurseName, purseNames } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Purse } from "../src/Cards.ts"
import type { Categories, ProductCommand, ProductPurse } from "../src/Command.ts"
import { readPiece } from "../src/Image.ts"
import { Plans } from "../src/Plans.ts"
import { DRAWS_MAX, drawOrder, PinRule, Products, SingleUse } from "../src/Products.ts"

const command = (settings: Partial<ProductCommand> = {}): ProductCommand => ({
  type: "product",
  by: "test",
  number: 7,
  name: "Gift",
  currency: 203,
  bin: "400000",
  ...settings,
})

const put = (settings: Partial<ProductCommand> = {}) => {
  const products = new Products(new Plans())
  return products.at(products.put(command(settings)))
}

const mcc = fc.oneof(fc.integer({ min: 0, max: 9_999 }), fc.constantFrom(0, 1, 9_998, 9_999))
const categories: fc.Arbitrary<Categories> = fc.array(
  fc.tuple(mcc, mcc).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
  { maxLength: 3 },
)
// The main purse is there anyhow.
const others = purseNames.filter((name): name is ProductPurse["purse"] => name !== "main")
const purses = fc
  .tuple(
    fc.subarray(others),
    fc.array(fc.option(categories, { nil: undefined }), { minLength: 8, maxLength: 8 }),
  )
  .map(([names, categories]) =>
    names.map(
      (purse, i): ProductPurse =>
        categories[i] === undefined ? { purse } : { purse, categories: categories[i] },
    ),
  )
const ordered = purses.chain((purses) => {
  const names: ReadonlyArray<PurseName> = ["main", ...purses.map(({ purse }) => purse)]
  const order = fc.shuffledSubarray([...names], {
    minLength: 1,
    maxLength: Math.min(DRAWS_MAX, names.length),
  })
  return fc.record({ purses: fc.constant(purses), order: fc.option(order, { nil: undefined }) })
})

const isIn = (ranges: Categories | undefined, mcc: number): boolean =>
  ranges === undefined || ranges.length === 0 || ranges.some(([from, to]) => from <= mcc && mcc <= to)

describe("a product", () => {
  it("has the defaults of what a command leaves out", () => {
    expect(put()).toMatchObject({
      number: 7,
      name: "Gift",
      currency: 203,
      bin: "400000",
      digits: 16,
      named: false,
      singleUse: SingleUse.no,
      validMonths: 0,
      pinRule: PinRule.never,
      pinFreeMax: 0,
      triesMax: 3,
      transactionMax: 0,
      dayAmountMax: 0,
      dayCountMax: 0,
      monthAmountMax: 0,
      monthCountMax: 0,
      rechargeable: true,
      rechargeMin: 0,
      rechargeMax: 0,
      balanceMax: 0,
      transferable: true,
      transferFee: 0,
      deposit: 0,
      replacementFee: 0,
      holdMs: 7 * 86_400_000,
      toleranceBasisPoints: 0,
      pursesMask: 1,
      bonusBasisPoints: 0,
      dormantMonths: 0,
      periodic: false,
    })
    expect([...put().draws(5_411)]).toEqual([Purse.main])
    expect(put().allows(5_411)).toBe(true)
  })

  it("has what a command gives", () => {
    const plans = new Plans()
    const products = new Products(plans)
    const fee = [{ fixed: 5 }]
    const slot = products.put(
      command({
        singleUse: "once",
        pin: { rule: "above", freeMax: 500, tries: 5 },
        limits: { transactionMax: 1, dayAmountMax: 2, dayCountMax: 3, monthAmountMax: 4, monthCountMax: 5 },
        recharge: { allowed: false, min: 1, max: 2, balanceMax: 3 },
        transfers: { allowed: false, fee },
        hold: { hours: 2, toleranceBasisPoints: 1_500 },
        purses: [
          { purse: "bonus", validDays: 30 },
          { purse: "points", credit: 9 },
        ],
        credit: 70,
        bonus: { basisPoints: 500, min: 10, max: 90, monthly: true },
        dormant: { afterMonths: 12, fee: 40 },
      }),
    )
    const product = products.at(slot)
    expect(product).toMatchObject({
      singleUse: SingleUse.once,
      pinRule: PinRule.above,
      pinFreeMax: 500,
      triesMax: 5,
      transactionMax: 1,
      dayAmountMax: 2,
      dayCountMax: 3,
      monthAmountMax: 4,
      monthCountMax: 5,
      rechargeable: false,
      rechargeMin: 1,
      rechargeMax: 2,
      balanceMax: 3,
      transferable: false,
      transferFee: plans.numberOf(fee),
      holdMs: 7_200_000,
      toleranceBasisPoints: 1_500,
      pursesMask: (1 << Purse.main) | (1 << Purse.bonus) | (1 << Purse.points),
      bonusBasisPoints: 500,
      bonusMin: 10,
      bonusMax: 90,
      bonusMonthly: true,
      dormantMonths: 12,
      dormantFee: 40,
      periodic: true,
    })
    expect([...product.credit]).toEqual([70, 0, 0, 0, 0, 0, 0, 0, 9])
    expect([...product.validDays]).toEqual([0, 30, 0, 0, 0, 0, 0, 0, 0])
    expect([product.has(Purse.bonus), product.has(Purse.category1)]).toEqual([true, false])
  })

  it("draws on the purses of its order that pay at the merchant's category", () => {
    fc.assert(
      fc.property(
        ordered,
        categories,
        fc.array(mcc, { minLength: 1 }),
        ({ purses, order }, allowed, mccs) => {
          const settings = { purses, categories: allowed, ...(order === undefined ? {} : { order }) }
          const names = drawOrder(settings)
          if (names.length > DRAWS_MAX) return
          const product = put(settings)
          const edges = [allowed, ...purses.map(({ categories = [] }) => categories)].flat(2)
          for (const mcc of [...mccs, ...edges, ...edges.map((edge) => Math.min(9_999, edge + 1))]) {
            const isAllowed = isIn(allowed, mcc)
            const drawn = names.filter((name) =>
              isIn(purses.find(({ purse }) => purse === name)?.categories, mcc),
            )
            expect(product.allows(mcc)).toBe(isAllowed)
            expect([...product.draws(mcc)]).toEqual((isAllowed ? drawn : names).map((name) => Purse[name]))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it("draws on category purses first, then bonus, then main, and on points only when they are listed", () => {
    const purses: ReadonlyArray<ProductPurse> = [
      { purse: "points" },
      { purse: "bonus" },
      { purse: "category2" },
    ]
    expect(drawOrder({ purses: [...purses, { purse: "category1" }] })).toEqual([
      "category1",
      "category2",
      "bonus",
      "main",
    ])
    expect(drawOrder({ purses, order: ["main", "points"] })).toEqual(["main", "points"])
    expect(drawOrder({})).toEqual(["main"])
  })

  it("has cards that time may change when it has bonus by the month, a dormant fee or another purse", () => {
    expect(put({ bonus: { basisPoints: 1, monthly: true } }).periodic).toBe(true)
    expect(put({ dormant: { afterMonths: 1, fee: 1 } }).periodic).toBe(true)
    expect(put({ dormant: { afterMonths: 1, fee: 0 } }).periodic).toBe(false)
    expect(put({ purses: [{ purse: "category3" }] }).periodic).toBe(true)
  })
})

describe("products", () => {
  it("begin with one that allows everything", () => {
    const products = new Products(new Plans())
    expect([products.count, products.slotOf(0), products.slotOf(1), products.anyPeriodic]).toEqual([
      1,
      0,
      -1,
      false,
    ])
    expect(products.at(0)).toMatchObject({
      number: 0,
      name: "open",
      currency: 0,
      command: undefined,
      triesMax: 3,
    })
    expect([...products.at(0).draws(9_999)]).toEqual([Purse.main])
  })

  it("keep slot, currency, bin, digits, named and next serial when one is put again, and replace the rest", () => {
    const products = new Products(new Plans())
    const slot = products.put(
      command({ named: true, digits: 19, deposit: 5, bonus: { basisPoints: 1, monthly: true } }),
    )
    products.setNextSerial(slot, 4_097)
    expect(products.put(command({ number: 8 }))).toBe(slot + 1)
    expect(products.put(command({ name: "Other", bin: "5", currency: 1 }))).toBe(slot)
    const same = { number: 7, named: true, digits: 19, bin: "400000", currency: 203 }
    expect(products.at(slot)).toMatchObject({ ...same, name: "Other", deposit: 0, bonusMonthly: false })
    // Cards may still be owed what the product promised before.
    expect([products.at(slot).periodic, products.anyPeriodic]).toEqual([true, true])
    expect([products.nextSerial(slot), products.nextSerial(slot + 1), products.count]).toEqual([4_097, 0, 3])
  })

  it("are the same after an image, which is of the moment of its freeze", () => {
    const products = new Products(new Plans())
    const monthly = { basisPoints: 1, monthly: true }
    for (let number = 1; number < 1_000; number++) {
      const slot = products.put(
        command({ number, name: `Product ${number}`, bonus: monthly, categories: [[1, number]] }),
      )
      products.setNextSerial(slot, number * 3)
      // Any caller's object: the image has only the command.
      if (number % 2 === 0) products.put({ ...command({ number }), resolved: 1 } as ProductCommand)
    }
    const expected = Array.from({ length: products.count }, (_, slot) => [
      products.at(slot),
      products.nextSerial(slot),
    ])
    const restored = new Products(new Plans())
    const pieces: Array<Uint8Array> = []
    for (const piece of products.freeze()) {
      pieces.push(piece)
      restored.restore("scheme", readPiece("scheme", piece))
      for (let number = 1; number < 1_010; number += 9)
        products.setNextSerial(products.put(command({ number })), 0)
    }
    expect(pieces.length).toBeGreaterThan(1)
    expect(
      Array.from({ length: restored.count }, (_, slot) => [restored.at(slot), restored.nextSerial(slot)]),
    ).toEqual(expected)
    expect(restored.anyPeriodic).toBe(true)
    expect(restored.at(restored.slotOf(2)).command).toEqual(command({ number: 2 }))
    const other = new Products(new Plans())
    expect(() => other.restore("scheme", readPiece("scheme", pieces[1]))).toThrow(/products are missing/)
  })
})
