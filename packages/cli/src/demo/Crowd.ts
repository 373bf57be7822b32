// All terminals of the demo's town at once: what they send at random, and what was answered.
import type { Client, Submission } from "@millrace/client"
import { Kind, type KindName, kindName, ReferenceSource, ResponseCode } from "@millrace/protocol"
import { Effect } from "effect"
import { Merchant, TOWN_CURRENCY, type Town } from "./Town.ts"

export class Crowd {
  readonly byKind = new Map<string, number>()
  readonly byResponse = new Map<number, number>()
  answered = 0
  readonly #client: Client
  readonly #town: Town
  readonly #random: () => number
  readonly #references = new ReferenceSource()
  readonly #recharging: ReadonlySet<number>
  readonly #pumps: ReadonlySet<number>

  constructor(client: Client, town: Town, random: () => number) {
    this.#client = client
    this.#town = town
    this.#random = random
    this.#recharging = new Set(town.terminalsOf(Merchant.kiosk))
    this.#pumps = new Set(town.terminalsOf(Merchant.petrol))
  }

  /** Until it is interrupted. */
  run() {
    return Effect.forEach(this.#town.terminals, (terminal) => this.#busy(terminal), {
      concurrency: "unbounded",
      discard: true,
    })
  }

  #whole(below: number): number {
    return Math.floor(this.#random() * below)
  }

  readonly #send = Effect.fnUntraced(function* (this: Crowd, submission: Submission) {
    const { response } = yield* this.#client.submit(submission)
    const kind = kindName(submission.kind) ?? ""
    this.answered++
    this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + 1)
    this.byResponse.set(response, (this.byResponse.get(response) ?? 0) + 1)
    return response === ResponseCode.approved
  })

  /** One terminal: customers come one after the other. */
  readonly #busy = Effect.fnUntraced(function* (this: Crowd, terminal: number) {
    const cards = this.#town.crowdCards
    const step = (kind: KindName, card: bigint, amount: number, more: Partial<Submission> = {}) =>
      this.#send({
        kind: Kind[kind],
        terminal,
        card,
        amount,
        currency: TOWN_CURRENCY,
        reference: this.#references.next(),
        ...more,
      })
    while (true) {
      yield* Effect.sleep(`${20 + this.#whole(180)} millis`)
      const card = cards[this.#whole(cards.length)]
      const amount = 100 + this.#whole(2_400)
      const draw = this.#random()
      if (draw < 0.08) yield* step("balance", card, 0)
      else if (this.#recharging.has(terminal) && draw < 0.7) yield* step("recharge", card, 500 + amount * 6)
      else if (this.#recharging.has(terminal) && draw < 0.8) {
        yield* step("transfer", card, amount, { counterparty: cards[this.#whole(cards.length)] })
      } else {
        const reference = this.#references.next()
        const kind = this.#pumps.has(terminal) && draw < 0.6 ? "preauthorisation" : "purchase"
        const approved = yield* step(kind, card, amount, { reference })
        if (!approved) continue
        if (kind === "preauthorisation") {
          const left = this.#whole(amount)
          yield* draw < 0.15
            ? step("cancellation", card, 0, { original: reference })
            : step("completion", card, amount - left, { original: reference })
        } else if (draw > 0.97) yield* step("refund", card, amount >> 1, { original: reference })
        else if (draw > 0.95) yield* step("void", card, 0, { original: reference })
        else if (draw > 0.93) yield* step("reversal", card, 0, { original: reference })
      }
    }
  })
}
