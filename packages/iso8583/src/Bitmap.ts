// Which fields a message has: 64 bits, and 64 more when the first bit is set; as bytes or as hexadecimal text.
import { hexDigit, hexOf } from "./Digits.ts"

export type BitmapCoding = "binary" | "hex"

const HALF_BYTES = 8
const HALF_BITS = 64

/** Bytes of one half of a bitmap in a message. */
export const bitmapHalfBytes = (coding: BitmapCoding): number =>
  coding === "binary" ? HALF_BYTES : HALF_BYTES * 2

/** Bitmap of the given fields (2 … 128), the second half only when one of them lies there. */
export const encodeBitmap = (fields: Iterable<number>, coding: BitmapCoding): Uint8Array => {
  const bits = new Uint8Array(HALF_BYTES * 2)
  let halves = 1
  for (const field of fields) {
    bits[(field - 1) >> 3] |= 0x80 >> ((field - 1) & 7)
    if (field > HALF_BITS) halves = 2
  }
  if (halves === 2) bits[0] |= 0x80
  const used = bits.subarray(0, halves * HALF_BYTES)
  return coding === "binary" ? used : hexOf(used)
}

export interface Bitmap {
  /** Ascending, without field 1: the second half is not a field here. */
  readonly fields: ReadonlyArray<number>
  readonly hasSecond: boolean
  /** How many bytes of the message it took. */
  readonly size: number
}

/** "short": the bytes end inside the bitmap. "bad": a character is no hexadecimal digit. */
export const decodeBitmap = (
  bytes: Uint8Array,
  at: number,
  coding: BitmapCoding,
): Bitmap | "short" | "bad" => {
  const half = bitmapHalfBytes(coding)
  if (bytes.length < at + half) return "short"
  const fields: Array<number> = []
  const hasSecond = takeHalf(bytes, at, 0, coding, fields)
  if (hasSecond === undefined) return "bad"
  if (!hasSecond) return { fields, hasSecond, size: half }
  if (bytes.length < at + half * 2) return "short"
  if (takeHalf(bytes, at + half, HALF_BITS, coding, fields) === undefined) return "bad"
  return { fields, hasSecond, size: half * 2 }
}

/** Appends the fields of one half; returns whether its first bit is set, undefined when it can't be read. */
const takeHalf = (
  bytes: Uint8Array,
  at: number,
  base: number,
  coding: BitmapCoding,
  fields: Array<number>,
): boolean | undefined => {
  let first = false
  for (let i = 0; i < HALF_BYTES; i++) {
    const byte = coding === "binary" ? bytes[at + i] : hexByte(bytes, at + i * 2)
    if (byte < 0) return undefined
    for (let bit = 0; bit < 8; bit++) {
      if ((byte & (0x80 >> bit)) === 0) continue
      const field = base + i * 8 + bit + 1
      if (field === 1) first = true
      else fields.push(field)
    }
  }
  return base === 0 ? first : true
}

const hexByte = (bytes: Uint8Array, at: number): number => {
  const high = hexDigit(bytes[at])
  const low = hexDigit(bytes[at + 1])
  return high < 0 || low < 0 ? -1 : (high << 4) | low
}
