// A transfer's other side: the payee's card and what it may receive.
import { RecordWord, ResponseCode } from "@millrace/protocol"
import { CardStatus, Purse } from "../Cards.ts"
import type { Draft } from "../Draft.ts"
import { numberHash } from "../hash.ts"

/** Finds the payee's card and the shard that owns it. */
export const findPayee = (draft: Draft, lo: number, hi: number): void => {
  const hash = numberHash(lo, hi)
  const shards = draft.shards()
  draft.payeeShard = shards[hash & (shards.length - 1)]
  draft.payeeAsked = draft.payeeShard.cards.find(hash, lo, hi)
  draft.payee = draft.payeeAsked
}

export const judgePayee = (draft: Draft): number => {
  const { words, at } = draft
  findPayee(draft, words[at + RecordWord.counterpartyLo], words[at + RecordWord.counterpartyHi])
  const { payee, payeeShard } = draft
  if (!payeeShard.up) return ResponseCode.unavailable
  if (payee < 0) return ResponseCode.noSuchCard
  const { cards } = payeeShard
  if (cards.status(payee) !== CardStatus.active || cards.isExpired(payee, draft.calendar.day)) {
    return ResponseCode.notPermittedToCard
  }
  if (cards.currency(payee) !== draft.shard.cards.currency(draft.card)) return ResponseCode.invalidTransaction
  const product = draft.scheme.products.at(cards.product(payee))
  if (!product.rechargeable) return ResponseCode.notPermittedToCard
  const after = cards.balance(payee, Purse.main) + cards.held(payee) + draft.amount
  return product.balanceMax > 0 && after > product.balanceMax ? ResponseCode.overLimit : ResponseCode.approved
}
