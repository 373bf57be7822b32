// What the issuer does to one card that is in use: puts money on it, sets its PIN.
import { DAY_MAX } from "../Calendar.ts"
import { CardNumber } from "../CardNumbers.ts"
import { CardStatus, type Cards, cardStatusNames, Purse } from "../Cards.ts"
import type { FundCommand, PinCommand, ResolvedFund } from "../Command.ts"
import { ACCOUNT_MAX } from "../limits.ts"
import { masked } from "../mask.ts"
import { Account, type Postings } from "../Postings.ts"
import type { Scheme } from "../Scheme.ts"
import {
  type ControlRefusal,
  post,
  postingsOf,
  type Resolution,
  refusal,
  resolved,
  type ShardOf,
  type World,
} from "./World.ts"

/** Of a card that was replaced, the one that has its money is meant. */
export const resolveFund = (world: World, command: FundCommand): Resolution => {
  const found = world.card(command.card)
  if (!found.ok) return found
  const { shard } = found
  const { cards } = shard
  const slot = cards.newest(found.slot)
  const { amount, reference } = command
  const shown = masked(command.card)
  const over = overProblem(cards, slot, shown)
  if (over !== undefined) return over
  const last = cards.fundReference(slot)
  if (cards.isLastFund(slot, reference, Purse[command.purse], amount))
    return resolved({ ...command, resolved: { repeat: true, expiresDay: 0 } }, 0, 1)
  if (reference === last) {
    return refusal("conflict", `card ${shown}: reference ${reference} was used for another payment`)
  }
  if (reference < last) return refusal("conflict", `card ${shown} is at reference ${last}`)
  const product = world.scheme.products.at(cards.product(slot))
  const purse = Purse[command.purse]
  if (!product.has(purse)) return refusal("conflict", `card ${shown} has no purse ${command.purse}`)
  const validDays = product.validDays[purse]
  const byProduct = validDays === 0 ? 0 : Math.min(world.day + validDays, DAY_MAX)
  const expiresDay = command.expiresDay ?? byProduct
  if (expiresDay !== 0 && expiresDay < world.day) {
    return refusal("bad-message", `expiresDay is before today, which is day ${world.day}`)
  }
  const balance = cards.balance(slot, purse)
  const isFull =
    cards.owed(slot) - Math.max(0, balance) + Math.max(0, balance + amount) > ACCOUNT_MAX ||
    !shard.accounts.allow(fundPostings(world.scheme, cards, slot, purse, amount))
  if (isFull) return refusal("full", "a purse or an account would pass 2^53 - 1")
  return resolved({ ...command, resolved: { repeat: false, expiresDay } }, 1, 0)
}

/** Nothing is done to a card whose life is over. */
const overProblem = (cards: Cards, slot: number, shown: string): ControlRefusal | undefined => {
  const status = cards.status(slot)
  return status === CardStatus.returned || status === CardStatus.cancelled
    ? refusal("conflict", `card ${shown} is ${cardStatusNames[status]}`)
    : undefined
}

/** Money comes from outside; bonus and points are the issuer's expense. */
const fundPostings = (
  scheme: Scheme,
  cards: Cards,
  slot: number,
  purse: number,
  amount: number,
): Postings => {
  const isGift = purse === Purse.bonus || purse === Purse.points
  return postingsOf(scheme.merchants.accountsOf(cards.currency(slot)), [
    [Account.purse, amount],
    [isGift ? Account.promotion : Account.cashIn, -amount],
  ])
}

export const fundCard = (shardOf: ShardOf, command: ResolvedFund, scheme: Scheme): void => {
  const number = new CardNumber(command.card)
  const shard = shardOf(number.hash)
  if (shard === undefined || command.resolved.repeat) return
  const { cards } = shard
  const slot = cards.newest(cards.find(number.hash, number.lo, number.hi))
  const purse = Purse[command.purse]
  const { expiresDay } = command.resolved
  // An empty purse's old expiry must not take what comes into it now.
  if (purse !== Purse.main && (expiresDay > 0 || cards.balance(slot, purse) <= 0)) {
    cards.setPurseExpires(slot, purse, expiresDay)
  }
  cards.addTo(slot, purse, command.amount)
  cards.setLastFund(slot, command.reference, purse, command.amount)
  post(shard, fundPostings(scheme, cards, slot, purse, command.amount))
}

// ---- PIN

export const resolvePin = (world: World, command: PinCommand): Resolution => {
  const found = world.card(command.card)
  if (!found.ok) return found
  const { cards } = found.shard
  const shown = masked(command.card)
  const over = overProblem(cards, found.slot, shown)
  if (over !== undefined) return over
  // A verifier is made from the card's own number: the replacing card needs another.
  if (cards.replacedBy(found.slot) >= 0) return refusal("conflict", `card ${shown} is replaced`)
  return cards.hasPin(found.slot) ? resolved(command, 0, 1) : resolved(command, 1, 0)
}

export const putPin = (shardOf: ShardOf, command: PinCommand): void => {
  const number = new CardNumber(command.card)
  const shard = shardOf(number.hash)
  if (shard === undefined) return
  const slot = shard.cards.find(number.hash, number.lo, number.hi)
  const { lo, hi } = new CardNumber(command.verifier)
  shard.cards.setPin(slot, lo, hi)
}
