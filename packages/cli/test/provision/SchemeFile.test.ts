import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { parseScheme } from "../../src/provision/SchemeFile.ts"

const errors = (text: string, file = "s.yaml"): ReadonlyArray<string> => {
  const result = parseScheme(text, file)
  return Result.isFailure(result) ? result.failure : []
}

const parsed = (text: string) => Result.getOrThrow(parseScheme(text, "s.yaml"))

describe("parseScheme", () => {
  it("reads JSON as it always did; card numbers may be text, which holds 19 digits", () => {
    const text = JSON.stringify({
      merchants: [{ number: 1, name: "A", currency: 978, feeBasisPoints: 80 }],
      terminals: [{ first: 10, count: 2, merchant: 1, keys: true }],
      hosts: [{ id: "acquirer", terminals: [[10, 11]], permissions: ["transact"] }],
      cards: [
        { first: "9223372036854775807", currency: 978 },
        { first: 5, count: 2, currency: 978, openingBalance: 7 },
      ],
    })
    expect(parsed(text)).toEqual({
      merchants: [{ number: 1, name: "A", currency: 978, feeBasisPoints: 80 }],
      terminals: [{ first: 10, count: 2, merchant: 1, keys: true }],
      hosts: [{ id: "acquirer", terminals: [[10, 11]], permissions: ["transact"] }],
      cards: [
        { first: 9_223_372_036_854_775_807n, currency: 978 },
        { first: 5n, count: 2, currency: 978, openingBalance: 7 },
      ],
    })
  })

  it("reads JSON that is indented by tabs, with escapes of its own", () => {
    const text =
      '{\n\t"merchants": [\n\t\t{ "number": 1, "name": "\\u00e9\\/\\ud83d\\ude00", "currency": 978 }\n\t]\n}\n'
    expect(parsed(text).merchants?.[0].name).toBe("é/😀")
  })

  it("reads YAML: digits without quotes, one fee for all amounts, days, anchors", () => {
    const scheme = parsed(`
merchants:
  - &bakery { number: 1, name: A, currency: 978, purchaseFee: &fee { basisPoints: 80 } }
  - { number: 2, name: B, currency: 978, rechargeFee: *fee, float: { amount: 5, reference: 20260101 } }
products:
  - { number: 3, name: Gift, currency: 978, bin: 597003, purses: [{ purse: bonus }] }
cards:
  - { first: 9223372036854775807, currency: 978 }
  - { product: 3, count: 5 }
funds:
  - { product: 3, purse: bonus, amount: 5, reference: 7, expires: 1970-01-31 }
`)
    expect(scheme).toMatchObject({
      merchants: [
        { purchaseFee: [{ basisPoints: 80 }] },
        { rechargeFee: [{ basisPoints: 80 }], float: [{ amount: 5, reference: 20_260_101n }] },
      ],
      products: [{ bin: "597003" }],
      cards: [{ first: 9_223_372_036_854_775_807n }, { product: 3, count: 5 }],
      funds: [{ reference: 7n, expires: 30 }],
    })
  })
})

describe("a mistake", () => {
  const at = (merchant: string) => errors(`merchants:\n  - ${merchant}\n`)

  it("names file, line and column, the key, what is allowed and what was found", () => {
    expect(errors("merchants:\n  - number: 1\n    name: A\n    currency: EUR\n")).toEqual([
      's.yaml:4:15: merchants[0].currency: expected a whole number from 1 to 999, found "EUR"',
    ])
    expect(
      errors('{"terminals":\n[{"first":1,"merchant":1},\n {"first":"x","merchant":1}]}', "s.json"),
    ).toEqual(['s.json:3:11: terminals[1].first: expected a whole number from 1 to 4294967295, found "x"'])
    expect(errors("hosts: [{ id: a b, terminals: [[5, 3]], permissions: [] }]")).toEqual([
      's.yaml:1:15: hosts[0].id: expected 1 to 64 letters, digits, dots, dashes or underscores, found "a b"',
      "s.yaml:1:32: hosts[0].terminals[0]: expected a range's end not before its beginning, found a list",
    ])
  })

  it("in a key that is not known says which there are, and which was meant; one mistake is told once", () => {
    expect(errors("merchnats: []")).toEqual([
      expect.stringMatching(
        /^s\.yaml:1:1: merchnats: there is no such key \(did you mean "merchants"\?\); there may be /,
      ),
    ])
    expect(at("{ number: 1, nmae: A, currency: 978 }")).toEqual([
      expect.stringMatching(
        /^s\.yaml:2:18: merchants\[0\]\.nmae: .*\(did you mean "name"\?\); there may be number, name/,
      ),
    ])
    expect(at("{ number: 1, name: A, currency: 978, purchaseFee: { basisPonts: 5 } }")).toEqual([
      expect.stringMatching(
        /purchaseFee\.basisPonts: .*"basisPoints"\?\); there may be upTo, fixed, basisPoints, min, max$/,
      ),
    ])
    expect(errors("cards: [{ product: 3, cuont: 5 }]")).toEqual([
      expect.stringMatching(
        /cards\[0\]\.cuont: .*"count"\?\); there may be product, count, serial, active, holder, out$/,
      ),
    ])
  })

  it("in one of a few words says which was meant", () => {
    expect(errors("terminals: [{ first: 1, merchant: 1, kinds: [purchas] }]")[0]).toMatch(
      /kinds\[0\]: expected balance, purchase, .*, found "purchas" \(did you mean "purchase"\?\)$/,
    )
    expect(at("{ number: 1, name: A, currency: 978, status: suspnded }")[0]).toMatch(
      /expected active or suspended, found "suspnded" \(did you mean "suspended"\?\)$/,
    )
  })

  it("in what is missing is placed at what should hold it", () => {
    expect(errors("merchants:\n  - name: A\n    currency: 978\n")).toEqual([
      "s.yaml:2:5: merchants[0]: number is missing: a whole number from 1 to 4294967295",
    ])
  })

  it("between keys is placed at the one to mend", () => {
    const fees = "rechargeFee: [{ upTo: 5 }, { upTo: 3 }, {}]"
    expect(at(`{ number: 1, name: A, currency: 978, ${fees} }`)).toEqual([
      "s.yaml:2:77: merchants[0].rechargeFee[1].upTo: must be more than the tier before's 5",
    ])
    const product = "products:\n  - number: 1\n    name: P\n    currency: 978\n    bin: 597001\n"
    expect(errors(`${product}    order: [main, bonus]\n`)).toEqual([
      "s.yaml:6:19: products[0].order[1]: is not among the product's purses",
    ])
    expect(errors(`${product}    bonus: { basisPoints: 5 }\n`)[0]).toMatch(
      /^s\.yaml:6:12: products\[0\]\.bonus: needs a purse/,
    )
    expect(errors("funds: [{ card: 5, amount: 5, reference: 1, expires: 2027-01-01 }]")[0]).toMatch(
      /expires: the main purse does not expire$/,
    )
  })

  it("never shows a card number whole, or a code", () => {
    expect(errors("cards: [{ first: 5, currency: 5970010000000018 }]").join()).toContain(
      "found 597001******0018",
    )
    const code = at("{ number: 1, name: A, currency: 978, code: 47-11 }").join()
    expect(code).toMatch(/code: expected 4 to 12 digits, found something else$/)
  })

  it.each([
    ["", "s.yaml:1:1: the file: expected a mapping, found nothing"],
    ["[]", "s.yaml:1:1: the file: expected a mapping, found a list"],
    ["cards: 5", "s.yaml:1:8: cards: expected a list, found 5"],
    ["merchants: []\nmerchants: []", "s.yaml:2:1: not YAML: Map keys must be unique"],
    ["a: b\n---\nc: d", "s.yaml:2:1: not YAML: a second document begins here"],
    ["cards: &a [*a]", "s.yaml:1:1: not YAML: its aliases hold too much, or themselves"],
    [
      "funds: [{ card: 5, amount: 5, reference: 1, purse: bonus, expires: 2027-02-30 }]",
      /expected a day such as 2027-12-31, found "2027-02-30"$/,
    ],
    [
      'terminals: [{ first: 1, merchant: 1, parameters: { "1x": a } }]',
      /parameters\.1x: expected a name of letters, .* as the key$/,
    ],
  ])("in %j", (text, message) => {
    expect(errors(text)).toEqual([typeof message === "string" ? message : expect.stringMatching(message)])
  })

  it("in what is not JSON is one line with its place", () => {
    expect(errors('{\n  "merchants": [\n    {"number": 1,,}\n  ]\n}\n', "s.json")).toEqual([
      expect.stringMatching(/^s\.json:3:18: not JSON: [^\n]+$/),
    ])
  })
})
