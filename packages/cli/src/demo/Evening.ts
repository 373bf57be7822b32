// The end of the demo's story: a card is lost and replaced, its history is read, and terminals close their day.
import { closeFields, responseDigits, type Totals } from "@millrace/protocol"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import { counted } from "../load/Report.ts"
import { money, type Teller } from "./Teller.ts"
import { Merchant } from "./Town.ts"

const HISTORY_TOLD = 6

export const lostAndReplaced = Effect.fnUntraced(function* (teller: Teller, card: bigint) {
  const { client, town } = teller
  const petrol = town.terminalsOf(Merchant.petrol)[0]
  const bakery = town.terminalsOf(Merchant.bakery)[0]
  teller.say("The card is reported lost. Whoever found it has no luck:")
  yield* client.lifecycle({ card, action: "lost", reason: "reported by telephone" })
  yield* teller.send(teller.step("purchase", petrol, card, 2_000))
  const hotlist = yield* client.hotlist()
  teller.note(
    `terminals download it: hotlist version ${hotlist.version}, ${counted(hotlist.changes.length, "card")}`,
  )
  teller.say("Its holder gets another card with everything that was on it, less 5.00 for the replacement:")
  const replaced = yield* client.lifecycle({ card, action: "replace", reason: "lost on the bus" })
  const next = replaced.card
  if (next === undefined) return
  teller.note(`${masked(card)} is now ${masked(next)}`)
  yield* teller.send(teller.step("purchase", bakery, next, 240))
  teller.say("And the history came with it, newest first:")
  for (const one of yield* client.history(next, HISTORY_TOLD)) {
    teller.note(
      `${one.kind.padEnd(16)} ${money(one.amount).padStart(9)}  ${one.card}  answered ${responseDigits(one.response)}`,
    )
  }
})

/** What a close says beside its amount. */
const closing = (debits: Totals, credits: Totals) => {
  const { original, counterparty } = closeFields(debits, credits)
  return { original, counterparty }
}

export const terminalDay = Effect.fnUntraced(function* (teller: Teller) {
  const { client, town } = teller
  const bakery = town.terminalsOf(Merchant.bakery)[0]
  const pharmacy = town.terminalsOf(Merchant.pharmacy)[0]
  const agreed = yield* client.totals(bakery)
  teller.say("In the evening the bakery's terminal sends its own totals, and both agree:")
  yield* teller.send(
    teller.step("close", bakery, 0n, agreed.debits.amount, closing(agreed.debits, agreed.credits)),
  )
  teller.note(
    `${counted(agreed.debits.count, "debit")} of ${money(agreed.debits.amount)}, ${counted(agreed.credits.count, "credit")} of ${money(agreed.credits.amount)}`,
  )
  const other = yield* client.totals(pharmacy)
  const wrong = { count: other.debits.count + 1, amount: other.debits.amount + 700 }
  teller.say("The pharmacy's terminal counted one sale too many:")
  yield* teller.send(teller.step("close", pharmacy, 0n, wrong.amount, closing(wrong, other.credits)))
  teller.note(`it says ${money(wrong.amount)}, the engine ${money(other.debits.amount)}`)
  teller.say("Its owner looks into it tomorrow, and closes the day all the same:")
  yield* teller.send(
    teller.step("close", pharmacy, 0n, wrong.amount, { ...closing(wrong, other.credits), forced: true }),
  )
  const after = yield* client.totals(pharmacy)
  teller.note(`batch ${other.batch} is closed, batch ${after.batch} begins`)
})
