// Payments of a scheme file: into merchants' floats and cards' purses, each made once whatever is run again.
import type { Client, MessageError, MessageRefused } from "@millrace/client"
import { cardNumberOf } from "@millrace/ledger"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import { grouped } from "../load/Report.ts"
import type { Fund } from "./scheme/Cards.ts"
import type { Merchant } from "./scheme/Places.ts"

const COMMANDS_IN_FLIGHT = 16
/** Of one entry, when its cards have come to different references. */
const OUTCOMES_TOLD_MAX = 4

/** What became of a payment under its reference; after a later one the engine says that one's alone. */
type Paid =
  | { readonly became: "paid" | "paid before" }
  | { readonly became: "passed over"; readonly last: bigint }

/**
 * References grow. The last one again is a repeat; an earlier one is refused, since the engine keeps the last alone: that
 * is how every payment of a file but the last looks when the file is run again.
 */
const paid = <A extends { readonly created: number }, R>(
  payment: Effect.Effect<A, MessageError, R>,
): Effect.Effect<Paid, MessageError, R> =>
  payment.pipe(
    Effect.map(({ created }): Paid => ({ became: created > 0 ? "paid" : "paid before" })),
    Effect.catchTag("MessageRefused", (refused) => {
      const last = lastReference(refused)
      return last === undefined ? Effect.fail(refused) : Effect.succeed<Paid>({ became: "passed over", last })
    }),
  )

const lastReference = ({ code, message }: MessageRefused): bigint | undefined => {
  const last = code === "conflict" ? /is at reference (\d+)/.exec(message)?.[1] : undefined
  return last === undefined ? undefined : BigInt(last)
}

/**
 * A payment before one of the same file was made when that one was, unless it came into the file afterwards: the engine
 * does not know, so both are said.
 */
const overText = (reference: bigint, last: bigint, later: ReadonlySet<bigint>): string =>
  later.has(last)
    ? `paid before, if it was in the file when reference ${last} was paid`
    : `not paid: its reference ${reference} is before the last one, ${last}`

const becameText = (
  one: Paid,
  { amount, reference }: { readonly amount: number; readonly reference: bigint },
  later: ReadonlySet<bigint>,
): string => {
  if (one.became === "passed over") return overText(reference, one.last, later)
  return one.became === "paid" ? `${grouped(amount)} paid` : one.became
}

export const payFloat = Effect.fnUntraced(function* (
  client: Client,
  { number, float = [] }: Merchant,
  tell: (line: string) => void,
) {
  for (const [index, payment] of float.entries()) {
    const { amount, reference } = payment
    const one = yield* paid(client.float({ merchant: number, amount, reference }))
    const later = new Set(float.slice(index + 1).map((other) => other.reference))
    const said = becameText(one, payment, later)
    tell(`float of merchant ${number}, reference ${reference}: ${said}`)
  }
})

/** @param later the references of the file's payments to cards that come after this one */
export const payFund = Effect.fnUntraced(function* (
  client: Client,
  fund: Fund,
  later: ReadonlySet<bigint>,
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
  tell(`${whose}, ${purse}, reference ${reference}: ${cardsText(fund, became, later)}`)
})

/** `each 500 paid`, or `50 500 paid; …` where cards differ. */
const cardsText = (payment: Fund, became: ReadonlyArray<Paid>, later: ReadonlySet<bigint>): string => {
  const counts = new Map<string, number>()
  for (const one of became) {
    const said = becameText(one, payment, later)
    counts.set(said, (counts.get(said) ?? 0) + 1)
  }
  const parts = [...counts]
  if (parts.length === 1 && became.length === 1) return parts[0][0]
  return parts
    .slice(0, OUTCOMES_TOLD_MAX)
    .map(([said, count]) => `${parts.length === 1 ? "each" : grouped(count)} ${said}`)
    .concat(parts.length > OUTCOMES_TOLD_MAX ? ["others likewise"] : [])
    .join("; ")
}

const cardsOf = Effect.fnUntraced(function* (client: Client, fund: Fund) {
  if ("card" in fund) return [fund.card]
  const { product, serial = 0, count = 1 } = fund
  const { bin, digits } = yield* client.productInfo(product)
  return Array.from({ length: count }, (_, index) => cardNumberOf(bin, digits, serial + index))
})
