// Merchants: new terms for what transactions are decided by and no others, and a float and code that no put touches.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { MerchantCommand } from "../src/Command.ts"
import { PieceTag, readPiece } from "../src/Image.ts"
import { Merchants, TERMS_WORDS, TermsWord } from "../src/Merchants.ts"
import { Plans } from "../src/Plans.ts"

const command = (number: number, settings: Partial<MerchantCommand> = {}): MerchantCommand => ({
  type: "merchant",
  by: "test",
  number,
  name: "Shop",
  currency: 203,
  ...settings,
})

const termsOf = (merchants: Merchants, slot: number): ReadonlyArray<number> => {
  const at = merchants.termsOf(slot) * TERMS_WORDS
  return [...merchants.terms.subarray(at, at + TERMS_WORDS)]
}

const restoredFrom = (pieces: ReadonlyArray<Uint8Array>, currencies: ReadonlyArray<number>): Merchants => {
  const merchants = new Merchants()
  merchants.restoreCurrencies(currencies)
  for (const bytes of pieces) {
    const piece = readPiece("scheme", bytes)
    if (piece.tag === PieceTag.terms) merchants.restoreTerms("scheme", piece)
    else if (piece.tag === PieceTag.merchants) merchants.restoreMerchants("scheme", piece)
    else merchants.restoreStates("scheme", piece)
  }
  return merchants
}

/** Everything that can be asked of a merchant. */
const all = (merchants: Merchants, slot: number) => ({
  view: merchants.at(slot),
  terms: termsOf(merchants, slot),
  active: merchants.isActive(slot),
  float: [merchants.floatTotal(slot), merchants.floatLimit(slot), merchants.floatReference(slot)],
  code: [merchants.codeAbove(slot), merchants.hasCode(slot), merchants.codeTries(slot)],
})

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const given = fc
  .record({
    number: fc.integer({ min: 1, max: 12 }),
    name: fc.constantFrom("Shop", "Bar"),
    feeBasisPoints: maybe(fc.integer({ min: 0, max: 2 })),
    purchaseFee: maybe(
      fc.constantFrom([], [{ basisPoints: 1 }], [{ upTo: 50, fixed: 5 }, { basisPoints: 2 }]),
    ),
    rechargeFee: maybe(fc.constantFrom([], [{ fixed: 3 }])),
    commission: maybe(fc.constantFrom([{ basisPoints: 2 }])),
    mcc: maybe(fc.constantFrom(0, 5_411, 9_999)),
    status: maybe(fc.constantFrom("active" as const, "suspended" as const)),
    floatLimit: maybe(fc.nat()),
    codeAbove: maybe(fc.nat()),
  })
  .map(({ number, ...settings }): MerchantCommand => {
    const there = Object.entries(settings).filter(([, value]) => value !== undefined)
    // A merchant's currency never changes.
    return command(number, { ...Object.fromEntries(there), currency: number % 2 === 0 ? 203 : 978 })
  })

describe("merchants", () => {
  it("are put with everything that a command leaves out filled in", () => {
    const merchants = new Merchants()
    const slot = merchants.put(command(7, { feeBasisPoints: 100 }), new Plans(), 123)
    expect(merchants.at(slot)).toEqual({
      number: 7,
      name: "Shop",
      currency: 203,
      purchaseFee: [{ basisPoints: 100 }],
      rechargeFee: [],
      commission: [],
      mcc: 0,
      status: "active",
      floatLimit: 0,
      codeAbove: -1,
      settlement: "day",
      alarm: {},
      terms: 1,
      createdMs: 123,
    })
    expect(merchants.slotOf(7)).toBe(slot)
    expect(merchants.slotOf(8)).toBe(-1)
    expect(all(merchants, slot)).toMatchObject({ active: true, float: [0, 0, 0n], code: [-1, false, 0] })
  })

  it("get new terms when a transaction would be decided otherwise, and only then", () => {
    fc.assert(
      fc.property(fc.array(given, { maxLength: 60 }), (commands) => {
        const merchants = new Merchants()
        const plans = new Plans()
        const put = new Map<number, MerchantCommand>()
        for (const [time, command] of commands.entries()) {
          const known = merchants.slotOf(command.number)
          const before = known < 0 ? undefined : { words: termsOf(merchants, known), ...merchants.at(known) }
          const count = merchants.termsCount
          const slot = merchants.put(command, plans, time)
          put.set(command.number, command)
          const { purchaseFee, feeBasisPoints = 0, rechargeFee = [], commission = [], mcc = 0 } = command
          const terms = new Array<number>(TERMS_WORDS).fill(0)
          terms[TermsWord.merchant] = slot
          terms[TermsWord.currency] = command.currency
          terms[TermsWord.accounts] = merchants.accountsOf(command.currency)
          terms[TermsWord.mcc] = mcc
          terms[TermsWord.purchasePlan] = plans.put(purchaseFee ?? [{ basisPoints: feeBasisPoints }])
          terms[TermsWord.rechargePlan] = plans.put(rechargeFee)
          terms[TermsWord.commissionPlan] = plans.put(commission)
          expect(termsOf(merchants, slot)).toEqual(terms)
          const isSame = before !== undefined && before.words.join() === terms.join()
          expect(merchants.termsCount - count).toBe(isSame ? 0 : 1)
          expect(merchants.at(slot).createdMs).toBe(before?.createdMs ?? time)
          expect(merchants.isActive(slot)).toBe(command.status !== "suspended")
          expect(merchants.floatLimit(slot)).toBe(command.floatLimit ?? 0)
          expect(merchants.codeAbove(slot)).toBe(command.codeAbove ?? -1)
        }
        expect(merchants.count).toBe(put.size)
      }),
    )
  })

  it("keep float, references, code and tries when they are put again", () => {
    const merchants = new Merchants()
    const plans = new Plans()
    const slot = merchants.put(command(1), plans, 0)
    merchants.addFloat(slot, 500)
    merchants.addFloat(slot, -700)
    merchants.setFloatReference(slot, 2n ** 64n - 3n, 5)
    expect(merchants.codeEquals(slot, 0, 0)).toBe(false)
    merchants.setCode(slot, -5, 0x9000_0000)
    merchants.setCodeTries(slot, 2)
    merchants.put(command(1, { status: "suspended", floatLimit: 9, mcc: 4 }), plans, 1)
    expect(all(merchants, slot)).toMatchObject({
      active: false,
      float: [-200, 9, 2n ** 64n - 3n],
      code: [-1, true, 2],
    })
    expect(merchants.codeEquals(slot, -5, 0x9000_0000 | 0)).toBe(true)
    expect(merchants.codeEquals(slot, -5, 0)).toBe(false)
    expect(merchants.codeEquals(slot, -6, 0x9000_0000 | 0)).toBe(false)
    merchants.setCode(slot, 1, 2)
    expect([merchants.codeTries(slot), merchants.codeEquals(slot, 1, 2)]).toEqual([0, true])
  })

  it("give the image of the moment of the freeze, while all of them change", () => {
    const merchants = new Merchants()
    const plans = new Plans()
    const count = 3_000
    const touch = (number: number, by: number) => {
      const slot = merchants.put(
        command(number, { mcc: by % 10_000, currency: 200 + (number % 3) }),
        plans,
        by,
      )
      merchants.addFloat(slot, by)
      merchants.setFloatReference(slot, BigInt(by), by)
      if (by % 3 === 0) merchants.setCode(slot, by, by)
      if (by % 4 === 0) merchants.setCodeTries(slot, by % 3)
    }
    for (let number = 1; number <= count; number++) touch(number, number)
    const expected = Array.from({ length: count }, (_, slot) => all(merchants, slot))
    const currencies = [...merchants.currencies]
    const pieces: Array<Uint8Array> = []
    for (const table of merchants.freeze()) {
      for (const piece of table) {
        pieces.push(piece)
        for (let number = 1; number < count + 9; number += 2) touch(number, pieces.length + number)
      }
    }
    merchants.thaw()
    const restored = restoredFrom(pieces, currencies)
    expect(Array.from({ length: restored.count }, (_, slot) => all(restored, slot))).toEqual(expected)
    expect(restored.codeEquals(2, 3, 3)).toBe(true)
    expect(restored.slotOf(count)).toBe(count - 1)
    expect(restored.currencies).toEqual([201, 202, 200])
    expect(() =>
      restoredFrom(
        pieces.filter((_, index) => index !== 3),
        currencies,
      ),
    ).toThrow(/missing/)
  })
})
