import { createCipheriv, createDecipheriv } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type BlockCipher,
  checkPin,
  decodePinBlock,
  encodePinBlock,
  pinFieldDigits,
  pinKeyTranscript,
  writeDecimal,
  writePanField,
} from "../src/index.ts"
import { u64 } from "./arbitraries.ts"

const ecb = (key: Uint8Array): { readonly encrypt: BlockCipher; readonly decrypt: BlockCipher } => {
  const name = `aes-${key.length * 8}-ecb`
  return {
    encrypt: (block) => createCipheriv(name, key, null).setAutoPadding(false).update(block),
    decrypt: (block) => createDecipheriv(name, key, null).setAutoPadding(false).update(block),
  }
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").toUpperCase()
const halves = (value: bigint) => [Number(value & 0xffff_ffffn), Number(value >> 32n)] as const

// Published by PyPI `psec` (1.3) and the crate `paysec` with their format 4 functions.
const published = ecb(Buffer.from("00112233445566778899AABBCCDDEEFF", "hex"))

const pin = fc.stringMatching(/^[0-9]{4,12}$/)
const card = fc.bigInt({ min: 0n, max: 10n ** 19n - 1n })
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

/** The same block by another road: text for the fields, CBC for the two encryptions with the exclusive or between. */
const independent = (key: Uint8Array, number: bigint, digits: string, fill: Uint8Array): string => {
  const length = digits.length.toString(16)
  const pinField = `4${length}${digits.padEnd(14, "A")}${hex(fill)}`
  const pan = String(number).padStart(12, "0")
  const panField = `${pan.length - 12}${pan}`.padEnd(32, "0")
  const cipher = createCipheriv("aes-256-cbc", key, Buffer.alloc(16)).setAutoPadding(false)
  const both = cipher.update(Buffer.from(pinField + panField, "hex"))
  return hex(both.subarray(16))
}

describe("a PIN block of format 4", () => {
  it("is the published one", () => {
    const fill = new Uint8Array(8).fill(0xff)
    const block = encodePinBlock(published.encrypt, 1_234_567_890_123_456_789n, "1234", fill)
    expect(hex(block)).toBe("28B41FDDD29B743E93124BD8E32D921E")
    expect(decodePinBlock(published.decrypt, 1_234_567_890_123_456_789n, block)).toBe("1234")
    for (const [digits, number, text] of [
      ["1234", 1_234_567_890_123_456n, "52DB178C6EDCE52E3A70F7FBC8E9C758"],
      ["123456", 123_456_789_012_345_678n, "847A0209C659E4C4A79CA6A2A2217D31"],
    ] as const) {
      expect(decodePinBlock(published.decrypt, number, Buffer.from(text, "hex"))).toBe(digits)
    }
  })

  it("is what text fields and AES-CBC give, and decodes to its PIN", () => {
    fc.assert(
      fc.property(bytesOf(32), card, pin, bytesOf(8), (key, number, digits, fill) => {
        const { encrypt, decrypt } = ecb(key)
        const block = encodePinBlock(encrypt, number, digits, fill)
        expect(hex(block)).toBe(independent(key, number, digits, fill))
        expect(decodePinBlock(decrypt, number, block)).toBe(digits)
      }),
    )
  })

  it("is none for another card, and any 16 bytes decode to a PIN or nothing", () => {
    const { encrypt, decrypt } = ecb(Buffer.alloc(32, 7))
    const block = encodePinBlock(encrypt, 6_000_000_000_000_000_017n, "4711", new Uint8Array(8))
    expect(decodePinBlock(decrypt, 6_000_000_000_000_000_018n, block)).toBeUndefined()
    expect(decodePinBlock(decrypt, 6_000_000_000_000_000_017n, block.subarray(1))).toBeUndefined()
    fc.assert(
      fc.property(u64, bytesOf(16), (number, any) => {
        const decoded = decodePinBlock(decrypt, number, any)
        if (decoded !== undefined) checkPin("pin", decoded)
      }),
    )
  })

  it("is refused, without the PIN in the words, for what is no PIN or too long a number", () => {
    const { encrypt } = ecb(Buffer.alloc(32))
    const fill = new Uint8Array(8)
    for (const wrong of ["123", "1234567890123", "12a4", "", "１２３４"]) {
      expect(() => encodePinBlock(encrypt, 1n, wrong, fill)).toThrow(/^pin must have 4 to 12 digits$/)
    }
    expect(() => encodePinBlock(encrypt, 10n ** 19n, "1234", fill)).toThrow(/at most 19 digits/)
    expect(() => encodePinBlock(encrypt, 1n, "1234", new Uint8Array(7))).toThrow(/fill has 8 bytes/)
    expect(writePanField(new Uint8Array(16), 0, ...halves(10n ** 19n))).toBe(false)
    expect(writePanField(new Uint8Array(16), 0, ...halves(10n ** 19n - 1n))).toBe(true)
  })

  it("has a field of format 4, 4 to 12 digits and A, and no other", () => {
    const digits = (text: string) => pinFieldDigits(Buffer.from(`${text}${"00".repeat(8)}`, "hex"), 0)
    expect(digits("441234AAAAAAAAAA")).toBe(4)
    expect(digits("4C123456789012AA")).toBe(12)
    for (const wrong of [
      "341234AAAAAAAAAA",
      "43123AAAAAAAAAAA",
      "4D1234567890123A",
      "44123AAAAAAAAAAA",
      "441234AAAAAAAAA0",
    ]) {
      expect(digits(wrong)).toBe(0)
    }
  })
})

describe("a number in packed digits", () => {
  it("has the digits of its text", () => {
    fc.assert(
      fc.property(u64, (value) => {
        const out = new Uint8Array(12).fill(0xee)
        writeDecimal(out, 1, ...halves(value))
        expect(hex(out)).toBe(`EE${String(value).padStart(20, "0")}EE`)
      }),
    )
  })
})

describe("the PIN key's transcript", () => {
  it("holds both nonces, of the right size", () => {
    const server = new Uint8Array(32).fill(1)
    const transcript = pinKeyTranscript(server, new Uint8Array(16).fill(2))
    expect(Buffer.from(transcript).toString("latin1")).toBe(
      `pin key 1\0${"\x01".repeat(32)}${"\x02".repeat(16)}`,
    )
    expect(() => pinKeyTranscript(server, new Uint8Array(15))).toThrow(RangeError)
    expect(() => pinKeyTranscript(server.subarray(1), new Uint8Array(16))).toThrow(RangeError)
  })
})
