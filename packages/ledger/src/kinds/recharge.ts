// Money put on a card at a terminal, out of the merchant's float, with the product's bonus.
import { ResponseCode } from "@millrace/protocol"
import { DAY_MAX } from "../Calendar.ts"
import { Purse } from "../Cards.ts"
import type { Draft } from "../Draft.ts"
import { basisPointsOf } from "../Plans.ts"
import { judgeRules } from "./rules.ts"

export const recharge = (draft: Draft): number => {
  const refusal = judgeRules(draft)
  if (refusal !== ResponseCode.approved) return refusal
  const { merchants, merchant, amount } = draft
  // A franchise can't create money: what it puts on cards it has paid for, or owes within its limit.
  if (merchants.floatTotal(merchant) + merchants.floatLimit(merchant) < amount) return ResponseCode.overLimit
  draft.move(Purse.main, amount)
  const bonus = bonusOf(draft)
  if (bonus > 0) {
    draft.move(Purse.bonus, bonus)
    draft.bonusLocked = draft.product.bonusMonthly
    const { validDays } = draft.product
    const days = validDays[Purse.bonus]
    if (!draft.bonusLocked && days > 0) draft.bonusExpires = Math.min(DAY_MAX, draft.calendar.day + days)
  }
  return ResponseCode.approved
}

const bonusOf = (draft: Draft): number => {
  const { amount, product } = draft
  const { bonusBasisPoints, bonusMin, bonusMax } = product
  if (bonusBasisPoints === 0 || amount < bonusMin || !product.has(Purse.bonus)) return 0
  const bonus = basisPointsOf(amount, bonusBasisPoints)
  return bonusMax > 0 ? Math.min(bonus, bonusMax) : bonus
}
