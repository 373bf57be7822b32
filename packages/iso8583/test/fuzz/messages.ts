// Valid messages of a dialect at random, and where their fields begin: what the fuzzer starts from and lies about.
import { Result } from "effect"
import { type Dialect, encode, type FieldFormat, type FieldValue } from "../../src/index.ts"
import type { Random } from "./Random.ts"

export interface Sample {
  readonly bytes: Uint8Array
  /** Where the fields of variable length begin, with their length. */
  readonly lengthsAt: ReadonlyArray<{ readonly at: number; readonly size: number; readonly packed: boolean }>
}

const characters: { readonly [type: string]: string } = {
  n: "0123456789",
  "x+n": "0123456789",
  z: "0123456789=",
  a: "ABCxyz ",
  an: "ABCxyz 0123456789",
  ans: "ABCxyz 0123456789.-/*é",
}

const valueOf = (format: FieldFormat, random: Random): FieldValue => {
  // Mostly short: what is interesting is at the edges, and long values cost time.
  const limit = random.below(8) === 0 ? format.max : Math.min(format.max, 24)
  const length = format.lengthDigits === 0 ? format.max : random.below(limit + 1)
  if (format.type === "b") return random.bytes(length)
  let text = format.type === "x+n" ? random.of(["C", "D"]) : ""
  for (let i = 0; i < length; i++) text += random.of([...characters[format.type]])
  return text
}

const types = [
  "100",
  "110",
  "200",
  "201",
  "210",
  "220",
  "230",
  "400",
  "420",
  "421",
  "430",
  "500",
  "510",
  "800",
]

/** Bytes of a message with these fields only: how far the message reaches before the next one. */
const sizeOf = (fields: ReadonlyMap<number, FieldValue>, dialect: Dialect, mti: string): number =>
  Result.getOrThrow(encode({ mti, fields }, dialect)).length

export const sampleOf = (dialect: Dialect, random: Random): Sample => {
  const mti = dialect.version + random.of(types)
  const all = [...dialect.fields.values()]
  const count = 1 + random.below(14)
  const chosen = new Set<FieldFormat>()
  for (let i = 0; i < count; i++) chosen.add(random.of(all))
  const formats = [...chosen].sort((a, b) => a.number - b.number)
  const fields = new Map(formats.map((format) => [format.number, valueOf(format, random)]))
  const bytes = Result.getOrThrow(encode({ mti, fields }, dialect))
  const empty = bytes.length - bodyBytes(fields, dialect, mti)
  const lengthsAt: Array<Sample["lengthsAt"][number]> = []
  let at = empty
  for (const format of formats) {
    const packed = format.lengths === "bcd"
    const size = packed ? (format.lengthDigits + 1) >> 1 : format.lengthDigits
    if (size > 0) lengthsAt.push({ at, size, packed })
    at += bodyBytes(new Map([[format.number, fields.get(format.number)!]]), dialect, mti)
  }
  return { bytes, lengthsAt }
}

const bodyBytes = (fields: ReadonlyMap<number, FieldValue>, dialect: Dialect, mti: string): number => {
  const isLong = [...fields.keys()].some((field) => field > 64)
  const halves = isLong ? 2 : 1
  const half = dialect.bitmap === "hex" ? 16 : 8
  return sizeOf(fields, dialect, mti) - (dialect.mti === "bcd" ? 2 : 4) - halves * half
}
