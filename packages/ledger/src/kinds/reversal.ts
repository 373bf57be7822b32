// A reversal: the original's postings turned round exactly, once; or, when it comes first, the original barred.
import { Kind, RecordWord, ResponseCode } from "@millrace/protocol"
import { Companion, type Draft } from "../Draft.ts"
import { REVERSED } from "../Memory.ts"
import { amountAt, kindAt, responseAt, SLOT_WORDS, SlotWord, sameCard } from "../Slot.ts"
import type { KindRules } from "./KindRules.ts"
import { postOriginal } from "./original.ts"

/**
 * | original | answer | moves |
 * |---|---|---|
 * | not remembered, as old as what was forgotten, or none named | 25 | nothing |
 * | not remembered, newer | 0 | nothing; bars it |
 * | itself | 12 | nothing |
 * | barred | 0 (12 when for another card) | nothing |
 * | any, amount neither 0 nor the original's | 13 | nothing |
 * | of another card; a reversal | 12 | nothing |
 * | declined, a balance, already reversed | 0 | nothing |
 * | a purchase of which something is refunded | 12 | nothing |
 * | purchase, recharge, refund | 0; 51 when the money is spent; 61 | the original's postings, turned round |
 */
export const reversal: KindRules = {
  judge(draft) {
    const { memory, words, at } = draft
    const lo = words[at + RecordWord.originalLo]
    const hi = words[at + RecordWord.originalHi]
    if (lo === words[at + RecordWord.referenceLo] && hi === words[at + RecordWord.referenceHi]) {
      return ResponseCode.invalidTransaction
    }
    draft.original = memory.find(words[at + RecordWord.terminal], lo, hi)
    if (draft.original < 0) {
      if (draft.terminals.isForgotten(draft.terminal, lo, hi)) return ResponseCode.originalUnknown
      draft.companion = Companion.bar
      return ResponseCode.approved
    }
    return judgeOriginal(draft)
  },

  /** Nothing: what a reversal moves is journaled in its turned slot, and applied from there. */
  post(_words, _at, terms, number, _sign, postings) {
    postings.begin(terms, number)
  },
}

const judgeOriginal = (draft: Draft): number => {
  const { memory, words, at } = draft
  const ring = memory.ring
  const slot = draft.original * SLOT_WORDS
  const isBar = memory.isBar(draft.original)
  const amount = amountAt(words, at)
  if (!isBar && amount !== 0 && amount !== amountAt(ring, slot)) return ResponseCode.badAmount
  const kind = kindAt(ring, slot)
  if (!sameCard(ring, slot, words, at) || kind === Kind.reversal) return ResponseCode.invalidTransaction
  if (isBar) return ResponseCode.approved
  const mark = memory.marks[draft.original]
  if (responseAt(ring, slot) !== ResponseCode.approved || kind === Kind.balance || mark === REVERSED) {
    return ResponseCode.approved
  }
  if (kind === Kind.purchase && mark > 0) return ResponseCode.invalidTransaction
  const terms = ring[slot + SlotWord.terms]
  postOriginal(kind, ring, slot, draft.merchants.terms, terms, -1, draft.postings)
  draft.moves = true
  draft.companion = Companion.turned
  return draft.shard.judge(draft.card, draft.postings)
}
