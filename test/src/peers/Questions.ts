// What the peers are asked: messages of every dialect, PIN blocks, MACs and check values, with what our codec says of them.
import {
  aesCmac,
  type Dialect,
  encode,
  type FieldFormat,
  type FieldValue,
  format0Block,
  format4Block,
  keyCheckValue,
  type Message,
  retailMac,
} from "@millrace/iso8583"
import { Result } from "effect"
import type { Random } from "../Random.ts"

/** Bytes as hexadecimal text, everything else as it is. */
export type Fields = { readonly [field: string]: string }

export interface MessageQuestion {
  readonly dialect: string
  readonly mti: string
  readonly fields: Fields
  readonly bytes: string
}

export interface SecretQuestion {
  readonly what: "format0" | "format4" | "retailMac" | "cmac" | "tdesCheckValue" | "aesCheckValue"
  readonly key: string
  readonly pan?: string
  readonly pin?: string
  readonly block?: string
  readonly data?: string
  /** Our own answer; a peer doesn't look at it. */
  readonly ours: string
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

export const fieldsOf = (message: Message): Fields =>
  Object.fromEntries(
    [...message.fields].map(([number, value]) => [number, typeof value === "string" ? value : hex(value)]),
  )

const characters: { readonly [type: string]: string } = {
  n: "0123456789",
  "x+n": "0123456789",
  z: "0123456789=",
  a: "ABCXYZabcxyz ",
  an: "ABCXYZabcxyz0123456789",
  ans: "ABCXYZabcxyz0123456789 .,-/*+&",
}

const bytesOf = (random: Random, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => random.between(0, 255))

const textOf = (random: Random, count: number, from: string): string => {
  let text = ""
  for (let i = 0; i < count; i++) text += from[random.between(0, from.length - 1)]
  return text
}

const valueOf = (format: FieldFormat, random: Random, longest: boolean): FieldValue => {
  const length = format.lengthDigits === 0 || longest ? format.max : random.between(1, format.max)
  if (format.type === "b") return bytesOf(random, length)
  const sign = format.type === "x+n" ? textOf(random, 1, "CD") : ""
  return sign + textOf(random, length, characters[format.type])
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
  "410",
  "420",
  "430",
  "500",
  "510",
  "800",
  "810",
]

/** Fields in a message besides those that a test is about. */
const FIELDS_MAX = 14

/** Each field alone, at its longest and at some length, then messages of any fields; `knows` leaves fields out. */
export const messageQuestions = (
  dialect: Dialect,
  count: number,
  random: Random,
  knows: (format: FieldFormat) => boolean,
): ReadonlyArray<MessageQuestion> => {
  const all = [...dialect.fields.values()].filter(knows)
  const question = (type: string, formats: ReadonlyArray<FieldFormat>, longest: boolean): MessageQuestion => {
    const ordered = [...new Set(formats)].sort((a, b) => a.number - b.number)
    const message: Message = {
      mti: dialect.version + type,
      fields: new Map(ordered.map((format) => [format.number, valueOf(format, random, longest)])),
    }
    const bytes = Result.getOrThrow(encode(message, dialect))
    return { dialect: dialect.name, mti: message.mti, fields: fieldsOf(message), bytes: hex(bytes) }
  }
  const alone = all.flatMap((format) => [question("200", [format], true), question("210", [format], false)])
  const together = Array.from({ length: count }, (_, i) => {
    const formats = Array.from(
      { length: random.between(1, FIELDS_MAX) },
      () => all[random.between(0, all.length - 1)],
    )
    return question(types[i % types.length], formats, false)
  })
  return [...alone, ...together]
}

const digits = "0123456789"

/** PIN blocks, MACs and check values under keys of every size. */
export const secretQuestions = (count: number, random: Random): ReadonlyArray<SecretQuestion> =>
  Array.from({ length: count }, () => {
    const tdes = bytesOf(random, 16)
    const aes = bytesOf(random, [16, 24, 32][random.between(0, 2)])
    const data = bytesOf(random, random.between(1, 300))
    const pan = textOf(random, random.between(13, 19), digits)
    const pin = textOf(random, random.between(4, 12), digits)
    const questions: ReadonlyArray<SecretQuestion> = [
      { what: "format0", key: hex(tdes), pan, pin, block: hex(format0Block(tdes, pan, pin)), ours: pin },
      { what: "format4", key: hex(aes), pan, pin, block: hex(format4Block(aes, pan, pin)), ours: pin },
      { what: "retailMac", key: hex(tdes), data: hex(data), ours: hex(retailMac(tdes, data)) },
      { what: "cmac", key: hex(aes), data: hex(data), ours: hex(aesCmac(aes, data)) },
      { what: "tdesCheckValue", key: hex(tdes), ours: hex(keyCheckValue("tdes", tdes)) },
      { what: "aesCheckValue", key: hex(aes), ours: hex(keyCheckValue("aes", aes)) },
    ]
    return questions
  }).flat()
