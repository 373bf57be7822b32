// Merchants put, their floats paid into and out of, their authorisation codes set.

import { CardNumber } from "../CardNumbers.ts"
import type {
  CodeCommand,
  FeePlan,
  FloatCommand,
  MerchantCommand,
  ProductCommand,
  ResolvedFloat,
} from "../Command.ts"
import { ACCOUNT_MAX, MERCHANTS_MAX, PLANS_MAX, TERMS_MAX } from "../limits.ts"
import { Account, type Postings } from "../Postings.ts"
import type { Scheme } from "../Scheme.ts"
import { post, postingsOf, type Resolution, refusal, resolved, type ShardOf, type World } from "./World.ts"

export const resolveMerchant = (world: World, command: MerchantCommand): Resolution => {
  const { merchants } = world.scheme
  const before = world.scheme.merchant(command.number)
  // Who is only suspended, or gets another limit, needs no new terms.
  if (merchants.termsCount === TERMS_MAX && !merchants.hasTerms(command, world.scheme.plans))
    return refusal("full", `there are ${TERMS_MAX} terms`)
  if (!hasRoomForPlans(world.scheme, plansOf(command))) return refusal("full", fullOfPlans)
  if (before === undefined) {
    if (merchants.count === MERCHANTS_MAX) return refusal("full", `there are ${MERCHANTS_MAX} merchants`)
    if (!merchants.canTakeCurrency(command.currency)) return refusal("full", "there are too many currencies")
    return resolved(command, 1, 0)
  }
  if (before.currency !== command.currency) {
    return refusal("conflict", `merchant ${command.number} is paid in currency ${before.currency}`)
  }
  return resolved(command, 0, 1)
}

export const fullOfPlans = `there are ${PLANS_MAX} fee plans`

export const plansOf = (command: MerchantCommand | ProductCommand): ReadonlyArray<FeePlan> => {
  if (command.type === "product") return [command.transfers?.fee ?? []]
  const { feeBasisPoints = 0, purchaseFee, rechargeFee = [], commission = [] } = command
  return [purchaseFee ?? [{ basisPoints: feeBasisPoints }], rechargeFee, commission]
}

export const hasRoomForPlans = ({ plans }: Scheme, given: ReadonlyArray<FeePlan>): boolean =>
  plans.count + given.filter((plan) => plans.numberOf(plan) >= plans.count).length <= PLANS_MAX

// ---- float

export const resolveFloat = (world: World, command: FloatCommand): Resolution => {
  const { scheme } = world
  const { merchants } = scheme
  const { amount, reference } = command
  const merchant = merchants.slotOf(command.merchant)
  if (merchant < 0) return refusal("not-found", `merchant ${command.merchant} is not known`)
  const last = merchants.floatReference(merchant)
  if (reference === last && amount === merchants.floatAmount(merchant))
    return resolved({ ...command, resolved: { repeat: true } }, 0, 1)
  if (reference === last) {
    const whose = `the float of merchant ${command.merchant}`
    return refusal("conflict", `${whose}: reference ${reference} was used for another payment`)
  }
  if (reference < last) {
    return refusal("conflict", `the float of merchant ${command.merchant} is at reference ${last}`)
  }
  const total = merchants.floatTotal(merchant) + amount
  if (amount < 0 && total < -merchants.floatLimit(merchant)) {
    const left = merchants.floatTotal(merchant)
    return refusal("conflict", `the float of merchant ${command.merchant} is ${left} and has a limit`)
  }
  const shard = world.shardOf(new CardNumber(BigInt(command.merchant)).hash)
  if (Math.abs(total) > ACCOUNT_MAX || !shard.accounts.allow(floatPostings(scheme, merchant, amount))) {
    return refusal("full", "an account would pass 2^53 - 1")
  }
  return resolved({ ...command, resolved: { repeat: false } }, 1, 0)
}

const floatPostings = ({ merchants }: Scheme, merchant: number, amount: number): Postings =>
  postingsOf(
    merchants.accountsOf(merchants.at(merchant).currency),
    [
      [Account.float, amount],
      [Account.cashIn, -amount],
    ],
    merchant,
  )

/** The lane's part: what a recharge looks at. */
export const putFloat = ({ merchants }: Scheme, command: ResolvedFloat): void => {
  if (command.resolved.repeat) return
  const merchant = merchants.slotOf(command.merchant)
  merchants.addFloat(merchant, command.amount)
  merchants.setFloatReference(merchant, command.reference, command.amount)
}

/** A merchant's float is kept in stripes; what comes from outside goes to the one that the merchant's number leads to. */
export const payFloat = (shardOf: ShardOf, command: ResolvedFloat, scheme: Scheme): void => {
  const shard = shardOf(new CardNumber(BigInt(command.merchant)).hash)
  if (shard === undefined || command.resolved.repeat) return
  post(shard, floatPostings(scheme, scheme.merchants.slotOf(command.merchant), command.amount))
}

// ---- code

export const resolveCode = ({ scheme: { merchants } }: World, command: CodeCommand): Resolution => {
  const merchant = merchants.slotOf(command.merchant)
  if (merchant < 0) return refusal("not-found", `merchant ${command.merchant} is not known`)
  return merchants.hasCode(merchant) ? resolved(command, 0, 1) : resolved(command, 1, 0)
}

export const putCode = ({ merchants }: Scheme, command: CodeCommand): void => {
  const { lo, hi } = new CardNumber(command.verifier)
  merchants.setCode(merchants.slotOf(command.merchant), lo, hi)
}
