import fc from "fast-check"
import { expect, it } from "vitest"
import { amountText, parseAmount } from "../../src/pos/Money.ts"

it.each([
  ["12.50", 978, 1250],
  ["12,5", 978, 1250],
  ["12", 978, 1200],
  ["0.01", 978, 1],
  [" 7.00 ", 978, 700],
  ["1500", 392, 1500],
  ["1.5", 414, 1500],
  ["3.25", 999, 325],
])("%s in %i is %i minor units", (text, currency, amount) => {
  expect(parseAmount(text, currency)).toBe(amount)
})

it.each([
  ["0", 978],
  ["0.00", 978],
  ["-1", 978],
  ["12.505", 978],
  ["1.5", 392],
  ["", 978],
  [".", 978],
  [".50", 978],
  ["1e3", 978],
  ["1,000.00", 978],
  ["99999999999999.99", 978],
])("%s in %i is no amount", (text, currency) => {
  expect(parseAmount(text, currency)).toBeUndefined()
})

it("shows amounts as they are read aloud", () => {
  expect(amountText(125_050, 978)).toBe("EUR 1,250.50")
  expect(amountText(5, 978)).toBe("EUR 0.05")
  expect(amountText(0, 978)).toBe("EUR 0.00")
  expect(amountText(-1_000_000, 978)).toBe("EUR -10,000.00")
  expect(amountText(1_500, 392)).toBe("JPY 1,500")
  expect(amountText(1_500, 414)).toBe("KWD 1.500")
  expect(amountText(12, 8)).toBe("008 0.12")
})

it("reads what it shows", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 50 }),
      fc.constantFrom(978, 392, 414, 123),
      (amount, currency) => {
        const [, number] = amountText(amount, currency).split(" ")
        expect(parseAmount(number.replaceAll(",", ""), currency)).toBe(amount)
      },
    ),
  )
})
