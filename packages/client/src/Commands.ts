// What is administered by messages, one function a command; long ranges go in pieces that a server takes.
import {
  CARDS_PER_COMMAND_MAX,
  type Request,
  type RequestOf,
  type ResponseOf,
  TERMINALS_PER_COMMAND_MAX,
} from "@millrace/protocol/messages"
import { Effect } from "effect"
import type { ClientClosed, MessageRefused, Unknown } from "./ClientError.ts"

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

/** How many were made, and how many had been there with the same content. */
export interface Made {
  readonly created: number
  readonly existing: number
}

type Fields<T extends Request["type"]> = Omit<RequestOf<T>, "type">

export interface Commands {
  /** Comes back as it went. */
  readonly echo: (data?: unknown) => Effect.Effect<unknown, MessageError>
  readonly merchant: (merchant: Fields<"merchant">) => Effect.Effect<ResponseOf<"merchant">, MessageError>
  /** Any count; `key` is the logon key of a single terminal. */
  readonly terminals: (
    terminals: Fields<"terminals">,
  ) => Effect.Effect<Made & { readonly key?: Uint8Array }, MessageError>
  /** Any count, 8,192 a command, one after the other; `onProgress` is told how many there are so far. */
  readonly cards: (
    cards: Fields<"cards">,
    onProgress?: (done: number) => void,
  ) => Effect.Effect<Made, MessageError>
  readonly host: (host: Fields<"host">) => Effect.Effect<ResponseOf<"host">, MessageError>
  readonly card: (card: bigint) => Effect.Effect<ResponseOf<"card">, MessageError>
  // A call, like every other command.
  // @effect-diagnostics-next-line lazyEffect:off
  readonly accounts: () => Effect.Effect<ResponseOf<"accounts">, MessageError>
}

/** Commands in flight at once while a long range is made: hides the way's length, and leaves room for others. */
const COMMANDS_IN_FLIGHT = 4

/** The pieces of a range: where each begins, from 0, and how long it is. */
const pieces = (count: number, max: number): ReadonlyArray<readonly [number, number]> =>
  Array.from({ length: Math.ceil(count / max) }, (_, i) => [i * max, Math.min(max, count - i * max)] as const)

const total = (made: ReadonlyArray<Made>): Made => ({
  created: made.reduce((sum, one) => sum + one.created, 0),
  existing: made.reduce((sum, one) => sum + one.existing, 0),
})

export const makeCommands = (send: SendMessage): Commands => ({
  echo: (data) =>
    send(data === undefined ? { type: "echo" } : { type: "echo", data }).pipe(
      Effect.map((answer) => answer.data),
    ),
  merchant: (merchant) => send({ type: "merchant", ...merchant }),
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
  cards: ({ first, count, currency, openingBalance }, onProgress) => {
    let done = 0
    return Effect.forEach(
      pieces(count, CARDS_PER_COMMAND_MAX),
      ([from, size]) =>
        send({ type: "cards", first: first + BigInt(from), count: size, currency, openingBalance }).pipe(
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
  host: (host) => send({ type: "host", ...host }),
  card: (card) => send({ type: "card", card }),
  accounts: () => send({ type: "accounts" }),
})
