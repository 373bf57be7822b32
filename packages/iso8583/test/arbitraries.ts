// Messages of a dialect, any of them, for properties and as what the fuzzer mutates.
import { Result } from "effect"
import fc from "fast-check"
import {
  type Dialect,
  dialectNames,
  type FieldFormat,
  type FieldValue,
  loadDialect,
  type Message,
} from "../src/index.ts"

export const dialects: ReadonlyArray<Dialect> = dialectNames.map((name) =>
  Result.getOrThrow(loadDialect(name)),
)

/** Printable Latin-1. */
const text = [...Array.from({ length: 0xff - 0x1f }, (_, i) => String.fromCharCode(0x20 + i))].filter(
  (character) => character < "\x7f" || character > "\x9f",
)
const characters: { readonly [type: string]: ReadonlyArray<string> } = {
  n: [..."0123456789"],
  "x+n": [..."0123456789"],
  z: [..."0123456789="],
  a: [..."ABCXYZabcxyz "],
  an: [..."ABCXYZabcxyz0123456789 "],
  ans: text,
}

export const valueOf = (format: FieldFormat): fc.Arbitrary<FieldValue> => {
  const lengths = {
    minLength: format.lengthDigits === 0 ? format.max : 0,
    maxLength: format.max,
    size: "max",
  } as const
  if (format.type === "b") return fc.uint8Array(lengths)
  const body = fc.string({ unit: fc.constantFrom(...characters[format.type]), ...lengths })
  return format.type === "x+n"
    ? fc.tuple(fc.constantFrom("C", "D"), body).map(([sign, digits]) => sign + digits)
    : body
}

/** Any fields of the dialect; together they stay below the longest message. */
export const messageOf = (dialect: Dialect): fc.Arbitrary<Message> =>
  fc
    .tuple(
      fc.constantFrom("100", "110", "200", "210", "201", "220", "420", "430", "500", "800"),
      fc.subarray([...dialect.fields.values()], { maxLength: 16 }),
    )
    .chain(([type, formats]) =>
      fc.tuple(...formats.map(valueOf)).map((values) => ({
        mti: dialect.version + type,
        fields: new Map(formats.map(({ number }, i) => [number, values[i]])),
      })),
    )

/** The same dialect with every coding turned to the other one. */
export const turned = (dialect: Dialect): Dialect => ({
  ...dialect,
  bitmap: dialect.bitmap === "hex" ? "binary" : "hex",
  fields: new Map(
    [...dialect.fields].map(([number, format]) => [
      number,
      { ...format, binary: "hex", odd: format.odd === "right-0" ? "left-0" : "right-0" },
    ]),
  ),
})
