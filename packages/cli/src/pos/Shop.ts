// Where the till stands: the terminal and its merchant as the server knows them, or a small shop that is made to try it.
import type { Client, MessageError } from "@millrace/client"
import { cardNumberOf } from "@millrace/ledger"
import { Effect } from "effect"
import { answered } from "../Connect.ts"
import { stop } from "../Stop.ts"

/** The small shop, far from the numbers that the other commands use. */
export const shop = {
  merchant: 880_001,
  name: "Mill Street Corner Shop",
  terminal: 880_001,
  product: 8_801,
  bin: "597088",
  digits: 16,
  currency: 978,
  pin: "1234",
  /** Up to so much a card pays without its PIN. */
  pinFreeMax: 2_500,
  /** What the cards begin with. */
  balances: [10_000, 5_000, 2_000],
  float: 100_000,
} as const

export interface Place {
  readonly terminal: number
  readonly merchant: string
  readonly currency: number
  /** The terminal's last, as the engine knows it. */
  readonly lastReference: bigint
  /** Cards to choose from by one digit. */
  readonly cards: ReadonlyArray<bigint>
}

const CARDS_LISTED_MAX = 9

/** Nothing, when the server refuses with one of these words. */
const unless = <A, R>(codes: ReadonlyArray<string>, asked: Effect.Effect<A, MessageError, R>) =>
  asked.pipe(
    Effect.catchTag("MessageRefused", (error) =>
      codes.includes(error.code) ? Effect.undefined : Effect.fail(error),
    ),
    answered,
  )

/** The same for whoever is not permitted to ask as for what does not exist. */
const orUndefined = <A, R>(asked: Effect.Effect<A, MessageError, R>) =>
  unless(["not-found", "not-permitted"], asked)

export const mayMakeShop = (client: Client): boolean =>
  ["provision", "operate"].every((permission) => client.welcome().permissions.includes(permission))

/** What the server knows of this terminal; undefined when it knows none. Errors: Stop. */
export const findPlace = Effect.fnUntraced(function* (client: Client, terminal: number) {
  const info = yield* orUndefined(client.terminalInfo(terminal))
  if (info === undefined) return undefined
  const merchant = yield* orUndefined(client.merchantInfo(info.merchant))
  const place: Place = {
    terminal,
    // A terminal that may not ask for its merchant is told by its parameters.
    merchant: merchant?.name ?? info.parameters["merchant"] ?? `Merchant ${info.merchant}`,
    currency: merchant?.currency ?? (Number(info.parameters["currency"]) || shop.currency),
    lastReference: info.lastReference,
    cards: info.merchant === shop.merchant ? yield* shopCards(client) : [],
  }
  return place
})

const shopCards = Effect.fnUntraced(function* (client: Client) {
  const product = yield* orUndefined(client.productInfo(shop.product))
  if (product === undefined) return []
  const count = Math.min(product.nextSerial, CARDS_LISTED_MAX)
  return Array.from({ length: count }, (_, serial) => cardNumberOf(product.bin, product.digits, serial))
})

/** Makes merchant, terminal, product and cards; what is there already stays. Errors: Stop. */
export const makeShop = Effect.fnUntraced(function* (client: Client, terminal: number) {
  const { merchant, name, product, bin, digits, currency, pin, pinFreeMax, balances, float } = shop
  yield* answered(client.merchant({ number: merchant, name, currency, mcc: 5411 }))
  yield* unless(["conflict"], client.float({ merchant, amount: float, reference: 1n }))
  yield* answered(client.terminals({ first: terminal, count: 1, merchant }))
  yield* answered(
    client.terminal({ number: terminal, parameters: { merchant: name, currency: String(currency) } }),
  )
  yield* answered(
    client.product({
      number: product,
      name: "Mill Street card",
      currency,
      bin,
      digits,
      named: true,
      pin: { rule: "above", freeMax: pinFreeMax },
      transfers: { allowed: true },
      hold: { toleranceBasisPoints: 1_500 },
    }),
  )
  const issued = yield* answered(
    client.issue({ product, serial: 0, count: balances.length, active: true, holder: "A newcomer" }),
  )
  for (const [i, card] of issued.cards.entries()) {
    // A card that was there may have had other money since.
    yield* unless(["conflict"], client.fund({ card, purse: "main", amount: balances[i], reference: 1n }))
    // And a PIN that somebody chose.
    if (issued.created > 0) yield* answered(client.pin(card, pin))
  }
  const place = yield* findPlace(client, terminal)
  return place ?? (yield* stop(`terminal ${terminal} was made, but the server does not know it`))
})
