// Card numbers: the digit that ends one, the number of a product's serial, and numbers as the two words they are kept as.
import { numberHash } from "./hash.ts"

const WORD = 0xffff_ffffn
const TWO_32 = 2 ** 32

/** The digit that makes the number right when it is put behind `digits`; Luhn's algorithm, ISO/IEC 7812-1 annex B. */
export const luhnDigit = (digits: string): number => {
  let sum = 0
  // From the right every second digit counts twice, beginning with the last one here.
  for (let i = digits.length - 1, isDoubled = true; i >= 0; i--, isDoubled = !isDoubled) {
    const digit = digits.charCodeAt(i) - 48
    const counted = isDoubled ? digit * 2 : digit
    sum += counted > 9 ? counted - 9 : counted
  }
  return (10 - (sum % 10)) % 10
}

export const isLuhn = (number: string): boolean =>
  number.length > 1 && luhnDigit(number.slice(0, -1)) === number.charCodeAt(number.length - 1) - 48

/** How many serials there are to a bin in numbers of `digits` digits. */
export const serialsOf = (bin: string, digits: number): number => 10 ** (digits - bin.length - 1)

/** bin, serial filled up with zeros, and the Luhn digit: `digits` digits together. */
export const cardNumberOf = (bin: string, digits: number, serial: number): bigint => {
  const payload = bin + String(serial).padStart(digits - bin.length - 1, "0")
  return BigInt(payload + luhnDigit(payload))
}

/** A number as it is kept and found. */
export interface NumberWords {
  readonly lo: number
  readonly hi: number
  readonly hash: number
}

/** A card number as two words, and its hash. It can count up: bigint arithmetic would be most of a command's time. */
export class CardNumber implements NumberWords {
  lo: number
  hi: number
  hash: number

  constructor(number: bigint) {
    this.lo = Number(number & WORD) | 0
    this.hi = Number(number >> 32n) | 0
    this.hash = numberHash(this.lo, this.hi)
  }

  advance(): void {
    this.lo = (this.lo + 1) | 0
    if (this.lo === 0) this.hi = (this.hi + 1) | 0
    this.hash = numberHash(this.lo, this.hi)
  }

  get value(): bigint {
    return numberOfWords(this.lo, this.hi)
  }
}

/** The numbers of a product's serials, one after the other: what `cardNumberOf` gives, without a text or bigint for each. */
export class SerialNumbers implements NumberWords {
  readonly #baseLo: number
  readonly #baseHi: number
  /** What the bin's digits add to Luhn's sum. */
  readonly #binSum: number
  #serial: number
  lo = 0
  hi = 0
  hash = 0

  constructor(bin: string, digits: number, serial: number) {
    const places = digits - bin.length - 1
    const base = BigInt(bin) * 10n ** BigInt(places + 1)
    this.#baseLo = Number(base & WORD)
    this.#baseHi = Number(base >> 32n)
    // The digit that makes the sum whole is the sum's complement, and zeros add nothing to it.
    this.#binSum = 10 - luhnDigit(bin + "0".repeat(places))
    this.#serial = serial
    this.#set()
  }

  advance(): void {
    this.#serial++
    this.#set()
  }

  get value(): bigint {
    return numberOfWords(this.lo, this.hi)
  }

  #set(): void {
    let sum = this.#binSum
    for (let rest = this.#serial, isDoubled = true; rest > 0; isDoubled = !isDoubled) {
      const digit = rest % 10
      const counted = isDoubled ? digit * 2 : digit
      sum += counted > 9 ? counted - 9 : counted
      rest = (rest - digit) / 10
    }
    // Below 10^15, so exact: a bin has four digits at least.
    const added = this.#serial * 10 + ((10 - (sum % 10)) % 10)
    const lo = this.#baseLo + (added % TWO_32)
    this.lo = lo | 0
    this.hi = (this.#baseHi + Math.floor(added / TWO_32) + (lo >= TWO_32 ? 1 : 0)) | 0
    this.hash = numberHash(this.lo, this.hi)
  }
}

export const numberOfWords = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
