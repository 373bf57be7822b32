// The till at a terminal window: a menu by keys, questions for what is missing, receipts below each other.
import type { KindName } from "@millrace/protocol"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import type { Stop } from "../Stop.ts"
import type { TillCommand } from "./Command.ts"
import type { Keyboard } from "./Keyboard.ts"
import { amountText, parseAmount } from "./Money.ts"
import type { Till } from "./Till.ts"
import type { Told } from "./Told.ts"

type Out = (text: string) => void

interface Key {
  readonly key: string
  readonly says: string
  readonly does: (counter: Counter) => Effect.Effect<TillCommand | undefined>
}

/** Undefined stands for "given up": back to the menu. */
const when = <A, B>(
  asked: Effect.Effect<A | undefined>,
  make: (value: A) => B,
): Effect.Effect<B | undefined> =>
  Effect.map(asked, (value) => (value === undefined ? undefined : make(value)))

const keys: ReadonlyArray<Key> = [
  { key: "c", says: "card", does: (at) => at.askCard() },
  { key: "s", says: "sell", does: (at) => when(at.askAmount(), (amount) => ({ do: "sell", amount })) },
  {
    key: "r",
    says: "recharge",
    does: (at) => when(at.askAmount(), (amount) => ({ do: "recharge", amount })),
  },
  {
    key: "f",
    says: "refund",
    does: (at) => at.askAbout((amount, stan) => ({ do: "refund", amount, stan })),
  },
  { key: "v", says: "void", does: (at) => when(at.askStan(), ({ stan }) => ({ do: "void", stan })) },
  { key: "b", says: "balance", does: () => Effect.succeed({ do: "balance" }) },
  {
    key: "a",
    says: "pre-authorise",
    does: (at) => when(at.askAmount(), (amount) => ({ do: "authorise", amount })),
  },
  {
    key: "k",
    says: "complete",
    does: (at) => at.askAbout((amount, stan) => ({ do: "complete", amount, stan })),
  },
  { key: "n", says: "cancel", does: (at) => when(at.askStan(), ({ stan }) => ({ do: "cancel", stan })) },
  { key: "t", says: "transfer", does: (at) => at.askTransfer() },
  {
    key: "q",
    says: "query",
    does: (at) => when(at.askStan(), ({ stan }) => ({ do: "query", what: String(stan ?? "last") })),
  },
  { key: "p", says: "reprint", does: (at) => when(at.askStan(), ({ stan }) => ({ do: "reprint", stan })) },
  { key: "l", says: "last ten", does: () => Effect.succeed({ do: "last" }) },
  { key: "z", says: "close the day", does: () => Effect.succeed({ do: "close", forced: false }) },
]

const LEAVE = "x"
const MENU_COLUMNS = 4

const menu = (): ReadonlyArray<string> => {
  const all = [...keys, { key: LEAVE, says: "leave" }, { key: "?", says: "these keys" }].map(
    ({ key, says }) => `[${key}] ${says}`.padEnd(19),
  )
  return Array.from({ length: Math.ceil(all.length / MENU_COLUMNS) }, (_, row) =>
    all
      .slice(row * MENU_COLUMNS, (row + 1) * MENU_COLUMNS)
      .join("")
      .trimEnd(),
  )
}

/** What a command is to the engine, where a PIN may be needed. */
const kindsOf: { readonly [command: string]: KindName } = {
  sell: "purchase",
  authorise: "preauthorisation",
  transfer: "transfer",
}
const WRONG_PIN = "55"

export class Counter {
  readonly #till: Till
  readonly #keyboard: Keyboard
  readonly #out: Out

  constructor(till: Till, keyboard: Keyboard, out: Out) {
    this.#till = till
    this.#keyboard = keyboard
    this.#out = out
  }

  /** Until the cashier leaves. Errors: Stop, when the till can't go on. */
  readonly open = Effect.fnUntraced(function* (this: Counter): Effect.fn.Return<void, Stop> {
    const { merchant, terminal } = this.#till.place
    this.#say(`${merchant}, terminal ${terminal}`)
    if (this.#till.place.cards.length > 0) yield* this.#serve({ do: "card", card: "1" })
    this.#say(...menu())
    for (;;) {
      this.#out(`\n${this.#till.card === undefined ? "" : `${masked(this.#till.card)} `}> `)
      const key = (yield* Effect.promise(() => this.#keyboard.key()))?.toLowerCase()
      const found = keys.find((one) => one.key === key)
      this.#say(key === undefined || key === LEAVE ? "leave" : (found?.says ?? ""))
      if (key === undefined || key === LEAVE) return
      if (found === undefined) this.#say(...menu())
      const command = found === undefined ? undefined : yield* found.does(this)
      if (command !== undefined) yield* this.#serve(command)
    }
  })

  readonly #serve = Effect.fnUntraced(function* (this: Counter, command: TillCommand) {
    const kind = kindsOf[command.do]
    const amount = "amount" in command ? (parseAmount(command.amount, this.#till.place.currency) ?? 0) : 0
    if (kind !== undefined && (yield* this.#till.needsPin(kind, amount))) {
      if (!(yield* this.#askDigits("pin", "PIN"))) return
    }
    const told = yield* this.#till.do(command)
    this.#print(told)
    // A PIN or code that is needed, and that nobody could know of before.
    if (told.response !== WRONG_PIN || told.json["do"] === "query" || told.json["do"] === "reprint") return
    const what = command.do === "recharge" || command.do === "refund" ? "code" : "pin"
    const name = what === "pin" ? "PIN" : "Authorisation code"
    if (yield* this.#askDigits(what, `${name} (Esc: none)`)) this.#print(yield* this.#till.do(command))
  })

  #print({ lines }: Told): void {
    this.#say(...lines)
  }

  #say(...lines: ReadonlyArray<string>): void {
    for (const line of lines) this.#out(`${line}\n`)
  }

  #ask(prompt: string, shown?: "shown" | "hidden"): Effect.Effect<string | undefined> {
    return Effect.promise(() => this.#keyboard.line(`${prompt}: `, shown))
  }

  /** Asks for something that is typed unseen, and gives it to the till; false when it was given up. */
  readonly #askDigits = Effect.fnUntraced(function* (this: Counter, what: "pin" | "code", prompt: string) {
    for (;;) {
      const digits = yield* this.#ask(prompt, "hidden")
      if (digits === undefined) return false
      if (/^\d{4,12}$/.test(digits)) {
        yield* this.#till.do({ do: what, digits })
        return true
      }
      this.#say("4 to 12 digits, please")
    }
  })

  // ---- what the menu's keys ask for

  /** As it was typed. */
  readonly askAmount = Effect.fnUntraced(function* (this: Counter) {
    const { currency } = this.#till.place
    for (;;) {
      const text = yield* this.#ask(`Amount in ${amountText(0, currency).split(" ")[0]}`)
      if (text === undefined || text === "") return undefined
      if (parseAmount(text, currency) !== undefined) return text
      this.#say("Type it as 12.50")
    }
  })

  /** An object, because no number is an answer too: the last one. */
  readonly askStan = Effect.fnUntraced(function* (this: Counter) {
    for (;;) {
      const text = yield* this.#ask("STAN (Enter: the last)")
      if (text === undefined) return undefined
      if (text === "") return { stan: undefined }
      if (/^\d{1,6}$/.test(text) && Number(text) > 0) return { stan: Number(text) }
      this.#say("Up to six digits, as on the receipt")
    }
  })

  readonly askAbout = Effect.fnUntraced(function* (
    this: Counter,
    make: (amount: string, stan: number | undefined) => TillCommand,
  ) {
    const about = yield* this.askStan()
    if (about === undefined) return undefined
    return yield* when(this.askAmount(), (amount) => make(amount, about.stan))
  })

  askCard(): Effect.Effect<TillCommand | undefined> {
    return when(this.#askNumber("Card"), (card): TillCommand => ({ do: "card", card }))
  }

  readonly askTransfer = Effect.fnUntraced(function* (
    this: Counter,
  ): Effect.fn.Return<TillCommand | undefined> {
    const to = yield* this.#askNumber("To which card")
    if (to === undefined) return undefined
    return yield* when(this.askAmount(), (amount): TillCommand => ({ do: "transfer", amount, to }))
  })

  readonly #askNumber = Effect.fnUntraced(function* (this: Counter, prompt: string) {
    const { cards } = this.#till.place
    for (const [i, card] of cards.entries()) this.#say(`  ${i + 1}  ${masked(card)}`)
    for (;;) {
      const text = yield* this.#ask(
        cards.length === 0 ? `${prompt} number` : `${prompt}, 1 to ${cards.length} or a number`,
      )
      if (text === undefined || text === "") return undefined
      if (this.#till.cardOf(text) !== undefined) return text
      this.#say("A card number has 8 to 19 digits")
    }
  })
}
