// A sign of life, and one transaction as a message.
import { Schema } from "effect"
import { flagsOf, Kind, kindNames, RecordFlag } from "../Kind.ts"
import { Amount, Currency, may, Number32, PinBlock, U16, U32, U64 } from "./fields.ts"

/** Comes back as it went: a sign of life, and of the way's length. */
export const Echo = Schema.Struct({ type: Schema.Literal("echo"), data: may(Schema.Unknown) })
export const EchoOk = Schema.Struct({ type: Schema.Literal("echo.ok"), data: may(Schema.Unknown) })

const TransactFields = Schema.Struct({
  type: Schema.Literal("transact"),
  kind: Schema.Literals(kindNames),
  reference: U64,
  card: U64,
  amount: Amount,
  currency: Currency,
  terminal: Number32,
  original: may(U64),
  counterparty: may(U64),
  /** The sender sent this before: the record's REPEAT flag. */
  repeat: may(Schema.Boolean),
  /** The PIN, or with `code` the merchant's authorisation code, as a PIN block. */
  pin: may(PinBlock),
  /** pinChange: the new PIN's block, in the place of `original` and `counterparty`. */
  newPin: may(PinBlock),
  /** The record's CODE flag. */
  code: may(Schema.Boolean),
  /** The record's PARTIAL flag. */
  partial: may(Schema.Boolean),
  /** The record's FORCED flag. */
  forced: may(Schema.Boolean),
})

const problemsOf = (request: typeof TransactFields.Type): ReadonlyArray<Schema.FilterIssue> => {
  const { kind, newPin, original, counterparty } = request
  const issues: Array<Schema.FilterIssue> = []
  for (const flag of ["code", "partial", "forced"] as const) {
    if (request[flag] === true && (flagsOf(Kind[kind]) & RecordFlag[flag]) === 0) {
      issues.push({ path: [flag], issue: `does not go with a ${kind}` })
    }
  }
  if (newPin !== undefined && kind !== "pinChange") {
    issues.push({ path: ["newPin"], issue: "goes with a pinChange alone" })
  }
  if (newPin !== undefined && (original !== undefined || counterparty !== undefined)) {
    issues.push({ path: ["newPin"], issue: "takes the place of original and counterparty" })
  }
  return issues
}

/** One transaction as a message; the same rules as a record's. */
export const Transact = TransactFields.check(Schema.makeFilter(problemsOf))

export const TransactOk = Schema.Struct({
  type: Schema.Literal("transact.ok"),
  reference: U64,
  available: Amount,
  transaction: U64,
  terminal: U32,
  response: U16,
  duplicate: Schema.Boolean,
  /** What was approved, when that is less than was asked: response 10. */
  approved: may(Amount),
  /** For the operator of the terminal, with some refusals: "retain card". */
  message: may(Schema.String),
})
