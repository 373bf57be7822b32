// Fee plans: tiers of fixed amounts and parts of the amount. A plan is never changed; the same plan has the same number.
import type { FeePlan } from "./Command.ts"
import { Defect, ImageRefused } from "./errors.ts"
import { itemBytes, type Piece, PieceTag, tablePieces } from "./Image.ts"
import { PLANS_MAX } from "./limits.ts"

const TIER_DOUBLES = 5
const Tier = {
  /** The greatest amount that the tier is for; of a plan's last tier, infinity. */
  upTo: 0,
  fixed: 1,
  basisPoints: 2,
  min: 3,
  /** Infinity when there is none. */
  max: 4,
} as const

/** No plan: nothing is charged. */
export const NO_PLAN = 0

const CAPACITY_MIN = 64

/** floor(amount × basisPoints / 10,000), exact for every amount below 2^53 and up to 10,000 basis points. */
export const basisPointsOf = (amount: number, basisPoints: number): number => {
  // amount = whole × 10,000 + rest; amount × basisPoints itself would not fit in 53 bits.
  const whole = Math.floor(amount / 10_000)
  const rest = amount - whole * 10_000
  return whole * basisPoints + Math.floor((rest * basisPoints) / 10_000)
}

/** Slots name terms, and terms name plans: so a plan that was ever agreed stays, like the terms themselves. */
export class Plans {
  #tiers = new Float64Array(CAPACITY_MIN * TIER_DOUBLES)
  #tierCount = 0
  /** Plan number n begins at tier `#starts[n]`, and ends with the first tier from there that has no upper bound. */
  readonly #starts: Array<number> = [-1]
  /** By the tiers as text. */
  readonly #numbers = new Map<string, number>()

  /** Number 0 included: it is no plan, and always there. */
  get count(): number {
    return this.#starts.length
  }

  get tierCount(): number {
    return this.#tierCount
  }

  /** The plan's number, as it is or as it would be; whoever judges a command compares it with `PLANS_MAX`. */
  numberOf(plan: FeePlan): number {
    const tiers = tiersOf(plan)
    return isNothing(tiers) ? NO_PLAN : (this.#numbers.get(tiers.join()) ?? this.count)
  }

  put(plan: FeePlan): number {
    const number = this.numberOf(plan)
    if (number < this.count) return number
    if (number >= PLANS_MAX) throw new Defect("plans are full: the command should have been refused")
    const tiers = tiersOf(plan)
    const first = this.#tierCount
    this.#reserve(first + tiers.length / TIER_DOUBLES)
    this.#tiers.set(tiers, first * TIER_DOUBLES)
    this.#tierCount += tiers.length / TIER_DOUBLES
    this.#starts.push(first)
    this.#numbers.set(tiers.join(), number)
    return number
  }

  /** What the plan takes of an amount: never more than all of it. */
  feeOf(plan: number, amount: number): number {
    if (plan === NO_PLAN) return 0
    const tiers = this.#tiers
    let at = this.#starts[plan] * TIER_DOUBLES
    while (amount > tiers[at]) at += TIER_DOUBLES
    // A fixed part and a share may pass 2^53 together, inexactly; but then the amount itself is less, and is the fee.
    let fee = tiers[at + Tier.fixed] + basisPointsOf(amount, tiers[at + Tier.basisPoints])
    if (fee < tiers[at + Tier.min]) fee = tiers[at + Tier.min]
    if (fee > tiers[at + Tier.max]) fee = tiers[at + Tier.max]
    return Math.min(fee, amount)
  }

  /** The plan as a command would say it; of number 0, and of a plan that takes nothing, the empty one. */
  at(plan: number): FeePlan {
    const list: Array<FeePlan[number]> = []
    if (plan === NO_PLAN) return list
    for (let at = this.#starts[plan] * TIER_DOUBLES; ; at += TIER_DOUBLES) {
      const [upTo, fixed, basisPoints, min, max] = this.#tiers.subarray(at, at + TIER_DOUBLES)
      list.push({
        ...(upTo === Number.POSITIVE_INFINITY ? {} : { upTo }),
        ...(fixed === 0 ? {} : { fixed }),
        ...(basisPoints === 0 ? {} : { basisPoints }),
        ...(min === 0 ? {} : { min }),
        ...(max === Number.POSITIVE_INFINITY ? {} : { max }),
      })
      if (upTo === Number.POSITIVE_INFINITY) return list
    }
  }

  /** Tiers are only added to, so a freeze keeps a length. */
  freeze(): Generator<Uint8Array, void> {
    return tablePieces(PieceTag.plans, this.#tiers, this.#tierCount, TIER_DOUBLES)
  }

  restore(image: string, piece: Piece): void {
    if (piece.first !== this.#tierCount || piece.body.length !== piece.count * TIER_DOUBLES * 8) {
      throw new ImageRefused(image, "plans are missing")
    }
    this.#reserve(piece.first + piece.count)
    const end = (piece.first + piece.count) * TIER_DOUBLES
    itemBytes(this.#tiers, piece.first * TIER_DOUBLES, end).set(piece.body)
    for (let tier = piece.first; tier < piece.first + piece.count; tier++) {
      // A plan begins where the one before has ended.
      if (tier === 0 || this.#isLast(tier - 1)) this.#starts.push(tier)
      if (!this.#isLast(tier)) continue
      const plan = this.count - 1
      const tiers = this.#tiers.subarray(this.#starts[plan] * TIER_DOUBLES, (tier + 1) * TIER_DOUBLES)
      this.#numbers.set(tiers.join(), plan)
    }
    if (this.count > PLANS_MAX) throw new ImageRefused(image, `has more than ${PLANS_MAX} plans`)
    this.#tierCount += piece.count
  }

  #isLast(tier: number): boolean {
    return this.#tiers[tier * TIER_DOUBLES + Tier.upTo] === Number.POSITIVE_INFINITY
  }

  #reserve(tiers: number): void {
    let length = this.#tiers.length
    while (length < tiers * TIER_DOUBLES) length *= 2
    if (length === this.#tiers.length) return
    // A new array, not a resized one: an image that is being pulled goes on reading the old one.
    const grown = new Float64Array(length)
    grown.set(this.#tiers)
    this.#tiers = grown
  }
}

/** The plan with nothing left out, so that two ways of saying the same are the same. */
const tiersOf = (plan: FeePlan): ReadonlyArray<number> =>
  plan.flatMap((tier, index) => [
    index === plan.length - 1 ? Number.POSITIVE_INFINITY : (tier.upTo ?? Number.POSITIVE_INFINITY),
    tier.fixed ?? 0,
    tier.basisPoints ?? 0,
    tier.min ?? 0,
    tier.max ?? Number.POSITIVE_INFINITY,
  ])

/** No tiers, or none that takes anything. */
const isNothing = (tiers: ReadonlyArray<number>): boolean => {
  for (let at = 0; at < tiers.length; at += TIER_DOUBLES) {
    const takes = tiers[at + Tier.fixed] + tiers[at + Tier.basisPoints] + tiers[at + Tier.min]
    if (takes > 0 && tiers[at + Tier.max] > 0) return false
  }
  return true
}
