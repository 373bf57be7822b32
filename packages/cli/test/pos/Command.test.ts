import { Result } from "effect"
import { expect, it } from "vitest"
import { parseLine, syntax } from "../../src/pos/Command.ts"

const parsed = (line: string) => Result.getOrThrow(parseLine(line))
const mistake = (line: string) => Result.getOrThrow(Result.flip(parseLine(line)))

it("reads one command a line, and nothing of comments", () => {
  expect(parsed("")).toBeUndefined()
  expect(parsed("  # the morning")).toBeUndefined()
  expect(parsed("sell 12.50 # bread")).toEqual({ do: "sell", amount: "12.50" })
  expect(parsed("  card   5970880000000000 ")).toEqual({ do: "card", card: "5970880000000000" })
  expect(parsed("pin 1234")).toEqual({ do: "pin", digits: "1234" })
  expect(parsed("refund 2.00")).toEqual({ do: "refund", amount: "2.00", stan: undefined })
  expect(parsed("refund 2.00 17")).toEqual({ do: "refund", amount: "2.00", stan: 17 })
  expect(parsed("void 000017")).toEqual({ do: "void", stan: 17 })
  expect(parsed("transfer 5 2")).toEqual({ do: "transfer", amount: "5", to: "2" })
  expect(parsed("query last")).toEqual({ do: "query", what: "last" })
  expect(parsed("query 7530216878208188427")).toEqual({ do: "query", what: "7530216878208188427" })
  expect(parsed("close")).toEqual({ do: "close", forced: false })
  expect(parsed("close forced")).toEqual({ do: "close", forced: true })
  expect(parsed("expect none")).toEqual({ do: "expect", response: "none" })
})

it("says what there is, and how a command is written", () => {
  expect(mistake("steal 5")).toContain('there is no command "steal": card, pin')
  expect(mistake("constructor")).toContain("there is no command")
  const wrong = [
    "card",
    "card x",
    "pin 12",
    "pin 123x",
    "code 1",
    "sell",
    "sell 1 2",
    "recharge",
    "authorise",
    "refund",
    "refund 1 x",
    "complete 1 1000000",
    "void 0",
    "cancel x",
    "balance now",
    "transfer 5",
    "query x",
    "reprint 1 2",
    "last 5",
    "close now",
    "expect",
    "expect 0",
  ]
  for (const line of wrong) {
    expect(mistake(line), line).toBe(`expected: ${syntax[line.split(" ")[0]]}`)
  }
  expect(new Set(wrong.map((line) => line.split(" ")[0]))).toEqual(new Set(Object.keys(syntax)))
})
