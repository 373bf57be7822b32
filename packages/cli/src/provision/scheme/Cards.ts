// Cards and the payments to them in a scheme file: by their numbers, or issued by a product.
import { PurseName } from "@millrace/protocol/messages"
import { Schema } from "effect"
import {
  Amount,
  AmountAboveZero,
  CardNumber,
  Currency,
  Day,
  described,
  Flag,
  may,
  Name,
  Reference,
  text,
  untold,
  whole,
} from "./pieces.ts"

const ProductNumber = whole(1, 65_535)

/** Cards whose numbers are given: first, first + 1 and so on. They are active at once. */
export const NumberedCards = Schema.Struct({
  first: CardNumber,
  count: may(whole(1, 100_000_000), "Consecutive numbers; 1 when left out"),
  currency: Currency,
  openingBalance: may(Amount, "Minor units, given to those that are made now; 0 when left out"),
  product: may(whole(0, 65_535), "Left out: no product, and everything is allowed"),
})
export type NumberedCards = typeof NumberedCards.Type

/** Of one entry; more cards are more entries. */
export const ISSUED_MAX = 100_000

/** Cards that a product gives their numbers: its BIN, a serial and the Luhn digit. */
export const IssuedCards = Schema.Struct({
  product: ProductNumber,
  count: whole(1, ISSUED_MAX),
  serial: may(
    whole(0, Number.MAX_SAFE_INTEGER),
    "Of the first one; left out: after the product's entry before, or the product's first",
  ),
  active: may(Flag, "They may pay at once; otherwise each is activated when it is given out"),
  holder: may(Name, "To whom they are given, for a product with named cards"),
  out: may(text(1, 4_096), "A CSV file for numbers and check values, mode 0600, beside the scheme file"),
})
export type IssuedCards = typeof IssuedCards.Type

export const Cards = Schema.Union([NumberedCards, IssuedCards])

const payment = {
  purse: may(PurseName, "main when left out"),
  amount: AmountAboveZero,
  reference: described(Reference, "Greater than the card's payment before: it is made once"),
  expires: may(Day, "The purse's expiry from then on"),
}

const CardFund = Schema.Struct({ card: CardNumber, ...payment })

const IssuedFund = Schema.Struct({
  product: ProductNumber,
  serial: may(whole(0, Number.MAX_SAFE_INTEGER), "Of the first card; left out: the product's first"),
  count: may(whole(1, ISSUED_MAX), "Cards with consecutive serials; 1 when left out"),
  ...payment,
})

const mainStays = Schema.makeFilter(
  ({ purse, expires }: { readonly purse?: PurseName; readonly expires?: number }) =>
    expires === undefined || (purse !== undefined && purse !== "main")
      ? true
      : { path: ["expires"], issue: "the main purse does not expire" },
  untold,
)

export const Fund = Schema.Union([CardFund.check(mainStays), IssuedFund.check(mainStays)])
export type Fund = typeof Fund.Type
