// The kinds that stand for themselves, as the model judges them: what each asks, and what each moves.
import { Kind, ResponseCode as R } from "@millrace/protocol"
import type { Move } from "./Book.ts"
import { turned } from "./Book.ts"
import { BONUS, type Card, creditOf, draws, purseAvailable } from "./Card.ts"
import type { Entry } from "./Memory.ts"
import { type Hold, netOf } from "./Parties.ts"
import { feeOf, least, monthOf, shareOf } from "./plans.ts"
import { refuse, reopen, type Trial, type Verdict, verdict } from "./Trial.ts"

export const PARTIAL = 2
const FORCED = 8

export const isApproved = (response: number): boolean =>
  response === R.approved || response === R.partiallyApproved

/** A split is journaled when there is more than one purse. */
const splits = (drawn: Entry["drawn"]): number => (drawn.length > 1 ? 1 : 0)

const ascending = (drawn: Entry["drawn"]): Entry["drawn"] => [...drawn].sort(([a], [b]) => a - b)

export const balance = (t: Trial): Verdict => {
  t.pin(false)
  return verdict({})
}

const mayBeSpent = (t: Trial): void => {
  t.mayPayHere()
  t.terminalAmount()
  t.transactionMax()
  t.pin(t.needsPin())
  t.counters()
}

/** From each purse what it has, in the product's order; the merchant gets it less the fee. */
export const purchase = (t: Trial): Verdict => {
  const { card, product, merchant } = t
  mayBeSpent(t)
  let wanted = t.amount
  const taken: Array<readonly [number, bigint]> = []
  for (const purse of draws(product, t.mcc)) {
    const amount = least(wanted, purseAvailable(card, product, purse, t.day))
    if (amount === 0n) continue
    taken.push([purse, amount])
    wanted -= amount
  }
  const amount = t.amount - wanted
  const isPartial = wanted > 0n
  if (isPartial && ((t.request.flags & PARTIAL) === 0 || amount === 0n)) refuse(R.insufficientFunds)
  const drawn = ascending(taken)
  const moves = t.moves()
  for (const [purse, part] of drawn) moves.purse(card, purse, -part)
  const fee = feeOf(purchaseFee(t), amount)
  moves.merchant(card, "payable", merchant, amount - fee)
  moves.general(card, "feeIncome", fee)
  t.accounts(moves.list)
  return verdict({
    response: isPartial ? R.partiallyApproved : R.approved,
    amount,
    moves: moves.list,
    back: moves.list,
    drawn,
    companions: splits(drawn),
    row: "purchase",
    besides: () => {
      card.use(t.day, t.month, amount)
      t.close(card)
    },
  })
}

const purchaseFee = (t: Trial) => {
  const { purchaseFee, feeBasisPoints } = t.merchant.command
  return purchaseFee ?? (feeBasisPoints === undefined ? undefined : [{ basisPoints: feeBasisPoints }])
}

/** Back to the purses that it came from, the last one first; the merchant bears the fee. */
export const refund = (t: Trial): Verdict => {
  const { card, merchant } = t
  const original = t.model.memory.find(t.terminal.number, t.request.original)
  if (original?.request === undefined) return refuse(R.originalUnknown)
  const isPayment = original.request.kind === Kind.purchase || original.request.kind === Kind.completion
  const isGood = isApproved(original.response) && original.mark !== "reversed"
  if (!isPayment || !isGood || original.card !== t.request.card) refuse(R.invalidTransaction)
  if (original.refunded + t.amount > original.amount) refuse(R.badAmount)
  t.terminalAmount()
  t.code()
  let skipped = original.refunded
  let wanted = t.amount
  const given: Array<readonly [number, bigint]> = []
  for (const [purse, part] of original.drawn.toReversed()) {
    const skip = least(skipped, part)
    const amount = least(wanted, part - skip)
    skipped -= skip
    wanted -= amount
    if (amount > 0n) given.push([purse, amount])
  }
  const drawn = ascending(given)
  const moves = t.moves()
  for (const [purse, part] of drawn) moves.purse(card, purse, part)
  moves.merchant(card, "payable", merchant, -t.amount)
  t.accounts(moves.list)
  return verdict({
    amount: t.amount,
    moves: moves.list,
    back: moves.list,
    drawn,
    companions: splits(drawn),
    row: "refund",
    besides: () => {
      original.refunded += t.amount
      // A card for one purchase has had it.
      if (t.product.command.singleUse === "empty") reopen(card)
    },
  })
}

/** Out of the merchant's float; with a bonus where the product gives one. */
export const recharge = (t: Trial): Verdict => {
  const { card, product, merchant, amount } = t
  const { allowed = true, min = 0, max = 0 } = product.command.recharge ?? {}
  if (!allowed) refuse(R.notPermittedToCard)
  t.terminalAmount()
  if (amount < BigInt(min)) refuse(R.badAmount)
  if (max > 0 && amount > BigInt(max)) refuse(R.overLimit)
  t.balanceMax(card)
  t.code()
  if (merchant.float + BigInt(merchant.command.floatLimit ?? 0) < amount) refuse(R.overLimit)
  const bonus = bonusOf(t)
  const isLocked = product.command.bonus?.monthly ?? false
  const fee = feeOf(merchant.command.rechargeFee, amount)
  const commission = feeOf(merchant.command.commission, amount)
  const moves = t.moves()
  moves.purse(card, 0, amount)
  moves.merchant(card, "float", merchant, -amount)
  moves.general(card, "promotion", -bonus)
  if (isLocked) moves.locked(card, bonus)
  else moves.purse(card, BONUS, bonus)
  moves.merchant(card, "payable", merchant, commission - fee)
  moves.general(card, "feeIncome", fee)
  moves.general(card, "commission", -commission)
  t.accounts(moves.list)
  return verdict({
    amount,
    moves: moves.list,
    back: moves.list,
    companions: bonus > 0n ? 1 : 0,
    row: "recharge",
    besides: () => {
      card.touch(t.day, t.month)
      if (bonus === 0n) return
      if (isLocked) {
        // The twelve months begin anew, the first of them after this one.
        card.periodMonth = t.month
        card.monthsLeft = 12
        return
      }
      const { validDays = 0 } = product.purses.get(BONUS) ?? {}
      // A later day than the one that the purse has, never an earlier one.
      if (validDays > 0) {
        const day = Math.min(0xffff, t.day + validDays)
        card.purseExpires[BONUS] = Math.max(card.purseExpires[BONUS], day)
      }
    },
  })
}

const bonusOf = (t: Trial): bigint => {
  const { bonus } = t.product.command
  if (bonus === undefined || !t.product.purses.has(BONUS) || t.amount < BigInt(bonus.min ?? 0)) return 0n
  const share = shareOf(t.amount, bonus.basisPoints)
  return bonus.max === undefined || bonus.max === 0 ? share : least(share, BigInt(bonus.max))
}

/** The first purse that has all of it. */
export const preauthorisation = (t: Trial): Verdict => {
  const { card, product, amount } = t
  mayBeSpent(t)
  const purse = draws(product, t.mcc).find(
    (candidate) => purseAvailable(card, product, candidate, t.day) >= amount,
  )
  if (purse === undefined) return refuse(R.insufficientFunds)
  const moves = t.moves()
  moves.purse(card, purse, -amount)
  moves.held(card, amount)
  t.accounts(moves.list)
  return verdict({
    amount,
    moves: moves.list,
    back: moves.list,
    drawn: [[purse, amount]],
    companions: 1,
    besides: () => {
      card.use(t.day, t.month, amount)
      const { reference } = t.request
      const expiresMs = t.time + (product.command.hold?.hours ?? 168) * 3_600_000
      t.model.holds.push({
        terminal: t.terminal.number,
        reference,
        card,
        purse,
        amount,
        expiresMs,
        day: t.day,
      })
    },
  })
}

const holdOf = (t: Trial): Hold => {
  const hold = t.model.holdOf(t.terminal.number, t.request.original)
  if (hold === undefined) return refuse(R.originalUnknown)
  if (hold.card.newest !== t.card) refuse(R.invalidTransaction)
  return hold
}

/** The hold becomes a purchase; what was held and is not taken goes back. */
export const completion = (t: Trial): Verdict => {
  const { card, product, merchant, amount } = t
  const hold = holdOf(t)
  const tolerance = shareOf(hold.amount, product.command.hold?.toleranceBasisPoints ?? 0)
  if (amount > hold.amount + tolerance) refuse(R.badAmount)
  t.terminalAmount()
  if (amount - hold.amount > purseAvailable(card, product, hold.purse, t.day) && amount > hold.amount) {
    refuse(R.insufficientFunds)
  }
  const fee = feeOf(purchaseFee(t), amount)
  const moves = t.moves()
  moves.held(card, -hold.amount)
  moves.purse(card, hold.purse, hold.amount - amount)
  moves.merchant(card, "payable", merchant, amount - fee)
  moves.general(card, "feeIncome", fee)
  t.accounts(moves.list)
  // Turned round, the amount goes to the purse; the hold does not come back.
  const paid = t.moves()
  paid.purse(card, hold.purse, -amount)
  paid.merchant(card, "payable", merchant, amount - fee)
  paid.general(card, "feeIncome", fee)
  return verdict({
    amount,
    moves: moves.list,
    back: paid.list,
    drawn: [[hold.purse, amount]],
    row: "completion",
    besides: () => {
      t.model.dropHold(hold, "completed")
      t.close(card)
    },
  })
}

/** What was held goes back, as if it had never been asked for. */
export const cancellation = (t: Trial): Verdict => {
  const hold = holdOf(t)
  if (t.amount !== 0n && t.amount !== hold.amount) refuse(R.badAmount)
  const moves = t.model.released(hold)
  t.accounts(moves)
  return verdict({
    amount: hold.amount,
    moves,
    besides: () => {
      t.card.giveBack(hold.day, monthOf(hold.day), hold.amount)
      t.model.dropHold(hold, "reversed")
    },
  })
}

/** From main purse to main purse; the payer pays the fee. */
export const transfer = (t: Trial): Verdict => {
  const { card, product, amount } = t
  if (!(product.command.transfers?.allowed ?? true)) refuse(R.notPermittedToCard)
  t.terminalAmount()
  t.transactionMax()
  const payee = payeeOf(t)
  t.pin(t.needsPin())
  t.counters()
  const fee = feeOf(product.transferFee, amount)
  if (amount + fee > card.purses[0] + creditOf(product, 0)) refuse(R.insufficientFunds)
  const moves = t.moves()
  moves.purse(card, 0, -amount - fee)
  moves.general(card, "feeIncome", fee)
  moves.general(card, "inTransit", amount)
  moves.purse(payee, 0, amount)
  moves.general(payee, "inTransit", -amount)
  t.accounts(moves.list)
  return verdict({
    amount,
    moves: moves.list,
    back: moves.list,
    companions: 1,
    row: "transfer",
    besides: () => {
      card.use(t.day, t.month, amount)
      t.close(card)
    },
  })
}

const payeeOf = (t: Trial): Card => {
  const payee = t.model.cards.get(t.request.counterparty)
  if (payee === undefined) return refuse(R.noSuchCard)
  if (payee.status !== "active" || payee.isExpired(t.day)) refuse(R.notPermittedToCard)
  if (payee.currency !== t.card.currency) refuse(R.invalidTransaction)
  if (!(t.model.productOf(payee).command.recharge?.allowed ?? true)) refuse(R.notPermittedToCard)
  t.balanceMax(payee)
  return payee
}

export const pinChange = (t: Trial): Verdict => {
  t.pin(true)
  return verdict({
    besides: () => {
      t.card.pin = t.request.counterparty
      t.card.tries = 0
    },
  })
}

/** The terminal's own totals, beside ours. */
export const close = (t: Trial): Verdict => {
  const { debits, credits } = netOf(t.terminal)
  const { amount, request } = t
  const agreed =
    debits.sum === amount &&
    credits.sum === request.original &&
    BigInt(debits.count) === (request.counterparty & 0xffff_ffffn) &&
    BigInt(credits.count) === request.counterparty >> 32n
  if (!agreed && (request.flags & FORCED) === 0) refuse(R.reconcileError)
  return verdict({
    response: agreed ? R.approved : R.reconcileError,
    besides: () => {
      t.terminal.rows.clear()
      t.terminal.batch++
    },
  })
}

/** What turning an entry round moves now. */
export const backOf = (original: Entry): ReadonlyArray<Move> => turned(original.back)
