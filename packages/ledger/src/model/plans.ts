// Fees and dates of the model: exact in BigInt, and by the platform's own calendar.
import type { FeePlan } from "../Command.ts"

const BASIS_POINTS = 10_000n
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** The first tier that the amount fits in; its fixed part and its share, within its bounds, and never more than there is. */
export const feeOf = (plan: FeePlan | undefined, amount: bigint): bigint => {
  const tier = plan?.find(({ upTo }) => upTo === undefined || amount <= BigInt(upTo))
  if (tier === undefined) return 0n
  const { fixed = 0, basisPoints = 0, min = 0, max } = tier
  const raw = BigInt(fixed) + shareOf(amount, basisPoints)
  const atLeast = raw < BigInt(min) ? BigInt(min) : raw
  const atMost = max === undefined ? atLeast : least(atLeast, BigInt(max))
  return least(atMost, amount)
}

export const shareOf = (amount: bigint, basisPoints: number): bigint =>
  (amount * BigInt(basisPoints)) / BASIS_POINTS

export const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)

export const dayOf = (time: number, utcOffsetMinutes: number): number =>
  Math.floor((time + utcOffsetMinutes * MINUTE_MS) / DAY_MS)

export const monthOf = (day: number): number => {
  const date = new Date(day * DAY_MS)
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
}

export const lastDayOf = (month: number): number =>
  dayOf(Date.UTC(1970 + Math.floor(month / 12), (month % 12) + 1, 1), 0) - 1
