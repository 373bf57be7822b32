/** The engine's reference of an ISO 8583 message: when it was sent, its class and its STAN. */
import { makeReference } from "@millrace/protocol"

/** Digits of field 11. */
const STAN_DIGITS = 6
/** A STAN needs 20 of the counter's 22 bits; the two above them are the message's class. */
const CLASS_SHIFT = 20

/**
 * The original is matched on terminal and reference, the message class with it: a reversal often carries the STAN and the
 * time of what it turns round, and is another message all the same.
 */
const classes = new Map<string, number>([
  ["1", 0],
  ["2", 1],
  ["4", 2],
  ["5", 3],
])

/**
 * | digits | what they are |
 * |---|---|
 * | 10 | MMDDhhmmss, UTC, of the year that brings it nearest to `nowMs`: field 7 |
 * | 12 | YYMMDDhhmmss: field 12 of ISO 8583:1993 |
 *
 * Milliseconds since the epoch, or undefined when there is no such moment.
 */
export const momentOf = (digits: string, nowMs: number): number | undefined => {
  if (!/^(?:\d{10}|\d{12})$/.test(digits)) return undefined
  const rest = digits.slice(-10)
  if (digits.length === 12) return moment(2000 + Number(digits.slice(0, 2)), rest)
  const year = new Date(nowMs).getUTCFullYear()
  let nearest: number | undefined
  for (const candidate of [year - 1, year, year + 1]) {
    const ms = moment(candidate, rest)
    if (ms === undefined) continue
    if (nearest === undefined || Math.abs(ms - nowMs) < Math.abs(nearest - nowMs)) nearest = ms
  }
  return nearest
}

const moment = (year: number, digits: string): number | undefined => {
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((at) => Number(digits.slice(at, at + 2)))
  const ms = Date.UTC(year, month - 1, day, hour, minute, second)
  const date = new Date(ms)
  const isSame =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  return isSame ? ms : undefined
}

/** Undefined when one of the three can't be; `mti` has four digits. */
export const referenceOf = (mti: string, time: string, stan: string, nowMs: number): bigint | undefined => {
  const group = classes.get(mti[1])
  const ms = momentOf(time, nowMs)
  if (group === undefined || ms === undefined || !/^\d{6}$/.test(stan) || stan.length !== STAN_DIGITS) {
    return undefined
  }
  return makeReference(ms, group * 2 ** CLASS_SHIFT + Number(stan))
}
