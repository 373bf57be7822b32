import { readFileSync } from "node:fs"
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseMovements } from "../../src/replay/Movements.ts"

const header = "movement,account,date,side,operation,amount_minor"
const parse = (...lines: ReadonlyArray<string>) => parseMovements(lines.join("\n"), "m.csv")

describe("parseMovements", () => {
  it("reads rows with their line numbers, in any order of columns, with any line ends", () => {
    const text = "date,amount_minor,side,account\r\n1993-02-28,70000,credit,12\r\n1993-03-01,1,debit,3\r\n"
    expect(parseMovements(text, "m.csv")).toEqual(
      Result.succeed([
        { line: 2, account: 12, ms: Date.UTC(1993, 1, 28), side: "credit", amount: 70_000 },
        { line: 3, account: 3, ms: Date.UTC(1993, 2, 1), side: "debit", amount: 1 },
      ]),
    )
  })

  it.each([
    [[""], "m.csv:1: the file is empty; expected a line of column names"],
    [["a,b"], 'm.csv:1: no column "account" among "a,b"'],
    [[header, "1,2,1993-01-01,credit,X"], "m.csv:2: expected 6 fields, found 5"],
    [
      [header, "1,2,1993-01-01,credit,X,5", "1,x,1993-01-01,credit,X,5"],
      'm.csv:3: account must be a number from 1 to 9999999999, not "x"',
    ],
    [
      [header, "1,0,1993-01-01,credit,X,5"],
      'm.csv:2: account must be a number from 1 to 9999999999, not "0"',
    ],
    [
      [header, "1,2,1993-02-30,credit,X,5"],
      'm.csv:2: date must be a day such as 1993-01-31, not "1993-02-30"',
    ],
    [[header, "1,2,1993-1-3,credit,X,5"], 'm.csv:2: date must be a day such as 1993-01-31, not "1993-1-3"'],
    [[header, "1,2,1993-01-01,plus,X,5"], 'm.csv:2: side must be credit or debit, not "plus"'],
    [
      [header, "1,2,1993-01-01,debit,X,5.5"],
      'm.csv:2: amount_minor must be a whole number of minor units, not "5.5"',
    ],
    [[header, "", "1,2,1993-01-01,debit,X,5"], "m.csv:2: expected 6 fields, found 1"],
  ])("names file and line: %j", (lines, message) => {
    expect(parse(...lines)).toEqual(Result.fail(message))
  })

  it("takes any text without a throw", () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (text, headed) => {
        const result = parseMovements(headed ? `${header}\n${text}` : text, "m.csv")
        if (Result.isFailure(result)) expect(result.failure).toMatch(/^m\.csv:\d+: /)
      }),
    )
  })

  it("reads the bank's file whole", () => {
    const file = new URL("../../../../test/data/bank-movements-1993.csv", import.meta.url)
    const movements = Result.getOrThrow(parseMovements(readFileSync(file, "utf8"), "bank"))
    expect(movements).toHaveLength(28_205)
    expect(new Set(movements.map(({ account }) => account)).size).toBe(1_139)
  })
})
