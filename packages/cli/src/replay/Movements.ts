// A CSV file of bank movements, read into plain rows; what is not as it should be is named with file and line.
import { AMOUNT_MAX } from "@millrace/protocol"
import { Result } from "effect"

export interface Movement {
  /** Line of the file, the header being line 1. */
  readonly line: number
  readonly account: number
  /** Midnight UTC of the booking day, milliseconds since the epoch. */
  readonly ms: number
  readonly side: "credit" | "debit"
  /** Minor units. */
  readonly amount: number
}

/** Columns that a file must have, in any order and among others. */
export const movementColumns = ["account", "date", "side", "amount_minor"] as const

/** Accounts become the last ten digits of a card number. */
export const ACCOUNT_MAX = 9_999_999_999

const MOVEMENTS_MAX = 4_000_000

/** Reads the whole text. Failures are one sentence that begins `<file>:<line>:`. */
export const parseMovements = (
  text: string,
  file: string,
): Result.Result<ReadonlyArray<Movement>, string> => {
  const lines = text.split(/\r?\n/)
  while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop()
  if (lines.length === 0) return Result.fail(`${file}:1: the file is empty; expected a line of column names`)
  const header = lines[0].replace(/^\ufeff/, "").split(",")
  const columns = movementColumns.map((name) => header.indexOf(name))
  const missing = columns.indexOf(-1)
  if (missing >= 0) {
    return Result.fail(`${file}:1: no column "${movementColumns[missing]}" among "${header.join(",")}"`)
  }
  if (lines.length - 1 > MOVEMENTS_MAX) {
    return Result.fail(`${file}: ${lines.length - 1} movements; at most ${MOVEMENTS_MAX} can be numbered`)
  }
  const movements: Array<Movement> = []
  for (let index = 1; index < lines.length; index++) {
    const movement = parseLine(lines[index], index + 1, header.length, columns)
    if (typeof movement === "string") return Result.fail(`${file}:${index + 1}: ${movement}`)
    movements.push(movement)
  }
  return Result.succeed(movements)
}

/** The movement, or what is wrong with the line. */
const parseLine = (
  text: string,
  line: number,
  fieldCount: number,
  [account, date, side, amount]: ReadonlyArray<number>,
): Movement | string => {
  const fields = text.split(",")
  if (fields.length !== fieldCount) return `expected ${fieldCount} fields, found ${fields.length}`
  const accountNumber = wholeNumber(fields[account], ACCOUNT_MAX)
  if (accountNumber === undefined || accountNumber === 0) {
    return `account must be a number from 1 to ${ACCOUNT_MAX}, not "${fields[account]}"`
  }
  const ms = /^\d{4}-\d\d-\d\d$/.test(fields[date]) ? Date.parse(`${fields[date]}T00:00:00Z`) : Number.NaN
  // The round trip catches days that do not exist: Date.parse takes February 30 for March 1.
  if (!(ms >= 0) || new Date(ms).toISOString().slice(0, 10) !== fields[date]) {
    return `date must be a day such as 1993-01-31, not "${fields[date]}"`
  }
  const sideName = fields[side]
  if (sideName !== "credit" && sideName !== "debit") return `side must be credit or debit, not "${sideName}"`
  const minor = wholeNumber(fields[amount], AMOUNT_MAX)
  if (minor === undefined)
    return `amount_minor must be a whole number of minor units, not "${fields[amount]}"`
  return { line, account: accountNumber, ms, side: sideName, amount: minor }
}

const wholeNumber = (text: string, max: number): number | undefined => {
  if (!/^\d{1,16}$/.test(text)) return undefined
  const value = Number(text)
  return value <= max ? value : undefined
}
