/** What all listeners have in common: where they listen, why they can't, and where they bring their connections. */
import { Schema } from "effect"
import type { Session } from "./Session.ts"
import type { Transport } from "./Transport.ts"

/** The address can't be listened on. The message says what to do. */
export class ListenRefused extends Schema.TaggedError<ListenRefused>()("ListenRefused", {
  message: Schema.String,
}) {}

export interface Address {
  readonly host: string
  readonly port: number
}

/** What a listener tells a session of its connection. */
export type Connection = Pick<Session, "receive" | "drained" | "finish" | "close">

/** The way from a listener into the gateway. */
export interface Door<C extends Connection = Connection> {
  /** A connection has come: its session, or undefined when it was told why not and is being ended. */
  readonly enter: (transport: Transport) => C | undefined
  /** A connection that entered is gone, with or without a session. */
  readonly left: () => void
  /** Somebody was turned away before there was a session. */
  readonly turnedAway: (why: TurnedAway) => void
  /** The gateway's coarse clock. */
  readonly nowSeconds: () => number
}

/** Why a connection never became a session: what a metric counts by. */
export type TurnedAway = "origin" | "path" | "tls"

/** What an operator reads when a listener can't listen. */
export const refusalOf = (
  code: string | undefined,
  message: string,
  { host, port }: Address,
  what = "",
): string => {
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} on ${host}${what} is in use by another program: stop it, or choose another port`
    case "EACCES":
      return `no permission to listen on ${host}:${port}${what}: ports below 1024 need a privilege; choose a higher one`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine: set host to one that is, for example 127.0.0.1`
    default:
      return `cannot listen on ${host}:${port}${what}: ${message}`
  }
}
