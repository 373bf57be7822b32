// A scheme as a file, YAML or JSON: decoded by a schema whose errors name the line, the key and what is allowed there.
import { readFile } from "node:fs/promises"
import { Effect, Result, Schema } from "effect"
import { maskedIn } from "../CardNumber.ts"
import { type Stop, stop } from "../Stop.ts"
import { type Located, readLocated } from "./Located.ts"
import { type Mistake, mistakesOf, pathText } from "./Mistakes.ts"
import { Cards, Fund } from "./scheme/Cards.ts"
import { Host, Merchant, Terminals } from "./scheme/Places.ts"
import { Product } from "./scheme/Product.ts"
import { may, whole } from "./scheme/pieces.ts"

const list = <S extends Schema.Top>(schema: S, description: string) => may(Schema.Array(schema), description)

/** Further east or west there is no zone. */
const OFFSET_MINUTES_MAX = 840

export const SchemeFile = Schema.Struct({
  /** For editors: the schema that they check the file by. */
  $schema: Schema.optionalKey(Schema.String),
  calendar: may(
    Schema.Struct({
      utcOffsetMinutes: whole(-OFFSET_MINUTES_MAX, OFFSET_MINUTES_MAX).annotate({
        description: "When the business day begins: 60 is an hour before UTC's midnight",
      }),
    }),
    "The scheme's business day",
  ),
  products: list(Product, "What kinds of cards there are"),
  merchants: list(Merchant, "Who sells"),
  terminals: list(Terminals, "Where it is sold"),
  hosts: list(Host, "Who may send for which terminals, and ask what"),
  cards: list(Cards, "By explicit numbers (first), or issued by a product"),
  funds: list(Fund, "Payments into cards' purses"),
})
export type SchemeFile = typeof SchemeFile.Type

const decode = Schema.decodeUnknownResult(SchemeFile, { errors: "all", onExcessProperty: "error" })

/** The scheme, or sentences that begin with `file:line:column:`. */
export const parseScheme = (text: string, file: string): Result.Result<SchemeFile, ReadonlyArray<string>> => {
  const located = readLocated(text)
  if (Result.isFailure(located)) {
    return Result.fail(
      located.failure.map(
        ({ line, column, message }) =>
          `${file}:${line}:${column}: not ${/\.json$/i.test(file) ? "JSON" : "YAML"}: ${maskedIn(message)}`,
      ),
    )
  }
  return decode(located.success.value).pipe(
    Result.mapError(({ issue }) =>
      mistakesOf(issue, SchemeFile.ast, located.success.value).map((mistake) =>
        sentence(file, located.success, mistake),
      ),
    ),
  )
}

const sentence = (file: string, located: Located, { path, at, message }: Mistake): string => {
  const { line, column } = at === "key" ? located.keyAt(path) : located.valueAt(path)
  return `${file}:${line}:${column}: ${path.length === 0 ? "the file" : pathText(path)}: ${message}`
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
      Effect.fromResult(parseScheme(text, file)).pipe(Effect.mapError((errors) => stop(errors.join("\n")))),
    ),
  )
