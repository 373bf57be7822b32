// What a till can be told to do, and how a script says it: one command a line.
import { Result } from "effect"

export type TillCommand =
  | { readonly do: "card"; readonly card: string }
  | { readonly do: "pin" | "code"; readonly digits: string }
  | { readonly do: "sell" | "recharge" | "authorise"; readonly amount: string }
  | { readonly do: "refund" | "complete"; readonly amount: string; readonly stan: number | undefined }
  | { readonly do: "void" | "cancel" | "reprint"; readonly stan: number | undefined }
  | { readonly do: "transfer"; readonly amount: string; readonly to: string }
  | { readonly do: "query"; readonly what: string }
  | { readonly do: "balance" | "last" }
  | { readonly do: "close"; readonly forced: boolean }
  | { readonly do: "expect"; readonly response: string }

/** How each is written, for help and for mistakes. */
export const syntax: { readonly [name: string]: string } = {
  card: "card NUMBER, or card 1 for the shop's first",
  pin: "pin DIGITS (for the next transaction)",
  code: "code DIGITS (the merchant's authorisation code, for the next recharge or refund)",
  sell: "sell 12.50",
  recharge: "recharge 20.00",
  refund: "refund 2.00 [STAN] (of the last sale, or of the one named)",
  void: "void [STAN]",
  balance: "balance",
  authorise: "authorise 40.00",
  complete: "complete 38.20 [STAN]",
  cancel: "cancel [STAN]",
  transfer: "transfer 5.00 CARD",
  query: "query last, query STAN or query REFERENCE",
  reprint: "reprint [STAN]",
  last: "last",
  close: "close [forced]",
  expect: "expect 00 (the last response; none: no answer; refused: not a transaction at all)",
}

const DIGITS = /^\d+$/
const STAN_MAX = 999_999

const stanOf = (word: string | undefined): number | undefined | "wrong" => {
  if (word === undefined) return undefined
  const stan = DIGITS.test(word) ? Number(word) : 0
  return stan >= 1 && stan <= STAN_MAX ? stan : "wrong"
}

/** A line of a script; undefined for an empty one and for a comment. */
export const parseLine = (line: string): Result.Result<TillCommand | undefined, string> => {
  const words = line
    .replace(/(^|\s)#.*$/, "")
    .trim()
    .split(/\s+/)
  const [name, first, second] = words
  if (name === "") return Result.succeed(undefined)
  if (!Object.hasOwn(syntax, name)) {
    return Result.fail(`there is no command "${name}": ${Object.keys(syntax).join(", ")}`)
  }
  const command = words.length > 3 ? undefined : commandOf(name, first, second)
  // PINs are not repeated.
  return command === undefined ? Result.fail(`expected: ${syntax[name]}`) : Result.succeed(command)
}

const commandOf = (
  name: string,
  first: string | undefined,
  second: string | undefined,
): TillCommand | undefined => {
  switch (name) {
    case "balance":
    case "last":
      return first === undefined ? { do: name } : undefined
    case "close":
      if (second !== undefined || (first !== undefined && first !== "forced")) return undefined
      return { do: name, forced: first === "forced" }
    case "void":
    case "cancel":
    case "reprint": {
      const stan = stanOf(first)
      return stan === "wrong" || second !== undefined ? undefined : { do: name, stan }
    }
    case "refund":
    case "complete": {
      const stan = stanOf(second)
      return stan === "wrong" || first === undefined ? undefined : { do: name, amount: first, stan }
    }
    case "transfer":
      return first === undefined || second === undefined ? undefined : { do: name, amount: first, to: second }
    default:
      return first === undefined || second !== undefined ? undefined : oneWord(name, first)
  }
}

const oneWord = (name: string, word: string): TillCommand | undefined => {
  switch (name) {
    case "sell":
    case "recharge":
    case "authorise":
      return { do: name, amount: word }
    case "pin":
    case "code":
      return /^\d{4,12}$/.test(word) ? { do: name, digits: word } : undefined
    case "card":
      return DIGITS.test(word) ? { do: name, card: word } : undefined
    case "query":
      return word === "last" || DIGITS.test(word) ? { do: name, what: word } : undefined
    case "expect":
      return /^(\d\d|none|refused)$/.test(word) ? { do: name, response: word } : undefined
    default:
      return undefined
  }
}
