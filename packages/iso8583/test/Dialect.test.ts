// Dialects as files: what comes along is whole, and every mistake in one's own is told with its line and key.
import { readFileSync } from "node:fs"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  answerMti,
  answerTo,
  baseMti,
  checkRequest,
  type Dialect,
  decode,
  dialectNames,
  encode,
  isAdvice,
  isRepeat,
  isRequest,
  loadDialect,
  message,
  operationOf,
  originalOf,
  originalText,
  parseDialect,
  responseOf,
} from "../src/index.ts"
import { dialects } from "./arbitraries.ts"

const [ascii, , later] = dialects
const textOf = (name: string): string =>
  readFileSync(new URL(`../dialects/${name}.yaml`, import.meta.url), "utf8")
const good = textOf("iso1987")

/** The errors of the 1987 dialect in which one text stands for another. */
const told = (from: string, to: string): ReadonlyArray<string> => {
  if (!good.includes(from)) throw new Error(`the dialect has no ${from}`)
  const parsed = parseDialect(good.replace(from, to), "mine.yaml")
  return Result.isFailure(parsed) ? parsed.failure : []
}
const lineOf = (piece: string): number => good.slice(0, good.indexOf(piece)).split("\n").length

describe("dialects that come along", () => {
  it.each(dialectNames)("%s has every message and field that is promised", (name) => {
    const dialect = Result.getOrThrow(loadDialect(name))
    const network = name === "iso1993" ? "804" : "800"
    for (const type of ["100", "200", "220", "400", "420", "500", network]) {
      const mti = dialect.version + type
      expect(dialect.requests.has(mti), mti).toBe(true)
      expect(
        dialect.operations.some((operation) => operation.mti === mti),
        mti,
      ).toBe(true)
    }
    const common = `2 3 4 7 11 12 13 14 18 22 25 32 35 37 38 39 41 42 43 44 48 49 52 54 55 60 62 63 64
      74 75 76 77 86 87 88 89 95 96 97 102 103 128`
    const own = name === "iso1993" ? "24 30 56" : "66 70 90"
    for (const field of `${common} ${own}`.split(/\s+/))
      expect(dialect.fields.has(Number(field)), field).toBe(true)
  })
})

describe("a mistake in a dialect is told with file, line and key:", () => {
  const cases: ReadonlyArray<readonly [string, string, string, RegExp]> = [
    ["a format that is none", "format: n..19", "format: n..199", /fields\.2\.format: .*"n\.\.19"/],
    [
      "a field without a name",
      "{ format: n 6, name: processing code }",
      "{ format: n 6 }",
      /fields\.3\.name/,
    ],
    ["an unknown coding", "bitmap: binary", "bitmap: ebcdic", /bitmap: .*binary/],
    ["an unknown key", "name: track 2 }", "name: track 2, wide: 3 }", /fields\.35\.wide/],
    ["an unknown kind", "kind: recharge", "kind: load", /operations\.6\.kind/],
    ["a type without quotes", '"0100", when: { 3: "02" }', '0100, when: { 3: "02" }', /operations\.1\.mti/],
    [
      "an operation on an answer",
      '"0100", when: { 3: "02" }',
      '"0110", when: { 3: "02" }',
      /operations\.1\.mti/,
    ],
    [
      "another version's type",
      '"0100", when: { 3: "02" }',
      '"1100", when: { 3: "02" }',
      /operations\.1\.mti/,
    ],
    [
      "a field that isn't there",
      "needs: [7, 11, 70]",
      "needs: [7, 11, 71]",
      /requests\.0800\.needs\.2: field 71/,
    ],
    ["a use of a field that isn't there", "original: 90", "original: 91", /uses\.original: field 91/],
    ["a time that is none", "time: 7 ", "time: 11 ", /uses\.time: field 11 is n 6/],
  ]
  for (const [what, from, to, expected] of cases) {
    it(what, () => {
      const errors = told(from, to)
      expect(errors[0]).toMatch(expected)
      expect(errors[0]).toMatch(new RegExp(`^mine\\.yaml:${lineOf(from)}:[0-9]+: `))
    })
  }

  it("a field's number that is none, under fields", () => {
    expect(told("  2: {", "  129: {").join("\n")).toMatch(/mine\.yaml:[0-9]+:[0-9]+: fields/)
  })

  it("a text that is no YAML", () => {
    expect(told("fields:", "fields: [")[0]).toMatch(/^mine\.yaml:[0-9]+:[0-9]+: not YAML: /)
    expect(told("name: iso1987", "name: iso1987\nname: twice")[0]).toMatch(/^mine\.yaml:4:1: not YAML: /)
  })

  it("a file that isn't there", () => {
    expect(loadDialect("/nowhere/mine.yaml")).toMatchObject({
      failure: [
        "/nowhere/mine.yaml: there is no such file, and the dialects that come along are iso1987, iso1987-bcd, iso1993",
      ],
    })
  })
})

it("a dialect of one's own has its codings, and each field its own", () => {
  const mine = good
    .replace("bitmap: binary", "bitmap: hex")
    .replace("lengths: ascii", "lengths: bcd")
    .replace("{ format: n 6, name: processing code }", "{ format: n 6, digits: bcd, name: processing code }")
    .replace("{ format: b 8, name: PIN block }", "{ format: b 8, binary: hex, name: PIN block }")
    .replace('{ format: n 3, name: "currency', '{ format: n 3, digits: bcd, odd: right-0, name: "currency')
  const dialect = Result.getOrThrow(parseDialect(mine, "mine.yaml"))
  const sent = message("0200", {
    2: "4000001234567899",
    3: "210000",
    49: "978",
    52: new Uint8Array(8).fill(0xab),
  })
  const bytes = Result.getOrThrow(encode(sent, dialect))
  expect(Buffer.from(bytes).toString("latin1")).toBe(
    `02006000000000009000\x164000001234567899\x21\x00\x00\x97\x80${"AB".repeat(8)}`,
  )
  expect(Result.getOrThrow(decode(bytes, dialect))).toEqual(sent)
})

describe("a message type", () => {
  it.each([
    ["0200", "0200", false, "0210"],
    ["0201", "0200", true, "0210"],
    ["0221", "0220", true, "0230"],
    ["0420", "0420", false, "0430"],
    ["1805", "1804", true, "1814"],
  ])("%s is %s, repeated %s, answered by %s", (mti, base, repeat, answer) => {
    expect([baseMti(mti), isRepeat(mti), answerMti(mti)]).toEqual([base, repeat, answer])
    expect(isRequest(mti)).toBe(true)
    expect(isRequest(answer)).toBe(false)
  })

  it("tells an advice", () => {
    expect(["0420", "0221", "0200", "0400", "0430"].map(isAdvice)).toEqual([true, true, false, false, false])
  })
})

describe("a request", () => {
  const kind = (dialect: Dialect, mti: string, fields: Parameters<typeof message>[1]) =>
    operationOf(dialect, message(mti, fields))

  it("asks for what the dialect says", () => {
    expect(kind(ascii, "0200", { 3: "003000" })).toBe("purchase")
    expect(kind(ascii, "0201", { 3: "000000" })).toBe("purchase")
    expect(kind(ascii, "0200", { 3: "210000" })).toBe("recharge")
    expect(kind(ascii, "0100", { 3: "000000" })).toBe("preauthorisation")
    expect(kind(ascii, "0220", { 3: "000000" })).toBe("completion")
    expect(kind(ascii, "0421", {})).toBe("reversal")
    expect(kind(ascii, "0800", { 70: "161" })).toBe("keyChange")
    expect(kind(ascii, "0800", {})).toBeUndefined()
    expect(kind(ascii, "0200", { 3: "990000" })).toBeUndefined()
    expect(kind(ascii, "0300", { 3: "000000" })).toBeUndefined()
    expect(kind(later, "1804", { 24: "831" })).toBe("echo")
  })

  it("that lacks a field is told which", () => {
    const whole = message("0200", { 3: "000000", 7: "1122101010", 11: "1", 41: "1" })
    expect(checkRequest(ascii, whole)).toBeUndefined()
    expect(checkRequest(ascii, message("0201", { 3: "000000", 7: "1122101010", 41: "1" }))).toMatchObject({
      code: "missing-field",
      field: 11,
    })
    expect(checkRequest(ascii, message("0300", {}))).toMatchObject({ code: "bad-mti" })
  })

  it("gets its own fields back in the answer, and what is new", () => {
    const request = message("0201", {
      2: "4000001234567899",
      11: "000007",
      35: "4000=1",
      41: "00000001",
      52: new Uint8Array(8),
    })
    const answer = answerTo(request, ascii, { 38: undefined, 39: "00" })
    expect(answer).toEqual({
      mti: "0210",
      fields: new Map([
        [2, "4000001234567899"],
        [11, "000007"],
        [41, "00000001"],
        [39, "00"],
      ]),
    })
  })

  it("is answered with the dialect's own code", () => {
    expect(responseOf(ascii, "51")).toBe("51")
    expect(responseOf(later, "51", "1200")).toBe("116")
    expect(responseOf(later, "00", "1200")).toBe("000")
    expect(responseOf(later, "00", "1421")).toBe("400")
    expect(responseOf(later, "00", "1500")).toBe("500")
    expect(responseOf(later, "30", "1804")).toBe("904")
  })

  it("names its original, in 90 or in 56", () => {
    for (const [dialect, time] of [
      [ascii, "1122101010"],
      [later, "261122101010"],
    ] as const) {
      const original = { mti: `${dialect.version}200`, stan: "000042", time }
      const field = dialect.uses.original!
      const sent = message(`${dialect.version}420`, {
        [field]: originalText(original, dialect, "123456", "7"),
      })
      const got = Result.getOrThrow(decode(Result.getOrThrow(encode(sent, dialect)), dialect))
      expect(originalOf(got, dialect)).toEqual(original)
      expect(originalOf(message("0420", {}), dialect)).toBeUndefined()
    }
  })
})
