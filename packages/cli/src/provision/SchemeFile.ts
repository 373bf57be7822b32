// A scheme as a file, YAML or JSON: decoded by a schema whose errors name the line, the key and what is allowed there.
import { readFile } from "node:fs/promises"
import { Effect, Result, Schema } from "effect"
import { maskedIn } from "../CardNumber.ts"
import { type Stop, stop } from "../Stop.ts"
import { type Located, readLocated } from "./Located.ts"
import { type Mistake, mistakesOf, pathText, withDecimals } from "./Mistakes.ts"
import { referenceMistakes } from "./References.ts"
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

/** A scheme, and how a sentence about one of its places is said: with `file:line:column:` in front. */
export interface PlacedScheme {
  readonly scheme: SchemeFile
  readonly sentence: (mistake: Mistake) => string
}

/** The scheme, or sentences that begin with `file:line:column:`. */
export const parsePlaced = (
  text: string,
  file: string,
): Result.Result<PlacedScheme, ReadonlyArray<string>> => {
  const read = readLocated(text)
  if (Result.isFailure(read)) {
    return Result.fail(
      read.failure.map(
        ({ line, column, message }) =>
          `${file}:${line}:${column}: not ${/\.json$/i.test(file) ? "JSON" : "YAML"}: ${maskedIn(message)}`,
      ),
    )
  }
  const located = read.success
  const said = (mistake: Mistake) => sentence(file, located, mistake)
  const decoded = decode(located.value)
  const byForm = Result.isFailure(decoded)
    ? mistakesOf(decoded.failure.issue, SchemeFile.ast, located.value)
    : []
  const mistakes = withDecimals(byForm, located.decimals, SchemeFile.ast)
  if (Result.isFailure(decoded) || mistakes.length > 0) return Result.fail(mistakes.map(said))
  const contradictions = referenceMistakes(decoded.success)
  return contradictions.length > 0
    ? Result.fail(contradictions.map(said))
    : Result.succeed({ scheme: decoded.success, sentence: said })
}

export const parseScheme = (text: string, file: string): Result.Result<SchemeFile, ReadonlyArray<string>> =>
  Result.map(parsePlaced(text, file), ({ scheme }) => scheme)

const sentence = (file: string, located: Located, { path, at, message }: Mistake): string => {
  const { line, column } = at === "key" ? located.keyAt(path) : located.valueAt(path)
  return `${file}:${line}:${column}: ${path.length === 0 ? "the file" : pathText(path)}: ${message}`
}

export const readScheme = (file: string): Effect.Effect<PlacedScheme, Stop> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (error) => {
      const code = error instanceof Error && "code" in error ? error.code : undefined
      return stop(code === "ENOENT" ? `there is no file ${file}` : `${file} cannot be read (${String(code)})`)
    },
  }).pipe(
    Effect.flatMap((text) =>
      Effect.fromResult(parsePlaced(text, file)).pipe(Effect.mapError((errors) => stop(errors.join("\n")))),
    ),
  )
