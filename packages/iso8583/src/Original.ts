// Original data elements: which message a reversal, completion or void is about. Field 90 of 1987, field 56 of 1993.
import type { Dialect } from "./Dialect.ts"
import { type Message, textOf } from "./Message.ts"

export interface OriginalData {
  readonly mti: string
  /** Field 11 of the original, six digits. */
  readonly stan: string
  /** The original's time, as its field `uses.time` had it: 10 digits (MMDDhhmmss) or 12 (YYMMDDhhmmss). */
  readonly time: string
}

const MTI_DIGITS = 4
const STAN_DIGITS = 6
/** Acquirer and forwarder in field 90: eleven digits each. */
const INSTITUTION_DIGITS = 11

const timeDigits = (dialect: Dialect): number => dialect.fields.get(dialect.uses.time)?.max ?? 0

/** The original that a message names; undefined when it names none or the field is too short. */
export const originalOf = (message: Message, dialect: Dialect): OriginalData | undefined => {
  const field = dialect.uses.original
  const text = field === undefined ? undefined : textOf(message, field)
  const end = MTI_DIGITS + STAN_DIGITS + timeDigits(dialect)
  if (text === undefined || text.length < end) return undefined
  return {
    mti: text.slice(0, MTI_DIGITS),
    stan: text.slice(MTI_DIGITS, MTI_DIGITS + STAN_DIGITS),
    time: text.slice(MTI_DIGITS + STAN_DIGITS, end),
  }
}

/** The value of the field that names an original. Institutions are zeros where the field has a place for them. */
export const originalText = (
  original: OriginalData,
  dialect: Dialect,
  acquirer = "",
  forwarder = "",
): string => {
  const head = original.mti + original.stan + original.time
  const format = dialect.uses.original === undefined ? undefined : dialect.fields.get(dialect.uses.original)
  if (format?.lengthDigits === 0) {
    return head + acquirer.padStart(INSTITUTION_DIGITS, "0") + forwarder.padStart(INSTITUTION_DIGITS, "0")
  }
  return `${head}${String(acquirer.length).padStart(2, "0")}${acquirer}`
}
