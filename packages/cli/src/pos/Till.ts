// The till: what a cashier does at a terminal, over the client's SDK, with a receipt for each.
import type { Client, Forwarded, MessageError, Transaction } from "@millrace/client"
import { closeFields, isApproved, type KindName, responseDigits } from "@millrace/protocol"
import { Clock, Effect } from "effect"
import { masked, maskedIn } from "../CardNumber.ts"
import { transactionLine } from "../operator/Told.ts"
import { type Stop, stop } from "../Stop.ts"
import type { TillCommand } from "./Command.ts"
import { amountText, parseAmount } from "./Money.ts"
import { closeLines, sides, titleOf } from "./Receipt.ts"
import type { Place } from "./Shop.ts"
import { Stans, stanOf } from "./Stans.ts"
import {
  mistake,
  NO_ANSWER,
  REFUSED,
  receiptOf,
  reprintOf,
  type Told,
  toldReceipt,
  toldUnknown,
} from "./Told.ts"

const HISTORY = 10
const HISTORY_SEARCHED = 50

/** The kinds that look at a PIN when they are given one. */
const withPin: ReadonlySet<KindName> = new Set(["balance", "purchase", "preauthorisation", "transfer"])
const withCode: ReadonlySet<KindName> = new Set(["recharge", "refund"])

/** A kind of business that is about an earlier one: which ones come into question. */
const originals = {
  refund: ["purchase", "completion"],
  void: ["purchase", "completion", "refund", "recharge", "preauthorisation", "transfer"],
  completion: ["preauthorisation"],
  cancellation: ["preauthorisation"],
} as const
type About = keyof typeof originals

const isAbout = (kind: string): kind is About => Object.hasOwn(originals, kind)

interface Request {
  readonly kind: KindName
  readonly amount: number
  readonly original?: bigint
  readonly counterparty?: bigint
}

export class Till {
  readonly client: Client
  readonly place: Place
  readonly #stans: Stans
  /** By STAN, what this till sent since it was opened. */
  readonly #sent = new Map<number, bigint>()
  #last: bigint | undefined
  card: bigint | undefined
  #pin: string | undefined
  #code: string | undefined

  constructor(client: Client, place: Place) {
    this.client = client
    this.place = place
    this.#stans = new Stans(place.lastReference)
  }

  /** Errors: Stop, when the till can't go on. */
  do(command: TillCommand): Effect.Effect<Told, Stop> {
    return this.#do(command).pipe(
      Effect.catchTags({
        MessageRefused: ({ code, message }) => {
          const sentence = `refused: ${maskedIn(message)} (${code})`
          return Effect.succeed({ lines: [sentence], json: { refused: code }, response: REFUSED })
        },
        Unknown: () =>
          Effect.succeed({ lines: ["no answer"], json: { response: null }, response: NO_ANSWER }),
        ClientClosed: (closed) => stop(closed.message),
      }),
    )
  }

  /** Whether the card's product wants its PIN for this; false when this till may not ask what the product wants. */
  readonly needsPin = Effect.fnUntraced(function* (this: Till, kind: KindName, amount: number) {
    if (this.card === undefined || !withPin.has(kind) || kind === "balance" || this.#pin !== undefined)
      return false
    const { client, card } = this
    const rule = client.card(card).pipe(
      Effect.flatMap(({ product }) => client.productInfo(product)),
      Effect.map(
        ({ pinRule, pinFreeMax }) => pinRule === "always" || (pinRule === "above" && amount > pinFreeMax),
      ),
    )
    return yield* Effect.orElseSucceed(rule, () => false)
  })

  /** A reversal that went by itself was answered. */
  forwarded({ record, response }: Forwarded): Told {
    const stan = stanOf(record.reference)
    const settled = isApproved(response)
    const outcome = settled
      ? "it counts for nothing"
      : `answered ${responseDigits(response)}: settle it by the books`
    return {
      lines: [`STAN ${String(stan).padStart(6, "0")} had no answer and was turned round: ${outcome}`],
      json: { do: "reversed", stan, response: responseDigits(response), original: record.original },
    }
  }

  #do(command: TillCommand): Effect.Effect<Told, MessageError> {
    switch (command.do) {
      case "card":
        return Effect.sync(() => this.#takeCard(command.card))
      case "pin":
      case "code":
        return Effect.sync(() => {
          if (command.do === "pin") this.#pin = command.digits
          else this.#code = command.digits
          return { lines: [], json: { do: command.do } }
        })
      case "sell":
        return this.#moneyed("purchase", command.amount)
      case "recharge":
        return this.#moneyed("recharge", command.amount)
      case "authorise":
        return this.#moneyed("preauthorisation", command.amount)
      case "transfer":
        return this.#transfer(command.amount, command.to)
      case "refund":
        return this.#moneyed("refund", command.amount, command.stan)
      case "complete":
        return this.#moneyed("completion", command.amount, command.stan)
      case "void":
        return this.#transact({ kind: "void", amount: 0 }, command.stan)
      case "cancel":
        return this.#transact({ kind: "cancellation", amount: 0 }, command.stan)
      case "balance":
        return this.#transact({ kind: "balance", amount: 0 }, undefined)
      case "query":
        return this.#query(command.what)
      case "reprint":
        return this.#reprint(command.stan)
      case "last":
        return this.#history()
      case "close":
        return this.#close(command.forced)
      case "expect":
        return Effect.succeed({ lines: [], json: {} })
    }
  }

  /** A card by its number, or by its place in the shop's list. */
  cardOf(text: string): bigint | undefined {
    const listed = text.length === 1 ? this.place.cards[Number(text) - 1] : undefined
    if (listed !== undefined) return listed
    return /^\d{8,19}$/.test(text) ? BigInt(text) : undefined
  }

  #takeCard(text: string): Told {
    const card = this.cardOf(text)
    if (card === undefined) return mistake("a card number has 8 to 19 digits")
    this.card = card
    return { lines: [`Card ${masked(card)}`], json: { do: "card", card: masked(card) } }
  }

  #moneyed(kind: KindName, text: string, stan?: number): Effect.Effect<Told, MessageError> {
    const amount = parseAmount(text, this.place.currency)
    return amount === undefined
      ? Effect.succeed(mistake(`${text} is no amount: type it as 12.50`))
      : this.#transact({ kind, amount }, stan)
  }

  #transfer(text: string, to: string): Effect.Effect<Told, MessageError> {
    const amount = parseAmount(text, this.place.currency)
    const counterparty = this.cardOf(to)
    if (amount === undefined) return Effect.succeed(mistake(`${text} is no amount: type it as 12.50`))
    if (counterparty === undefined) return Effect.succeed(mistake("a card number has 8 to 19 digits"))
    return this.#transact({ kind: "transfer", amount, counterparty }, undefined)
  }

  readonly #transact = Effect.fnUntraced(function* (this: Till, request: Request, stan: number | undefined) {
    const { kind } = request
    const { card } = this
    if (card === undefined) return mistake("no card yet: take one first")
    const original = isAbout(kind) ? yield* this.#original(card, kind, stan) : undefined
    if (original === undefined && isAbout(kind)) {
      return mistake(
        stan === undefined ? `nothing of this card's to ${verbs[kind]} here` : `STAN ${stan} is not known`,
      )
    }
    const pin = withPin.has(kind) ? this.#pin : withCode.has(kind) ? this.#code : undefined
    // For one transaction each: the next customer types their own.
    this.#pin = undefined
    this.#code = undefined
    return yield* this.#send({
      ...request,
      ...(original === undefined ? {} : { original }),
      card,
      ...(pin === undefined ? {} : { pin, ...(withCode.has(kind) ? { code: true } : {}) }),
      ...(yield* this.#named()),
    })
  })

  /** Reference, terminal and currency of something new. */
  readonly #named = Effect.fnUntraced(function* (this: Till) {
    const reference = this.#stans.next(yield* Clock.currentTimeMillis)
    this.#sent.set(stanOf(reference), reference)
    this.#last = reference
    return { reference, terminal: this.place.terminal, currency: this.place.currency }
  })

  readonly #send = Effect.fnUntraced(function* (this: Till, transaction: Transaction) {
    const { kind, card, amount, reference, counterparty } = transaction
    const head = {
      ...this.place,
      reference,
      kind,
      amount,
      card: masked(card),
      ...(counterparty === undefined ? {} : { counterparty: masked(counterparty) }),
    }
    return yield* this.client.transact(transaction).pipe(
      Effect.map((answer) => toldReceipt(kind, receiptOf(head, answer))),
      Effect.catchTag("Unknown", (unknown) => Effect.succeed(toldUnknown(head, unknown))),
    )
  })

  /** The card's business here that this is about: the one of that STAN, or the last that comes into question. */
  readonly #original = Effect.fnUntraced(function* (
    this: Till,
    card: bigint,
    kind: About,
    stan: number | undefined,
  ) {
    const sent = stan === undefined ? undefined : this.#sent.get(stan)
    if (sent !== undefined) return sent
    const history = yield* this.client.history(card, HISTORY_SEARCHED)
    const here = history.filter((one) => one.terminal === this.place.terminal)
    if (stan !== undefined) return here.find((one) => stanOf(one.reference) === stan)?.reference
    const ended = new Set(
      here
        .filter(
          (one) => isApproved(one.response) && (one.kind === "completion" || one.kind === "cancellation"),
        )
        .map((one) => one.original),
    )
    const kinds: ReadonlyArray<string> = originals[kind]
    return here.find(
      (one) =>
        kinds.includes(one.kind) && isApproved(one.response) && !one.reversed && !ended.has(one.reference),
    )?.reference
  })

  /** "last", a STAN of six digits or less, or a whole reference. */
  readonly #reference = Effect.fnUntraced(function* (this: Till, what: string) {
    if (what === "last") return this.#last ?? this.place.lastReference
    if (what.length > 6) return BigInt(what)
    const sent = this.#sent.get(Number(what))
    if (sent !== undefined || this.card === undefined) return sent
    const history = yield* this.client.history(this.card, HISTORY_SEARCHED)
    return history.find(
      (one) => one.terminal === this.place.terminal && stanOf(one.reference) === Number(what),
    )?.reference
  })

  readonly #query = Effect.fnUntraced(function* (this: Till, what: string) {
    const reference = yield* this.#reference(what)
    if (reference === undefined) return mistake(`STAN ${what} is not known`)
    const found = yield* this.client.query(this.place.terminal, reference)
    return {
      lines: [`STAN ${String(stanOf(reference)).padStart(6, "0")}  ${transactionLine(found)}`],
      json: { do: "query", stan: stanOf(reference), ...found },
      response: responseDigits(found.response),
    }
  })

  readonly #reprint = Effect.fnUntraced(function* (this: Till, stan: number | undefined) {
    const reference = stan === undefined ? this.#last : yield* this.#reference(String(stan))
    if (reference === undefined && stan !== undefined) return mistake(`STAN ${stan} is not known`)
    const { transaction, merchant } = yield* this.client.receipt(this.place.terminal, reference)
    return toldReceipt("reprint", reprintOf({ ...this.place, merchant: merchant.name }, transaction))
  })

  readonly #history = Effect.fnUntraced(function* (this: Till) {
    if (this.card === undefined) return mistake("no card yet: take one first")
    const history = yield* this.client.history(this.card, HISTORY)
    const lines = history.flatMap((one) => [
      ...sides(
        `${String(stanOf(one.reference)).padStart(6, "0")} ${titleOf(one.kind)}`,
        amountText(one.amount, one.currency),
      ),
      `       ${responseDigits(one.response)}${one.reversed ? ", turned round since" : ""}`,
    ])
    return {
      lines: lines.length === 0 ? ["nothing yet"] : lines,
      json: { do: "last", transactions: history },
    }
  })

  /** States the totals that the server has of this terminal: this till keeps no books of its own. */
  readonly #close = Effect.fnUntraced(function* (this: Till, forced: boolean) {
    const totals = yield* this.client.totals(this.place.terminal)
    const { debits, credits } = totals
    const named = yield* this.#named()
    const answer = yield* this.client.transact({
      ...named,
      kind: "close",
      ...closeFields(debits, credits),
      ...(forced ? { forced } : {}),
    })
    const { batch, rows } = totals
    return {
      lines: closeLines({ ...this.place, reference: named.reference }, totals, answer.response),
      json: { do: "close", batch, rows, debits, credits, response: responseDigits(answer.response) },
      response: responseDigits(answer.response),
    }
  })
}

const verbs: { readonly [kind in About]: string } = {
  refund: "refund",
  void: "void",
  completion: "complete",
  cancellation: "cancel",
}
