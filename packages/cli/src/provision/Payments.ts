// Payments of a scheme file: into merchants' floats and cards' purses, each made once whatever is run again.
import type { Client, MessageError, MessageRefused } from "@millrace/client"
import { cardNumberOf } from "@millrace/ledger"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import { grouped } from "../load/Report.ts"
import type { Fund } from "./scheme/Cards.ts"
import type { Merchant } from "./scheme/Places.ts"

const COMMANDS_IN_FLIGHT = 16

/** What became of a payment under its reference. */
type Paid = "paid" | "paid before" | "passed over"

/**
 * References grow. The last one again is a repeat; an earlier one is refused, since the engine keeps the last alone: that
 * is how every payment of a file but the last looks when the file is run again.
 */
const paid = <A extends { readonly created: number }, R>(
  payment: Effect.Effect<A, MessageError, R>,
): Effect.Effect<Paid, MessageError, R> =>
  payment.pipe(
    Effect.map(({ created }): Paid => (created > 0 ? "paid" : "paid before")),
    Effect.catchTag("MessageRefused", (refused) =>
      isEarlier(refused) ? Effect.succeed<Paid>("passed over") : Effect.fail(refused),
    ),
  )

const isEarlier = ({ code, message }: MessageRefused): boolean =>
  code === "conflict" && /is at reference/.test(message)

const OVER = "passed over, a payment with a later reference was made"

export const payFloat = Effect.fnUntraced(function* (
  client: Client,
  { number, float = [] }: Merchant,
  tell: (line: string) => void,
) {
  for (const { amount, reference } of float) {
    const became = yield* paid(client.float({ merchant: number, amount, reference }))
    const said = became === "passed over" ? OVER : became
    tell(`float of merchant ${number}: ${grouped(amount)} under ${reference}: ${said}`)
  }
})

export const payFund = Effect.fnUntraced(function* (
  client: Client,
  fund: Fund,
  tell: (line: string) => void,
) {
  const { purse = "main", amount, reference, expires } = fund
  const cards = yield* cardsOf(client, fund)
  const became = yield* Effect.forEach(
    cards,
    (card) =>
      paid(
        client.fund({
          card,
          purse,
          amount,
          reference,
          ...(expires === undefined ? {} : { expiresDay: expires }),
        }),
      ),
    { concurrency: COMMANDS_IN_FLIGHT },
  )
  const whose = cards.length === 1 ? `card ${masked(cards[0])}` : `${grouped(cards.length)} cards`
  const told = (["paid", "paid before", "passed over"] as const)
    .map((one) => [one, became.filter((each) => each === one).length] as const)
    .filter(([, count]) => count > 0)
    .map(([one, count]) => `${grouped(count)} ${one === "passed over" ? OVER : one}`)
  tell(`${whose}, ${purse}: ${grouped(amount)} under ${reference}: ${told.join(", ")}`)
})

const cardsOf = Effect.fnUntraced(function* (client: Client, fund: Fund) {
  if ("card" in fund) return [fund.card]
  const { product, serial = 0, count = 1 } = fund
  const { bin, digits } = yield* client.productInfo(product)
  return Array.from({ length: count }, (_, index) => cardNumberOf(bin, digits, serial + index))
})
