// By kind: the amount that a record may carry, the judgement, and what a journaled slot moves.
import { Kind } from "@millrace/protocol"
import type { Draft } from "../Draft.ts"
import { Defect } from "../errors.ts"
import type { Postings } from "../Postings.ts"
import { balance } from "./inquiry.ts"
import { AmountRule } from "./KindRules.ts"
import { postOriginal } from "./original.ts"
import { purchase, refund } from "./payment.ts"
import { recharge } from "./recharge.ts"
import { reversal } from "./reversal.ts"

const amountRules = new Uint8Array(256)
amountRules[Kind.balance] = AmountRule.zero
amountRules[Kind.purchase] = AmountRule.positive
amountRules[Kind.refund] = AmountRule.positive
amountRules[Kind.recharge] = AmountRule.positive
amountRules[Kind.reversal] = AmountRule.any

/** An AmountRule; `unknownKind` for a kind byte that this version does not know. */
export const amountRuleOf = (kind: number): number => amountRules[kind]

/** A switch, not a table of functions: each case is inlined where a look-up would be a call that can't be. */
export const judgeKind = (kind: number, draft: Draft): number => {
  switch (kind) {
    case Kind.balance:
      return balance.judge(draft)
    case Kind.purchase:
      return purchase.judge(draft)
    case Kind.refund:
      return refund.judge(draft)
    case Kind.recharge:
      return recharge.judge(draft)
    case Kind.reversal:
      return reversal.judge(draft)
    default:
      throw new Defect(`kind ${kind} was not refused by its format`)
  }
}

/** See KindRules.post. */
export const postKind = (
  kind: number,
  words: Int32Array,
  at: number,
  terms: Int32Array,
  number: number,
  sign: number,
  postings: Postings,
): void =>
  kind === Kind.reversal
    ? reversal.post(words, at, terms, number, sign, postings)
    : postOriginal(kind, words, at, terms, number, sign, postings)
