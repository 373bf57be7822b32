// Messages as bytes and back, as a dialect says. Reading any bytes gives a message or a problem, and never throws.
import { Result } from "effect"
import { bitmapHalfBytes, decodeBitmap, encodeBitmap } from "./Bitmap.ts"
import type { Dialect } from "./Dialect.ts"
import { asciiNumber, latin1, packedNumber } from "./Digits.ts"
import { isMistake, readField, writeField } from "./Field.ts"
import { FIELD_MAX, type FieldValue, type Message } from "./Message.ts"
import { IsoProblem, type IsoProblemCode } from "./Problem.ts"

/** The longest message that is read or written: far more than all fields of a card transaction. */
export const ISO_MESSAGE_BYTES_MAX = 8_192

const MTI_DIGITS = 4

/** Bytes over which a MAC is made, and the MAC: as many bytes as the dialect's field 64 or 128 has, or more. */
export type MacOf = (bytes: Uint8Array) => Uint8Array

const fail = (
  code: IsoProblemCode,
  field: number,
  at: number,
  message: string,
  partial?: Message,
): Result.Result<never, IsoProblem> => Result.fail(new IsoProblem(code, { field, at }, message, partial))

/** Name of a field in a problem. */
const named = (dialect: Dialect, field: number): string =>
  `field ${field} (${dialect.fields.get(field)?.name ?? "unknown"})`

/** One message, all of the bytes. What a message of its type must have is not looked at here: see `checkMessage`. */
export const decode = (bytes: Uint8Array, dialect: Dialect): Result.Result<Message, IsoProblem> => {
  if (bytes.length > ISO_MESSAGE_BYTES_MAX) {
    return fail("message-too-long", 0, 0, `a message has at most ${ISO_MESSAGE_BYTES_MAX} bytes`)
  }
  const mtiBytes = dialect.mti === "bcd" ? MTI_DIGITS / 2 : MTI_DIGITS
  if (bytes.length < mtiBytes) return fail("too-short", 0, 0, "the message ends in its type")
  const number =
    dialect.mti === "bcd" ? packedNumber(bytes, 0, MTI_DIGITS) : asciiNumber(bytes, 0, MTI_DIGITS)
  if (number < 0) return fail("bad-mti", 0, 0, "the message type is no number")
  const mti = dialect.mti === "bcd" ? String(number).padStart(MTI_DIGITS, "0") : latin1(bytes, 0, MTI_DIGITS)
  if (mti[0] !== dialect.version) {
    return fail("bad-mti", 0, 0, `message type ${mti} is not of version ${dialect.version}`)
  }
  const fields = new Map<number, FieldValue>()
  const partial: Message = { mti, fields }
  const bitmap = decodeBitmap(bytes, mtiBytes, dialect.bitmap)
  if (bitmap === "short") return fail("too-short", 1, mtiBytes, "the message ends in its bitmap", partial)
  if (bitmap === "bad") return fail("bad-bitmap", 1, mtiBytes, "the bitmap is not hexadecimal", partial)
  let at = mtiBytes + bitmap.size
  for (const field of bitmap.fields) {
    const format = dialect.fields.get(field)
    if (format === undefined) {
      return fail("unknown-field", field, at, `the dialect has no field ${field}`, partial)
    }
    const read = readField(format, bytes, at)
    if (isMistake(read))
      return fail(read.code, field, read.at, `${named(dialect, field)}: ${read.what}`, partial)
    fields.set(field, read.value)
    at = read.end
  }
  if (at < bytes.length) {
    return fail("too-long", bitmap.fields.at(-1) ?? 1, at, "bytes follow the last field", partial)
  }
  return Result.succeed(partial)
}

/**
 * The message's bytes. A failure is a value that doesn't fit its field, named without the value. With `macOf`, field 64
 * (128 when there are fields beyond 64) is added and holds the MAC over everything before it.
 */
export const encode = (
  message: Message,
  dialect: Dialect,
  macOf?: MacOf,
): Result.Result<Uint8Array, IsoProblem> => {
  if (!/^[0-9]{4}$/.test(message.mti) || message.mti[0] !== dialect.version) {
    return fail("bad-mti", 0, 0, `the message type is not four digits of version ${dialect.version}`)
  }
  const macField = macOf === undefined ? 0 : macFieldOf(message)
  const parts: Array<Uint8Array> = []
  const numbers = [...message.fields.keys()].filter((field) => field !== macField).sort((a, b) => a - b)
  const last = numbers.at(-1) ?? 0
  if (last > FIELD_MAX || (numbers[0] ?? 2) < 2) return fail("unknown-field", last, 0, "fields are 2 to 128")
  const all = macField === 0 ? numbers : [...numbers, macField]
  parts.push(Buffer.from(message.mti, dialect.mti === "bcd" ? "hex" : "latin1"))
  parts.push(encodeBitmap(all, dialect.bitmap))
  for (const field of numbers) {
    const format = dialect.fields.get(field)
    if (format === undefined) return fail("unknown-field", field, 0, `the dialect has no field ${field}`)
    // The map has every key that was just listed.
    const written = writeField(format, message.fields.get(field)!)
    if ("code" in written) return fail(written.code, field, 0, `${named(dialect, field)}: ${written.what}`)
    parts.push(written)
  }
  const head = joined(parts)
  if (macOf === undefined) return bounded(head)
  const format = dialect.fields.get(macField)
  if (format === undefined) return fail("unknown-field", macField, 0, `the dialect has no field ${macField}`)
  const written = writeField(format, macOf(head).subarray(0, format.max))
  if ("code" in written)
    return fail(written.code, macField, 0, `${named(dialect, macField)}: ${written.what}`)
  return bounded(joined([head, written]))
}

const bounded = (bytes: Uint8Array): Result.Result<Uint8Array, IsoProblem> =>
  bytes.length > ISO_MESSAGE_BYTES_MAX
    ? fail("message-too-long", 0, 0, `a message has at most ${ISO_MESSAGE_BYTES_MAX} bytes`)
    : Result.succeed(bytes)

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

const PRIMARY_MAC = 64
const SECONDARY_MAC = 128

/** The field whose MAC covers a message: 128 when it has fields beyond 64, otherwise 64. */
export const macFieldOf = (message: Message): number => {
  for (const field of message.fields.keys()) if (field > PRIMARY_MAC) return SECONDARY_MAC
  return PRIMARY_MAC
}

/** What the MAC of a decoded message covers, and the MAC itself; undefined when the message carries none. */
export const macPartsOf = (
  bytes: Uint8Array,
  message: Message,
  dialect: Dialect,
): { readonly covered: Uint8Array; readonly mac: Uint8Array } | undefined => {
  const field = macFieldOf(message)
  const mac = message.fields.get(field)
  const format = dialect.fields.get(field)
  if (mac === undefined || typeof mac === "string" || format === undefined) return undefined
  // A MAC of variable length would leave its length byte outside of what is covered.
  if (format.lengthDigits !== 0) return undefined
  const size = format.binary === "hex" ? mac.length * 2 : mac.length
  return { covered: bytes.subarray(0, bytes.length - size), mac }
}

/** The smallest message: a type and a bitmap without fields. */
export const messageBytesMin = (dialect: Dialect): number =>
  (dialect.mti === "bcd" ? MTI_DIGITS / 2 : MTI_DIGITS) + bitmapHalfBytes(dialect.bitmap)
