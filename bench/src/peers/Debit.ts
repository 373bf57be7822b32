// The traffic that every engine gets: debits of cards that are drawn evenly, each under a reference of its own.
import { ReferenceSource, ResponseCode } from "@millrace/protocol"

/** `millrace load --cards` draws from as many. */
export const CARDS = 1_000_000
/** Below 2^53, so that every client can use plain numbers. */
export const CARD_FIRST = 5_970_000_000_000_000
export const OPENING_BALANCE = 100_000
export const TERMINAL_FIRST = 970_000_001
/** Purchases of `millrace load`: 5.00 to 45.95. */
const AMOUNT_MIN = 500
const AMOUNT_SPREAD = 4_096

export interface Debit {
  readonly terminal: number
  readonly referenceLo: number
  readonly referenceHi: number
  readonly card: number
  readonly amount: number
}

/** What an engine answers: what is left on the card, or one of these. */
export const Refusal = {
  noSuchCard: -ResponseCode.noSuchCard,
  insufficientFunds: -ResponseCode.insufficientFunds,
  /** The reference was used before with another card or amount. */
  otherContent: -ResponseCode.duplicate,
} as const

const references = new ReferenceSource()

export const debitOf = (terminal: number, card: number, amount: number): Debit => {
  references.advance()
  return { terminal, referenceLo: references.lo, referenceHi: references.hi, card, amount }
}

export const drawDebit = (terminal: number): Debit =>
  debitOf(
    terminal,
    CARD_FIRST + Math.floor(Math.random() * CARDS),
    AMOUNT_MIN + Math.floor(Math.random() * AMOUNT_SPREAD),
  )
