// Card numbers: the digit that ends them, the order of serials, and numbers as words.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CardNumber, cardNumberOf, isLuhn, luhnDigit, SerialNumbers, serialsOf } from "../src/CardNumbers.ts"
import { numberHash } from "../src/hash.ts"

describe("Luhn's digit", () => {
  it("is right for published numbers", () => {
    // The algorithm's own example, and the test numbers that card schemes publish.
    const published = [
      "79927398713",
      "4111111111111111",
      "5555555555554444",
      "378282246310005",
      "6011111111111117",
      "30569309025904",
    ]
    for (const number of published) expect([number, isLuhn(number)]).toEqual([number, true])
    expect(luhnDigit("7992739871")).toBe(3)
    for (const digit of "012456789") expect(isLuhn(`7992739871${digit}`)).toBe(false)
  })

  it("finds every single wrong digit, and every two neighbours that change places but 0 and 9", () => {
    const digits = fc.stringMatching(/^[0-9]{12,18}$/)
    fc.assert(
      fc.property(digits, fc.nat(), fc.integer({ min: 1, max: 9 }), (payload, position, change) => {
        const number = payload + luhnDigit(payload)
        expect(isLuhn(number)).toBe(true)
        const at = position % number.length
        const wrong = (Number(number[at]) + change) % 10
        expect(isLuhn(number.slice(0, at) + wrong + number.slice(at + 1))).toBe(false)
        const [a, b] = number.slice(at, at + 2)
        if (b === undefined || a === b || new Set([a, b, "0", "9"]).size === 2) return
        expect(isLuhn(number.slice(0, at) + b + a + number.slice(at + 2))).toBe(false)
      }),
    )
  })
})

describe("a product's numbers", () => {
  it("are bin, serial and digit", () => {
    expect(cardNumberOf("411111", 16, 111_111_111)).toBe(4_111_111_111_111_111n)
    expect(String(cardNumberOf("9000", 19, 5))).toMatch(/^900000000000000005[0-9]$/)
    expect(String(cardNumberOf("900000", 13, 42))).toMatch(/^900000000042[0-9]$/)
    expect(serialsOf("900000", 13)).toBe(1_000_000)
  })

  it("have the digits asked for, are right, and go upward with the serial", () => {
    const of = fc.record({
      bin: fc.stringMatching(/^[1-9][0-9]{3,10}$/),
      digits: fc.integer({ min: 13, max: 19 }),
      serial: fc.oneof(fc.nat(), fc.maxSafeNat()),
    })
    fc.assert(
      fc.property(of, ({ bin, digits, serial: any }) => {
        const serial = any % (serialsOf(bin, digits) - 1)
        const number = String(cardNumberOf(bin, digits, serial))
        expect(number).toHaveLength(digits)
        expect(number.startsWith(bin)).toBe(true)
        expect(isLuhn(number)).toBe(true)
        const next = cardNumberOf(bin, digits, serial + 1)
        expect(next).toBeGreaterThan(BigInt(number))
        const numbers = new SerialNumbers(bin, digits, serial)
        expect(numbers.value).toBe(BigInt(number))
        numbers.advance()
        expect([numbers.value, numbers.hash]).toEqual([next, new CardNumber(next).hash])
      }),
    )
  })
})

it("a number is its two words, and counts up across them", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 10n }), fc.boolean(), (any, nearEdge) => {
      const first = nearEdge ? (any & ~0xffff_ffffn) | 0xffff_fffen : any
      const number = new CardNumber(first)
      for (let i = 0n; i < 4n; i++, number.advance()) {
        expect(number.value).toBe(BigInt.asUintN(64, first + i))
        expect(number.hash).toBe(numberHash(number.lo, number.hi))
      }
    }),
  )
})
