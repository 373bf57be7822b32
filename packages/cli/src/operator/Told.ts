// How an operator reads what the engine says: amounts, days, transactions, and the same as JSON for scripts.
import { responseDigits, responseText } from "@millrace/protocol"
import type { TransactionView } from "@millrace/protocol/messages"
import { grouped } from "../load/Report.ts"

const DAY_MS = 86_400_000

export const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10)

/** JSON has no 64-bit integers: they are text. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner))

/** `main 3,000, bonus 250` */
export const pursesText = (purses: { readonly [purse: string]: number }): string =>
  Object.entries(purses)
    .map(([purse, amount]) => `${purse} ${grouped(amount)}`)
    .join(", ")

/** Names in front, in one column. */
export const columns = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, value]) => `${name.padEnd(width)}${value}`)
}

/** One transaction as a line. */
export const transactionLine = (transaction: TransactionView): string => {
  const { kind, response, amount, approved, terminal, reference, day, available, counterparty } = transaction
  const partly = approved > 0 && approved !== amount ? `, ${grouped(approved)} of it` : ""
  return [
    dayText(day),
    kind.padEnd(16),
    grouped(amount).padStart(12),
    ` ${responseDigits(response)} ${responseText(response)}${partly}${transaction.reversed ? ", turned round since" : ""}`,
    ` terminal ${terminal}  reference ${reference}`,
    ...(counterparty === undefined ? [] : [` other card ${counterparty}`]),
    ` available ${grouped(available)}`,
  ].join(" ")
}
