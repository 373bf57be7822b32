// Everything that goes by messages, one function a request; long ranges go in pieces that a server takes.
import {
  CARDS_PER_ISSUE_MAX,
  type Request,
  type RequestOf,
  type ResponseOf,
  TERMINALS_PER_COMMAND_MAX,
} from "@millrace/protocol/messages"
import { Effect } from "effect"
import type { SealedRequest } from "./Asking.ts"
import type { ClientClosed, MessageRefused, Unknown } from "./ClientError.ts"
import { checkSealable } from "./Pins.ts"

export type MessageError = MessageRefused | Unknown | ClientClosed

export interface MessageOptions {
  /** Instead of the client's. */
  readonly deadlineMs?: number
}

/** Sends one message and waits for its answer; unanswered, it is sent again after a reconnect. */
export type SendMessage = <const R extends Request>(
  request: R,
  options?: MessageOptions,
) => Effect.Effect<ResponseOf<R["type"]>, MessageError>

/** The same for a message with PINs, which is made under the key of the session that it goes out on. */
export type SendSealed = <R extends Request>(
  request: SealedRequest<R>,
  options?: MessageOptions,
) => Effect.Effect<ResponseOf<R["type"]>, MessageError>

/** How many were made, and how many had been there with the same content. */
export interface Made {
  readonly created: number
  readonly existing: number
}

/** Cards with their numbers, and each one's check value in the same order. */
export interface Issued extends Made {
  readonly cards: ReadonlyArray<bigint>
  readonly checkValues: ReadonlyArray<string>
}

type Fields<T extends Request["type"]> = Omit<RequestOf<T>, "type">
type Answered<T extends Request["type"]> = Effect.Effect<ResponseOf<T>, MessageError>

/** A transaction as a message, with its PINs in clear. */
export interface Transaction extends Omit<Fields<"transact">, "pin" | "newPin"> {
  readonly pin?: string | undefined
  readonly newPin?: string | undefined
}

export interface Commands {
  /** Comes back as it went. */
  readonly echo: (data?: unknown) => Effect.Effect<unknown, MessageError>
  /** One transaction; unlike `submit` it also brings the message for the terminal's operator. */
  readonly transact: (transaction: Transaction, options?: MessageOptions) => Answered<"transact">

  readonly merchant: (merchant: Fields<"merchant">) => Answered<"merchant">
  readonly float: (payment: Fields<"float">) => Answered<"float">
  /** Sets a merchant's authorisation code, 4 to 12 digits. */
  readonly code: (merchant: number, code: string) => Answered<"code">
  /** Any count; `key` is the logon key of a single terminal. */
  readonly terminals: (
    terminals: Fields<"terminals">,
  ) => Effect.Effect<Made & { readonly key?: Uint8Array }, MessageError>
  readonly terminal: (terminal: Fields<"terminal">) => Answered<"terminal">
  readonly host: (host: Fields<"host">) => Answered<"host">
  /** A new key for a host or a terminal; the one of before logs on no more. */
  readonly rotateKey: (whose: Fields<"rotate-key">) => Answered<"rotate-key">
  /** A new data key: the journal and snapshots are encrypted with it from the next block on. */
  // @effect-diagnostics-next-line lazyEffect:off
  readonly rotateDataKey: () => Answered<"rotate-data-key">
  /** A host's zone master keys of ISO 8583, each with its check value. */
  readonly isoKeys: (id: string) => Answered<"iso-keys">
  readonly calendar: (utcOffsetMinutes: number) => Answered<"calendar">

  readonly product: (product: Fields<"product">) => Answered<"product">
  /** Any count, 2,048 a command; `onProgress` is told how many there are so far. */
  readonly cards: (
    cards: Fields<"cards">,
    onProgress?: (done: number) => void,
  ) => Effect.Effect<Made, MessageError>
  /** Any count, 1,000 a command, in the order of their numbers; without `serial` they are the product's next. */
  readonly issue: (
    cards: Omit<Fields<"issue">, "serial"> & { readonly serial?: number | undefined },
    onProgress?: (done: number) => void,
  ) => Effect.Effect<Issued, MessageError>
  readonly lifecycle: (change: Fields<"lifecycle">) => Answered<"lifecycle">
  readonly fund: (payment: Fields<"fund">) => Answered<"fund">
  /** Sets a card's PIN, 4 to 12 digits. */
  readonly pin: (card: bigint, pin: string) => Answered<"pin">
  readonly checkCard: (card: bigint, checkValue: string) => Answered<"check-card">

  readonly card: (card: bigint) => Answered<"card">
  /** The card's last transactions, newest first: at most 50. */
  readonly history: (
    card: bigint,
    count?: number,
  ) => Effect.Effect<ResponseOf<"history">["transactions"], MessageError>
  /** What became of a transaction; MessageRefused with `not-found` when it is not remembered. */
  readonly query: (
    terminal: number,
    reference: bigint,
  ) => Effect.Effect<ResponseOf<"query">["transaction"], MessageError>
  /** Of the terminal's last transaction, or of the one that is named. */
  readonly receipt: (terminal: number, reference?: bigint) => Answered<"receipt">
  readonly totals: (terminal: number) => Answered<"totals">
  /** All changes since a version, in as many messages as they need; from 0 the whole list. */
  readonly hotlist: (
    since?: number,
  ) => Effect.Effect<Pick<ResponseOf<"hotlist">, "version" | "changes">, MessageError>
  readonly terminalInfo: (terminal: number) => Answered<"terminal-info">
  readonly merchantInfo: (merchant: number) => Answered<"merchant-info">
  readonly productInfo: (product: number) => Answered<"product-info">
  // A call, like every other command.
  // @effect-diagnostics-next-line lazyEffect:off
  readonly accounts: () => Answered<"accounts">
}

/** Commands in flight at once while a long range is made: hides the way's length, and leaves room for others. */
const COMMANDS_IN_FLIGHT = 4
/** A command stops the lane for as long as it takes, a microsecond a card and more: others are to notice nothing of it. */
const CARDS_AT_ONCE = 1_024
const HISTORY_DEFAULT = 10

/** The pieces of a range: where each begins, from 0, and how long it is. */
const pieces = (count: number, max: number): ReadonlyArray<readonly [number, number]> =>
  Array.from({ length: Math.ceil(count / max) }, (_, i) => [i * max, Math.min(max, count - i * max)] as const)

const total = (made: ReadonlyArray<Made>): Made => ({
  created: made.reduce((sum, one) => sum + one.created, 0),
  existing: made.reduce((sum, one) => sum + one.existing, 0),
})

export const makeCommands = (send: SendMessage, sealed: SendSealed): Commands => ({
  echo: (data) =>
    send(data === undefined ? { type: "echo" } : { type: "echo", data }).pipe(
      Effect.map((answer) => answer.data),
    ),
  transact: (transaction, options) => Effect.suspend(() => sealed(sealedTransaction(transaction), options)),
  ...merchantCommands(send, sealed),
  ...cardCommands(send, sealed),
  ...questions(send),
})

const merchantCommands = (send: SendMessage, sealed: SendSealed) =>
  ({
    merchant: (merchant) => send({ type: "merchant", ...merchant }),
    float: (payment) => send({ type: "float", ...payment }),
    code: (merchant, code) =>
      Effect.suspend(() => {
        checkSealable("code", BigInt(merchant), code)
        return sealed<RequestOf<"code">>({
          type: "code",
          make: (seal) => ({ type: "code", merchant, code: seal(BigInt(merchant), code) }),
        })
      }),
    terminals: ({ first, count, merchant }) =>
      Effect.forEach(
        pieces(count, TERMINALS_PER_COMMAND_MAX),
        ([from, size]) => send({ type: "terminals", first: first + from, count: size, merchant }),
        { concurrency: COMMANDS_IN_FLIGHT },
      ).pipe(
        Effect.map((made) => {
          const key = count === 1 ? made[0].key : undefined
          return key === undefined ? total(made) : { ...total(made), key }
        }),
      ),
    terminal: (terminal) => send({ type: "terminal", ...terminal }),
    host: (host) => send({ type: "host", ...host }),
    rotateKey: (whose) => send({ type: "rotate-key", ...whose }),
    rotateDataKey: () => send({ type: "rotate-data-key" }),
    isoKeys: (id) => send({ type: "iso-keys", id }),
    calendar: (utcOffsetMinutes) => send({ type: "calendar", utcOffsetMinutes }),
  }) satisfies Partial<Commands>

const cardCommands = (send: SendMessage, sealed: SendSealed) =>
  ({
    product: (product) => send({ type: "product", ...product }),
    cards: ({ first, count, ...rest }, onProgress) => {
      let done = 0
      return Effect.forEach(
        pieces(count, CARDS_AT_ONCE),
        ([from, size]) =>
          send({ type: "cards", first: first + BigInt(from), count: size, ...rest }).pipe(
            Effect.tap(() =>
              Effect.sync(() => {
                done += size
                onProgress?.(done)
              }),
            ),
          ),
        { concurrency: COMMANDS_IN_FLIGHT },
      ).pipe(Effect.map(total))
    },
    issue: Effect.fnUntraced(function* ({ serial, count, ...rest }, onProgress) {
      const from = serial ?? (yield* send({ type: "product-info", number: rest.product })).nextSerial
      const made: Array<Made> = []
      const cards: Array<bigint> = []
      const checkValues: Array<string> = []
      // One after the other: each goes on from the serial at which the one before ended.
      for (const [at, size] of pieces(count, CARDS_PER_ISSUE_MAX)) {
        const issued = yield* send({ type: "issue", ...rest, serial: from + at, count: size })
        made.push(issued)
        cards.push(...issued.cards)
        checkValues.push(...issued.checkValues)
        onProgress?.(at + size)
      }
      return { ...total(made), cards, checkValues }
    }),
    lifecycle: (change) => send({ type: "lifecycle", ...change }),
    fund: (payment) => send({ type: "fund", ...payment }),
    pin: (card, pin) =>
      Effect.suspend(() => {
        checkSealable("pin", card, pin)
        return sealed<RequestOf<"pin">>({
          type: "pin",
          make: (seal) => ({ type: "pin", card, pin: seal(card, pin) }),
        })
      }),
    checkCard: (card, checkValue) => send({ type: "check-card", card, checkValue }),
  }) satisfies Partial<Commands>

const questions = (send: SendMessage) =>
  ({
    card: (card) => send({ type: "card", card }),
    history: (card, count = HISTORY_DEFAULT) =>
      Effect.map(send({ type: "history", card, count }), ({ transactions }) => transactions),
    query: (terminal, reference) =>
      Effect.map(send({ type: "query", terminal, reference }), ({ transaction }) => transaction),
    receipt: (terminal, reference) =>
      send(
        reference === undefined ? { type: "receipt", terminal } : { type: "receipt", terminal, reference },
      ),
    totals: (terminal) => send({ type: "totals", terminal }),
    hotlist: Effect.fnUntraced(function* (since = 0) {
      const changes: Array<ResponseOf<"hotlist">["changes"][number]> = []
      for (let version = since; ; ) {
        const page = yield* send({ type: "hotlist", since: version })
        changes.push(...page.changes)
        if (!page.more) return { version: page.version, changes }
        version = page.version
      }
    }),
    terminalInfo: (terminal) => send({ type: "terminal-info", terminal }),
    merchantInfo: (merchant) => send({ type: "merchant-info", merchant }),
    productInfo: (number) => send({ type: "product-info", number }),
    accounts: () => send({ type: "accounts" }),
  }) satisfies Partial<Commands>

/** Throws RangeError for a PIN that is none. */
const sealedTransaction = ({ pin, newPin, ...rest }: Transaction): SealedRequest<RequestOf<"transact">> => {
  const { terminal, reference, card } = rest
  if (pin !== undefined) checkSealable("pin", card, pin)
  if (newPin !== undefined) checkSealable("newPin", card, newPin)
  return {
    type: "transact",
    terminal,
    reference,
    make: (seal) => ({
      type: "transact",
      ...rest,
      ...(pin === undefined ? {} : { pin: seal(card, pin) }),
      ...(newPin === undefined ? {} : { newPin: seal(card, newPin) }),
    }),
  }
}
