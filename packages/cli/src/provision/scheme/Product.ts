// Products in a scheme file: what a kind of card is, may and costs.
import { ORDER_PURSES_MAX, PurseName } from "@millrace/protocol/messages"
import { Schema } from "effect"
import {
  Amount,
  AmountAboveZero,
  BasisPoints,
  Bin,
  Categories,
  Currency,
  described,
  FeePlan,
  Flag,
  may,
  Name,
  SidePurse,
  untold,
  whole,
} from "./pieces.ts"

const Count = whole(0, 65_535)

const Pin = Schema.Struct({
  rule: Schema.Literals(["never", "always", "above"]).annotate({
    description: "When a payment needs the PIN; above: from freeMax on",
  }),
  freeMax: may(Amount, "Amounts up to here need none, where the rule is above"),
  tries: may(whole(1, 15), "Wrong PINs in a row until the card takes no more; 3 when left out"),
}).check(
  Schema.makeFilter(
    ({ rule, freeMax }) =>
      rule === "above" && freeMax === undefined
        ? { path: ["rule"], issue: "needs freeMax, the greatest amount that goes without a PIN" }
        : true,
    untold,
  ),
)

const Limits = Schema.Struct({
  transactionMax: may(Amount, "Of one payment; 0 or left out: none"),
  dayAmountMax: may(Amount, "Of a card's payments in a day"),
  dayCountMax: may(Count, "Payments of a card in a day"),
  monthAmountMax: may(Amount, "Of a card's payments in a month"),
  monthCountMax: may(Count, "Payments of a card in a month"),
})

const Recharge = Schema.Struct({
  allowed: may(Flag, "true when left out"),
  min: may(Amount, "Of one recharge"),
  max: may(Amount, "Of one recharge; 0 or left out: none"),
  balanceMax: may(Amount, "What may lie on the card after it; 0 or left out: no limit"),
}).check(
  // 0 is no limit.
  Schema.makeFilter(
    ({ min = 0, max = 0, balanceMax = 0 }) =>
      max > 0 && min > max
        ? { path: ["max"], issue: `must not be less than min, which is ${min}: nothing could be recharged` }
        : balanceMax > 0 && min > balanceMax
          ? {
              path: ["balanceMax"],
              issue: `must not be less than min, which is ${min}: nothing could be recharged`,
            }
          : true,
    untold,
  ),
)

const Transfers = Schema.Struct({
  allowed: may(Flag, "true when left out"),
  fee: may(FeePlan, "What the payer pays on top"),
})

const Hold = Schema.Struct({
  hours: may(whole(1, 8_760), "How long a pre-authorisation holds; 168 when left out"),
  toleranceBasisPoints: may(BasisPoints, "How far a completion may go beyond what is held: 1500 is 15 %"),
})

const Purse = Schema.Struct({
  purse: SidePurse,
  name: may(Name, "As people see it"),
  categories: Schema.optionalKey(Categories),
  credit: may(Amount, "How far it may go below zero"),
  validDays: may(
    whole(0, 18_250),
    "Days from a payment in until what is there expires; 0 or left out: never",
  ),
})

const BasisPointsAboveZero = whole(1, 10_000)

const Bonus = Schema.Struct({
  basisPoints: BasisPointsAboveZero.annotate({ description: "Of a recharge: 1000 is 10 %" }),
  min: may(Amount, "Recharges from here on"),
  max: may(Amount, "Of one bonus; 0 or left out: none"),
  monthly: may(Flag, "Released by a twelfth a month, instead of at once"),
})

const Dormant = Schema.Struct({
  afterMonths: whole(1, 600).annotate({ description: "Months without a transaction" }),
  fee: described(AmountAboveZero, "Each month from then on"),
})

export const Product = Schema.Struct({
  number: whole(1, 65_535),
  name: Name,
  currency: described(Currency, "ISO 4217's number; never changes"),
  bin: described(Bin, "The digits that its card numbers begin with; never changes"),
  digits: may(whole(13, 19), "Of a card number; 16 when left out, never changes"),
  named: may(Flag, "Cards have a holder, can be lost, stolen and replaced; never changes"),
  singleUse: may(
    Schema.Literals(["no", "empty", "once"]),
    "A gift card closes when it is empty, or after one purchase",
  ),
  validMonths: may(whole(0, 600), "Of a card, to the end of the month; 0 or left out: for ever"),
  pin: may(Pin, "Left out: never"),
  limits: may(Limits, "Left out: none"),
  recharge: may(Recharge, "Recharging at terminals"),
  transfers: may(Transfers, "From card to card"),
  deposit: may(whole(0, 0xffff_ffff), "Taken for the card itself, paid back when it is returned"),
  replacementFee: may(Amount, "Taken from a replaced card's main purse"),
  categories: Schema.optionalKey(Categories),
  hold: may(Hold, "Pre-authorisations"),
  purses: may(Schema.Array(Purse), "Besides main. A category purse pays at its merchant categories only"),
  credit: may(Amount, "How far the main purse may go below zero"),
  order: may(
    Schema.Array(PurseName).check(
      Schema.makeFilter(
        (order: ReadonlyArray<PurseName>) => order.length >= 1 && order.length <= ORDER_PURSES_MAX,
        {
          expected: `1 to ${ORDER_PURSES_MAX} purses`,
          toJsonSchema: () => ({ minItems: 1, maxItems: ORDER_PURSES_MAX }),
        },
      ),
    ),
    "Which purse pays first; left out: category purses, bonus, main. Points pay only when they are named",
  ),
  bonus: may(Bonus, "On recharges; needs the purse bonus"),
  dormant: may(Dormant, "A fee on cards that are not used"),
}).check(
  Schema.makeFilter((product) => {
    const names = (product.purses ?? []).map(({ purse }) => purse)
    const twice = names.findIndex((purse, index) => names.indexOf(purse) < index)
    if (twice >= 0) return { path: ["purses", twice], issue: "is there twice" }
    const own = new Set<PurseName>(["main", ...names])
    const { order = [] } = product
    const again = order.findIndex((purse, index) => order.indexOf(purse) < index)
    if (again >= 0) return { path: ["order", again], issue: "is there twice" }
    const foreign = order.findIndex((purse) => !own.has(purse))
    if (foreign >= 0) return { path: ["order", foreign], issue: "is not among the product's purses" }
    if (product.bonus !== undefined && !own.has("bonus")) {
      return { path: ["bonus"], issue: "needs a purse: add { purse: bonus } to purses" }
    }
    const bin = product.bin.length
    const digits = product.digits ?? 16
    // A serial and the Luhn digit have to fit behind it.
    return bin + 2 <= digits ? true : { path: ["bin"], issue: `leaves no room in ${digits} digits` }
  }, untold),
)
export type Product = typeof Product.Type
