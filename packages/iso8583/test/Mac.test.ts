// MACs against the vectors that the standards publish.
import { describe, expect, it } from "vitest"
import { aesCmac, retailMac, sameMac } from "../src/index.ts"

const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

describe("X9.19 retail MAC, vectors of ISO/IEC 9797-1 annex B (algorithm 3, padding 1)", () => {
  const key = unhex("0123456789ABCDEF FEDCBA9876543210")
  it.each([
    ["Now is the time for all ", "a1c72e74ea3fa9b6"],
    ["Now is the time for it", "2e2b1428cc78254f"],
  ])("%s", (text, mac) => {
    expect(hex(retailMac(key, Buffer.from(text)))).toBe(mac)
  })

  it("of one block and of none is made too", () => {
    // With two equal halves it is plain DES-CBC: FIPS 81's "Now is t" under 0123456789abcdef in ECB.
    const single = unhex("0123456789abcdef0123456789abcdef")
    expect(hex(retailMac(single, Buffer.from("Now is t")))).toBe("3fa40e8a984d4815")
    expect(hex(retailMac(key, new Uint8Array(0)))).toBe(hex(retailMac(key, new Uint8Array(8))))
  })

  it("has a key of 16 bytes", () => {
    expect(() => retailMac(new Uint8Array(8), new Uint8Array(8))).toThrow(RangeError)
  })
})

describe("AES-CMAC, vectors of NIST SP 800-38B, appendix D", () => {
  const text = unhex(
    `6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
     30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710`.replaceAll(/\s/g, ""),
  )
  const keys = {
    128: "2b7e151628aed2a6abf7158809cf4f3c",
    192: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
    256: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
  } as const
  it.each([
    [128, 0, "bb1d6929e95937287fa37d129b756746"],
    [128, 16, "070a16b46b4d4144f79bdd9dd04a287c"],
    [128, 40, "dfa66747de9ae63030ca32611497c827"],
    [128, 64, "51f0bebf7e3b9d92fc49741779363cfe"],
    [192, 0, "d17ddf46adaacde531cac483de7a9367"],
    [192, 16, "9e99a7bf31e710900662f65e617c5184"],
    [192, 40, "8a1de5be2eb31aad089a82e6ee908b0e"],
    [192, 64, "a1d5df0eed790f794d77589659f39a11"],
    [256, 0, "028962f61b7bf89efc6b551f4667d983"],
    [256, 16, "28a7023f452e8f82bd4bf28d8c37c35c"],
    [256, 40, "aaf3d8f1de5640c232f5b169b9c911e6"],
    [256, 64, "e1992190549f6ed5696a2c056c315410"],
  ] as const)("AES-%i over %i bytes", (bits, size, mac) => {
    expect(hex(aesCmac(unhex(keys[bits]), text.subarray(0, size)))).toBe(mac)
  })

  it("has a key of AES", () => {
    expect(() => aesCmac(new Uint8Array(20), text)).toThrow(RangeError)
  })
})

it("two MACs are the same only when every byte and their sizes are", () => {
  const mac = Uint8Array.of(1, 2, 3, 4)
  expect(sameMac(mac, Uint8Array.of(1, 2, 3, 4))).toBe(true)
  expect(sameMac(mac, Uint8Array.of(1, 2, 3, 5))).toBe(false)
  expect(sameMac(mac, Uint8Array.of(1, 2, 3))).toBe(false)
})
