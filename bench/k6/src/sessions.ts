// What one terminal does between taking up its line and leaving it: an iteration of k6.
import type { Outcome } from "@millrace/protocol"
import { settings } from "./settings.ts"
import { type Asked, Terminal, transact } from "./Terminal.ts"

/** Shares of kinds, together 1. */
export interface Mix {
  readonly purchase: number
  readonly recharge: number
}

/** An ordinary day: mostly purchases, now and then a recharge, the rest balances. */
export const dayMix: Mix = { purchase: 0.75, recharge: 0.15 }
/** The evening before a holiday. */
export const holidayMix: Mix = { purchase: 0.15, recharge: 0.75 }

const AMOUNT_MIN = 500
const AMOUNT_SPREAD = 4_000

const draw = ({ purchase, recharge }: Mix): Asked => {
  const card = settings.cardFirst + Math.floor(Math.random() * settings.cards)
  const share = Math.random()
  if (share >= purchase + recharge) return { kind: "balance", card, amount: 0 }
  const amount = AMOUNT_MIN + Math.floor(Math.random() * AMOUNT_SPREAD)
  return { kind: share < purchase ? "purchase" : "recharge", card, amount }
}

/** `TRANSACTIONS` requests, one after the other, with a thought in between. */
export const session = (mix: Mix): void => {
  let left = settings.transactions
  const next = (): void => {
    if (left-- > 0) transact(terminal, draw(mix), () => setTimeout(next, settings.thinkMs))
    else terminal.end()
  }
  const terminal = new Terminal(next)
}

interface Step {
  readonly ask: Asked | (() => Asked)
  /** Where it is not an approval. */
  readonly response?: number
  /** How the card's balance changes. */
  readonly moves: number
}

/**
 * Every kind that a till sends, on a card that nobody else uses, with the balance known after each; every answer is asked
 * for a second time and must be the first one again.
 */
export const everyKind = (card: number): void => {
  let reference = 0n
  let available: number | undefined
  const of = (kind: Asked["kind"], amount: number): Asked => ({ kind, card, amount })
  const about = (kind: Asked["kind"], amount: number) => () => ({ kind, card, amount, original: reference })
  const steps: ReadonlyArray<Step> = [
    { ask: of("recharge", 20_000), moves: 20_000 },
    { ask: of("purchase", 1_250), moves: -1_250 },
    { ask: about("refund", 250), moves: 250 },
    { ask: of("preauthorisation", 5_000), moves: -5_000 },
    { ask: about("completion", 4_200), moves: 800 },
    { ask: of("preauthorisation", 3_000), moves: -3_000 },
    { ask: about("cancellation", 0), moves: 3_000 },
    { ask: of("purchase", 700), moves: -700 },
    { ask: about("reversal", 700), moves: 700 },
    { ask: of("purchase", 2_000_000_000), response: 51, moves: 0 },
    { ask: about("refund", 1), response: 12, moves: 0 },
    { ask: of("balance", 0), moves: 0 },
  ]
  let step = 0
  const next = (): void => {
    const { ask, response = 0, moves } = steps[step]
    const asked = typeof ask === "function" ? ask() : ask
    transact(terminal, asked, (outcome: Outcome, of) => {
      if (outcome.response !== response) {
        terminal.refute(`${asked.kind} of ${asked.amount} was answered ${outcome.response}, not ${response}`)
      } else if (available !== undefined && outcome.available !== available + moves) {
        terminal.refute(`${asked.kind}: ${outcome.available} are left, not ${available + moves}`)
      }
      available = outcome.available
      reference = of
      terminal.askAgain(asked, of, outcome, () => {
        step++
        if (step < steps.length) next()
        else terminal.end()
      })
    })
  }
  const terminal = new Terminal(() =>
    transact(terminal, of("balance", 0), (outcome) => {
      available = outcome.available
      next()
    }),
  )
}
