// Reversal and void of the model: what is turned round, and what only seems to be.
import { Kind, ResponseCode as R } from "@millrace/protocol"
import { creditOf } from "./Card.ts"
import { backOf, isApproved } from "./kinds.ts"
import type { Entry } from "./Memory.ts"
import type { RowName } from "./Parties.ts"
import { refuse, reopen, type Trial, type Verdict, verdict } from "./Trial.ts"

/** Kinds whose movement can be turned round, and the row of the terminal's totals that counts it. */
const turnable = new Map<number, RowName | undefined>([
  [Kind.purchase, "debitReversal"],
  [Kind.completion, "debitReversal"],
  [Kind.transfer, "debitReversal"],
  [Kind.refund, "creditReversal"],
  [Kind.recharge, "creditReversal"],
  [Kind.preauthorisation, undefined],
])

export const reversal = (t: Trial): Verdict => {
  const { request, model } = t
  if (request.original === request.reference) refuse(R.invalidTransaction)
  const original = model.memory.find(request.terminal, request.original)
  if (original === undefined) {
    if (request.original <= model.memory.horizon(request.terminal)) refuse(R.originalUnknown)
    const { terminal, original: reference, card } = request
    return verdict({ besides: () => model.memory.add({ what: "bar", terminal, reference, card }) })
  }
  if (original.request === undefined) {
    if (original.card !== request.card) refuse(R.invalidTransaction)
    return verdict({})
  }
  amountOf(t, original)
  if (original.card !== request.card) refuse(R.invalidTransaction)
  const { kind } = original.request
  if (!turnable.has(kind) && kind !== Kind.balance) refuse(R.invalidTransaction)
  if (!isApproved(original.response) || kind === Kind.balance || original.mark === "reversed") {
    return verdict({})
  }
  if (original.mark === "completed" || original.refunded > 0n) refuse(R.invalidTransaction)
  return turn(t, original)
}

export const voiding = (t: Trial): Verdict => {
  const original = t.model.memory.find(t.request.terminal, t.request.original)
  if (original?.request === undefined) return refuse(R.originalUnknown)
  const isWhole = isApproved(original.response) && original.mark === "none" && original.refunded === 0n
  const isOurs = original.card === t.request.card && original.day === t.day
  if (!isWhole || !isOurs || !turnable.has(original.request.kind)) refuse(R.invalidTransaction)
  amountOf(t, original)
  return turn(t, original)
}

/** 0, what was asked for, or what was approved of it: whoever got no answer knows only what was asked for. */
const amountOf = (t: Trial, original: Entry): void => {
  const asked = BigInt(original.request?.amount ?? 0)
  const isOwn = isApproved(original.response) && turnable.has(original.request?.kind ?? 0)
  // A cancellation or reversal moves another one's amount.
  const moved = isOwn ? original.amount : asked
  if (t.amount !== 0n && t.amount !== asked && t.amount !== moved) refuse(R.badAmount)
}

const turn = (t: Trial, original: Entry): Verdict => {
  const { model } = t
  const kind = original.request?.kind ?? 0
  const moves = backOf(original)
  if (kind === Kind.transfer) {
    const payee = model.cards.get(original.request?.counterparty ?? 0n)?.newest
    if (payee?.status === "returned" || payee?.status === "cancelled") refuse(R.insufficientFunds)
  }
  for (const { card, account, purse, amount } of moves) {
    if (card === undefined || amount >= 0n) continue
    if (account === "bonusLocked" && card.locked + amount < 0n) refuse(R.insufficientFunds)
    if (account !== "purses" || purse === undefined) continue
    const credit = creditOf(model.productOf(card), purse)
    if (card.purses[purse] + credit + amount < 0n) refuse(R.insufficientFunds)
  }
  t.accounts(moves)
  return verdict({
    amount: original.amount,
    moves,
    // The original once more, with its companion.
    companions: 1 + original.companions,
    row: turnable.get(kind),
    besides: () => {
      original.mark = "reversed"
      if (kind === Kind.purchase || kind === Kind.preauthorisation || kind === Kind.transfer) {
        t.card.giveBack(original.day, original.month, original.amount)
      }
      if (kind === Kind.purchase || kind === Kind.completion) reopen(t.card)
      if (kind === Kind.preauthorisation) {
        const hold = model.holdOf(original.terminal, original.reference)
        if (hold !== undefined) model.dropHold(hold, "reversed")
      }
      if (kind === Kind.refund) {
        const paid = model.memory.find(original.terminal, original.request?.original ?? 0n)
        if (paid !== undefined) paid.refunded -= original.amount
      }
    },
  })
}
