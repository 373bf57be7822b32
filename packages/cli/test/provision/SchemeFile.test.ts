import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { parseScheme } from "../../src/provision/SchemeFile.ts"

const errors = (scheme: unknown) => {
  const result = parseScheme(JSON.stringify(scheme), "s.json")
  return Result.isFailure(result) ? result.failure : []
}

describe("parseScheme", () => {
  it("reads a scheme; card numbers may be text, which holds 19 digits", () => {
    const text = JSON.stringify({
      merchants: [{ number: 1, name: "A", currency: 978 }],
      terminals: [{ first: 10, count: 2, merchant: 1, keys: true }],
      hosts: [{ id: "acquirer", terminals: [[10, 11]], permissions: ["transact"] }],
      cards: [
        { first: "9223372036854775807", currency: 978 },
        { first: 5, count: 2, currency: 978 },
      ],
    })
    expect(Result.getOrThrow(parseScheme(text, "s.json"))).toMatchObject({
      cards: [{ first: 9_223_372_036_854_775_807n }, { first: 5n, count: 2 }],
    })
  })

  it.each([
    [
      { merchants: [{ number: 0, name: "A", currency: 978 }] },
      /^s\.json: merchants\[0\]\.number: .*whole number from 1/,
    ],
    [{ merchants: [{ number: 1, currency: 978 }] }, /^s\.json: merchants\[0\]\.name: /],
    [
      {
        terminals: [
          { first: 1, merchant: 1 },
          { first: "x", merchant: 1 },
        ],
      },
      /^s\.json: terminals\[1\]\.first: /,
    ],
    [{ hosts: [{ id: "a b", terminals: [], permissions: [] }] }, /^s\.json: hosts\[0\]\.id: .*letters/],
    [
      { hosts: [{ id: "a", terminals: [], permissions: ["fly"] }] },
      /^s\.json: hosts\[0\]\.permissions\[0\]: /,
    ],
    [{ cards: [{ first: "12x", currency: 978 }] }, /^s\.json: cards\[0\]\.first: /],
    [{ merchant: [] }, /^s\.json: merchant: /],
    [[], /^s\.json: the file: /],
  ])("names the place: %j", (scheme, message) => {
    const found = errors(scheme)
    expect(found.length).toBeGreaterThan(0)
    expect(found.join("\n")).toMatch(message)
  })

  it("says when it is not JSON", () => {
    expect(Result.isFailure(parseScheme("{", "s.json"))).toBe(true)
  })
})

it("says what a key that is not known may have meant", () => {
  expect(errors({ merchnats: [] })).toEqual([
    expect.stringMatching(/merchnats: .*\(did you mean "merchants"\?\)$/),
  ])
  expect(errors({ merchants: [{ number: 1, nmae: "A", name: "A", currency: 978 }] })).toEqual([
    expect.stringMatching(/merchants\[0\]\.nmae: .*\(did you mean "name"\?\)$/),
  ])
})

it("keeps what is not JSON to one line", () => {
  const result = parseScheme('{\n  "merchants": [\n    {"number": 1,,}\n  ]\n}\n', "s.json")
  const [line, ...more] = Result.isFailure(result) ? result.failure : []
  expect(line).toMatch(/^s\.json is not JSON: .+$/)
  expect(line).not.toContain("\n")
  expect(more).toEqual([])
})
