// Money spent or held: purchase and pre-authorisation, out of the purses in the product's order.
import { RecordFlag, RecordWord, ResponseCode } from "@millrace/protocol"
import { CardStatus, type Cards } from "../Cards.ts"
import type { Draft } from "../Draft.ts"
import type { Product } from "../Products.ts"
import { SlotBit } from "../Slot.ts"
import { judgeRules } from "./rules.ts"

const PARTIAL_FLAG = RecordFlag.partial << 8
/** Product.singleUse */
export const SingleUse = { no: 0, whenEmpty: 1, once: 2 } as const

/** What a purse gives at `day`: with its credit, and nothing once its last day is over. */
const purseGives = (cards: Cards, card: number, product: Product, purse: number, day: number): number => {
  const expires = cards.purseExpires(card, purse)
  if (expires !== 0 && day > expires) return 0
  return Math.max(0, cards.balance(card, purse) + product.credit[purse])
}

/** What these purses of a card give together. */
export const pursesGive = (
  cards: Cards,
  card: number,
  product: Product,
  purses: Uint8Array,
  day: number,
): number => {
  let sum = 0
  for (let i = 0; i < purses.length; i++) sum += purseGives(cards, card, product, purses[i], day)
  return sum
}

export const spendable = (draft: Draft, purse: number): number =>
  purseGives(draft.shard.cards, draft.card, draft.product, purse, draft.calendar.day)

/** The sum over the purses that can be spent at this merchant. */
export const available = (draft: Draft): number =>
  pursesGive(draft.shard.cards, draft.card, draft.product, draft.draws, draft.calendar.day)

export const purchase = (draft: Draft): number => {
  const refusal = judgeRules(draft)
  if (refusal !== ResponseCode.approved) return refusal
  const drawn = draw(draft, draft.amount)
  if (drawn < draft.amount) {
    const partial = (draft.words[draft.at + RecordWord.kindFlagsCurrency] & PARTIAL_FLAG) !== 0
    if (!partial || drawn === 0) return ResponseCode.insufficientFunds
    draft.approved = drawn
  }
  markClosing(draft, drawn)
  return drawn < draft.amount ? ResponseCode.partiallyApproved : ResponseCode.approved
}

/** Takes up to `amount` along the order; returns what was found. */
const draw = (draft: Draft, amount: number): number => {
  const { draws } = draft
  let left = amount
  for (let i = 0; i < draws.length && left > 0; i++) {
    const taken = Math.min(left, spendable(draft, draws[i]))
    if (taken === 0) continue
    draft.move(draws[i], taken)
    left -= taken
  }
  return amount - left
}

/** @param spent what the purses lose by it */
export const markClosing = (draft: Draft, spent: number): void => {
  const { singleUse } = draft.product
  if (singleUse === SingleUse.no) return
  const { cards } = draft.shard
  // What is lost or locked stays so: money that comes back opens a closed card again.
  if (cards.status(draft.card) !== CardStatus.active) return
  const held = draft.hold < 0 ? 0 : draft.shard.holds.amount(draft.hold)
  const isEmpty = cards.total(draft.card) - spent <= 0 && cards.held(draft.card) - held === 0
  if (singleUse === SingleUse.once || isEmpty) draft.bits |= SlotBit.closes
}

/** Out of the first purse that has all of it: what is held is one amount in one purse. */
export const preauthorisation = (draft: Draft): number => {
  const refusal = judgeRules(draft)
  if (refusal !== ResponseCode.approved) return refusal
  const { draws, amount } = draft
  for (let i = 0; i < draws.length; i++) {
    if (spendable(draft, draws[i]) < amount) continue
    if (draft.shard.holds.isFull) return ResponseCode.overLimit
    draft.move(draws[i], amount)
    draft.holdExpiresMs = draft.time + draft.product.holdMs
    return ResponseCode.approved
  }
  return ResponseCode.insufficientFunds
}
