// Money given back at the merchant, into the purses that it came from.
import { Kind, RecordWord, ResponseCode } from "@millrace/protocol"
import { PURSES } from "../Cards.ts"
import type { Draft } from "../Draft.ts"
import { REVERSED } from "../Memory.ts"
import {
  isApprovedAt,
  kindAt,
  movedAt,
  purseAt,
  SLOT_WORDS,
  SlotBit,
  SlotWord,
  SplitWord,
  sameCard,
  termsAt,
} from "../Slot.ts"
import { judgeRules } from "./rules.ts"
import { SingleUse } from "./spend.ts"

export const refund = (draft: Draft): number => {
  let refusal = judgeOriginal(draft)
  if (refusal !== ResponseCode.approved) return refusal
  refusal = judgeRules(draft)
  if (refusal !== ResponseCode.approved) return refusal
  // It goes back by the terms of the purchase: out of what that merchant is owed.
  draft.terms = termsAt(draft.memory.ring, draft.original * SLOT_WORDS)
  fill(draft)
  // A card for one purchase has had it; what comes back can be paid out.
  if (draft.product.singleUse === SingleUse.whenEmpty) draft.bits |= SlotBit.reopens
  return ResponseCode.approved
}

const judgeOriginal = (draft: Draft): number => {
  const { memory, words, at } = draft
  const original = memory.find(
    words[at + RecordWord.terminal],
    words[at + RecordWord.originalLo],
    words[at + RecordWord.originalHi],
  )
  if (original < 0 || memory.isBar(original)) return ResponseCode.originalUnknown
  draft.original = original
  const slot = original * SLOT_WORDS
  const { ring, doubles } = memory
  const mark = memory.marks[original]
  const kind = kindAt(ring, slot)
  if (
    (kind !== Kind.purchase && kind !== Kind.completion) ||
    !isApprovedAt(ring, slot) ||
    !sameCard(ring, slot, words, at) ||
    mark === REVERSED
  ) {
    return ResponseCode.invalidTransaction
  }
  return draft.amount > movedAt(ring, doubles, slot) - mark ? ResponseCode.badAmount : ResponseCode.approved
}

/** From the highest purse of the split down, main last, behind what was refunded before. */
const fill = (draft: Draft): void => {
  const { memory, original, amount } = draft
  const { ring, doubles } = memory
  const slot = original * SLOT_WORDS
  if ((ring[slot + SlotWord.terms] & SlotBit.split) === 0) {
    draft.move(purseAt(ring, slot), amount)
    return
  }
  const split = memory.after(original) * SLOT_WORDS
  const mask = ring[split + SplitWord.maskExpires] & 0xffff
  let index = countOf(mask) - 1
  let skip = memory.marks[original]
  let left = amount
  for (let purse = PURSES - 1; purse >= 0 && left > 0; purse--) {
    if ((mask & (1 << purse)) === 0) continue
    const drawn = doubles[(split >>> 1) + index--]
    const skipped = Math.min(skip, drawn)
    skip -= skipped
    const given = Math.min(left, drawn - skipped)
    if (given > 0) draft.move(purse, given)
    left -= given
  }
}

const countOf = (mask: number): number => {
  let count = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++
  return count
}
