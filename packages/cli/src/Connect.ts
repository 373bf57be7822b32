// A client command's way to the server: the SDK's client, with its errors as the one line that a person reads.
import { Client, type ConnectOptions, type MessageError, type MessageRefused } from "@millrace/client"
import { Effect } from "effect"
import { maskedIn } from "./CardNumber.ts"
import { clientTls } from "./ClientTls.ts"
import { stop } from "./Stop.ts"

export const connect = (options: ConnectOptions) =>
  Effect.try({
    try: () => clientTls(),
    catch: (error) => stop(error instanceof Error ? error.message : String(error)),
  }).pipe(
    Effect.flatMap((tls) => Client.connect({ tls, ...options })),
    Effect.mapError((error) =>
      error._tag === "Unreachable"
        ? stop(`${error.message}: is \`millrace serve\` running there?`)
        : stop(`${options.url}: ${error.message}`),
    ),
  )

/** A refusal of the server to a command, as the end of this program. What servers say may name a card. */
export const refused = (error: MessageRefused) => stop(`refused: ${maskedIn(error.message)} (${error.code})`)

/** One question or command, whose failures are the end of this program. */
export const answered = <A, R>(asked: Effect.Effect<A, MessageError, R>) =>
  asked.pipe(
    Effect.catchTags({
      MessageRefused: refused,
      Unknown: () => stop("no answer in time: ask again; what was commanded may have been done or not"),
      ClientClosed: (closed) => stop(closed.message),
    }),
  )
