// What the checks of commands share: is it a whole number, a text, a plan; and the bounds of what they carry.
import type { Categories, FeePlan } from "../Command.ts"
import { ACCOUNT_MAX, BASIS_POINTS_MAX } from "../limits.ts"

export const U32_MAX = 0xffff_ffff
export const U64_MAX = 0xffff_ffff_ffff_ffffn
/** ISO 4217 numeric. */
export const CURRENCY_MAX = 999
export const MCC_MAX = 9_999
export const REASON_CHARACTERS_MAX = 80
export const FEE_TIERS_MAX = 8
export const CATEGORY_RANGES_MAX = 64

export const isInteger = (value: unknown, min: number, max: number): boolean =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max // an integer, so a number

/** An optional one. */
export const isIntegerIf = (value: unknown, min: number, max: number): boolean =>
  value === undefined || isInteger(value, min, max)

/** 1 to `max` characters; half a surrogate pair would not come back from the journal as it went in. */
export const isText = (value: unknown, max: number): boolean =>
  typeof value === "string" && value.length > 0 && value.length <= max && value.isWellFormed()

export const isU64 = (value: unknown): boolean => typeof value === "bigint" && value > 0n && value <= U64_MAX

export const isOneOf = (value: unknown, names: ReadonlyArray<string>): boolean =>
  names.includes(value as string) // whatever it is, it is only compared

export const isObjectIf = (value: unknown): boolean =>
  value === undefined || (typeof value === "object" && value !== null && !Array.isArray(value))

export const isBooleanIf = (value: unknown): boolean => value === undefined || typeof value === "boolean"

/** The first of the named fields that is there and is not an integer from 0 to `max`, told as a sentence. */
export const integersProblem = (
  of: object | undefined,
  path: string,
  fields: Readonly<Record<string, number>>,
): string | undefined => {
  for (const [field, max] of Object.entries(fields)) {
    const value = (of as Record<string, unknown> | undefined)?.[field] // only looked at
    if (!isIntegerIf(value, 0, max)) return `${path}${field} must be an integer from 0 to ${boundName(max)}`
  }
  return undefined
}

const boundName = (max: number): string => (max === ACCOUNT_MAX ? "2^53 - 1" : String(max))

/** Of a plan that may be absent. */
export const feePlanProblem = (plan: FeePlan | undefined, name: string): string | undefined => {
  if (plan === undefined) return undefined
  if (!Array.isArray(plan) || plan.length > FEE_TIERS_MAX) {
    return `${name} must be a list of at most ${FEE_TIERS_MAX} tiers`
  }
  let before = 0
  for (const [i, tier] of plan.entries()) {
    if (tier === undefined || !isObjectIf(tier)) return `${name}: a tier is an object`
    const isLast = i === plan.length - 1
    if (isLast !== (tier.upTo === undefined)) return `${name}: every tier but the last has upTo`
    if (!isLast && !isInteger(tier.upTo, before + 1, ACCOUNT_MAX))
      return `${name}: tiers' upTo must go upward`
    before = tier.upTo ?? before
    const problem = integersProblem(tier, `${name}: `, {
      fixed: ACCOUNT_MAX,
      basisPoints: BASIS_POINTS_MAX,
      min: ACCOUNT_MAX,
      max: ACCOUNT_MAX,
    })
    if (problem !== undefined) return problem
    if ((tier.min ?? 0) > (tier.max ?? ACCOUNT_MAX)) return `${name}: min is above max`
  }
  return undefined
}

/** Of ranges that may be absent. */
export const categoriesProblem = (ranges: Categories | undefined, name: string): string | undefined => {
  if (ranges === undefined) return undefined
  if (!Array.isArray(ranges) || ranges.length > CATEGORY_RANGES_MAX) {
    return `${name} must be a list of at most ${CATEGORY_RANGES_MAX} ranges`
  }
  for (const range of ranges) {
    if (!Array.isArray(range) || range.length !== 2) return `a range of ${name} is [from, to]`
    if (!isInteger(range[0], 0, MCC_MAX) || !isInteger(range[1], range[0], MCC_MAX)) {
      return `a range of ${name} goes from 0 or more to ${MCC_MAX} at most, upward`
    }
  }
  return undefined
}
