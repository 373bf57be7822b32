// The schema of every message, request and response: what is not trusted is decoded here, with errors that name the field.
import { Result, Schema, SchemaGetter, SchemaIssue } from "effect"
import { AMOUNT_MAX, U16_MAX, U32_MAX, U64_MAX } from "./bounds.ts"
import { kindNames } from "./Kind.ts"
import {
  CLIENT_NONCE_BYTES_MAX,
  CLIENT_NONCE_BYTES_MIN,
  hostIdPattern,
  KEY_BYTES,
  PROOF_BYTES,
  SERVER_NONCE_BYTES,
} from "./Logon.ts"
import type { MessageMap } from "./Message.ts"

/** Cards made by one command. */
export const CARDS_PER_COMMAND_MAX = 8_192
/** Terminals made by one command. */
export const TERMINALS_PER_COMMAND_MAX = 8_192
/** Ranges of terminals that one host acts for. */
export const HOST_RANGES_MAX = 64
/** Characters of a merchant's name. */
export const NAME_CHARACTERS_MAX = 64

// Integers come as numbers or, beyond 2^53, as bigints; each field has one form whatever the sender's msgpack made.
const WireInteger = Schema.Union([Schema.Finite, Schema.BigInt])

const integer = (min: number, max: number) =>
  WireInteger.pipe(
    Schema.decodeTo(Schema.Int.check(Schema.isBetween({ minimum: min, maximum: max })), {
      decode: SchemaGetter.transform((value: number | bigint) => Number(value)),
      encode: SchemaGetter.transform((value: number) => value as number | bigint),
    }),
  )

const bigInteger = (min: bigint, max: bigint) =>
  WireInteger.pipe(
    Schema.decodeTo(Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: min, maximum: max })), {
      decode: SchemaGetter.transform((value: number | bigint) =>
        // −1 is out of every range below 2^63: a fraction becomes a range error that names the field.
        typeof value === "bigint" ? value : BigInt(Number.isInteger(value) ? value : -1),
      ),
      encode: SchemaGetter.transform((value: bigint) => value as number | bigint),
    }),
  )

const bytes = (min: number, max: number) =>
  Schema.Uint8Array.check(
    Schema.makeFilter((value: Uint8Array) =>
      value.length >= min && value.length <= max
        ? true
        : `expected ${min === max ? min : `${min} to ${max}`} bytes, got ${value.length}`,
    ),
  )

const U16 = integer(0, U16_MAX)
const U32 = integer(0, U32_MAX)
const U64 = bigInteger(0n, U64_MAX)
const I64 = bigInteger(-(2n ** 63n), 2n ** 63n - 1n)
const Amount = integer(0, AMOUNT_MAX)
const Terminal = integer(1, U32_MAX)
const Currency = integer(1, 999)
const HostId = Schema.String.check(Schema.isPattern(hostIdPattern))

/** What a session may do. */
export const Permission = Schema.Literals([
  /** batches and `transact` */
  "transact",
  /** `merchant`, `terminals`, `cards` */
  "provision",
  /** `card`, `accounts` */
  "inspect",
  /** `host`: whoever has it can give itself the others */
  "administer",
])
export type Permission = typeof Permission.Type

// Exactly one of the two: a peer that names both would otherwise be taken for the first.
export const IdentitySchema = Schema.Union(
  [Schema.Struct({ host: HostId }), Schema.Struct({ terminal: Terminal })],
  { mode: "oneOf" },
)

// ---- logon

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

// ---- errors

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

// ---- requests and their answers

/** Comes back as it went: a sign of life, and of the way's length. */
export const Echo = Schema.Struct({ type: Schema.Literal("echo"), data: Schema.optionalKey(Schema.Unknown) })
export const EchoOk = Schema.Struct({
  type: Schema.Literal("echo.ok"),
  data: Schema.optionalKey(Schema.Unknown),
})

/** One transaction as a message; the same rules as a record's. */
export const Transact = Schema.Struct({
  type: Schema.Literal("transact"),
  kind: Schema.Literals(kindNames),
  reference: U64,
  card: U64,
  amount: Amount,
  currency: Currency,
  terminal: Terminal,
  original: Schema.optionalKey(U64),
  counterparty: Schema.optionalKey(U64),
  /** The sender sent this before: the record's REPEAT flag. */
  repeat: Schema.optionalKey(Schema.Boolean),
})
export const TransactOk = Schema.Struct({
  type: Schema.Literal("transact.ok"),
  reference: U64,
  available: Amount,
  transaction: U64,
  terminal: U32,
  response: U16,
  duplicate: Schema.Boolean,
})

/** Makes a merchant. The same again changes nothing; other content for the same number is a `conflict`. */
export const Merchant = Schema.Struct({
  type: Schema.Literal("merchant"),
  number: integer(1, U32_MAX),
  name: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(NAME_CHARACTERS_MAX)),
  currency: Currency,
  /** Of each purchase, to fee income: 100 is 1 %. */
  feeBasisPoints: integer(0, 10_000),
})
export const MerchantOk = Schema.Struct({ type: Schema.Literal("merchant.ok"), created: Schema.Boolean })

/** Makes the terminals first … first + count − 1 of one merchant. */
export const Terminals = Schema.Struct({
  type: Schema.Literal("terminals"),
  first: Terminal,
  count: integer(1, TERMINALS_PER_COMMAND_MAX),
  merchant: integer(1, U32_MAX),
}).check(
  Schema.makeFilter((t) => (t.first + t.count - 1 <= U32_MAX ? true : "the last terminal passes 2^32 - 1")),
)
export const TerminalsOk = Schema.Struct({
  type: Schema.Literal("terminals.ok"),
  created: U32,
  existing: U32,
  /** The logon key, when count was 1. */
  key: Schema.optionalKey(bytes(KEY_BYTES, KEY_BYTES)),
})

/** Makes the cards first … first + count − 1, each with the same opening balance. */
export const Cards = Schema.Struct({
  type: Schema.Literal("cards"),
  first: bigInteger(1n, U64_MAX),
  count: integer(1, CARDS_PER_COMMAND_MAX),
  currency: Currency,
  openingBalance: Amount,
}).check(
  Schema.makeFilter((c) =>
    c.first + BigInt(c.count) - 1n <= U64_MAX ? true : "the last card passes 2^64 - 1",
  ),
)
export const CardsOk = Schema.Struct({ type: Schema.Literal("cards.ok"), created: U32, existing: U32 })

/** Makes a host, or replaces what an existing one may do. */
export const Host = Schema.Struct({
  type: Schema.Literal("host"),
  id: HostId,
  /** Both ends included. */
  terminals: Schema.Array(Schema.Tuple([Terminal, Terminal])).check(
    Schema.isMaxLength(HOST_RANGES_MAX),
    Schema.makeFilter((ranges: ReadonlyArray<readonly [number, number]>) =>
      ranges.every(([from, to]) => from <= to) ? true : "a range's end is before its beginning",
    ),
  ),
  permissions: Schema.Array(Permission),
})
export const HostOk = Schema.Struct({ type: Schema.Literal("host.ok"), key: bytes(KEY_BYTES, KEY_BYTES) })

export const Card = Schema.Struct({ type: Schema.Literal("card"), card: U64 })
export const CardOk = Schema.Struct({
  type: Schema.Literal("card.ok"),
  card: U64,
  currency: U16,
  balance: Amount,
})

/** Totals of each account over all shards. */
export const Accounts = Schema.Struct({ type: Schema.Literal("accounts") })
export const AccountsOk = Schema.Struct({
  type: Schema.Literal("accounts.ok"),
  accounts: Schema.Record(Schema.String, I64),
  /** Always 0: money is conserved. */
  sum: I64,
})

const requestSchemas = {
  echo: Echo,
  transact: Transact,
  merchant: Merchant,
  terminals: Terminals,
  cards: Cards,
  host: Host,
  card: Card,
  accounts: Accounts,
} as const
const responseSchemas = {
  echo: EchoOk,
  transact: TransactOk,
  merchant: MerchantOk,
  terminals: TerminalsOk,
  cards: CardsOk,
  host: HostOk,
  card: CardOk,
  accounts: AccountsOk,
} as const
const logonSchemas = { hello: Hello, challenge: Challenge, logon: Logon, welcome: Welcome } as const

export type RequestType = keyof typeof requestSchemas
export type RequestOf<T extends RequestType> = (typeof requestSchemas)[T]["Type"]
export type ResponseOf<T extends RequestType> = (typeof responseSchemas)[T]["Type"]
export type Request = RequestOf<RequestType>
export type Response = ResponseOf<RequestType>
export type LogonType = keyof typeof logonSchemas
export type LogonMessageOf<T extends LogonType> = (typeof logonSchemas)[T]["Type"]

export const requestTypes = Object.keys(requestSchemas) as ReadonlyArray<RequestType>

// ---- decoding

/** What the other side sent is not a message that can be used. */
export class MessageProblem extends Schema.TaggedError<MessageProblem>()("MessageProblem", {
  code: Schema.Literals(["bad-message", "unknown-type"]),
  message: Schema.String,
}) {}

const problem = (code: "bad-message" | "unknown-type", message: string) =>
  Result.fail(new MessageProblem({ code, message }))

/** Mistakes that one error tells of: the first few are what a person mends. */
const ISSUES_TOLD_MAX = 3
const format = SchemaIssue.makeFormatterStandardSchemaV1()

const explain = (type: string, error: Schema.SchemaError): string => {
  const issues = format(error.issue).issues.slice(0, ISSUES_TOLD_MAX)
  const told = issues.map((issue) => {
    const path = (issue.path ?? [])
      .map((part) => String(typeof part === "object" ? part.key : part))
      .join(".")
    return path === "" ? issue.message : `${path}: ${issue.message}`
  })
  return `${type}: ${told.join("; ")}`
}

type Decoder = (map: MessageMap) => Result.Result<unknown, MessageProblem>

const decoder = (schema: Schema.ConstraintDecoder<unknown>, type: string): Decoder => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all" })
  return (map): Result.Result<unknown, MessageProblem> => {
    const result = decode(map)
    return Result.isSuccess(result)
      ? Result.succeed(result.success)
      : problem("bad-message", explain(type, result.failure))
  }
}

const decoders = (schemas: { readonly [type: string]: Schema.ConstraintDecoder<unknown> }, suffix: string) =>
  new Map(Object.entries(schemas).map(([type, schema]) => [type, decoder(schema, type + suffix)]))

const requestDecoders = decoders(requestSchemas, "")
const responseDecoders = decoders(responseSchemas, ".ok")
const logonDecoders = decoders(logonSchemas, "")
const decodeErrorMessage = decoder(ErrorMessage, "error")

/** A request out of an unpacked map; the failure's code is what the error message to the sender carries. */
export const decodeRequest = (map: MessageMap): Result.Result<Request, MessageProblem> => {
  if (typeof map["type"] !== "string") return problem("bad-message", "type: expected text")
  const decode = requestDecoders.get(map["type"])
  if (decode === undefined) return problem("unknown-type", `no request is called ${nameOf(map["type"])}`)
  // The decoder was built from the schema of this type.
  return decode(map) as Result.Result<Request, MessageProblem>
}

/** The answer to a request of the given type: its `.ok`, or the server's error. */
export const decodeResponse = <T extends RequestType>(
  type: T,
  map: MessageMap,
): Result.Result<ResponseOf<T> | ErrorMessage, MessageProblem> => {
  if (map["type"] === "error") return decodeErrorMessage(map) as Result.Result<ErrorMessage, MessageProblem>
  // As above: the map of decoders is built from the same table as the type.
  return responseDecoders.get(type)!(map) as Result.Result<ResponseOf<T>, MessageProblem>
}

/** The message that is expected next in the logon, or the other side's error. */
export const decodeLogon = <T extends LogonType>(
  expected: T,
  map: MessageMap,
): Result.Result<LogonMessageOf<T> | ErrorMessage, MessageProblem> => {
  if (map["type"] === "error") return decodeErrorMessage(map) as Result.Result<ErrorMessage, MessageProblem>
  // As above.
  return logonDecoders.get(expected)!(map) as Result.Result<LogonMessageOf<T>, MessageProblem>
}

/** An error message outside any exchange: why the server closes. */
export const decodeError = (map: MessageMap): Result.Result<ErrorMessage, MessageProblem> =>
  // As above.
  decodeErrorMessage(map) as Result.Result<ErrorMessage, MessageProblem>

/** What a peer called something, fit to be shown: short and printable. */
const nameOf = (text: string): string => JSON.stringify(text.slice(0, 40))
