// PIN blocks of ISO 9564-1: format 0 under TDES, format 4 under AES. No error here carries a PIN or a card number.
import { randomBytes } from "node:crypto"
import { aesEcb, tdesEcb } from "./Ciphers.ts"
import { nibbleAt, setNibble } from "./Digits.ts"

export const FORMAT_0_BYTES = 8
export const FORMAT_4_BYTES = 16
/** Random bytes of a block of format 4. */
export const FORMAT_4_FILL_BYTES = 8

const PIN_DIGITS_MIN = 4
const PIN_DIGITS_MAX = 12
/** Half bytes after format and length in which digits and fillers stand. */
const PIN_PLACES = 14
const PAN_DIGITS = 12
const PAN_DIGITS_MAX = 19

const checkPin = (pin: string): void => {
  if (!/^[0-9]{4,12}$/.test(pin)) throw new RangeError("a PIN has 4 to 12 digits")
}

const checkPan = (pan: string): void => {
  if (!/^[0-9]{1,19}$/.test(pan)) throw new RangeError(`a card number has 1 to ${PAN_DIGITS_MAX} digits`)
}

const xor = (block: Uint8Array, other: Uint8Array): void => {
  for (let i = 0; i < block.length; i++) block[i] ^= other[i]
}

const writePin = (block: Uint8Array, format: number, pin: string, filler: number): void => {
  block[0] = (format << 4) | pin.length
  for (let i = 0; i < PIN_PLACES; i++) {
    setNibble(block, 1, i, i < pin.length ? pin.charCodeAt(i) - 0x30 : filler)
  }
}

const readPin = (block: Uint8Array, format: number, filler: number): string | undefined => {
  const length = block[0] & 0xf
  if (block[0] >> 4 !== format || length < PIN_DIGITS_MIN || length > PIN_DIGITS_MAX) return undefined
  let pin = ""
  for (let i = 0; i < PIN_PLACES; i++) {
    const nibble = nibbleAt(block, 1, i)
    if (i < length ? nibble > 9 : nibble !== filler) return undefined
    if (i < length) pin += nibble
  }
  return pin
}

/** Format 0's PAN field: the twelve digits before the check digit, behind two zero bytes. */
const panField0 = (pan: string): Uint8Array => {
  const field = new Uint8Array(FORMAT_0_BYTES)
  const digits = pan.slice(0, -1).slice(-PAN_DIGITS).padStart(PAN_DIGITS, "0")
  for (let i = 0; i < PAN_DIGITS; i++) setNibble(field, 2, i, digits.charCodeAt(i) - 0x30)
  return field
}

/** Format 4's PAN field: how many digits beyond twelve, the digits, zeros. */
const panField4 = (pan: string): Uint8Array => {
  const field = new Uint8Array(FORMAT_4_BYTES)
  const digits = pan.padStart(PAN_DIGITS, "0")
  setNibble(field, 0, 0, digits.length - PAN_DIGITS)
  for (let i = 0; i < digits.length; i++) setNibble(field, 0, i + 1, digits.charCodeAt(i) - 0x30)
  return field
}

/**
 * ISO 9564-1 format 0, 8 bytes, under a TDES key of 16 or 24 bytes. The card number is whole, check digit included.
 * Throws RangeError for what is no PIN, card number or key.
 */
export const format0Block = (key: Uint8Array, pan: string, pin: string): Uint8Array => {
  checkPin(pin)
  checkPan(pan)
  const field = new Uint8Array(FORMAT_0_BYTES)
  writePin(field, 0, pin, 0xf)
  xor(field, panField0(pan))
  const block = tdesEcb("encrypt", key, field)
  field.fill(0)
  return block
}

/** The PIN of a block of format 0, or undefined when it is none of this card under this key. Throws RangeError for no key. */
export const format0Pin = (key: Uint8Array, pan: string, block: Uint8Array): string | undefined => {
  if (block.length !== FORMAT_0_BYTES || !/^[0-9]{1,19}$/.test(pan)) return undefined
  const field = tdesEcb("decrypt", key, block)
  xor(field, panField0(pan))
  const pin = readPin(field, 0, 0xf)
  field.fill(0)
  return pin
}

/**
 * ISO 9564-1 format 4, 16 bytes, under an AES key. The fill is random: given only by who checks a published block.
 * Throws RangeError for what is no PIN, card number, key or fill.
 */
export const format4Block = (
  key: Uint8Array,
  pan: string,
  pin: string,
  random: Uint8Array = randomBytes(FORMAT_4_FILL_BYTES),
): Uint8Array => {
  checkPin(pin)
  checkPan(pan)
  if (random.length !== FORMAT_4_FILL_BYTES) throw new RangeError(`the fill has ${FORMAT_4_FILL_BYTES} bytes`)
  const field = new Uint8Array(FORMAT_4_BYTES)
  writePin(field, 4, pin, 0xa)
  field.set(random, FORMAT_4_FILL_BYTES)
  const middle = aesEcb("encrypt", key, field)
  xor(middle, panField4(pan))
  field.fill(0)
  return aesEcb("encrypt", key, middle)
}

/** The PIN of a block of format 4, or undefined when it is none of this card under this key. Throws RangeError for no key. */
export const format4Pin = (key: Uint8Array, pan: string, block: Uint8Array): string | undefined => {
  if (block.length !== FORMAT_4_BYTES || !/^[0-9]{1,19}$/.test(pan)) return undefined
  const middle = aesEcb("decrypt", key, block)
  xor(middle, panField4(pan))
  const field = aesEcb("decrypt", key, middle)
  const pin = readPin(field, 4, 0xa)
  field.fill(0)
  return pin
}
