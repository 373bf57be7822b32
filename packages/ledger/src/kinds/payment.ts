// Money spent at a merchant and money given back: purchase and refund.
import { Kind, RecordWord, ResponseCode } from "@millrace/protocol"
import type { Draft } from "../Draft.ts"
import { REVERSED } from "../Memory.ts"
import { TERMS_WORDS, TermsWord } from "../Merchants.ts"
import { Account, feeOf } from "../Postings.ts"
import { amountAt, kindAt, responseAt, SLOT_WORDS, SlotWord, sameCard } from "../Slot.ts"
import type { KindRules } from "./KindRules.ts"

/** Card purse → merchant payable and fee income. */
export const purchase: KindRules = {
  judge(draft) {
    purchase.post(draft.words, draft.at, draft.merchants.terms, draft.terms, 1, draft.postings)
    draft.moves = true
    return draft.shard.judge(draft.card, draft.postings)
  },

  post(words, at, terms, number, sign, postings) {
    const amount = amountAt(words, at)
    const fee = feeOf(amount, terms[number * TERMS_WORDS + TermsWord.feeBasisPoints])
    postings.begin(terms, number)
    postings.amounts[Account.purse] = -sign * amount
    postings.amounts[Account.payable] = sign * (amount - fee)
    postings.amounts[Account.feeIncome] = sign * fee
  },
}

/** Merchant payable → card purse. The fee of the purchase stays where it is: the merchant bears it. */
export const refund: KindRules = {
  judge(draft) {
    const refusal = judgeOriginal(draft)
    if (refusal !== ResponseCode.approved) return refusal
    // It goes back by the terms of the purchase: out of what that merchant is owed.
    draft.terms = draft.memory.ring[draft.original * SLOT_WORDS + SlotWord.terms]
    refund.post(draft.words, draft.at, draft.merchants.terms, draft.terms, 1, draft.postings)
    draft.moves = true
    return draft.shard.judge(draft.card, draft.postings)
  },

  post(words, at, terms, number, sign, postings) {
    const amount = amountAt(words, at)
    postings.begin(terms, number)
    postings.amounts[Account.purse] = sign * amount
    postings.amounts[Account.payable] = -sign * amount
  },
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
  const mark = memory.marks[original]
  if (
    kindAt(memory.ring, slot) !== Kind.purchase ||
    responseAt(memory.ring, slot) !== ResponseCode.approved ||
    !sameCard(memory.ring, slot, words, at) ||
    mark === REVERSED
  ) {
    return ResponseCode.invalidTransaction
  }
  return amountAt(words, at) > amountAt(memory.ring, slot) - mark
    ? ResponseCode.badAmount
    : ResponseCode.approved
}
