// What terminals do in the demo: first each rule once, then a crowd; every step is told in a line with its answer.
import type { Client } from "@millrace/client"
import {
  Kind,
  type KindName,
  type Outcome,
  OutcomeFlag,
  RecordFlag,
  ReferenceSource,
  ResponseCode,
  responseText,
} from "@millrace/protocol"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import { CARDS, cardFirst, merchantOf, TERMINALS, TOWN_CURRENCY, terminalNumber } from "./Town.ts"

export interface Step {
  readonly kind: KindName
  readonly terminal: number
  readonly card: bigint
  /** Minor units. */
  readonly amount: number
  readonly reference: bigint
  readonly original?: bigint
  readonly repeat?: boolean
}

/** What the crowd did, for the summary. */
export interface Totals {
  readonly byKind: Map<KindName, number>
  readonly byResponse: Map<number, number>
  duplicates: number
}

export const newTotals = (): Totals => ({ byKind: new Map(), byResponse: new Map(), duplicates: 0 })

/** 1250 → "12.50" */
export const money = (minor: number): string =>
  `${Math.floor(minor / 100).toLocaleString("en-US")}.${String(minor % 100).padStart(2, "0")}`

export const stepLine = (step: Step, outcome: Outcome): string => {
  const amount = step.amount === 0 ? "" : money(step.amount)
  const answer =
    outcome.response === ResponseCode.approved
      ? "approved"
      : `declined ${outcome.response}, ${responseText(outcome.response).toLowerCase()}`
  const again = (outcome.flags & OutcomeFlag.duplicate) !== 0 ? " (the first answer again)" : ""
  return (
    `  ${merchantOf(step.terminal).padEnd(17)} ${step.kind.padEnd(9)}${amount.padStart(8)}  ` +
    `card ${masked(step.card)}  ${answer}${again}  balance ${money(outcome.available)}`
  )
}

export class Story {
  readonly #client: Client
  readonly #tell: (line: string) => void
  readonly #references = new ReferenceSource()
  readonly totals = newTotals()

  constructor(client: Client, tell: (line: string) => void) {
    this.#client = client
    this.#tell = tell
  }

  step(
    kind: KindName,
    terminal: number,
    card: bigint,
    amount: number,
    more: { readonly original?: bigint } = {},
  ): Step {
    return { kind, terminal, card, amount, reference: this.#references.next(), ...more }
  }

  /** Sends a step and counts its answer. */
  readonly send = Effect.fnUntraced(function* (this: Story, step: Step) {
    const outcome = yield* this.#client.submit({
      ...step,
      kind: Kind[step.kind],
      currency: TOWN_CURRENCY,
      flags: step.repeat === true ? RecordFlag.repeat : 0,
    })
    const { byKind, byResponse } = this.totals
    byKind.set(step.kind, (byKind.get(step.kind) ?? 0) + 1)
    byResponse.set(outcome.response, (byResponse.get(outcome.response) ?? 0) + 1)
    if ((outcome.flags & OutcomeFlag.duplicate) !== 0) this.totals.duplicates++
    return outcome
  })

  /** Sends a step and tells it. */
  readonly show = Effect.fnUntraced(function* (this: Story, why: string, step: Step) {
    const outcome = yield* this.send(step)
    this.#tell("")
    this.#tell(why)
    this.#tell(stepLine(step, outcome))
    return outcome
  })

  /** Every rule once, on one card. */
  readonly chapters = Effect.fnUntraced(function* (this: Story) {
    const card = cardFirst
    const [bakery, kiosk, books] = [0, 5, 10].map(terminalNumber)
    yield* this.show("A card is recharged at the kiosk:", this.step("recharge", kiosk, card, 2_000))
    const purchase = this.step("purchase", bakery, card, 1_250)
    yield* this.show("It pays at the bakery:", purchase)
    yield* this.show(
      "The answer got lost on its way, so the terminal asks again under the same reference. Nothing moves twice:",
      { ...purchase, repeat: true },
    )
    yield* this.show("More than the card holds:", this.step("purchase", books, card, 99_900))
    yield* this.show(
      "Part of the bread comes back:",
      this.step("refund", bakery, card, 450, { original: purchase.reference }),
    )
    const cancelled = this.step("purchase", books, card, 1_800)
    yield* this.show("A book is bought,", cancelled)
    yield* this.show(
      "and the customer changes their mind before the receipt is printed:",
      this.step("reversal", books, card, 0, { original: cancelled.reference }),
    )
  })

  /** One terminal of the crowd, until it is interrupted. */
  readonly terminal = Effect.fnUntraced(function* (this: Story, index: number, random: () => number) {
    const terminal = terminalNumber(index)
    while (true) {
      yield* Effect.sleep(`${20 + Math.floor(random() * 180)} millis`)
      const card = cardFirst + BigInt(1 + Math.floor(random() * (CARDS - 1)))
      const draw = random()
      const amount = 100 + Math.floor(random() * 2_400)
      if (draw < 0.12) yield* this.send(this.step("recharge", terminal, card, amount * 4))
      else if (draw < 0.2) yield* this.send(this.step("balance", terminal, card, 0))
      else {
        const purchase = this.step("purchase", terminal, card, amount)
        const outcome = yield* this.send(purchase)
        const approved = outcome.response === ResponseCode.approved
        if (approved && draw > 0.95) {
          const half = Math.floor(amount / 2)
          yield* this.send(this.step("refund", terminal, card, half, { original: purchase.reference }))
        } else if (approved && draw > 0.92) {
          yield* this.send(this.step("reversal", terminal, card, 0, { original: purchase.reference }))
        }
      }
    }
  })

  /** All terminals at once, until interrupted. */
  readonly crowd = (random: () => number) =>
    Effect.forEach(
      Array.from({ length: TERMINALS }, (_, index) => index),
      (index) => this.terminal(index, random),
      { concurrency: "unbounded", discard: true },
    )
}
