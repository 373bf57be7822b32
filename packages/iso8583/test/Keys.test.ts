// Keys: published check values and wraps, and every key back from its wrap.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { keyCheckValue, legacyAesCheckValue, unwrapKey, withOddParity, wrapKey } from "../src/index.ts"

const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const ofSize = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })

describe("a check value", () => {
  it("of a TDES key begins its zeros", () => {
    expect(hex(keyCheckValue("tdes", unhex("0123456789abcdef0123456789abcdef")))).toBe("d5d44f")
    expect(hex(keyCheckValue("tdes", unhex("0123456789abcdeffedcba9876543210")))).toBe("08d7b4")
  })

  it("of an AES key is its CMAC's, or the older one", () => {
    // FIPS 197's key of zeros: E(0) = 66e94bd4ef8a2c3b…
    expect(hex(legacyAesCheckValue(new Uint8Array(16)))).toBe("66e94b")
    expect(hex(keyCheckValue("aes", new Uint8Array(16)))).not.toBe("66e94b")
  })
})

describe("a wrap", () => {
  it("under AES is RFC 3394's (4.1, 4.3, 4.6)", () => {
    const master = unhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")
    const key = unhex("00112233445566778899AABBCCDDEEFF")
    const wrapped = "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"
    expect(hex(wrapKey("aes", master.subarray(0, 16), key))).toBe(wrapped)
    expect(hex(wrapKey("aes", master, key))).toBe("64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7")
    const long = unhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    expect(hex(wrapKey("aes", master, long))).toBe(
      "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
    )
  })

  it("gives every key back, and refuses what was changed", () => {
    fc.assert(
      fc.property(ofSize(32), ofSize(32), fc.nat(39), (master, key, place) => {
        const wrapped = wrapKey("aes", master, key)
        expect(unwrapKey("aes", master, wrapped)).toEqual(key)
        wrapped[place] ^= 1
        expect(unwrapKey("aes", master, wrapped)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
    fc.assert(
      fc.property(ofSize(16), ofSize(24), (master, any) => {
        const key = withOddParity(any)
        expect(unwrapKey("tdes", master, wrapKey("tdes", master, key))).toEqual(key)
      }),
      { numRuns: 50 },
    )
    expect(unwrapKey("tdes", new Uint8Array(16), new Uint8Array(8))).toBeUndefined()
    expect(unwrapKey("aes", new Uint8Array(16), new Uint8Array(8))).toBeUndefined()
    expect(() => wrapKey("tdes", new Uint8Array(16), new Uint8Array(32))).toThrow(RangeError)
  })
})

it("odd parity is in every byte, and no other bit changes", () => {
  fc.assert(
    fc.property(ofSize(16), (key) => {
      const odd = withOddParity(key)
      for (let i = 0; i < key.length; i++) {
        expect(odd[i].toString(2).replaceAll("0", "").length % 2).toBe(1)
        expect(odd[i] >> 1).toBe(key[i] >> 1)
      }
    }),
  )
})
