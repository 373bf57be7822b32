// How a field looks: the standard's own notation ("n 6", "n..19", "ans...999") together with the dialect's codings.

/** n digits · a letters · an, ans letters, digits, spaces, signs · b bytes · z track 2 · x+n C or D, then digits. */
export type FieldType = "n" | "a" | "an" | "ans" | "b" | "z" | "x+n"

/** A length or digits as ASCII characters, or two digits in each byte. */
export type DigitCoding = "ascii" | "bcd"
export type BinaryCoding = "raw" | "hex"
/** Where the half byte goes that an odd number of packed digits leaves, and what it holds. */
export type OddDigit = "left-0" | "right-0" | "right-f"

/** How long a field is. Units: digits for n, z and x+n (its sign not counted), bytes for b, characters for the rest. */
export interface FieldLength {
  readonly type: FieldType
  /** 0: of fixed length; 2: LLVAR; 3: LLLVAR. */
  readonly lengthDigits: 0 | 2 | 3
  /** The length, or the largest one. */
  readonly max: number
}

export interface FieldFormat extends FieldLength {
  readonly number: number
  readonly name: string
  /** How the length of a variable field is written. */
  readonly lengths: DigitCoding
  /** How n, z and x+n are written. */
  readonly digits: DigitCoding
  /** How b is written. */
  readonly binary: BinaryCoding
  readonly odd: OddDigit
}

export const LENGTH_PATTERN: RegExp = /^(n|a|an|ans|b|z|x\+n)( |\.\.\.|\.\.)([1-9][0-9]{0,2})$/

const LLVAR_MAX = 99

/** "n 6", "n..19", "ans...999"; undefined for anything else, and for a length that its digits can't tell. */
export const parseLength = (text: string): FieldLength | undefined => {
  const found = LENGTH_PATTERN.exec(text)
  if (found === null) return undefined
  // The pattern's first group is this union.
  const type = found[1] as FieldType
  const lengthDigits = found[2] === " " ? 0 : found[2] === ".." ? 2 : 3
  const max = Number(found[3])
  if (lengthDigits === 2 && max > LLVAR_MAX) return undefined
  if (type === "x+n" && lengthDigits !== 0) return undefined
  return { type, lengthDigits, max }
}

/** The same as text. */
export const lengthText = ({ type, lengthDigits, max }: FieldLength): string =>
  `${type}${lengthDigits === 0 ? " " : ".".repeat(lengthDigits)}${max}`
