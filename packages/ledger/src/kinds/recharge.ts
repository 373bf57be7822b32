// Money put on a card at a terminal.
import { Account } from "../Postings.ts"
import { amountAt } from "../Slot.ts"
import type { KindRules } from "./KindRules.ts"

/** Cash in → card purse. */
export const recharge: KindRules = {
  judge(draft) {
    recharge.post(draft.words, draft.at, draft.merchants.terms, draft.terms, 1, draft.postings)
    draft.moves = true
    return draft.shard.judge(draft.card, draft.postings)
  },

  post(words, at, terms, number, sign, postings) {
    const amount = amountAt(words, at)
    postings.begin(terms, number)
    postings.amounts[Account.purse] = sign * amount
    postings.amounts[Account.cashIn] = -sign * amount
  },
}
