/** What an outcome adds to the answer to a host: response, authorisation, balance, totals, operator text. */
import { answerTo, type Dialect, type FieldValue, type Message, responseOf, textOf } from "@millrace/iso8583"
import type { Scheme } from "@millrace/ledger"
import {
  isApproved,
  Kind,
  type Outcome,
  ResponseCode,
  responseDigits,
  transactionSequence,
} from "@millrace/protocol"
import type { Fields } from "./Settlement.ts"

/** Answers that go to the terminal with its message for the operator. */
const toldToOperator: ReadonlySet<number> = new Set([
  ResponseCode.doNotHonour,
  ResponseCode.cardLost,
  ResponseCode.cardStolen,
  ResponseCode.pinTriesExceeded,
])

/** Account type 00 (unspecified), amount type 02 (available). */
const AVAILABLE = "0002"
const AMOUNT_DIGITS = 12
const RETRIEVAL_DIGITS = 12
const AUTHORISATION_DIGITS = 6
const OPERATOR_TEXT = 44

/** The answer with this response; of `more`, fields that the dialect does not have are left out. */
export const answerOf = (
  request: Message,
  dialect: Dialect,
  response: number,
  more: Fields = {},
): Message => {
  const fields: Record<number, FieldValue | undefined> = {
    39: responseOf(dialect, responseDigits(response), request.mti),
  }
  for (const [field, value] of Object.entries(more)) {
    if (dialect.fields.has(Number(field))) fields[Number(field)] = value
  }
  return answerTo(request, dialect, fields)
}

/** What a transaction was, as far as its answer depends on it. */
export interface Asked {
  readonly kind: number
  readonly currency: number
}

export const outcomeFields = (
  request: Message,
  asked: Asked,
  outcome: Outcome,
  dialect: Dialect,
  scheme: Scheme,
): Fields => {
  const { response, transaction, available, terminal } = outcome
  const approved = isApproved(response) && asked.kind !== Kind.close
  const isPart = response === ResponseCode.partiallyApproved
  const balance = dialect.uses.balance
  const told = toldToOperator.has(response) ? scheme.terminal(terminal)?.message : undefined
  return {
    37: textOf(request, 37) ?? (transaction === 0n ? undefined : lastDigits(transaction, RETRIEVAL_DIGITS)),
    ...(approved && asked.kind !== Kind.balance ? { 38: lastDigits(transaction, AUTHORISATION_DIGITS) } : {}),
    ...(isPart ? { 4: String(available).padStart(AMOUNT_DIGITS, "0") } : {}),
    // A part was approved: that is what `available` is, and nothing was left.
    ...(approved && balance !== undefined
      ? { [balance]: balanceText(asked.currency, isPart ? 0 : available) }
      : {}),
    ...(told === undefined || told === "" ? {} : operatorText(told, dialect)),
  }
}

const lastDigits = (transaction: bigint, count: number): string =>
  String(transactionSequence(transaction)).padStart(count, "0").slice(-count)

/** Undefined when it has more digits than the field. */
const balanceText = (currency: number, amount: number): string | undefined => {
  const text = String(amount).padStart(AMOUNT_DIGITS, "0")
  const of = String(currency).padStart(3, "0")
  return text.length > AMOUNT_DIGITS ? undefined : `${AVAILABLE}${of}C${text}`
}

/** In 44 as much as fits, and in the dialect's own field all of it. */
const operatorText = (text: string, dialect: Dialect): Fields => {
  // What a Latin-1 field can't carry is not worth a refusal.
  const plain = text.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, "?")
  const fields: Record<number, string> = {}
  for (const field of [OPERATOR_TEXT, dialect.uses.operatorText]) {
    const format = field === undefined ? undefined : dialect.fields.get(field)
    if (format !== undefined) fields[format.number] = plain.slice(0, format.max)
  }
  return fields
}
