// What stands in a dialect's file: the schema that it is decoded by.
import { Schema } from "effect"
import { parseLength } from "./FieldFormat.ts"

/** What a request may ask for. The first twelve are the engine's transactions, the last four the connection's own. */
export const operationKinds = [
  "balance",
  "purchase",
  "refund",
  "recharge",
  "reversal",
  "preauthorisation",
  "completion",
  "cancellation",
  "void",
  "transfer",
  "pinChange",
  "close",
  "logon",
  "logoff",
  "keyChange",
  "echo",
] as const
export type OperationKind = (typeof operationKinds)[number]

const oneOf = <const T extends ReadonlyArray<string>>(...texts: T) =>
  Schema.Literals(texts).annotate({ expected: texts.join(" or ") })

const digitCoding = oneOf("ascii", "bcd")
const odd = oneOf("left-0", "right-0", "right-f")

const matching = (pattern: RegExp, what: string) =>
  Schema.String.check(Schema.makeFilter((text) => pattern.test(text) || `expected ${what}`))

const requestMti = matching(
  /^[0-9]{2}[0-9][0-9]$/,
  'a message type of four digits in quotes, like "0200"',
).check(
  Schema.makeFilter(
    (mti) =>
      /^..[02][024]$/.test(mti) || "expected the type of a request or advice, not of an answer or a repeat",
  ),
)
const digits = matching(/^[0-9]{1,16}$/, 'digits in quotes, like "00"')
const fieldNumber = matching(/^([2-9]|[1-9][0-9]|1[01][0-9]|12[0-8])$/, "a field's number, 2 to 128")
const field = Schema.Int.check(
  Schema.makeFilter((number) => (number >= 2 && number <= 128) || "expected a field's number, 2 to 128"),
)

const Field = Schema.Struct({
  name: Schema.NonEmptyString,
  format: Schema.String.check(
    Schema.makeFilter(
      (text) =>
        parseLength(text) !== undefined ||
        'expected a type (n, a, an, ans, b, z, x+n) with a length, like "n 6", "n..19" or "ans...999"',
    ),
  ),
  lengths: Schema.optionalKey(digitCoding),
  digits: Schema.optionalKey(digitCoding),
  binary: Schema.optionalKey(oneOf("raw", "hex")),
  odd: Schema.optionalKey(odd),
})

const Operation = Schema.Struct({
  mti: requestMti,
  /** Field → what its value begins with. */
  when: Schema.optionalKey(Schema.Record(fieldNumber, digits)),
  kind: oneOf(...operationKinds),
})

const Request = Schema.Struct({
  needs: Schema.Array(field),
  echo: Schema.Array(field),
  /** What field 39 says when it was approved, where that is not what `responses` make of 00. */
  approved: Schema.optionalKey(matching(/^[0-9]{2,3}$/, "digits in quotes")),
})

/** Where this dialect puts what other dialects put elsewhere; a key that is left out: it has no place. */
const Uses = Schema.Struct({
  /** Date and time that, with field 11, make a message unique. */
  time: field,
  /** The original's data elements. */
  original: Schema.optionalKey(field),
  balance: Schema.optionalKey(field),
  operatorText: Schema.optionalKey(field),
  totals: Schema.optionalKey(field),
  replacementAmounts: Schema.optionalKey(field),
  settlement: Schema.optionalKey(field),
  keys: Schema.optionalKey(field),
})

export const DialectFile = Schema.Struct({
  name: matching(/^[a-z0-9][a-z0-9-]{0,31}$/, "a name of lower-case letters, digits and dashes"),
  version: matching(/^[0-9]$/, 'the first digit of its message types, in quotes: "0" for 1987, "1" for 1993'),
  mti: digitCoding,
  bitmap: oneOf("binary", "hex"),
  lengths: digitCoding,
  digits: digitCoding,
  /** For track 2, when it differs from `digits`. */
  track2: Schema.optionalKey(digitCoding),
  binary: Schema.optionalKey(oneOf("raw", "hex")),
  odd: Schema.optionalKey(odd),
  uses: Uses,
  fields: Schema.Record(fieldNumber, Field),
  operations: Schema.Array(Operation),
  requests: Schema.Record(requestMti, Request),
  /** The engine's response codes as field 39 has them here; those left out as they are. */
  responses: Schema.optionalKey(
    Schema.Record(matching(/^[0-9]{2}$/, "a response code"), matching(/^[0-9]{2,3}$/, "digits in quotes")),
  ),
})
export type DialectFile = typeof DialectFile.Type
