import { createHmac } from "node:crypto"
import { describe, expect, it } from "vitest"
import { CheckValues } from "../src/CheckValues.ts"

const schemeKey = Buffer.alloc(32, 3)
const card = 6_000_000_000_000_000_017n
const hour = 3_600_000

/** The same by text. */
const independent = (number: bigint, nonce: number) => {
  const key = createHmac("sha256", schemeKey).update("card check\0").digest()
  const nonceBytes = Buffer.alloc(4)
  nonceBytes.writeUInt32LE(nonce)
  const text = Buffer.concat([Buffer.from(String(number).padStart(20, "0"), "hex"), nonceBytes])
  const mac = createHmac("sha256", key).update(text).digest("hex")
  return String(BigInt(`0x${mac.slice(0, 12)}`) % 1_000_000n).padStart(6, "0")
}
const another = (value: string) => (value === "000000" ? "000001" : "000000")

describe("a check value", () => {
  it("is six digits of the card and its nonce", () => {
    const values = new CheckValues(schemeKey)
    for (let i = 0; i < 200; i++) {
      const value = values.of(card + BigInt(i), 0xffff_ff00 + i)
      expect(value).toMatch(/^[0-9]{6}$/)
      expect(value).toBe(independent(card + BigInt(i), 0xffff_ff00 + i))
    }
    expect(values.of(card, 1)).not.toBe(values.of(card, 2))
  })

  it("may be wrong twice in a row; the third time locks the card for an hour, for the right one too", () => {
    const values = new CheckValues(schemeKey)
    const right = values.of(card, 9)
    const wrong = another(right)
    const check = (said: string, ms: number, nonce: number | undefined = 9) =>
      values.check(card, nonce, said, ms)
    expect(check(wrong, 0)).toEqual({ valid: false, triesLeft: 2 })
    expect(check(wrong, 0)).toEqual({ valid: false, triesLeft: 1 })
    expect(check(right, 0)).toEqual({ valid: true, triesLeft: 3 })
    for (const left of [2, 1, 0]) expect(check(wrong, 5)).toEqual({ valid: false, triesLeft: left })
    expect(check(right, 6)).toEqual({ valid: false, triesLeft: 0 })
    expect(check(right, 4 + hour)).toEqual({ valid: false, triesLeft: 0 })
    expect(check(right, 5 + hour)).toEqual({ valid: true, triesLeft: 3 })
    expect(values.check(card + 1n, 9, values.of(card + 1n, 9), 6)).toEqual({ valid: true, triesLeft: 3 })
  })

  it("of a card that does not exist is wrong like any other", () => {
    const values = new CheckValues(schemeKey)
    const said = values.of(card, 0)
    for (const left of [2, 1, 0]) {
      expect(values.check(card, undefined, said, 0)).toEqual({ valid: false, triesLeft: left })
    }
  })

  it("that was wrong longest ago is forgotten when there are wrong ones of too many cards, and no other", () => {
    const values = new CheckValues(schemeKey, 100)
    const wrongOf = (i: number, ms: number) => {
      const number = card + BigInt(i)
      return values.check(number, 9, another(values.of(number, 9)), ms)
    }
    for (let i = 0; i < 100; i++) wrongOf(i, 0)
    expect(wrongOf(0, 1)).toEqual({ valid: false, triesLeft: 1 })
    // Any other card is answered as ever, and card 1 pays for it.
    expect(wrongOf(70_000, 1)).toEqual({ valid: false, triesLeft: 2 })
    expect(wrongOf(0, 1)).toEqual({ valid: false, triesLeft: 0 })
    expect(wrongOf(2, 1)).toEqual({ valid: false, triesLeft: 1 })
    expect(wrongOf(1, 1)).toEqual({ valid: false, triesLeft: 2 })
  })
})
