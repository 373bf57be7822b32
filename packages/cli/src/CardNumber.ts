// Card numbers as people may see them.

const SHOWN_FIRST = 6
const SHOWN_LAST = 4
/** The shortest number that is masked at all hides three digits. */
const DIGITS_MIN = 13

/** The first six digits and the last four, as PCI DSS 3.4 allows; shorter numbers are filled up with zeros before. */
export const masked = (card: bigint): string => {
  const digits = String(card).padStart(DIGITS_MIN, "0")
  const hidden = digits.length - SHOWN_FIRST - SHOWN_LAST
  return digits.slice(0, SHOWN_FIRST) + "*".repeat(hidden) + digits.slice(-SHOWN_LAST)
}

const DIGITS_MAX = 19
const numbers = new RegExp(`(?<!\\d)\\d{${DIGITS_MIN},${DIGITS_MAX}}(?!\\d)`, "g")

/** A sentence from elsewhere in which every number as long as a card's is masked. */
export const maskedIn = (text: string): string => text.replaceAll(numbers, (digits) => masked(BigInt(digits)))
