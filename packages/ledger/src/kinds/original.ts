// What the kinds move that stand for themselves: the ones that a reversal may have to turn round.
import { Kind } from "@millrace/protocol"
import { Defect } from "../errors.ts"
import type { Postings } from "../Postings.ts"
import { balance } from "./inquiry.ts"
import { purchase, refund } from "./payment.ts"
import { recharge } from "./recharge.ts"

/** See KindRules.post. */
export const postOriginal = (
  kind: number,
  words: Int32Array,
  at: number,
  terms: Int32Array,
  number: number,
  sign: number,
  postings: Postings,
): void => {
  switch (kind) {
    case Kind.balance:
      balance.post(words, at, terms, number, sign, postings)
      break
    case Kind.purchase:
      purchase.post(words, at, terms, number, sign, postings)
      break
    case Kind.refund:
      refund.post(words, at, terms, number, sign, postings)
      break
    case Kind.recharge:
      recharge.post(words, at, terms, number, sign, postings)
      break
    default:
      throw new Defect(`kind ${kind} moves nothing of its own`)
  }
}
