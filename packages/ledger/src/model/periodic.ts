// What time alone does to the cards of the model.
import { Moves } from "./Book.ts"
import { BONUS, type Card } from "./Card.ts"
import type { Model } from "./Model.ts"
import { least, monthOf } from "./plans.ts"

/** The cards are looked at once a day, and again after a command; those whose life is over are not. */
export const periodic = (model: Model, time: number): void => {
  const day = model.dayOf(time)
  if (model.lookedDay === day) return
  model.lookedDay = day
  for (const card of model.cards.values()) {
    const isOver = card.status === "returned" || card.status === "cancelled"
    if (!isOver && card.replacedBy === undefined) serve(model, card, day)
  }
}

/** Bonus released, the fee of a dormant card, purses that expired: one slot, where anything is due. */
const serve = (model: Model, card: Card, day: number): void => {
  const month = monthOf(day)
  const { released, monthsLeft } = releaseOf(card, month)
  const fee = dormantFeeOf(model, card, month)
  const expired = card.purses.flatMap((sum, purse) =>
    card.purseExpires[purse] !== 0 && day > card.purseExpires[purse] && sum > 0n ? [purse] : [],
  )
  if (released === 0n && fee === 0n && expired.length === 0) return
  const moves = new Moves(model.shardOf)
  for (const purse of expired) {
    moves.general(card, "breakage", card.purses[purse])
    moves.purse(card, purse, -card.purses[purse])
  }
  moves.locked(card, -released)
  moves.purse(card, BONUS, released)
  moves.purse(card, 0, -fee)
  moves.general(card, "feeIncome", fee)
  if (!model.book.allows(moves.list)) return
  model.book.apply(moves.list, day)
  for (const purse of expired) card.purseExpires[purse] = 0
  card.monthsLeft = monthsLeft
  card.periodMonth = month
  model.memory.addOthers(1)
}

/** Each month an equal part of what is locked, rounded up, until none is left. */
const releaseOf = (card: Card, month: number) => {
  let { locked, monthsLeft } = card
  for (let passed = card.periodMonth; passed < month && monthsLeft > 0 && locked > 0n; passed++) {
    const months = BigInt(monthsLeft)
    locked -= (locked + months - 1n) / months
    monthsLeft--
  }
  return { released: card.locked - locked, monthsLeft }
}

/** Once a month, of a card that was not used for so many months, and never more than it has. */
const dormantFeeOf = (model: Model, card: Card, month: number): bigint => {
  const { dormant } = model.productOf(card).command
  if (dormant === undefined || month <= card.periodMonth) return 0n
  if (month - monthOf(card.day) < dormant.afterMonths || card.purses[0] <= 0n) return 0n
  return least(card.purses[0], BigInt(dormant.fee))
}
