// Card to card: out of the payer's main purse into the payee's, whose shard may be another one of the lane.
import { ResponseCode } from "@millrace/protocol"
import { Purse } from "../Cards.ts"
import { Companion, type Draft } from "../Draft.ts"
import { judgeRules } from "./rules.ts"
import { spendable } from "./spend.ts"

export const transfer = (draft: Draft): number => {
  const refusal = judgeRules(draft)
  if (refusal !== ResponseCode.approved) return refusal
  const { amount, product, plans } = draft
  draft.transferFee = product.transferFee === 0 ? 0 : plans.feeOf(product.transferFee, amount)
  if (spendable(draft, Purse.main) < amount + draft.transferFee) return ResponseCode.insufficientFunds
  draft.companion = Companion.arrival
  return ResponseCode.approved
}
