// The four messages of the logon, and the errors that may come in the place of any answer.
import { Schema } from "effect"
import { CLIENT_NONCE_BYTES_MAX, CLIENT_NONCE_BYTES_MIN, PROOF_BYTES, SERVER_NONCE_BYTES } from "../Logon.ts"
import { Amount, bytes, HostId, Number32, U16, U32 } from "./fields.ts"

/** What a session may do. */
export const Permission = Schema.Literals([
  /** batches, `transact`, and what a terminal asks */
  "transact",
  /** merchants, terminals, products, cards */
  "provision",
  /** every question */
  "inspect",
  /** `host`, `calendar`: whoever has it can give itself the others */
  "administer",
  /** a card's life, PINs and codes, payments into floats and purses */
  "operate",
])
export type Permission = typeof Permission.Type

// Exactly one of the two: a peer that names both would otherwise be taken for the first.
export const IdentitySchema = Schema.Union(
  [Schema.Struct({ host: HostId }), Schema.Struct({ terminal: Number32 })],
  { mode: "oneOf" },
)

export const Hello = Schema.Struct({
  type: Schema.Literal("hello"),
  /** Checked after decoding, so that a later version gets `unsupported-version`. */
  protocol: U16,
  identity: IdentitySchema,
  nonce: bytes(CLIENT_NONCE_BYTES_MIN, CLIENT_NONCE_BYTES_MAX),
})
export type Hello = typeof Hello.Type

export const Challenge = Schema.Struct({
  type: Schema.Literal("challenge"),
  nonce: bytes(SERVER_NONCE_BYTES, SERVER_NONCE_BYTES),
})
export type Challenge = typeof Challenge.Type

export const Logon = Schema.Struct({
  type: Schema.Literal("logon"),
  proof: bytes(PROOF_BYTES, PROOF_BYTES),
})
export type Logon = typeof Logon.Type

export const SessionLimits = Schema.Struct({
  /** Records sent and not yet answered; more may be read late, never dropped. */
  recordsInFlightMax: U32,
  batchRecordsMax: U32,
  messageBytesMax: U32,
  /** A session on which nothing came for so long is closed. */
  idleSeconds: U32,
})
export type SessionLimits = typeof SessionLimits.Type

export const Welcome = Schema.Struct({
  type: Schema.Literal("welcome"),
  proof: bytes(PROOF_BYTES, PROOF_BYTES),
  limits: SessionLimits,
  /** Milliseconds since the epoch. */
  serverTime: Amount,
  /** Text, not Permission: a later server may know more. */
  permissions: Schema.Array(Schema.String),
})
export type Welcome = typeof Welcome.Type

export const errorCodes = [
  "not-permitted",
  "bad-message",
  "unknown-type",
  "frame-too-long",
  "batch-too-long",
  "bad-frame",
  "unsupported-version",
  "logon-refused",
  "logon-timeout",
  "idle-timeout",
  "too-many-sessions",
  "busy",
  "shutting-down",
  "conflict",
  "full",
  "not-found",
  "defect",
] as const
export type ErrorCode = (typeof errorCodes)[number]

export const ErrorMessage = Schema.Struct({
  type: Schema.Literal("error"),
  /** One of `errorCodes`, or a later server's. */
  code: Schema.String,
  message: Schema.String,
})
export type ErrorMessage = typeof ErrorMessage.Type
