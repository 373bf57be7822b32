// Products and cards: how they are made, and what happens to a card in its life.
import { Schema } from "effect"
import { U64_MAX } from "../bounds.ts"
import { lifecycleActions, purseNames } from "../cardWords.ts"
import {
  Amount,
  BasisPoints,
  CardNumber,
  Categories,
  Currency,
  FeePlan,
  integer,
  madeFields,
  may,
  Name,
  PinBlock,
  PositiveAmount,
  PurseName,
  Reason,
  Reference,
  U16,
  U32,
} from "./fields.ts"

/** Cards made by one `cards` command. */
export const CARDS_PER_COMMAND_MAX = 8_192
/** Cards made by one `issue` command: each answers its number and its check value. */
export const CARDS_PER_ISSUE_MAX = 1_000
/** Purses in a product's order of use. */
export const ORDER_PURSES_MAX = 6
/** Digits of a card's check value. */
export const CHECK_VALUE_DIGITS = 6

const ProductNumber = integer(1, 65_535)
const SidePurse = Schema.Literals(purseNames.filter((name) => name !== "main"))
/** How many times within a day or month. */
const Times = integer(0, 65_535)

/** Makes a product, or replaces all that is said of one but its currency, bin, digits and name of holders (`conflict`). */
export const Product = Schema.Struct({
  type: Schema.Literal("product"),
  number: ProductNumber,
  name: Name,
  currency: Currency,
  /** The digits that its card numbers begin with. */
  bin: Schema.String.check(Schema.isPattern(/^[1-9][0-9]{3,11}$/)),
  /** Of a card number, with the Luhn digit; 16 when left out. */
  digits: may(integer(13, 19)),
  /** Its cards belong to somebody from the beginning. */
  named: may(Schema.Boolean),
  /** A gift card closes when it is empty, or after one purchase. */
  singleUse: may(Schema.Literals(["no", "empty", "once"])),
  /** 0: for ever. */
  validMonths: may(integer(0, 1_200)),
  pin: may(
    Schema.Struct({
      rule: Schema.Literals(["never", "always", "above"]),
      /** `above`: up to this amount no PIN is needed. */
      freeMax: may(Amount),
      tries: may(integer(1, 15)),
    }),
  ),
  /** 0: no limit. */
  limits: may(
    Schema.Struct({
      transactionMax: may(Amount),
      dayAmountMax: may(Amount),
      dayCountMax: may(Times),
      monthAmountMax: may(Amount),
      monthCountMax: may(Times),
    }),
  ),
  recharge: may(
    Schema.Struct({
      allowed: may(Schema.Boolean),
      min: may(Amount),
      max: may(Amount),
      balanceMax: may(Amount),
    }),
  ),
  transfers: may(Schema.Struct({ allowed: may(Schema.Boolean), fee: may(FeePlan) })),
  deposit: may(Amount),
  replacementFee: may(Amount),
  /** Merchant categories where it pays; none: everywhere. */
  categories: may(Categories),
  hold: may(Schema.Struct({ hours: may(integer(1, 8_760)), toleranceBasisPoints: may(BasisPoints) })),
  /** Purses beside the main one. */
  purses: may(
    Schema.Array(
      Schema.Struct({
        purse: SidePurse,
        name: may(Name),
        /** Where it pays. */
        categories: may(Categories),
        /** How far it may go below zero. */
        credit: may(Amount),
        /** 0: for ever. */
        validDays: may(integer(0, 36_500)),
      }),
    ).check(Schema.isMaxLength(purseNames.length - 1)),
  ),
  /** How far the main purse may go below zero. */
  credit: may(Amount),
  /** Which purse pays first. */
  order: may(Schema.Array(PurseName).check(Schema.isMinLength(1), Schema.isMaxLength(ORDER_PURSES_MAX))),
  bonus: may(
    Schema.Struct({
      basisPoints: BasisPoints,
      min: may(Amount),
      max: may(Amount),
      /** Released in twelve monthly parts. */
      monthly: may(Schema.Boolean),
    }),
  ),
  dormant: may(Schema.Struct({ afterMonths: integer(1, 1_200), fee: PositiveAmount })),
})
export const ProductOk = Schema.Struct({ type: Schema.Literal("product.ok"), ...madeFields })

/** Makes the cards first … first + count − 1, each with the same opening balance. */
export const Cards = Schema.Struct({
  type: Schema.Literal("cards"),
  first: CardNumber,
  count: integer(1, CARDS_PER_COMMAND_MAX),
  currency: Currency,
  openingBalance: Amount,
  /** 0 when left out: the open product, which allows everything. */
  product: may(U16),
}).check(
  Schema.makeFilter((c) =>
    c.first + BigInt(c.count) - 1n <= U64_MAX ? true : "the last card passes 2^64 - 1",
  ),
)
export const CardsOk = Schema.Struct({ type: Schema.Literal("cards.ok"), ...madeFields })

/** Makes cards of a product with its next numbers. The same again, with the same serial, makes nothing. */
export const Issue = Schema.Struct({
  type: Schema.Literal("issue"),
  product: ProductNumber,
  /** The product's next serial: `product-info` tells it. */
  serial: integer(0, Number.MAX_SAFE_INTEGER),
  count: integer(1, CARDS_PER_ISSUE_MAX),
  /** Active at once. */
  active: may(Schema.Boolean),
  holder: may(Name),
})
const CheckValue = Schema.String.check(Schema.isPattern(/^[0-9]{6}$/))
export const IssueOk = Schema.Struct({
  type: Schema.Literal("issue.ok"),
  ...madeFields,
  cards: Schema.Array(CardNumber),
  /** Each card's own secret, in the order of the numbers; stored nowhere. */
  checkValues: Schema.Array(CheckValue),
})

/** What can happen to a card. */
export const LifecycleAction = Schema.Literals(lifecycleActions)
export type LifecycleAction = typeof LifecycleAction.Type

export const Lifecycle = Schema.Struct({
  type: Schema.Literal("lifecycle"),
  card: CardNumber,
  action: LifecycleAction,
  reason: Reason,
  /** `name`, `replace`: who holds it. */
  holder: may(Name),
})
export const LifecycleOk = Schema.Struct({
  type: Schema.Literal("lifecycle.ok"),
  ...madeFields,
  /** `replace`: the new card, and its check value. */
  card: may(CardNumber),
  checkValue: may(CheckValue),
  /** `return`, `cancel`: what the cardholder gets. */
  paidOut: may(Amount),
})

/** Pays into a purse. */
export const Fund = Schema.Struct({
  type: Schema.Literal("fund"),
  card: CardNumber,
  purse: PurseName,
  amount: PositiveAmount,
  reference: Reference,
  /** Day number from which on it is void; 0: never. */
  expiresDay: may(U16),
})
export const FundOk = Schema.Struct({ type: Schema.Literal("fund.ok"), ...madeFields })

/** Sets a card's PIN, and its tries back to 0. */
export const Pin = Schema.Struct({ type: Schema.Literal("pin"), card: CardNumber, pin: PinBlock })
export const PinOk = Schema.Struct({ type: Schema.Literal("pin.ok"), ...madeFields })

/** Compares a card's check value with what somebody says; three wrong ones in a row lock it for an hour. */
export const CheckCard = Schema.Struct({
  type: Schema.Literal("check-card"),
  card: CardNumber,
  checkValue: CheckValue,
})
export const CheckCardOk = Schema.Struct({
  type: Schema.Literal("check-card.ok"),
  valid: Schema.Boolean,
  /** 0: locked for a while, and a right value is not valid either. */
  triesLeft: U32,
})
