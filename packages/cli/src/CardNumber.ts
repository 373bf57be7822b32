// Card numbers in what people read.
import { masked } from "@millrace/ledger"

export { masked }

/** The shortest and the longest number of a card, in digits. */
const DIGITS_MIN = 13
const DIGITS_MAX = 19
const numbers = new RegExp(`(?<!\\d)\\d{${DIGITS_MIN},${DIGITS_MAX}}(?!\\d)`, "g")

/** A sentence from elsewhere in which every number as long as a card's is masked. */
export const maskedIn = (text: string): string => text.replaceAll(numbers, (digits) => masked(BigInt(digits)))
