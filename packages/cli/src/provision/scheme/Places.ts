// Merchants, terminals and hosts in a scheme file.
import { AMOUNT_MAX, hostIdPattern, kindNames } from "@millrace/protocol"
import {
  HOST_RANGES_MAX,
  NAME_CHARACTERS_MAX,
  PARAMETER_CHARACTERS_MAX,
  PARAMETERS_MAX,
  Permission,
} from "@millrace/protocol/messages"
import { Schema, SchemaGetter } from "effect"
import {
  Amount,
  BasisPoints,
  Code,
  Currency,
  described,
  FeePlan,
  Flag,
  may,
  Name,
  Number32,
  Reference,
  range,
  text,
  untold,
  whole,
} from "./pieces.ts"

const Status = Schema.Literals(["active", "suspended"])

const FloatPayment = Schema.Struct({
  amount: Schema.Finite.check(
    Schema.makeFilter(
      (value: number) => Number.isInteger(value) && value !== 0 && Math.abs(value) <= AMOUNT_MAX,
      {
        expected: "a whole number of minor units, not 0",
        toJsonSchema: () => ({ type: "integer", not: { const: 0 } }),
      },
    ),
  ).annotate({ description: "Paid in, or below zero taken out" }),
  reference: described(Reference, "Greater than the payment's before: it is made once"),
})
type FloatPayment = typeof FloatPayment.Type

const FloatPayments = Schema.Array(FloatPayment).check(
  Schema.makeFilter((payments: ReadonlyArray<FloatPayment>) => {
    const wrong = payments.findIndex((one, i) => i > 0 && one.reference <= payments[i - 1].reference)
    return wrong < 0
      ? true
      : { path: [wrong, "reference"], issue: "must be greater than the payment's before" }
  }, untold),
)

export const Merchant = Schema.Struct({
  number: Number32,
  name: Name,
  currency: described(Currency, "ISO 4217's number; never changes"),
  feeBasisPoints: may(BasisPoints, "Of each purchase: 100 is 1 %. Short for purchaseFee: { basisPoints }"),
  purchaseFee: may(FeePlan, "What the merchant pays for a purchase"),
  rechargeFee: may(FeePlan, "What the merchant pays for a recharge"),
  commission: may(FeePlan, "What the merchant earns with a recharge"),
  mcc: may(whole(0, 9_999), "Merchant category (ISO 18245); 0 when left out"),
  status: may(Status, "active when left out"),
  floatLimit: may(Amount, "How far the float may go below zero"),
  codeAbove: may(Amount, "Recharges and refunds above it need the authorisation code; left out: none does"),
  code: may(Code, "The authorisation code: 4 to 12 digits. It is never shown, stored or journaled"),
  settlement: may(Schema.Literals(["day", "week", "month"]), "day when left out"),
  alarm: may(
    Schema.Struct({ floatBelow: may(Amount, "When the float is less") }),
    "What somebody should be told about",
  ),
  float: may(
    Schema.Union([FloatPayments, FloatPayment]).pipe(
      Schema.decodeTo(Schema.toType(FloatPayments), {
        decode: SchemaGetter.transform((one: FloatPayment | ReadonlyArray<FloatPayment>) =>
          "length" in one ? one : [one],
        ),
        encode: SchemaGetter.transform(
          (all: ReadonlyArray<FloatPayment>): FloatPayment | ReadonlyArray<FloatPayment> => all,
        ),
      }),
    ),
    "Payments into the float, out of which recharges are sold",
  ),
}).check(
  Schema.makeFilter(
    (merchant) =>
      merchant.feeBasisPoints === undefined || merchant.purchaseFee === undefined
        ? true
        : { path: ["feeBasisPoints"], issue: "says the same as purchaseFee: leave one out" },
    untold,
  ),
)
export type Merchant = typeof Merchant.Type

const parameterPattern = /^[A-Za-z][A-Za-z0-9._-]{0,39}$/

const Parameters = Schema.Record(
  Schema.String.check(
    Schema.makeFilter((name: string) => parameterPattern.test(name), {
      expected: "a name of letters, digits, dots, dashes or underscores that begins with a letter",
      toJsonSchema: () => ({ pattern: parameterPattern.source }),
    }),
  ),
  text(0, PARAMETER_CHARACTERS_MAX),
).check(
  Schema.makeFilter(
    (record: { readonly [name: string]: string }) => Object.keys(record).length <= PARAMETERS_MAX,
    {
      expected: `at most ${PARAMETERS_MAX} parameters`,
      toJsonSchema: () => ({ maxProperties: PARAMETERS_MAX }),
    },
  ),
)

export const Terminals = Schema.Struct({
  first: Number32,
  count: may(whole(1, 100_000), "Terminals with consecutive numbers; 1 when left out"),
  merchant: Number32,
  keys: may(Flag, "Their logon keys go into the file of --keys-out"),
  status: may(Status, "Left out: as it is"),
  kinds: may(
    Schema.Array(Schema.Literals(kindNames)),
    "What they may send; left out: as it is, at first all",
  ),
  amountMax: may(Amount, "Of one transaction; 0: none"),
  parameters: may(Parameters, "Texts that the terminals download"),
  message: may(text(1, NAME_CHARACTERS_MAX), "For the operator, with a declined answer"),
})
export type Terminals = typeof Terminals.Type

export const Host = Schema.Struct({
  id: Schema.String.check(
    Schema.makeFilter((id: string) => hostIdPattern.test(id), {
      expected: "1 to 64 letters, digits, dots, dashes or underscores",
      toJsonSchema: () => ({ pattern: hostIdPattern.source }),
    }),
  ),
  terminals: Schema.Array(range(Number32))
    .check(
      Schema.makeFilter((ranges: ReadonlyArray<unknown>) => ranges.length <= HOST_RANGES_MAX, {
        expected: `at most ${HOST_RANGES_MAX} ranges`,
        toJsonSchema: () => ({ maxItems: HOST_RANGES_MAX }),
      }),
    )
    .annotate({ description: "Whom it acts for: [from, to] each" }),
  permissions: Schema.Array(Permission),
  iso: may(Flag, "Its zone master keys for ISO 8583 go into the file of --keys-out, too"),
})
export type Host = typeof Host.Type
