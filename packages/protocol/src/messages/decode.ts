// Which schema belongs to which message, and decoding of what came, with errors that name the field.
import { Result, Schema, SchemaIssue } from "effect"
import type { MessageMap } from "../Message.ts"
import * as C from "./cards.ts"
import { Challenge, ErrorMessage, Hello, Logon, Welcome } from "./logon.ts"
import * as M from "./merchants.ts"
import * as Q from "./questions.ts"
import { Echo, EchoOk, Transact, TransactOk } from "./transact.ts"

const requestSchemas = {
  echo: Echo,
  transact: Transact,
  merchant: M.Merchant,
  float: M.Float,
  code: M.Code,
  terminals: M.Terminals,
  terminal: M.Terminal,
  host: M.Host,
  "rotate-key": M.RotateKey,
  "rotate-data-key": M.RotateDataKey,
  "iso-keys": M.IsoKeys,
  calendar: M.Calendar,
  product: C.Product,
  cards: C.Cards,
  issue: C.Issue,
  lifecycle: C.Lifecycle,
  fund: C.Fund,
  pin: C.Pin,
  "check-card": C.CheckCard,
  card: Q.Card,
  history: Q.History,
  query: Q.Query,
  receipt: Q.Receipt,
  totals: Q.Totals,
  hotlist: Q.Hotlist,
  "terminal-info": Q.TerminalInfo,
  "merchant-info": Q.MerchantInfo,
  "product-info": Q.ProductInfo,
  accounts: Q.Accounts,
} as const
const responseSchemas = {
  echo: EchoOk,
  transact: TransactOk,
  merchant: M.MerchantOk,
  float: M.FloatOk,
  code: M.CodeOk,
  terminals: M.TerminalsOk,
  terminal: M.TerminalOk,
  host: M.HostOk,
  "rotate-key": M.RotateKeyOk,
  "rotate-data-key": M.RotateDataKeyOk,
  "iso-keys": M.IsoKeysOk,
  calendar: M.CalendarOk,
  product: C.ProductOk,
  cards: C.CardsOk,
  issue: C.IssueOk,
  lifecycle: C.LifecycleOk,
  fund: C.FundOk,
  pin: C.PinOk,
  "check-card": C.CheckCardOk,
  card: Q.CardOk,
  history: Q.HistoryOk,
  query: Q.QueryOk,
  receipt: Q.ReceiptOk,
  totals: Q.TotalsOk,
  hotlist: Q.HotlistOk,
  "terminal-info": Q.TerminalInfoOk,
  "merchant-info": Q.MerchantInfoOk,
  "product-info": Q.ProductInfoOk,
  accounts: Q.AccountsOk,
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
