/** A terminal's settlement: its totals out of a reconciliation message, and the engine's own into the answer. */
import { type Dialect, type FieldValue, type Message, textOf } from "@millrace/iso8583"
import type { TerminalTotals } from "@millrace/ledger"
import { AMOUNT_MAX, closeFields } from "@millrace/protocol"

/** Fields of an answer; undefined ones are left out. */
export interface Fields {
  readonly [field: number]: FieldValue | undefined
}

/** The totals as a close carries them, see `Kind.close`. */
export interface CloseTotals {
  readonly amount: number
  readonly original: bigint
  readonly counterparty: bigint
}

/** Fields of ISO 8583: number and amount, and those of what was turned round. */
const credits = { count: 74, reversedCount: 75, amount: 86, reversedAmount: 87 } as const
const debits = { count: 76, reversedCount: 77, amount: 88, reversedAmount: 89 } as const
const NET = 97
/** On one line, where a dialect has no fields of their own: debits' count (6) and amount (12), then credits'. */
const TEXT_PATTERN = /^(\d{6})(\d{12})(\d{6})(\d{12})/
const TEXT_DIGITS = 36

/** A count that no terminal's totals have: a close with it is answered 95. */
const NEVER = 0xffff_ffff

const numberAt = (message: Message, field: number): number => Number(textOf(message, field) ?? 0)

interface Net {
  readonly count: number
  readonly amount: number
}

const netOf = (message: Message, fields: typeof credits | typeof debits): Net => ({
  count: numberAt(message, fields.count) - numberAt(message, fields.reversedCount),
  amount: numberAt(message, fields.amount) - numberAt(message, fields.reversedAmount),
})

const isPossible = ({ count, amount }: Net): boolean =>
  count >= 0 && count < NEVER && amount >= 0 && amount <= AMOUNT_MAX

/** Undefined when the message has none. Totals that can't be, or that their own net (97) contradicts, agree with nothing. */
export const readTotals = (message: Message, dialect: Dialect): CloseTotals | undefined => {
  const found = hasFields(dialect) ? fieldTotals(message) : textTotals(message, dialect)
  if (found === undefined) return undefined
  const { debit, credit } = found
  const net = textOf(message, NET)
  const agrees = net === undefined || signed(net) === credit.amount - debit.amount
  if (!agrees || !isPossible(debit) || !isPossible(credit)) {
    return { amount: 0, original: 0n, counterparty: (BigInt(NEVER) << 32n) | BigInt(NEVER) }
  }
  return closeFields(debit, credit)
}

const hasFields = (dialect: Dialect): boolean => dialect.fields.has(debits.amount)

const fieldTotals = (message: Message): { readonly debit: Net; readonly credit: Net } | undefined => {
  const all = [...Object.values(credits), ...Object.values(debits), NET]
  if (!all.some((field) => message.fields.has(field))) return undefined
  return { debit: netOf(message, debits), credit: netOf(message, credits) }
}

const textTotals = (
  message: Message,
  { uses }: Dialect,
): { readonly debit: Net; readonly credit: Net } | undefined => {
  const found = uses.totals === undefined ? null : TEXT_PATTERN.exec(textOf(message, uses.totals) ?? "")
  if (found === null) return undefined
  const [debitCount, debitAmount, creditCount, creditAmount] = found.slice(1).map(Number)
  return {
    debit: { count: debitCount, amount: debitAmount },
    credit: { count: creditCount, amount: creditAmount },
  }
}

/** C is above zero, D below. */
const signed = (text: string): number => (text[0] === "D" ? -1 : 1) * Number(text.slice(1))

const digits = (value: number, size: number): string => String(Math.max(0, value)).padStart(size, "0")

/** The engine's totals, in the fields that the dialect has, and as one line. */
export const totalsFields = (totals: TerminalTotals, dialect: Dialect): Fields => {
  const { rows } = totals
  const sold = [rows.purchase, rows.completion, rows.transfer]
  const given = [rows.refund, rows.recharge]
  const sum = (all: ReadonlyArray<Net>, what: keyof Net) => all.reduce((total, row) => total + row[what], 0)
  const net = totals.credits.amount - totals.debits.amount
  const text = [totals.debits, totals.credits]
    .map(({ count, amount }) => digits(count, 6) + digits(amount, 12))
    .join("")
  const fields: Record<number, FieldValue> = {
    [credits.count]: digits(sum(given, "count"), 10),
    [credits.reversedCount]: digits(rows.creditReversal.count, 10),
    [debits.count]: digits(sum(sold, "count"), 10),
    [debits.reversedCount]: digits(rows.debitReversal.count, 10),
    [credits.amount]: digits(sum(given, "amount"), 16),
    [credits.reversedAmount]: digits(rows.creditReversal.amount, 16),
    [debits.amount]: digits(sum(sold, "amount"), 16),
    [debits.reversedAmount]: digits(rows.debitReversal.amount, 16),
    [NET]: (net < 0 ? "D" : "C") + digits(Math.abs(net), 16),
  }
  const known = hasFields(dialect) ? fields : {}
  // A sum that is too long for the line would shift what is behind it.
  const hasLine = dialect.uses.totals !== undefined && text.length === TEXT_DIGITS
  return hasLine ? { ...known, [dialect.uses.totals]: text } : known
}

/** What the message said itself, given back where the engine agrees. */
export const ownTotalsFields = (message: Message, dialect: Dialect): Fields => {
  const fields: Record<number, FieldValue | undefined> = {}
  const all = [...Object.values(credits), ...Object.values(debits), NET, dialect.uses.totals]
  for (const field of all) if (field !== undefined) fields[field] = message.fields.get(field)
  return fields
}
