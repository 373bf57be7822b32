// The demo's story: what happens to people with cards in a small town, each rule of the engine once.
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import { lostAndReplaced, terminalDay } from "./Evening.ts"
import { money, type Teller } from "./Teller.ts"
import { KIOSK_CODE, Merchant, Product, TOWN_CURRENCY } from "./Town.ts"

const PIN = "1593"
const WRONG_PIN = "9999"

/** A card over the counter: issued, paid for, activated. */
const handOut = Effect.fnUntraced(function* (teller: Teller, product: number, amount: number) {
  const { client } = teller
  const { cards } = yield* client.issue({ product, count: 1 })
  const card = cards[0]
  yield* client.lifecycle({ card, action: "activate", reason: "handed out at the counter" })
  if (amount > 0) yield* client.fund({ card, purse: "main", amount, reference: 1n })
  return card
})

const at = (teller: Teller, merchant: number): number => teller.town.terminalsOf(merchant)[0]

export const chapters = Effect.fnUntraced(function* (teller: Teller) {
  const town = yield* handOut(teller, Product.town, 0)
  yield* recharge(teller, town)
  yield* purchases(teller, town)
  yield* meals(teller)
  yield* student(teller)
  yield* petrol(teller, town)
  yield* gift(teller)
  yield* patron(teller)
  yield* neighbours(teller, town)
  yield* lostAndReplaced(teller, town)
  yield* terminalDay(teller)
})

const recharge = Effect.fnUntraced(function* (teller: Teller, card: bigint) {
  const { client } = teller
  const kiosk = at(teller, Merchant.kiosk)
  const before = yield* client.merchantInfo(Merchant.kiosk)
  yield* teller.show(
    "A new town card is recharged at the kiosk, out of the kiosk's float; the town adds a bonus of 10 %:",
    teller.step("recharge", kiosk, card, 4_000),
  )
  const after = yield* client.merchantInfo(Merchant.kiosk)
  const found = yield* client.card(card)
  teller.note(`main ${money(found.balance)}, bonus ${money(found.purses["bonus"] ?? 0)}`)
  teller.note(`the kiosk's float: ${money(before.float)} before, ${money(after.float)} after`)
  const large = { code: true, pin: KIOSK_CODE }
  yield* teller.show(
    "A large recharge needs a second person's authorisation code:",
    teller.step("recharge", kiosk, card, 25_000),
  )
  yield* teller.send(teller.step("recharge", kiosk, card, 25_000, large))
})

const purchases = Effect.fnUntraced(function* (teller: Teller, card: bigint) {
  const [bakery, pharmacy] = [at(teller, Merchant.bakery), at(teller, Merchant.pharmacy)]
  const bread = teller.step("purchase", bakery, card, 1_250)
  yield* teller.show("It pays at the bakery, the bonus first:", bread)
  yield* teller.show(
    "The answer got lost on its way, so the terminal asks again under the same reference. Nothing moves twice:",
    { ...bread, repeat: true },
  )
  yield* teller.show(
    "Part of the bread comes back, and the money goes back to where it came from:",
    teller.step("refund", bakery, card, 450, { original: bread.reference }),
  )
  const syrup = teller.step("purchase", pharmacy, card, 1_800)
  yield* teller.show("At the pharmacy somebody presses the wrong key,", syrup)
  yield* teller.show(
    "and takes it back on the same day:",
    teller.step("void", pharmacy, card, 0, { original: syrup.reference }),
  )
  const lotion = teller.step("purchase", pharmacy, card, 900)
  yield* teller.show("A terminal that got no answer at all", lotion)
  yield* teller.show(
    "turns round whatever may have been done:",
    teller.step("reversal", pharmacy, card, 0, { original: lotion.reference }),
  )
  yield* teller.show(
    "Above 25.00 the town card asks for a PIN, and this one has none yet:",
    teller.step("purchase", bakery, card, 3_000),
  )
})

const meals = Effect.fnUntraced(function* (teller: Teller) {
  const { client } = teller
  const [canteen, bakery] = [at(teller, Merchant.canteen), at(teller, Merchant.bakery)]
  const card = yield* handOut(teller, Product.company, 1_000)
  yield* client.fund({ card, purse: "category1", amount: 600, reference: 2n })
  const lunch = teller.step("purchase", canteen, card, 850)
  yield* teller.show(
    "A company card has 6.00 for meals. A lunch for 8.50 takes these, and the rest from main:",
    lunch,
  )
  const { balance, purses } = yield* client.card(card)
  teller.note(`left: meals ${money(purses["category1"] ?? 0)}, main ${money(balance)}`)
  yield* teller.show("Elsewhere the meal purse does not count:", teller.step("purchase", bakery, card, 1_000))
})

const student = Effect.fnUntraced(function* (teller: Teller) {
  const canteen = at(teller, Merchant.canteen)
  const card = yield* handOut(teller, Product.student, 5_000)
  yield* teller.client.pin(card, PIN)
  yield* teller.show(
    "A student card always wants its PIN. Wrong:",
    teller.step("purchase", canteen, card, 450, { pin: WRONG_PIN }),
  )
  teller.say("Right, then changed, then right again:")
  yield* teller.send(teller.step("purchase", canteen, card, 450, { pin: PIN }))
  yield* teller.send(teller.step("pinChange", canteen, card, 0, { pin: PIN, newPin: "8642" }))
  yield* teller.send(teller.step("purchase", canteen, card, 450, { pin: "8642" }))
  yield* teller.show(
    "One purchase may not be above 20.00, and students do not buy petrol:",
    teller.step("purchase", canteen, card, 2_100, { pin: "8642" }),
  )
  yield* teller.send(teller.step("purchase", at(teller, Merchant.petrol), card, 500, { pin: "8642" }))
})

const petrol = Effect.fnUntraced(function* (teller: Teller, card: bigint) {
  const pump = at(teller, Merchant.petrol)
  const before = teller.step("preauthorisation", pump, card, 2_000)
  yield* teller.show("At the pump 20.00 are held,", before)
  const { held } = yield* teller.client.card(card)
  teller.note(`held ${money(held)}`)
  yield* teller.show(
    "and 21.40 filled in: the product lets a pump take 15 % more than it held:",
    teller.step("completion", pump, card, 2_140, { original: before.reference }),
  )
  const other = teller.step("preauthorisation", pump, card, 1_500)
  yield* teller.show("Another customer's car does not start,", other)
  yield* teller.show(
    "so what is held is let go:",
    teller.step("cancellation", pump, card, 0, { original: other.reference }),
  )
})

const gift = Effect.fnUntraced(function* (teller: Teller) {
  const [pharmacy, kiosk] = [at(teller, Merchant.pharmacy), at(teller, Merchant.kiosk)]
  const card = yield* handOut(teller, Product.gift, 2_500)
  yield* teller.show("A gift card of 25.00 cannot be recharged:", teller.step("recharge", kiosk, card, 1_000))
  yield* teller.show(
    "It pays its part of a perfume for 40.00, and closes because it is empty:",
    teller.step("purchase", pharmacy, card, 4_000, { partial: true }),
  )
  yield* teller.send(teller.step("purchase", pharmacy, card, 100))
})

const patron = Effect.fnUntraced(function* (teller: Teller) {
  const [bakery, kiosk] = [at(teller, Merchant.bakery), at(teller, Merchant.kiosk)]
  const card = yield* handOut(teller, Product.patron, 1_000)
  yield* teller.show(
    "A patron's card has 10.00, and the town lends it up to 50.00:",
    teller.step("purchase", bakery, card, 4_000),
  )
  yield* teller.show(
    "Its bonus of 12 % comes month by month, a twelfth each:",
    teller.step("recharge", kiosk, card, 10_000),
  )
  const { accounts } = yield* teller.client.accounts()
  const locked = accounts[`bonusLocked.${TOWN_CURRENCY}`]
  if (locked !== undefined) teller.note(`not released yet, over all cards: ${money(Number(locked))}`)
})

const neighbours = Effect.fnUntraced(function* (teller: Teller, card: bigint) {
  const neighbour = yield* handOut(teller, Product.town, 0)
  yield* teller.client.pin(card, PIN)
  yield* teller.show(
    `5.00 go from one town card to a neighbour's, ${masked(neighbour)}:`,
    teller.step("transfer", at(teller, Merchant.kiosk), card, 500, { counterparty: neighbour, pin: PIN }),
  )
  yield* teller.send(teller.step("balance", at(teller, Merchant.kiosk), neighbour, 0))
})
