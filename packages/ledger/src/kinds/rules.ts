// The rules that several kinds share: product, amounts, PIN and code, limits. The first that is broken answers.
import { Kind, RecordFlag, RecordWord, ResponseCode } from "@millrace/protocol"
import type { Draft } from "../Draft.ts"
import { SlotBit } from "../Slot.ts"
import { judgePayee } from "./payee.ts"
import { Check, checksOf } from "./table.ts"

const CODE_TRIES_MAX = 3
const CODE_FLAG = RecordFlag.code << 8
const approved = ResponseCode.approved

/** After what the kind itself has to say, before funds. */
export const judgeRules = (draft: Draft): number => {
  const checks = checksOf(draft.kind)
  let refusal = judgeProduct(draft, checks)
  if (refusal !== approved) return refusal
  refusal = judgeAmount(draft, checks)
  if (refusal !== approved) return refusal
  if (draft.kind === Kind.transfer) {
    refusal = judgePayee(draft)
    if (refusal !== approved) return refusal
  }
  if ((checks & Check.code) !== 0) refusal = judgeCode(draft)
  else if ((checks & Check.pin) !== 0) refusal = judgePin(draft)
  if (refusal !== approved) return refusal
  return (checks & Check.spending) !== 0 ? judgeLimits(draft) : approved
}

const judgeProduct = (draft: Draft, checks: number): number => {
  const { product } = draft
  const permitted =
    ((checks & Check.recharge) === 0 || product.rechargeable) &&
    ((checks & Check.transfer) === 0 || product.transferable) &&
    ((checks & Check.category) === 0 || product.allows(draft.mcc))
  return permitted ? approved : ResponseCode.notPermittedToCard
}

const judgeAmount = (draft: Draft, checks: number): number => {
  const { product, amount } = draft
  if ((checks & Check.terminalAmount) !== 0) {
    const max = draft.terminals.amountMax(draft.terminal)
    if (max > 0 && amount > max) return ResponseCode.overLimit
  }
  if ((checks & Check.spending) !== 0 && product.transactionMax > 0 && amount > product.transactionMax) {
    return ResponseCode.overLimit
  }
  if ((checks & Check.recharge) === 0) return approved
  if (amount < product.rechargeMin) return ResponseCode.badAmount
  if (product.rechargeMax > 0 && amount > product.rechargeMax) return ResponseCode.overLimit
  const { cards } = draft.shard
  const holds = cards.balance(draft.card, 0) + cards.held(draft.card)
  return product.balanceMax > 0 && holds + amount > product.balanceMax ? ResponseCode.overLimit : approved
}

/** A second person's code, above the merchant's threshold. */
const judgeCode = (draft: Draft): number => {
  const { merchants, merchant, words, at } = draft
  const above = merchants.codeAbove(merchant)
  if (above < 0 || draft.amount <= above) return approved
  if (!merchants.hasCode(merchant)) return ResponseCode.wrongPin
  const replayed = draft.replayedBits
  const lo = words[at + RecordWord.pinBlock0]
  const hi = words[at + RecordWord.pinBlock1]
  const flagged = (words[at + RecordWord.kindFlagsCurrency] & CODE_FLAG) !== 0
  const given = replayed < 0 ? flagged && (lo | hi) !== 0 : (replayed & SlotBit.pinGiven) !== 0
  if (!given) return ResponseCode.wrongPin
  draft.bits |= SlotBit.pinGiven
  const tries = merchants.codeTries(merchant)
  if (tries >= CODE_TRIES_MAX) return ResponseCode.pinTriesExceeded
  const right = replayed < 0 ? merchants.codeEquals(merchant, lo, hi) : (replayed & SlotBit.pinWrong) === 0
  if (right) return approved
  draft.bits |= SlotBit.pinWrong
  return tries + 1 >= CODE_TRIES_MAX ? ResponseCode.pinTriesExceeded : ResponseCode.wrongPin
}

/** PinRule of a product: 0 never, 1 always, 2 above an amount. */
const isPinNeeded = (draft: Draft): boolean => {
  if (draft.kind === Kind.pinChange) return true
  if (draft.kind === Kind.balance) return false
  const { pinRule, pinFreeMax } = draft.product
  return pinRule === 1 || (pinRule === 2 && draft.amount > pinFreeMax)
}

/** A verifier is compared, never a PIN; what the journal keeps is whether it was right. */
const judgePin = (draft: Draft): number => {
  const { words, at, asked } = draft
  const { cards } = draft.shard
  const needed = isPinNeeded(draft)
  if (!cards.hasPin(asked)) return needed ? ResponseCode.wrongPin : approved
  const replayed = draft.replayedBits
  const lo = words[at + RecordWord.pinBlock0]
  const hi = words[at + RecordWord.pinBlock1]
  const given = replayed < 0 ? (lo | hi) !== 0 : (replayed & SlotBit.pinGiven) !== 0
  if (!needed && !given) return approved
  if (given) draft.bits |= SlotBit.pinGiven
  const tries = cards.pinTries(asked)
  if (tries >= draft.product.triesMax) return ResponseCode.pinTriesExceeded
  if (!given) return ResponseCode.wrongPin
  const right = replayed < 0 ? cards.pinEquals(asked, lo, hi) : (replayed & SlotBit.pinWrong) === 0
  if (right) return approved
  draft.bits |= SlotBit.pinWrong
  return tries + 1 >= draft.product.triesMax ? ResponseCode.pinTriesExceeded : ResponseCode.wrongPin
}

const judgeLimits = (draft: Draft): number => {
  const { product, amount, card } = draft
  const { cards } = draft.shard
  const { day, month } = draft.calendar
  const { dayCountMax, dayAmountMax, monthCountMax, monthAmountMax } = product
  if (dayCountMax > 0 && cards.dayCount(card, day) + 1 > dayCountMax) return ResponseCode.overFrequency
  if (dayAmountMax > 0 && cards.dayAmount(card, day) + amount > dayAmountMax) return ResponseCode.overLimit
  if (monthCountMax > 0 && cards.monthCount(card, month) + 1 > monthCountMax)
    return ResponseCode.overFrequency
  if (monthAmountMax > 0 && cards.monthAmount(card, month) + amount > monthAmountMax)
    return ResponseCode.overLimit
  return approved
}
