// A scheme as a file: merchants, terminals, hosts and cards in JSON, decoded by a schema whose errors name the place.
import { readFile } from "node:fs/promises"
import { AMOUNT_MAX, hostIdPattern } from "@millrace/protocol"
import { HOST_RANGES_MAX, NAME_CHARACTERS_MAX, Permission } from "@millrace/protocol/messages"
import { Effect, Result, Schema, SchemaGetter, SchemaIssue } from "effect"
import { maskedIn } from "../CardNumber.ts"
import { didYouMean } from "../NearMiss.ts"
import { type Stop, stop } from "../Stop.ts"

const U32_MAX = 0xffff_ffff

const whole = (min: number, max: number) =>
  Schema.Finite.check(
    Schema.makeFilter((value: number) => Number.isInteger(value) && value >= min && value <= max, {
      expected: `a whole number from ${min} to ${max}`,
    }),
  )

const Number32 = whole(1, U32_MAX)
const Currency = whole(1, 999)
const Count = whole(1, 100_000_000)

/** Text or number: 19 digits do not fit a JSON number. */
const CardNumber = Schema.Union([
  Schema.String.check(Schema.isPattern(/^[1-9]\d{0,18}$/, { expected: "up to 19 digits" })),
  whole(1, Number.MAX_SAFE_INTEGER),
]).pipe(
  Schema.decodeTo(Schema.BigInt, {
    decode: SchemaGetter.transform((value: string | number) => BigInt(value)),
    encode: SchemaGetter.transform((value: bigint): string | number => String(value)),
  }),
)

const list = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.Array(schema))

export const SchemeFile = Schema.Struct({
  merchants: list(
    Schema.Struct({
      number: Number32,
      name: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(NAME_CHARACTERS_MAX)),
      currency: Currency,
      /** 100 is 1 % of each purchase; none without it. */
      feeBasisPoints: Schema.optionalKey(whole(0, 10_000)),
    }),
  ),
  terminals: list(
    Schema.Struct({
      first: Number32,
      count: Schema.optionalKey(whole(1, 100_000)),
      merchant: Number32,
      /** Their logon keys go into the file of `--keys-out`. */
      keys: Schema.optionalKey(Schema.Boolean),
    }),
  ),
  hosts: list(
    Schema.Struct({
      id: Schema.String.check(
        Schema.isPattern(hostIdPattern, { expected: "1 to 64 letters, digits, dots, dashes or underscores" }),
      ),
      /** Whom it acts for: [from, to], both included. */
      terminals: Schema.Array(Schema.Tuple([Number32, Number32])).check(Schema.isMaxLength(HOST_RANGES_MAX)),
      permissions: Schema.Array(Permission),
    }),
  ),
  cards: list(
    Schema.Struct({
      first: CardNumber,
      count: Schema.optionalKey(Count),
      currency: Currency,
      /** Minor units; 0 without it. */
      openingBalance: Schema.optionalKey(whole(0, AMOUNT_MAX)),
    }),
  ),
})
export type SchemeFile = typeof SchemeFile.Type

const decode = Schema.decodeUnknownResult(SchemeFile, { errors: "all", onExcessProperty: "error" })
const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The keys that may stand where this path ends: of the file, or of an entry of one of its lists. */
const keysAt = (path: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  if (path.length === 1) return Object.keys(entryKeys)
  // Looked up by a key that the schema has accepted; any other finds nothing.
  return path.length === 3 ? (entryKeys[String(path[0])] ?? []) : []
}

const entryKeys: { readonly [list: string]: ReadonlyArray<string> } = {
  merchants: ["number", "name", "currency", "feeBasisPoints"],
  terminals: ["first", "count", "merchant", "keys"],
  hosts: ["id", "terminals", "permissions"],
  cards: ["first", "count", "currency", "openingBalance"],
}

const pathText = (path: ReadonlyArray<unknown>): string =>
  path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "")

/** The scheme, or sentences that begin with the file and name the place in it. */
export const parseScheme = (text: string, file: string): Result.Result<SchemeFile, ReadonlyArray<string>> => {
  let tree: unknown
  try {
    tree = JSON.parse(text)
  } catch (error) {
    // The parser quotes the text around the place, line breaks and all.
    const why = error instanceof Error ? error.message : String(error)
    return Result.fail([`${file} is not JSON: ${why.replaceAll(/\s+/g, " ")}`])
  }
  return Result.mapError(decode(tree), (error) =>
    format(error.issue).issues.map((issue) => {
      const path = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
      const place = path.length === 0 ? "the file" : pathText(path)
      const message = maskedIn(issue.message.replaceAll(/\s+/g, " "))
      const last = path.at(-1)
      if (!/excess/i.test(message) || typeof last !== "string") return `${file}: ${place}: ${message}`
      return `${file}: ${place}: there is no such key${didYouMean(last, keysAt(path))}`
    }),
  )
}

export const readScheme = (file: string): Effect.Effect<SchemeFile, Stop> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (error) => {
      const code = error instanceof Error && "code" in error ? error.code : undefined
      return stop(code === "ENOENT" ? `there is no file ${file}` : `${file} cannot be read (${String(code)})`)
    },
  }).pipe(
    Effect.flatMap((text) =>
      /\.ya?ml$/i.test(file)
        ? stop(`${file}: this build reads JSON only: write the same keys as JSON`)
        : Effect.fromResult(parseScheme(text, file)).pipe(
            Effect.mapError((errors) => stop(errors.join("\n"))),
          ),
    ),
  )
