// Card numbers as people may see them: in messages and logs, never whole.

const SHOWN_FIRST = 6
const SHOWN_LAST = 4
/** The shortest number of a card; one that is shorter is filled up with zeros, so that some digits are always hidden. */
const DIGITS_MIN = 13

/** The first six digits and the last four, as PCI DSS 3.4 allows. */
export const masked = (card: bigint): string => {
  const digits = String(card).padStart(DIGITS_MIN, "0")
  const hidden = digits.length - SHOWN_FIRST - SHOWN_LAST
  return digits.slice(0, SHOWN_FIRST) + "*".repeat(hidden) + digits.slice(-SHOWN_LAST)
}
