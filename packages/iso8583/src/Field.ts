// One field as bytes and back: length, then characters, packed digits or bytes, all of it checked.
import { asciiNumber, hexOf, latin1, nibbleAt, packedNumber, setNibble, unhex } from "./Digits.ts"
import type { FieldFormat, FieldType } from "./FieldFormat.ts"
import type { FieldValue } from "./Message.ts"
import type { IsoProblemCode } from "./Problem.ts"

/** What was wrong with a field: a code and where, relative to nothing but the message. */
export interface FieldMistake {
  readonly code: IsoProblemCode
  readonly at: number
  readonly what: string
}

export interface FieldRead {
  readonly value: FieldValue
  readonly end: number
}

/** Digit value of track 2's separator. */
const SEPARATOR = 0xd
const FILLER = 0xf

const mistake = (code: IsoProblemCode, at: number, what: string): FieldMistake => ({ code, at, what })

export const isMistake = (read: FieldRead | FieldMistake): read is FieldMistake => "code" in read

// ---- what characters a type has

const LETTER = 1
const DIGIT = 2
const SPACE = 4
const SIGN = 8
const TRACK = 16

const classes = new Uint8Array(256)
for (let code = 0x20; code < 256; code++) {
  // C1 control codes and DEL are no text; the rest of Latin-1 is: merchants' names have it.
  if (code >= 0x7f && code < 0xa0) continue
  classes[code] = SIGN
}
for (let code = 0x30; code <= 0x39; code++) classes[code] = DIGIT | TRACK
for (let code = 0; code < 26; code++) classes[0x41 + code] = classes[0x61 + code] = LETTER
classes[0x20] = SPACE
classes[0x3d] |= TRACK
classes[0x44] |= TRACK

const allowed: { readonly [type in FieldType]: number } = {
  n: DIGIT,
  a: LETTER | SPACE,
  an: LETTER | DIGIT | SPACE,
  ans: LETTER | DIGIT | SPACE | SIGN,
  z: TRACK,
  // Its sign is looked at apart.
  "x+n": DIGIT,
  b: 0,
}

const firstOutside = (type: FieldType, bytes: Uint8Array, at: number, end: number): number => {
  const mask = allowed[type]
  for (let i = at; i < end; i++) if ((classes[bytes[i]] & mask) === 0) return i
  return -1
}

// ---- reading

const isPacked = ({ type, digits }: FieldFormat): boolean =>
  digits === "bcd" && (type === "n" || type === "z" || type === "x+n")

/** Bytes that `length` units of a field take, its length not counted. */
const bodyBytes = (format: FieldFormat, length: number): number => {
  const sign = format.type === "x+n" ? 1 : 0
  if (isPacked(format)) return sign + ((length + 1) >> 1)
  if (format.type === "b") return format.binary === "hex" ? length * 2 : length
  return sign + length
}

/** Reads the field at `at`. Never throws, reads nothing beyond the bytes. */
export const readField = (format: FieldFormat, bytes: Uint8Array, at: number): FieldRead | FieldMistake => {
  let length = format.max
  let begin = at
  if (format.lengthDigits > 0) {
    const packed = format.lengths === "bcd"
    const size = packed ? (format.lengthDigits + 1) >> 1 : format.lengthDigits
    begin = at + size
    if (begin > bytes.length) return mistake("too-short", at, "the message ends in its length")
    length = packed ? packedNumber(bytes, at, size * 2) : asciiNumber(bytes, at, size)
    if (length < 0) return mistake("bad-length", at, "its length is no number")
    if (length > format.max) {
      return mistake("bad-length", at, `its length is ${length}, the largest is ${format.max}`)
    }
  }
  const end = begin + bodyBytes(format, length)
  if (end > bytes.length) return mistake("too-short", begin, "the message ends in it")
  if (format.type === "b") return readBinary(format, bytes, begin, end, length)
  if (isPacked(format)) return readPacked(format, bytes, begin, end, length)
  const body = format.type === "x+n" ? begin + 1 : begin
  if (body > begin && !isSign(bytes[begin])) return mistake("bad-value", begin, "its sign is neither C nor D")
  const outside = firstOutside(format.type, bytes, body, end)
  if (outside >= 0) return mistake("bad-value", outside, `a character is none of type ${format.type}`)
  return { value: latin1(bytes, begin, end - begin), end }
}

const isSign = (code: number): boolean => code === 0x43 || code === 0x44

const readBinary = (
  format: FieldFormat,
  bytes: Uint8Array,
  begin: number,
  end: number,
  length: number,
): FieldRead | FieldMistake => {
  // A copy: the message outlives the buffer that it came in.
  if (format.binary === "raw") return { value: new Uint8Array(bytes.subarray(begin, end)), end }
  const value = unhex(bytes, begin, length)
  return value === undefined
    ? mistake("bad-value", begin, "a character is no hexadecimal digit")
    : { value, end }
}

const readPacked = (
  format: FieldFormat,
  bytes: Uint8Array,
  begin: number,
  end: number,
  length: number,
): FieldRead | FieldMistake => {
  let text = ""
  let at = begin
  if (format.type === "x+n") {
    if (!isSign(bytes[begin])) return mistake("bad-value", begin, "its sign is neither C nor D")
    text = String.fromCharCode(bytes[begin])
    at++
  }
  const isOdd = (length & 1) === 1
  const first = isOdd && format.odd === "left-0" ? 1 : 0
  if (isOdd) {
    const pad = nibbleAt(bytes, at, first === 1 ? 0 : length)
    if (pad !== (format.odd === "right-f" ? FILLER : 0)) {
      return mistake("bad-value", first === 1 ? at : end - 1, "its odd half byte is not what it must be")
    }
  }
  for (let i = 0; i < length; i++) {
    const digit = nibbleAt(bytes, at, first + i)
    if (digit <= 9) text += digit
    else if (digit === SEPARATOR && format.type === "z") text += "="
    else return mistake("bad-value", at + ((first + i) >> 1), "a half byte is no digit")
  }
  return { value: text, end }
}

// ---- writing

/** The field's bytes with its length; a mistake when the value doesn't fit. */
export const writeField = (format: FieldFormat, value: FieldValue): Uint8Array | FieldMistake => {
  if ((typeof value === "string") === (format.type === "b")) {
    return mistake("bad-value", 0, format.type === "b" ? "bytes are needed" : "text is needed")
  }
  const filled = typeof value === "string" ? fill(format, value) : value
  const length = filled.length - (format.type === "x+n" ? 1 : 0)
  if (length > format.max) {
    return mistake("bad-value", 0, `it has a length of ${length}, the largest is ${format.max}`)
  }
  if (format.lengthDigits === 0 && length !== format.max) {
    return mistake("bad-value", 0, `it has a length of ${length}, not ${format.max}`)
  }
  const prefix = lengthBytes(format, length)
  const out = new Uint8Array(prefix.length + bodyBytes(format, length))
  out.set(prefix)
  if (typeof filled !== "string") {
    out.set(format.binary === "hex" ? hexOf(filled) : filled, prefix.length)
    return out
  }
  return writeText(format, filled, out, prefix.length)
}

/** Numbers of fixed length are filled with zeros in front, text of fixed length with spaces behind. */
const fill = (format: FieldFormat, value: string): string => {
  if (format.lengthDigits > 0) return value
  if (format.type === "n") return value.padStart(format.max, "0")
  if (format.type === "x+n") return value.slice(0, 1) + value.slice(1).padStart(format.max, "0")
  return format.type === "z" ? value : value.padEnd(format.max, " ")
}

const lengthBytes = ({ lengthDigits, lengths }: FieldFormat, length: number): Uint8Array => {
  if (lengthDigits === 0) return new Uint8Array(0)
  if (lengths === "ascii") return Buffer.from(String(length).padStart(lengthDigits, "0"), "latin1")
  const text = String(length).padStart((lengthDigits + 1) & ~1, "0")
  return Buffer.from(text, "hex")
}

const writeText = (
  format: FieldFormat,
  text: string,
  out: Uint8Array,
  begin: number,
): Uint8Array | FieldMistake => {
  const signs = format.type === "x+n" ? 1 : 0
  if (signs === 1 && !isSign(text.charCodeAt(0))) {
    return mistake("bad-value", 0, "its sign is neither C nor D")
  }
  const packed = isPacked(format)
  const count = text.length - signs
  const first = packed && (count & 1) === 1 && format.odd === "left-0" ? 1 : 0
  if (signs === 1) out[begin] = text.charCodeAt(0)
  for (let i = 0; i < count; i++) {
    const code = text.charCodeAt(signs + i)
    if (code > 0xff || (classes[code] & allowed[format.type]) === 0) {
      return mistake("bad-value", 0, `a character is none of type ${format.type}`)
    }
    if (!packed) out[begin + signs + i] = code
    else setNibble(out, begin + signs, first + i, code <= 0x39 ? code - 0x30 : SEPARATOR)
  }
  if (packed && (count & 1) === 1 && format.odd === "right-f") setNibble(out, begin + signs, count, FILLER)
  return out
}
