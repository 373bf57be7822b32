// Messages as bytes: published examples by hand, every message back as it was, every refusal with its place.
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type Dialect,
  decode,
  encode,
  ISO_MESSAGE_BYTES_MAX,
  type IsoProblem,
  loadDialect,
  macPartsOf,
  message,
  withLengths,
} from "../src/index.ts"
import { dialects, messageOf, turned } from "./arbitraries.ts"

const [ascii, bcd, later] = dialects
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const bytesOf = (dialect: Dialect, mti: string, fields: Parameters<typeof message>[1]): Uint8Array =>
  Result.getOrThrow(encode(message(mti, fields), dialect))
const problemOf = (bytes: Uint8Array, dialect: Dialect): IsoProblem => {
  const decoded = decode(bytes, dialect)
  if (Result.isSuccess(decoded)) throw new Error("it was decoded")
  return decoded.failure
}
const text = (characters: string): Uint8Array => Buffer.from(characters, "latin1")

describe("bytes", () => {
  it("of an echo in ASCII with a binary bitmap are these", () => {
    expect(hex(bytesOf(ascii, "0800", { 7: "1122101010", 11: "123456", 70: "301" }))).toBe(
      `${hex(text("0800"))}8220000000000000${"0400000000000000"}${hex(text("1122101010123456301"))}`,
    )
  })

  it("of a purchase in BCD are these", () => {
    const fields = { 2: "4000001234567", 3: "0", 4: "1050", 35: "4000001234567=2512", 49: "978", 97: "D12" }
    expect(hex(bytesOf(bcd, "0200", fields))).toBe(
      [
        "0200",
        "f000000020008000",
        "0000000080000000",
        "13" + "04000001234567",
        "000000",
        "000000001050",
        "18" + "4000001234567d2512",
        "0978",
        "44" + "0000000000000012",
      ].join(""),
    )
  })

  it("of track 2 with an odd number of digits end in F", () => {
    expect(hex(bytesOf(bcd, "0200", { 35: "123=4" }))).toBe("02000000000020000000" + "05" + "123d4f")
  })

  it("of a length of three digits in BCD are two", () => {
    expect(hex(bytesOf(bcd, "0200", { 62: "Hello" }))).toBe(
      `0200${"0000000000000004"}0005${hex(text("Hello"))}`,
    )
  })

  it("fill numbers with zeros in front and text with spaces behind", () => {
    const decoded = Result.getOrThrow(
      decode(bytesOf(ascii, "0200", { 11: "7", 42: "SHOP", 97: "C5" }), ascii),
    )
    expect([...decoded.fields.values()]).toEqual(["000007", "SHOP           ", "C0000000000000005"])
  })
})

describe("any message", () => {
  const all = dialects.flatMap((dialect) => [dialect, turned(dialect)])

  it("comes back as it was, and its bytes too", () => {
    for (const dialect of all) {
      fc.assert(
        fc.property(messageOf(dialect), (sent) => {
          const bytes = Result.getOrThrow(encode(sent, dialect))
          const got = Result.getOrThrow(decode(bytes, dialect))
          expect(got.mti).toBe(sent.mti)
          expect(new Map(got.fields)).toEqual(new Map([...sent.fields].sort(([a], [b]) => a - b)))
          expect(hex(Result.getOrThrow(encode(got, dialect)))).toBe(hex(bytes))
        }),
        { numRuns: 60 },
      )
    }
  })

  it("that is cut at any byte is too short, and never anything else", () => {
    for (const dialect of all) {
      fc.assert(
        fc.property(messageOf(dialect), (sent) => {
          const bytes = Result.getOrThrow(encode(sent, dialect))
          for (let end = 0; end < bytes.length; end++) {
            expect(problemOf(bytes.subarray(0, end), dialect).code).toBe("too-short")
          }
        }),
        { numRuns: 6 },
      )
    }
  })

  it("with a byte behind it is too long", () => {
    for (const dialect of all) {
      fc.assert(
        fc.property(messageOf(dialect), (sent) => {
          const bytes = Result.getOrThrow(encode(sent, dialect))
          const longer = Uint8Array.of(...bytes, 0x30)
          const code = bytes.length === ISO_MESSAGE_BYTES_MAX ? "message-too-long" : "too-long"
          expect(problemOf(longer, dialect).code).toBe(code)
        }),
        { numRuns: 20 },
      )
    }
  })

  it("does not change with the buffer that it was read from", () => {
    const bytes = bytesOf(ascii, "0200", { 52: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) })
    const decoded = Result.getOrThrow(decode(bytes, ascii))
    bytes.fill(0)
    expect(decoded.fields.get(52)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
  })
})

describe("a refusal", () => {
  const cases: ReadonlyArray<readonly [string, Dialect, Uint8Array, string, number, number]> = [
    ["of a type that is no number", ascii, text("02O0\0\0\0\0\0\0\0\0"), "bad-mti", 0, 0],
    ["of another version's type", ascii, text("1200\0\0\0\0\0\0\0\0"), "bad-mti", 0, 0],
    ["of a packed type that is no number", bcd, Buffer.from("02a00000000000000000", "hex"), "bad-mti", 0, 0],
    ["of a field that the dialect lacks", ascii, text("0200\x08\0\0\0\0\0\0\0"), "unknown-field", 5, 12],
    [
      "of a third bitmap",
      ascii,
      text(`0200\x80${"\0".repeat(7)}\x80${"\0".repeat(7)}`),
      "unknown-field",
      65,
      20,
    ],
    ["of a length that is no number", ascii, text("0200\x40\0\0\0\0\0\0\x001x123"), "bad-length", 2, 12],
    [
      "of a length over the largest",
      ascii,
      text(`0200\x40\0\0\0\0\0\0\x0020${"1".repeat(20)}`),
      "bad-length",
      2,
      12,
    ],
    [
      "of a length that is not packed decimal",
      bcd,
      Buffer.from("020040000000000000001a11", "hex"),
      "bad-length",
      2,
      10,
    ],
    ["of a letter in a number", ascii, text("0200\x20\0\0\0\0\0\0\x0000a000"), "bad-value", 3, 14],
    ["of a half byte over nine", bcd, Buffer.from("0200200000000000000000b000", "hex"), "bad-value", 3, 11],
    [
      "of an odd half byte that is not zero",
      bcd,
      Buffer.from("020000000000000080001978", "hex"),
      "bad-value",
      49,
      10,
    ],
    ["of a control character in text", ascii, text(`0200\0\0\0\0\0\x80\0\x00SHOP\n001`), "bad-value", 41, 16],
    [
      "of an amount without sign",
      ascii,
      text(`0200\x80${"\0".repeat(11)}\x80\0\0\0${"0".repeat(17)}`),
      "bad-value",
      97,
      20,
    ],
  ]
  for (const [what, dialect, bytes, code, field, at] of cases) {
    it(`${what}: ${code}`, () => {
      const problem = problemOf(bytes, dialect)
      expect([problem.code, problem.field, problem.at]).toEqual([code, field, at])
    })
  }

  it("of a bitmap that is not hexadecimal names the bitmap", () => {
    expect(problemOf(text("0200000000000000000g"), turned(ascii))).toMatchObject({
      code: "bad-bitmap",
      field: 1,
    })
  })

  it("of more bytes than a message has comes before any reading", () => {
    expect(problemOf(new Uint8Array(ISO_MESSAGE_BYTES_MAX + 1), ascii).code).toBe("message-too-long")
  })

  it("keeps what was read before, where printing does not find it", () => {
    const bytes = bytesOf(ascii, "0200", { 2: "4000001234567899", 11: "42", 41: "00001001" })
    bytes[bytes.length - 1] = 10
    const problem = problemOf(bytes, ascii)
    expect(problem.partial?.mti).toBe("0200")
    expect(problem.partial?.fields.get(11)).toBe("000042")
    expect(`${JSON.stringify(problem)} ${problem.message} ${String(Object.entries(problem))}`).not.toContain(
      "4000",
    )
  })
})

describe("what can't be written", () => {
  const refusal = (mti: string, fields: Parameters<typeof message>[1]): string => {
    const encoded = encode(message(mti, fields), ascii)
    if (Result.isSuccess(encoded)) throw new Error("it was encoded")
    return `${encoded.failure.code} ${encoded.failure.field}`
  }

  it("is named by its field", () => {
    expect(refusal("0210", { 5: "1" })).toBe("unknown-field 5")
    expect(refusal("0210", { 39: "000" })).toBe("bad-value 39")
    expect(refusal("0210", { 4: "12x" })).toBe("bad-value 4")
    expect(refusal("0210", { 43: "€" })).toBe("bad-value 43")
    expect(refusal("0210", { 52: "12345678" })).toBe("bad-value 52")
    expect(refusal("0210", { 2: Uint8Array.of(1) })).toBe("bad-value 2")
    expect(refusal("0210", { 52: new Uint8Array(16) })).toBe("bad-value 52")
    expect(refusal("0210", { 97: "12" })).toBe("bad-value 97")
    expect(refusal("1210", {})).toBe("bad-mti 0")
    expect(refusal("210", {})).toBe("bad-mti 0")
    expect(refusal("0210", { 129: "1" })).toBe("unknown-field 129")
    expect(refusal("0210", { 1: "1" })).toBe("unknown-field 1")
  })

  it("never stands in the message about it", () => {
    const encoded = encode(message("0200", { 2: "4000001234567899x" }), ascii)
    expect(Result.isFailure(encoded) && encoded.failure.message).not.toMatch(/4000|899/)
  })
})

describe("a MAC", () => {
  const sum = (bytes: Uint8Array): Uint8Array =>
    new Uint8Array(16).fill(bytes.reduce((a, b) => (a + b) & 0xff, 0))

  for (const dialect of [ascii, bcd, later, turned(ascii)]) {
    for (const [field, more] of [
      [64, {}],
      [128, { 103: "PAYEE" }],
    ] as const) {
      it(`stands in ${field} of ${dialect.name} and covers everything before it`, () => {
        const sent = message(`${dialect.version}200`, { 11: "42", ...more })
        const bytes = Result.getOrThrow(encode(sent, dialect, sum))
        const got = Result.getOrThrow(decode(bytes, dialect))
        expect(got.fields.has(field)).toBe(true)
        const parts = macPartsOf(bytes, got, dialect)!
        expect(parts.mac).toEqual(sum(parts.covered).subarray(0, 8))
        const size = turned(ascii).bitmap === dialect.bitmap ? 16 : 8
        expect(parts.covered.length).toBe(bytes.length - size)
      })
    }
  }

  it("in 64 of a message that has fields beyond it is none", () => {
    const bytes = bytesOf(ascii, "0800", { 64: new Uint8Array(8), 70: "301" })
    expect(macPartsOf(bytes, Result.getOrThrow(decode(bytes, ascii)), ascii)).toBeUndefined()
  })
})

it("PIN blocks of format 4 need a longer field", () => {
  const longer = withLengths(ascii, { 52: "b 16" })
  const block = new Uint8Array(16).fill(5)
  const bytes = bytesOf(longer, "0200", { 52: block })
  expect(Result.getOrThrow(decode(bytes, longer)).fields.get(52)).toEqual(block)
  expect(() => withLengths(ascii, { 5: "n 1" })).toThrow(RangeError)
  expect(() => withLengths(ascii, { 52: "n 16" })).toThrow(RangeError)
  expect(Result.isSuccess(loadDialect("iso1987"))).toBe(true)
})
