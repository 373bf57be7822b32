// PIN blocks of ISO 9564-1 format 4: where the digits lie. No cryptography here: AES on one block is the caller's.
import { checkU64, U32_MAX } from "./bounds.ts"
import { CLIENT_NONCE_BYTES_MAX, CLIENT_NONCE_BYTES_MIN, SERVER_NONCE_BYTES } from "./Logon.ts"
import { PIN_BLOCK_BYTES } from "./Record.ts"

export const PIN_DIGITS_MIN = 4
export const PIN_DIGITS_MAX = 12
/** The session's PIN key is an AES-256 key. */
export const PIN_KEY_BYTES = 32
/** Random bytes of a PIN field, so that the same PIN never gives the same block. */
export const PIN_FILL_BYTES = 8
/** Digits of a card number that a block can be bound to. */
export const PAN_DIGITS_MAX = 19

const PAN_DIGITS_MIN = 12
/** Digits of the largest u64. */
const U64_DIGITS = 20
const FORMAT = 4
const FILLER = 0xa
/** Nibbles of a PIN field after format and length, before the random bytes. */
const PIN_PLACES = 14

/** AES-ECB, one way or the other, on one block of 16 bytes. */
export type BlockCipher = (block: Uint8Array) => Uint8Array

const label = Array.from("pin key 1", (character) => character.charCodeAt(0))

/**
 * A session's PIN key = HMAC-SHA-256(logon key, this): "pin key 1" ‖ 0 ‖ server nonce (32) ‖ client nonce.
 * Throws RangeError when a nonce has the wrong size.
 */
export const pinKeyTranscript = (serverNonce: Uint8Array, clientNonce: Uint8Array): Uint8Array => {
  if (serverNonce.length !== SERVER_NONCE_BYTES) throw new RangeError("the server's nonce has 32 bytes")
  if (clientNonce.length < CLIENT_NONCE_BYTES_MIN || clientNonce.length > CLIENT_NONCE_BYTES_MAX) {
    throw new RangeError("the client's nonce has 16 to 32 bytes")
  }
  return Uint8Array.from([...label, 0, ...serverNonce, ...clientNonce])
}

/** Whether text can be a PIN: 4 to 12 digits. */
export const isPin = (pin: string): boolean => /^[0-9]{4,12}$/.test(pin)

/** Throws RangeError, which never carries the PIN. */
export const checkPin = (name: string, pin: string): void => {
  if (typeof pin !== "string" || !isPin(pin)) {
    throw new RangeError(`${name} must have ${PIN_DIGITS_MIN} to ${PIN_DIGITS_MAX} digits`)
  }
}

/** Decimal digits of the number that was looked at last, right-aligned; there is one thread. */
const digits = new Uint8Array(24)
const CHUNK = 1_000_000
const CHUNK_DIGITS = 6

/** Splits a u64 into `digits`; returns how many there are without leading zeros. Plain numbers: no bigint is made. */
const splitDigits = (lo: number, hi: number): number => {
  let low = lo >>> 0
  let high = hi >>> 0
  for (let end = digits.length; end > 0; end -= CHUNK_DIGITS) {
    const highNext = Math.floor(high / CHUNK)
    // Below 10^6 · 2^32, so exact.
    const rest = (high - highNext * CHUNK) * (U32_MAX + 1) + low
    const lowNext = Math.floor(rest / CHUNK)
    let chunk = (rest - lowNext * CHUNK) | 0
    for (let i = 1; i <= CHUNK_DIGITS; i++) {
      const next = (chunk / 10) | 0
      digits[end - i] = chunk - next * 10
      chunk = next
    }
    low = lowNext
    high = highNext
  }
  let first = 0
  while (first < digits.length && digits[first] === 0) first++
  return digits.length - first
}

const nibbleAt = (bytes: Uint8Array, at: number, nibble: number): number => {
  const byte = bytes[at + (nibble >> 1)]
  return (nibble & 1) === 0 ? byte >> 4 : byte & 0xf
}

/**
 * Writes a PAN field, 16 bytes: digits beyond 12, then the digits (at least 12, filled with zeros in front), then
 * zeros. False, and nothing written, for a number of more than 19 digits.
 */
export const writePanField = (out: Uint8Array, at: number, cardLo: number, cardHi: number): boolean => {
  const count = Math.max(PAN_DIGITS_MIN, splitDigits(cardLo, cardHi))
  if (count > PAN_DIGITS_MAX) return false
  const first = digits.length - count
  let nibbles = count - PAN_DIGITS_MIN
  for (let i = 0; i < PIN_BLOCK_BYTES * 2; i++) {
    const next = i < count ? digits[first + i] : 0
    if ((i & 1) === 0) out[at + (i >> 1)] = (nibbles << 4) | next
    nibbles = next
  }
  return true
}

/** Writes a PIN field, 16 bytes. Throws RangeError for what is no PIN. */
export const writePinField = (out: Uint8Array, at: number, pin: string, fill: Uint8Array): void => {
  checkPin("pin", pin)
  if (fill.length !== PIN_FILL_BYTES) throw new RangeError(`the fill has ${PIN_FILL_BYTES} bytes`)
  out[at] = (FORMAT << 4) | pin.length
  for (let i = 0; i < PIN_PLACES; i += 2) {
    out[at + 1 + i / 2] = (digitOr(pin, i) << 4) | digitOr(pin, i + 1)
  }
  out.set(fill, at + PIN_BLOCK_BYTES - PIN_FILL_BYTES)
}

const digitOr = (pin: string, i: number): number => (i < pin.length ? pin.charCodeAt(i) - 0x30 : FILLER)

/** How many digits the PIN field at `at` holds, or 0 when these bytes are no PIN field. */
export const pinFieldDigits = (field: Uint8Array, at: number): number => {
  const count = field[at] & 0xf
  if (field[at] >> 4 !== FORMAT || count < PIN_DIGITS_MIN || count > PIN_DIGITS_MAX) return 0
  for (let i = 0; i < PIN_PLACES; i++) {
    const nibble = nibbleAt(field, at, i + 2)
    if (i < count ? nibble > 9 : nibble !== FILLER) return 0
  }
  return count
}

/** The i-th digit of a PIN field. */
export const pinFieldDigit = (field: Uint8Array, at: number, i: number): number => nibbleAt(field, at, i + 2)

/** block ^= other, 16 bytes each. */
export const xorBlock = (block: Uint8Array, at: number, other: Uint8Array, otherAt: number): void => {
  for (let i = 0; i < PIN_BLOCK_BYTES; i++) block[at + i] ^= other[otherAt + i]
}

/** Bytes of a number in packed decimal digits, see `writeDecimal`. */
export const DECIMAL_BYTES = U64_DIGITS / 2

/** Writes a u64 as 20 packed decimal digits, 10 bytes. */
export const writeDecimal = (out: Uint8Array, at: number, lo: number, hi: number): void => {
  splitDigits(lo, hi)
  const first = digits.length - U64_DIGITS
  for (let i = 0; i < DECIMAL_BYTES; i++)
    out[at + i] = (digits[first + 2 * i] << 4) | digits[first + 2 * i + 1]
}

const lowOf = (card: bigint): number => Number(card & 0xffff_ffffn)
const highOf = (card: bigint): number => Number(card >> 32n)

/**
 * The enciphered block = E(E(PIN field) ^ PAN field). `fill` is 8 random bytes, fresh for each block.
 * Throws RangeError, without the PIN, when PIN or card number can't be.
 */
export const encodePinBlock = (
  encrypt: BlockCipher,
  card: bigint,
  pin: string,
  fill: Uint8Array,
): Uint8Array => {
  checkU64("card", card)
  const pan = new Uint8Array(PIN_BLOCK_BYTES)
  if (!writePanField(pan, 0, lowOf(card), highOf(card))) {
    throw new RangeError(`a PIN is bound to a card number of at most ${PAN_DIGITS_MAX} digits`)
  }
  const field = new Uint8Array(PIN_BLOCK_BYTES)
  writePinField(field, 0, pin, fill)
  xorBlock(pan, 0, encrypt(field), 0)
  return encrypt(pan)
}

/** The PIN in a block of this card, or undefined: another key, another card, or no PIN block at all. */
export const decodePinBlock = (decrypt: BlockCipher, card: bigint, block: Uint8Array): string | undefined => {
  const pan = new Uint8Array(PIN_BLOCK_BYTES)
  if (block.length !== PIN_BLOCK_BYTES || !writePanField(pan, 0, lowOf(card), highOf(card))) return undefined
  xorBlock(pan, 0, decrypt(block), 0)
  const field = decrypt(pan)
  const count = pinFieldDigits(field, 0)
  if (count === 0) return undefined
  return Array.from({ length: count }, (_, i) => pinFieldDigit(field, 0, i)).join("")
}
