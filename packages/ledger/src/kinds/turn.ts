// Reversal and void: the original's movements turned round exactly, once; or, when the reversal comes first, the
// original barred.
import { Kind, RecordWord, ResponseCode } from "@millrace/protocol"
import { CardStatus } from "../Cards.ts"
import { Companion, type Draft } from "../Draft.ts"
import { COMPLETED, REVERSED } from "../Memory.ts"
import { amountAt, dayAt, isApprovedAt, kindAt, movedAt, SLOT_WORDS, sameCard, termsAt } from "../Slot.ts"
import { findPayee } from "./payee.ts"

const find = (draft: Draft): number => {
  const { memory, words, at } = draft
  return memory.find(
    words[at + RecordWord.terminal],
    words[at + RecordWord.originalLo],
    words[at + RecordWord.originalHi],
  )
}

/**
 * | original | answer | moves |
 * |---|---|---|
 * | itself | 12 | nothing |
 * | not remembered, as old as what was forgotten, or none named | 25 | nothing |
 * | not remembered, newer | 0 | nothing; bars it |
 * | barred | 0 (12 when for another card) | nothing |
 * | any, amount neither 0 nor the original's | 13 | nothing |
 * | of another card; not of a kind that can be turned round | 12 | nothing |
 * | declined, a balance, already turned round | 0 | nothing |
 * | of which something is refunded; a hold that was completed | 12 | nothing |
 * | purchase, refund, recharge, pre-authorisation, completion, transfer | 0; 51 when the money is spent; 61 | the original's, turned round |
 */
export const reversal = (draft: Draft): number => {
  const { memory, words, at } = draft
  const lo = words[at + RecordWord.originalLo]
  const hi = words[at + RecordWord.originalHi]
  if (lo === words[at + RecordWord.referenceLo] && hi === words[at + RecordWord.referenceHi]) {
    return ResponseCode.invalidTransaction
  }
  const original = find(draft)
  if (original < 0) {
    if (draft.terminals.isForgotten(draft.terminal, lo, hi)) return ResponseCode.originalUnknown
    draft.companion = Companion.bar
    return ResponseCode.approved
  }
  const { ring } = memory
  const slot = original * SLOT_WORDS
  const isBar = memory.isBar(original)
  if (!isBar && !names(draft, slot)) return ResponseCode.badAmount
  const kind = kindAt(ring, slot)
  if (!sameCard(ring, slot, words, at)) return ResponseCode.invalidTransaction
  if (isBar || kind === Kind.balance) return ResponseCode.approved
  if (!canBeTurned(kind)) return ResponseCode.invalidTransaction
  if (!isApprovedAt(ring, slot) || memory.marks[original] === REVERSED) return ResponseCode.approved
  return turn(draft, original, kind)
}

/** Of what this terminal did today, by its hand: it must be there, and it happens once. */
export const voiding = (draft: Draft): number => {
  const { memory, words, at } = draft
  const original = find(draft)
  if (original < 0 || memory.isBar(original)) return ResponseCode.originalUnknown
  const { ring, marks } = memory
  const slot = original * SLOT_WORDS
  const kind = kindAt(ring, slot)
  if (
    !sameCard(ring, slot, words, at) ||
    !canBeTurned(kind) ||
    !isApprovedAt(ring, slot) ||
    marks[original] === REVERSED ||
    isFollowed(marks[original]) ||
    dayAt(ring, slot) !== draft.calendar.day
  ) {
    return ResponseCode.invalidTransaction
  }
  if (!names(draft, slot)) return ResponseCode.badAmount
  return turn(draft, original, kind)
}

export const canBeTurned = (kind: number): boolean =>
  kind === Kind.purchase ||
  kind === Kind.refund ||
  kind === Kind.recharge ||
  kind === Kind.preauthorisation ||
  kind === Kind.completion ||
  kind === Kind.transfer

/** Something of it is refunded, or the hold was completed. */
const isFollowed = (mark: number): boolean => mark > 0 || mark === COMPLETED

/**
 * The amount is 0 or the original's: what was asked for, or what was approved of it. Who got no answer to a request that
 * was approved in part knows only the first.
 */
const names = (draft: Draft, slot: number): boolean => {
  const { ring, doubles } = draft.memory
  const { amount } = draft
  return amount === 0 || amount === amountAt(ring, slot) || amount === movedAt(ring, doubles, slot)
}

/** The original is approved and stands. */
const turn = (draft: Draft, original: number, kind: number): number => {
  const { memory, moves, shard, card, words } = draft
  if (isFollowed(memory.marks[original])) return ResponseCode.invalidTransaction
  const { ring, doubles } = memory
  const slot = original * SLOT_WORDS
  draft.original = original
  draft.approved = movedAt(ring, doubles, slot)
  draft.terms = termsAt(ring, slot)
  if (kind === Kind.transfer) {
    findPayee(draft, ring[slot + RecordWord.counterpartyLo], ring[slot + RecordWord.counterpartyHi])
    const { payee, payeeShard, scheme } = draft
    if (!payeeShard.up) return ResponseCode.unavailable
    draft.payee = payeeShard.cards.newest(payee)
    const status = payeeShard.cards.status(draft.payee)
    if (status === CardStatus.returned || status === CardStatus.cancelled)
      return ResponseCode.insufficientFunds
    const product = scheme.products.at(payeeShard.cards.product(draft.payee))
    const left = payeeShard.cards.balance(draft.payee, 0) + product.credit[0] - draft.approved
    if (left < 0) return ResponseCode.insufficientFunds
  } else if (kind === Kind.preauthorisation) {
    const lo = words[draft.at + RecordWord.originalLo]
    const hi = words[draft.at + RecordWord.originalHi]
    draft.hold = shard.holds.find(words[draft.at + RecordWord.terminal], lo, hi)
    if (draft.hold < 0) return ResponseCode.invalidTransaction
  } else {
    moves.post(kind, shard, ring, doubles, slot, memory.after(original) * SLOT_WORDS, -1)
    if (!moves.covered(shard, card, draft.product)) return ResponseCode.insufficientFunds
  }
  draft.companion = Companion.turned
  return ResponseCode.approved
}
