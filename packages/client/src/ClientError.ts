// What can go wrong for a client, as data: who reads the tag knows whether money may have moved.
import { Schema } from "effect"

/** The address can't be used, or nobody answers there. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  url: Schema.String,
  message: Schema.String,
}) {}

/** The server refused the logon; it does not say whether identity or key was wrong. */
export class LogonRefused extends Schema.TaggedError<LogonRefused>()("LogonRefused", {
  identity: Schema.String,
  message: Schema.String,
}) {}

/** The other side could not prove that it knows the key: it is not the server. Nothing was sent to it. */
export class ServerNotProven extends Schema.TaggedError<ServerNotProven>()("ServerNotProven", {
  url: Schema.String,
  message: Schema.String,
}) {}

/** The other side broke the protocol, or said why it closes: `code` is its error code or the reader's. */
export class ConnectionBroken extends Schema.TaggedError<ConnectionBroken>()("ConnectionBroken", {
  code: Schema.String,
  message: Schema.String,
}) {}

export type ConnectError = Unreachable | LogonRefused | ServerNotProven | ConnectionBroken

/**
 * No answer: it is neither approved nor declined. Go on sending the same request, or reverse it, or query it.
 *
 * | sent | what it means |
 * |---|---|
 * | true | the request may or may not have been done |
 * | false | it never left this client: nothing was done, and nothing will be |
 */
export class Unknown extends Schema.TaggedError<Unknown>()("Unknown", {
  /** 0 for a message that is not a transaction. */
  terminal: Schema.Int,
  /** 0n for a message that is not a transaction. */
  reference: Schema.BigInt,
  sent: Schema.Boolean,
  /**
   * `deadline` passed; `closed`: this client ended; `bad-answer`: what came can't be understood; `too-late`: a repeat
   * was answered 68, which does not say what became of the first sending; `pending`: a reversal had to go first, and
   * was not answered in time; `storage`: the file of pending reversals could not be written.
   */
  reason: Schema.Literals(["deadline", "closed", "bad-answer", "too-late", "pending", "storage"]),
}) {
  override get message(): string {
    const what =
      this.terminal === 0 ? "the request" : `reference ${this.reference} of terminal ${this.terminal}`
    return this.sent ? `it is unknown whether ${what} was done` : `${what} was never sent: nothing was done`
  }
}

/** This client has ended: its scope was closed, or the server refused to log it on again. */
export class ClientClosed extends Schema.TaggedError<ClientClosed>()("ClientClosed", {
  message: Schema.String,
}) {}

/** The server answered a message with an error: what was asked was not done. */
export class MessageRefused extends Schema.TaggedError<MessageRefused>()("MessageRefused", {
  request: Schema.String,
  /** An error code of the protocol. */
  code: Schema.String,
  message: Schema.String,
}) {}

/** The file of pending reversals can't be used, is damaged, or belongs to another credential. */
export class PendingFileRefused extends Schema.TaggedError<PendingFileRefused>()("PendingFileRefused", {
  path: Schema.String,
  message: Schema.String,
}) {}

export type ClientError = Unknown | ClientClosed

export class CredentialError extends Schema.TaggedError<CredentialError>()("CredentialError", {
  path: Schema.String,
  message: Schema.String,
}) {}
