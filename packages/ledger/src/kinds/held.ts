// What becomes of a hold: completion and cancellation. Holds are found in their own table, however long ago they were made.
import { RecordWord, ResponseCode } from "@millrace/protocol"
import type { Draft } from "../Draft.ts"
import { basisPointsOf } from "../Plans.ts"
import { SlotBit } from "../Slot.ts"
import { judgeRules } from "./rules.ts"
import { markClosing, spendable } from "./spend.ts"

export const completion = (draft: Draft): number => {
  let refusal = findHold(draft)
  if (refusal !== ResponseCode.approved) return refusal
  const { holds } = draft.shard
  const held = holds.amount(draft.hold)
  const over = draft.amount - held
  if (over > basisPointsOf(held, draft.product.toleranceBasisPoints)) return ResponseCode.badAmount
  refusal = judgeRules(draft)
  if (refusal !== ResponseCode.approved) return refusal
  if (over > 0 && spendable(draft, holds.purse(draft.hold)) < over) return ResponseCode.insufficientFunds
  markClosing(draft, over)
  return ResponseCode.approved
}

export const cancellation = (draft: Draft): number => {
  const refusal = findHold(draft)
  if (refusal !== ResponseCode.approved) return refusal
  const { amount } = draft
  return amount === 0 || amount === draft.shard.holds.amount(draft.hold)
    ? ResponseCode.approved
    : ResponseCode.badAmount
}

/** By (terminal, original): that of the request's card, or of a card that it took the place of or that took its place. */
const findHold = (draft: Draft): number => {
  const { words, at, shard } = draft
  const hold = shard.holds.find(
    words[at + RecordWord.terminal],
    words[at + RecordWord.originalLo],
    words[at + RecordWord.originalHi],
  )
  if (hold < 0) return isElsewhere(draft) ? ResponseCode.invalidTransaction : ResponseCode.originalUnknown
  if (shard.cards.newest(shard.holds.card(hold)) !== draft.card) return ResponseCode.invalidTransaction
  draft.hold = hold
  draft.bits |= shard.holds.purse(hold) << SlotBit.purseShift
  return ResponseCode.approved
}

/** Is it a hold of a card of another shard? The answer must not depend on how cards are spread. */
const isElsewhere = (draft: Draft): boolean => {
  const { words, at } = draft
  const lo = words[at + RecordWord.originalLo]
  const hi = words[at + RecordWord.originalHi]
  return draft.shards().some((shard) => shard.holds.find(words[at + RecordWord.terminal], lo, hi) >= 0)
}
