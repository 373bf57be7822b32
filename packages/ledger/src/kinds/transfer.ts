// Card to card: out of the payer's main purse into the payee's, whose shard may be another one of the lane.
import { ResponseCode } from "@millrace/protocol"
import { Purse } from "../Cards.ts"
import { Companion, type Draft } from "../Draft.ts"
import { ACCOUNT_MAX } from "../limits.ts"
import { judgeRules } from "./rules.ts"
import { markClosing, spendable } from "./spend.ts"

export const transfer = (draft: Draft): number => {
  const refusal = judgeRules(draft)
  if (refusal !== ResponseCode.approved) return refusal
  const { amount, product, plans } = draft
  draft.transferFee = product.transferFee === 0 ? 0 : plans.feeOf(product.transferFee, amount)
  // The two together may pass 2^53, where a sum is not exact.
  if (spendable(draft, Purse.main) - draft.transferFee < amount) return ResponseCode.insufficientFunds
  if (draft.transferFee > ACCOUNT_MAX - amount) return ResponseCode.insufficientFunds
  markClosing(draft, amount + draft.transferFee)
  draft.companion = Companion.arrival
  return ResponseCode.approved
}
