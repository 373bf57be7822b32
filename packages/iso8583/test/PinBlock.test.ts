// PIN blocks: published examples, every PIN back under its card and key, and nothing of it in what goes wrong.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { tdesEcb } from "../src/Ciphers.ts"
import { format0Block, format0Pin, format4Block, format4Pin } from "../src/index.ts"

const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const pins = fc.stringMatching(/^[0-9]{4,12}$/)
const pans = fc.stringMatching(/^[0-9]{12,19}$/)
const keyOf = (...sizes: ReadonlyArray<number>) =>
  fc.constantFrom(...sizes).chain((size) => fc.uint8Array({ minLength: size, maxLength: size }))

describe("format 0", () => {
  const key = unhex("0123456789abcdeffedcba9876543210")

  it.each([
    // As PyPI psec publishes it, and as worked out by hand: 041234FFFFFFFFFF xor 0000987654321098.
    ["5544332211009966", "041277cddeeff669"],
    ["43219876543210987", "0412ac89abcdef67"],
  ])("has the published clear block of card %s", (pan, clear) => {
    expect(hex(tdesEcb("decrypt", key, format0Block(key, pan, "1234")))).toBe(clear)
  })

  it("gives every PIN back, under its own card only", () => {
    fc.assert(
      fc.property(keyOf(16, 24), pans, pins, (anyKey, pan, pin) => {
        const block = format0Block(anyKey, pan, pin)
        expect(format0Pin(anyKey, pan, block)).toBe(pin)
      }),
      { numRuns: 200 },
    )
    const block = format0Block(key, "4000001234567899", "123456")
    expect(format0Pin(key, "4000009234567899", block)).toBeUndefined()
    expect(format0Pin(key, "4000001234567899", new Uint8Array(8))).toBeUndefined()
    expect(format0Pin(key, "4000001234567899", new Uint8Array(16))).toBeUndefined()
    expect(format0Pin(key, "none", block)).toBeUndefined()
  })
})

describe("format 4", () => {
  // Published by PyPI psec and the crate paysec with their format 4 functions.
  const key = unhex("00112233445566778899AABBCCDDEEFF")

  it.each([
    ["1234", "1234567890123456789", "28b41fddd29b743e93124bd8e32d921e"],
    ["1234", "1234567890123456", "52db178c6edce52e3a70f7fbc8e9c758"],
    ["123456", "123456789012345678", "847a0209c659e4c4a79ca6a2a2217d31"],
  ])("reads the published block of PIN %s and card %s", (pin, pan, block) => {
    expect(format4Pin(key, pan, unhex(block))).toBe(pin)
  })

  it("writes the published block", () => {
    const block = format4Block(key, "1234567890123456789", "1234", new Uint8Array(8).fill(0xff))
    expect(hex(block)).toBe("28b41fddd29b743e93124bd8e32d921e")
  })

  it("gives every PIN back, under its own card only, and never the same block", () => {
    fc.assert(
      fc.property(keyOf(16, 24, 32), pans, pins, (anyKey, pan, pin) => {
        const block = format4Block(anyKey, pan, pin)
        expect(format4Pin(anyKey, pan, block)).toBe(pin)
        expect(hex(format4Block(anyKey, pan, pin))).not.toBe(hex(block))
      }),
      { numRuns: 200 },
    )
    const block = format4Block(key, "4000001234567899", "123456", new Uint8Array(8))
    expect(hex(format4Block(key, "4000001234567899", "123456", new Uint8Array(8)))).toBe(hex(block))
    expect(format4Pin(key, "4000009234567899", block)).toBeUndefined()
    expect(format4Pin(key, "4000001234567899", new Uint8Array(8))).toBeUndefined()
  })
})

it("what is no PIN or card is refused without being told", () => {
  const key = new Uint8Array(16)
  for (const block of [format0Block, format4Block]) {
    expect(() => block(key, "4000001234567899", "98x7")).toThrow(/^a PIN has 4 to 12 digits$/)
    expect(() => block(key, "4000001234567899", "1234567890123")).toThrow(/^a PIN has 4 to 12 digits$/)
    expect(() => block(key, "40000012x", "1234")).toThrow(/^a card number has 1 to 19 digits$/)
  }
})
