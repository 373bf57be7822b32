// By kind: the judgement.
import { Kind } from "@millrace/protocol"
import type { Draft } from "../Draft.ts"
import { Defect } from "../errors.ts"
import { cancellation, completion } from "./held.ts"
import { recharge } from "./recharge.ts"
import { refund } from "./refund.ts"
import { service } from "./service.ts"
import { preauthorisation, purchase } from "./spend.ts"
import { transfer } from "./transfer.ts"
import { reversal, voiding } from "./turn.ts"

/**
 * The response code of a well-formed request whose card is known, of the right currency and of a status that lets the
 * kind through. A switch, not a table of functions: each case is inlined where a look-up would be a call that can't be.
 */
export const judgeKind = (kind: number, draft: Draft): number => {
  switch (kind) {
    case Kind.purchase:
      return purchase(draft)
    case Kind.balance:
    case Kind.pinChange:
      return service(draft)
    case Kind.recharge:
      return recharge(draft)
    case Kind.refund:
      return refund(draft)
    case Kind.reversal:
      return reversal(draft)
    case Kind.preauthorisation:
      return preauthorisation(draft)
    case Kind.completion:
      return completion(draft)
    case Kind.cancellation:
      return cancellation(draft)
    case Kind.void:
      return voiding(draft)
    case Kind.transfer:
      return transfer(draft)
    default:
      throw new Defect(`kind ${kind} was not refused by its format`)
  }
}
