// The pieces that messages are made of: integers in whatever form msgpack brought them, bytes, texts, names.
import { Schema, SchemaGetter } from "effect"
import { AMOUNT_MAX, U16_MAX, U32_MAX, U64_MAX } from "../bounds.ts"
import { purseNames } from "../cardWords.ts"
import { hostIdPattern } from "../Logon.ts"
import { PIN_BLOCK_BYTES } from "../Record.ts"

/** Characters of a merchant's, product's or purse's name, and of a terminal's operator message. */
export const NAME_CHARACTERS_MAX = 64
/** Characters of a reason. */
export const REASON_CHARACTERS_MAX = 80
/** Tiers of a fee plan. */
export const FEE_TIERS_MAX = 8
/** Ranges of merchant categories that a product or purse names. */
export const CATEGORY_RANGES_MAX = 32

// Integers come as numbers or, beyond 2^53, as bigints; each field has one form whatever the sender's msgpack made.
const WireInteger = Schema.Union([Schema.Finite, Schema.BigInt])

export const integer = (min: number, max: number) =>
  WireInteger.pipe(
    Schema.decodeTo(Schema.Int.check(Schema.isBetween({ minimum: min, maximum: max })), {
      decode: SchemaGetter.transform((value: number | bigint) => Number(value)),
      encode: SchemaGetter.transform((value: number) => value as number | bigint),
    }),
  )

export const bigInteger = (min: bigint, max: bigint) =>
  WireInteger.pipe(
    Schema.decodeTo(Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: min, maximum: max })), {
      decode: SchemaGetter.transform((value: number | bigint) =>
        // −1 is out of every range below 2^63: a fraction becomes a range error that names the field.
        typeof value === "bigint" ? value : BigInt(Number.isInteger(value) ? value : -1),
      ),
      encode: SchemaGetter.transform((value: bigint) => value as number | bigint),
    }),
  )

export const bytes = (min: number, max: number) =>
  Schema.Uint8Array.check(
    Schema.makeFilter((value: Uint8Array) =>
      value.length >= min && value.length <= max
        ? true
        : `expected ${min === max ? min : `${min} to ${max}`} bytes, got ${value.length}`,
    ),
  )

export const text = (min: number, max: number) =>
  Schema.String.check(Schema.isMinLength(min), Schema.isMaxLength(max))

export const may = Schema.optionalKey

export const U16 = integer(0, U16_MAX)
export const U32 = integer(0, U32_MAX)
export const U64 = bigInteger(0n, U64_MAX)
export const I64 = bigInteger(-(2n ** 63n), 2n ** 63n - 1n)
export const Amount = integer(0, AMOUNT_MAX)
/** A balance may be below 0 where there is a credit line. */
export const SignedAmount = integer(-AMOUNT_MAX, AMOUNT_MAX)
export const PositiveAmount = integer(1, AMOUNT_MAX)
/** A merchant's or terminal's number. */
export const Number32 = integer(1, U32_MAX)
export const CardNumber = bigInteger(1n, U64_MAX)
/** Grows with each payment, so that a payment that is sent twice is made once. */
export const Reference = bigInteger(1n, U64_MAX)
export const Currency = integer(1, 999)
export const BasisPoints = integer(0, 10_000)
export const Name = text(1, NAME_CHARACTERS_MAX)
export const Reason = text(1, REASON_CHARACTERS_MAX)
export const HostId = Schema.String.check(Schema.isPattern(hostIdPattern))
/** A PIN or authorisation code under the session's PIN key. */
export const PinBlock = bytes(PIN_BLOCK_BYTES, PIN_BLOCK_BYTES)
export const Activity = Schema.Literals(["active", "suspended"])

export const PurseName = Schema.Literals(purseNames)
export type PurseName = typeof PurseName.Type

/** Merchant categories (ISO 18245), both ends included. */
export const Categories = Schema.Array(Schema.Tuple([integer(0, 9_999), integer(0, 9_999)])).check(
  Schema.isMaxLength(CATEGORY_RANGES_MAX),
  Schema.makeFilter((ranges: ReadonlyArray<readonly [number, number]>) =>
    ranges.every(([from, to]) => from <= to) ? true : "a range's end is before its beginning",
  ),
)

/** Fee = fixed + amount × basis points, rounded down, within min and max, and never more than the amount. */
const FeeTier = Schema.Struct({
  /** Up to this amount, included; the last tier has none. */
  upTo: may(PositiveAmount),
  fixed: may(Amount),
  basisPoints: may(BasisPoints),
  min: may(Amount),
  max: may(Amount),
})
type FeeTier = typeof FeeTier.Type

const tierProblem = (tiers: ReadonlyArray<FeeTier>): true | Schema.FilterIssue => {
  for (const [i, { upTo, min, max }] of tiers.entries()) {
    const last = i === tiers.length - 1
    const before = i === 0 ? 0 : (tiers[i - 1].upTo ?? 0)
    if (last && upTo !== undefined) return { path: [i, "upTo"], issue: "the last tier has no upper end" }
    if (!last && upTo === undefined) return { path: [i, "upTo"], issue: "only the last tier has none" }
    if (upTo !== undefined && upTo <= before) {
      return { path: [i, "upTo"], issue: "must be greater than the tier's before" }
    }
    if (min !== undefined && max !== undefined && min > max) {
      return { path: [i, "max"], issue: "must not be less than min" }
    }
  }
  return true
}

export const FeePlan = Schema.Array(FeeTier).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(FEE_TIERS_MAX),
  Schema.makeFilter(tierProblem),
)
export type FeePlan = typeof FeePlan.Type

/** What every command that makes or changes something answers. */
export const madeFields = {
  /** Made or changed. */
  created: U32,
  /** There already, with the same content. */
  existing: U32,
}
