// The ranges of the wire's integers, checked where a caller's value becomes bytes: DataView would wrap in silence.

/** The largest amount: 2^53 − 1, so that every amount is exact as a number. */
export const AMOUNT_MAX = Number.MAX_SAFE_INTEGER
export const U64_MAX = 0xffff_ffff_ffff_ffffn
export const U32_MAX = 0xffff_ffff
export const U16_MAX = 0xffff
export const TWO_32 = 0x1_0000_0000

/** Throws RangeError: a value out of range is the caller's defect, not input. */
export const checkInteger = (name: string, value: number, max: number): void => {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${name} must be an integer from 0 to ${max}, not ${value}`)
  }
}

/** Throws RangeError. */
export const checkU64 = (name: string, value: bigint): void => {
  if (typeof value !== "bigint" || value < 0n || value > U64_MAX) {
    throw new RangeError(`${name} must be a bigint from 0 to 2^64 - 1, not ${value}`)
  }
}

/** A view of the same bytes; DataView takes a buffer and would read past a pooled array's ends. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
