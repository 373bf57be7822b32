// The card table: every card is found, at any size, and no growth moves one.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Cards } from "../src/Cards.ts"
import { numberHash } from "../src/hash.ts"

const find = (cards: Cards, lo: number, hi: number): number => cards.find(numberHash(lo, hi), lo, hi)

describe("cards", () => {
  it("are all found after growth to 300,000, and no others", () => {
    const cards = new Cards(0)
    const count = 300_000
    const loOf = (i: number) => (i * 2 - 150_000) | 0
    const hiOf = (i: number) => (i & 1) * -1
    for (let i = 0; i < count; i++) cards.add(loOf(i), hiOf(i), 203, 1, 0, 1, 1)
    expect(cards.count).toBe(count)
    let wrong = 0
    for (let i = 0; i < count; i++) {
      if (find(cards, loOf(i), hiOf(i)) !== i) wrong++
      if (find(cards, loOf(i) + 1, hiOf(i)) !== -1) wrong++
      if (find(cards, loOf(i), hiOf(i) ^ 1) !== -1) wrong++
    }
    expect(wrong).toBe(0)
    expect(cards.bytes / count).toBeLessThan(256)
  })

  it("keep each field apart from the others", () => {
    const small = fc.nat(0xffff)
    const amount = fc.maxSafeInteger()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(8), amount, small), { minLength: 1, maxLength: 30 }),
        fc.record({ status: fc.nat(8), previous: fc.nat(8), expires: small, period: small }),
        fc.record({ tries: fc.nat(15), months: fc.nat(12), pin: fc.tuple(fc.integer(), fc.integer()) }),
        fc.record({ deposit: fc.nat(2 ** 31), nonce: fc.nat(2 ** 31), fund: fc.bigInt(0n, 2n ** 64n - 1n) }),
        (purses, state, secret, more) => {
          const cards = new Cards(0)
          const slot = cards.add(7, 9, 203, 0, 3, 100, 4)
          const balances = new Array<number>(9).fill(0)
          const last = new Array<number>(9).fill(0)
          for (const [purse, amount, day] of purses) {
            cards.addTo(slot, purse, amount - balances[purse])
            balances[purse] += amount - balances[purse]
            if (purse > 0) cards.setPurseExpires(slot, purse, day)
            if (purse > 0) last[purse] = day
          }
          cards.setStatus(slot, state.status)
          cards.setPreviousStatus(slot, state.previous)
          cards.setExpiresDay(slot, state.expires)
          cards.setPeriodMonth(slot, state.period)
          cards.setPin(slot, ...secret.pin)
          cards.setPinTries(slot, secret.tries)
          cards.setMonthsLeft(slot, secret.months)
          cards.setDeposit(slot, more.deposit)
          cards.setNonce(slot, more.nonce)
          cards.setFundReference(slot, more.fund)
          expect(balances.map((_, purse) => cards.balance(slot, purse))).toEqual(balances)
          expect(last.map((_, purse) => cards.purseExpires(slot, purse))).toEqual(last)
          expect({
            status: cards.status(slot),
            previous: cards.previousStatus(slot),
            expires: cards.expiresDay(slot),
            period: cards.periodMonth(slot),
          }).toEqual(state)
          expect(cards.pinEquals(slot, ...secret.pin)).toBe(true)
          expect(cards.pinEquals(slot, secret.pin[0] ^ 1, secret.pin[1])).toBe(false)
          expect([cards.pinTries(slot), cards.monthsLeft(slot)]).toEqual([secret.tries, secret.months])
          expect([cards.deposit(slot), cards.nonce(slot)]).toEqual([more.deposit, more.nonce])
          expect(cards.fundReference(slot)).toBe(more.fund)
          expect([cards.product(slot), cards.currency(slot), cards.issuedDay(slot)]).toEqual([3, 203, 100])
          expect([cards.numberLo(slot), cards.numberHi(slot)]).toEqual([7, 9])
          expect([cards.replacedBy(slot), cards.replaces(slot), cards.isNamed(slot)]).toEqual([-1, -1, false])
        },
      ),
    )
  })

  it("are a map from numbers to slots in the order of their coming", () => {
    const number = fc.tuple(
      fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      fc.oneof(fc.constantFrom(0, 1, -1), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    )
    fc.assert(
      fc.property(fc.array(number, { maxLength: 300 }), fc.array(number), (present, asked) => {
        const cards = new Cards(0)
        const model = new Map<string, number>()
        for (const [lo, hi] of present) {
          if (!model.has(`${lo} ${hi}`)) model.set(`${lo} ${hi}`, cards.add(lo, hi, 203, 1, 0, 1, 1))
        }
        for (const [lo, hi] of [...present, ...asked]) {
          expect(find(cards, lo, hi)).toBe(model.get(`${lo} ${hi}`) ?? -1)
        }
      }),
    )
  })

  it("spread over shards and tables, also when numbers follow each other or differ in their upper digits only", () => {
    for (const step of [1n, 10n, 16n, 1_000_000n, 2n ** 32n, 2n ** 32n + 1n]) {
      const shards = new Array<number>(64).fill(0)
      for (let i = 0n; i < 64_000n; i++) {
        const number = 4_000_000_000_000_000n + i * step
        shards[
          numberHash(Number(number & 0xffff_ffffn) | 0, Number((number >> 32n) & 0xffff_ffffn) | 0) & 63
        ]++
      }
      // 1,000 ± 32 each, were it random: six of those.
      expect(Math.max(...shards), `step ${step}`).toBeLessThan(1_200)
      expect(Math.min(...shards), `step ${step}`).toBeGreaterThan(800)
    }
  })
})
