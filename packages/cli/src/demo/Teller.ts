// Tells the demo's story: sends one step after the other, and says in a line what was asked and answered.
import type { Client, Transaction } from "@millrace/client"
import { type KindName, ReferenceSource, ResponseCode, responseText } from "@millrace/protocol"
import type { ResponseOf } from "@millrace/protocol/messages"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import { TOWN_CURRENCY, type Town } from "./Town.ts"

/** What a step may have beside kind, terminal, card and amount. */
export type More = Pick<
  Transaction,
  "original" | "counterparty" | "pin" | "newPin" | "code" | "partial" | "forced"
>

export type Answer = ResponseOf<"transact">

/** 1250 → "12.50" */
export const money = (minor: number): string => {
  const [whole, rest] = [Math.floor(Math.abs(minor) / 100), Math.abs(minor) % 100]
  return `${minor < 0 ? "-" : ""}${whole.toLocaleString("en-US")}.${String(rest).padStart(2, "0")}`
}

/** "approved", "declined 51, insufficient funds" … */
export const answerText = ({ response, duplicate, approved, message }: Answer): string => {
  const again = duplicate ? " (the first answer again)" : ""
  const said = message === undefined ? "" : ` ("${message}")`
  if (response === ResponseCode.approved) return `approved${again}`
  if (response === ResponseCode.partiallyApproved) {
    return `approved for ${money(approved ?? 0)} of it${again}`
  }
  return `declined ${response}, ${responseText(response).toLowerCase()}${said}${again}`
}

/** pinChange → "PIN change" */
export const kindText = (kind: string): string =>
  kind.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^pin\b/, "PIN")

export class Teller {
  readonly client: Client
  readonly town: Town
  readonly tell: (line: string) => void
  readonly #references = new ReferenceSource()

  constructor(client: Client, town: Town, tell: (line: string) => void) {
    this.client = client
    this.town = town
    this.tell = tell
  }

  step(kind: KindName, terminal: number, card: bigint, amount: number, more: More = {}): Transaction {
    const reference = this.#references.next()
    return { kind, terminal, card, amount, currency: TOWN_CURRENCY, reference, ...more }
  }

  /** What happens next. */
  say(why: string): void {
    this.tell("")
    this.tell(why)
  }

  /** A fact, below what happens. */
  note(fact: string): void {
    this.tell(`    ${fact}`)
  }

  readonly send = Effect.fnUntraced(function* (this: Teller, step: Transaction) {
    const answer = yield* this.client.transact(step)
    this.tell(this.#line(step, answer))
    return answer
  })

  /** Says why, and sends. */
  readonly show = Effect.fnUntraced(function* (this: Teller, why: string, step: Transaction) {
    this.say(why)
    return yield* this.send(step)
  })

  #line(step: Transaction, answer: Answer): string {
    const { kind, terminal, card, amount } = step
    const where = this.town.merchantName(terminal).padEnd(17)
    const what = `${kindText(kind).padEnd(16)}${(amount === 0 ? "" : money(amount)).padStart(9)}`
    // A close is the terminal's own, without a card.
    if (card === 0n) return `  ${where} ${what}  ${answerText(answer)}`
    return `  ${where} ${what}  card ${masked(card)}  ${answerText(answer)}, available ${money(answer.available)}`
  }
}
