// The pieces that a scheme file is made of: numbers, texts, amounts and ranges, each with the words that say what is allowed.
import { AMOUNT_MAX, purseNames } from "@millrace/protocol"
import { CATEGORY_RANGES_MAX, FEE_TIERS_MAX, NAME_CHARACTERS_MAX } from "@millrace/protocol/messages"
import { Schema, SchemaGetter } from "effect"

const U32_MAX = 0xffff_ffff
const DAY_MS = 86_400_000
/** Days are counted in 16 bits. */
const DAY_MAX = 0xffff
const REFERENCE_MAX = (1n << 64n) - 1n

/** A check that the schema for editors does not repeat: the program says what is wrong. */
const untold = { toJsonSchema: () => ({}) }

export const whole = (minimum: number, maximum: number) =>
  Schema.Finite.check(
    Schema.makeFilter((value: number) => Number.isInteger(value) && value >= minimum && value <= maximum, {
      expected: `a whole number from ${minimum} to ${maximum}`,
      toJsonSchema: () => ({ type: "integer", minimum, maximum }),
    }),
  )

export const text = (minLength: number, maxLength: number) =>
  Schema.String.check(
    Schema.makeFilter((value: string) => value.length >= minLength && value.length <= maxLength, {
      expected: `a text of ${minLength} to ${maxLength} characters`,
      toJsonSchema: () => ({ minLength, maxLength }),
    }),
  )

export const matching = (pattern: RegExp, expected: string) =>
  Schema.String.check(
    Schema.makeFilter((value: string) => pattern.test(value), {
      expected,
      toJsonSchema: () => ({ pattern: pattern.source }),
    }),
  )

export const Flag = Schema.Boolean.annotate({ expected: "true or false" })
/** What the engine calls a number: of a merchant, of a terminal. */
export const Number32 = whole(1, U32_MAX)
export const Currency = whole(1, 999)

const minorUnits = (minimum: number, maximum: number) =>
  Schema.Finite.check(
    Schema.makeFilter((value: number) => Number.isInteger(value) && value >= minimum && value <= maximum, {
      expected: `minor units: a whole number from ${minimum} to ${maximum}`,
      toJsonSchema: () => ({ type: "integer", minimum, maximum }),
    }),
  )
export const Amount = minorUnits(0, AMOUNT_MAX)
export const AmountAboveZero = minorUnits(1, AMOUNT_MAX)
export const BasisPoints = whole(0, 10_000)
export const Name = text(1, NAME_CHARACTERS_MAX)

const digitsOrNumber = (pattern: RegExp, maximum: number, expected: string) =>
  Schema.Union([matching(pattern, expected), whole(1, maximum).annotate({ expected })]).annotate({ expected })

/** Digits as a text, or as a number: quotes are easily forgotten, and 19 digits do not fit a JSON number. */
export const CardNumber = digitsOrNumber(
  /^[1-9]\d{0,18}$/,
  Number.MAX_SAFE_INTEGER,
  "a card number of up to 19 digits",
).pipe(
  Schema.decodeTo(Schema.BigInt, {
    decode: SchemaGetter.transform((value: string | number) => BigInt(value)),
    encode: SchemaGetter.transform((value: bigint): string | number => String(value)),
  }),
)

const Digits = (pattern: RegExp, expected: string) =>
  digitsOrNumber(pattern, 999_999_999_999, expected).pipe(
    Schema.decodeTo(matching(pattern, expected), {
      decode: SchemaGetter.transform((value: string | number) => String(value)),
      encode: SchemaGetter.transform((value: string): string | number => value),
    }),
  )

export const Bin = Digits(/^[1-9]\d{3,11}$/, "4 to 12 digits, the first not 0")
export const Code = Digits(/^\d{4,12}$/, "4 to 12 digits")

/** Under which a payment is made once: a number that grows, such as a date with a counter. */
export const Reference = digitsOrNumber(
  /^[1-9]\d{0,19}$/,
  Number.MAX_SAFE_INTEGER,
  "a whole number from 1, greater than that of the payment before",
).pipe(
  Schema.decodeTo(
    Schema.BigInt.check(
      Schema.makeFilter((value: bigint) => value <= REFERENCE_MAX, {
        expected: "a number below 2^64",
        ...untold,
      }),
    ),
    {
      decode: SchemaGetter.transform((value: string | number) => BigInt(value)),
      encode: SchemaGetter.transform((value: bigint): string | number => String(value)),
    },
  ),
)

const dayOf = (value: string): number => Date.parse(`${value}T00:00:00Z`) / DAY_MS
const isDay = (value: string): boolean => {
  const day = dayOf(value)
  // The round trip catches days that do not exist: Date.parse takes February 30 for March 1.
  return day > 0 && day <= DAY_MAX && new Date(day * DAY_MS).toISOString().slice(0, 10) === value
}

/** 2027-12-31, as the days since 1970. */
export const Day = Schema.String.check(
  Schema.makeFilter((value: string) => /^\d{4}-\d\d-\d\d$/.test(value) && isDay(value), {
    expected: "a day such as 2027-12-31",
    toJsonSchema: () => ({ format: "date" }),
  }),
).pipe(
  Schema.decodeTo(Schema.Finite, {
    decode: SchemaGetter.transform(dayOf),
    encode: SchemaGetter.transform((day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10)),
  }),
)

const ascending = {
  expected: "a range's end not before its beginning",
  ...untold,
}

/** Both ends included. */
export const range = <S extends Schema.Codec<number, number>>(end: S) =>
  Schema.Tuple([end, end]).check(
    Schema.makeFilter((pair: readonly [number, number]) => pair[0] <= pair[1], ascending),
  )

/** Merchant categories (ISO 18245), each range with both ends. */
export const Categories = Schema.Array(range(whole(0, 9_999)))
  .check(
    Schema.makeFilter((ranges: ReadonlyArray<unknown>) => ranges.length <= CATEGORY_RANGES_MAX, {
      expected: `at most ${CATEGORY_RANGES_MAX} ranges`,
      toJsonSchema: () => ({ maxItems: CATEGORY_RANGES_MAX }),
    }),
  )
  .annotate({
    description: "Merchant categories, [from, to] each; none means all of them",
  })

/** The purses that a product may add to the main one. */
export const SidePurse = Schema.Literals(purseNames.filter((name) => name !== "main"))

const FeeTier = Schema.Struct({
  upTo: Schema.optionalKey(
    AmountAboveZero.annotate({ description: "Amounts up to here; left out in the last tier only" }),
  ),
  fixed: Schema.optionalKey(Amount.annotate({ description: "Minor units of every transaction" })),
  basisPoints: Schema.optionalKey(BasisPoints.annotate({ description: "100 is 1 %, rounded down" })),
  min: Schema.optionalKey(Amount),
  max: Schema.optionalKey(Amount),
})
export type FeeTier = typeof FeeTier.Type

const tiersProblem = (tiers: ReadonlyArray<FeeTier>) => {
  for (const [index, { upTo, min, max }] of tiers.entries()) {
    if (min !== undefined && max !== undefined && min > max) {
      return { path: [index, "max"], issue: `must not be less than min, which is ${min}` }
    }
    const last = index === tiers.length - 1
    if (last && upTo !== undefined) return { path: [index, "upTo"], issue: "the last tier has no upTo" }
    if (!last && upTo === undefined) return { path: [index], issue: "every tier but the last has an upTo" }
    const before = index === 0 ? 0 : (tiers[index - 1].upTo ?? 0)
    if (upTo !== undefined && upTo <= before) {
      return { path: [index, "upTo"], issue: `must be more than the tier before's ${before}` }
    }
  }
  return true
}

const FeeTiers = Schema.Array(FeeTier).check(
  Schema.makeFilter((tiers: ReadonlyArray<FeeTier>) => tiers.length >= 1 && tiers.length <= FEE_TIERS_MAX, {
    expected: `1 to ${FEE_TIERS_MAX} tiers`,
    toJsonSchema: () => ({ minItems: 1, maxItems: FEE_TIERS_MAX }),
  }),
  Schema.makeFilter(tiersProblem, untold),
)

/** One rule for every amount, or tiers by amount. */
export const FeePlan = Schema.Union([FeeTiers, FeeTier]).pipe(
  Schema.decodeTo(FeeTiers, {
    decode: SchemaGetter.transform((plan: FeeTier | ReadonlyArray<FeeTier>) =>
      "length" in plan ? plan : [plan],
    ),
    encode: SchemaGetter.transform(
      (tiers: ReadonlyArray<FeeTier>): FeeTier | ReadonlyArray<FeeTier> => tiers,
    ),
  }),
)

/** With the sentence that says what it means, on the side of the file: what it becomes is nobody's to write. */
export const described = <S extends Schema.Top>(schema: S, description: string) =>
  schema.pipe(Schema.annotateEncoded({ description }))

/** What may be left out. */
export const may = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(described(schema, description))

export { untold }
