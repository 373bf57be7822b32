// A block's payload under the views that its slots are read through.

export interface Payload {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly doubles: Float64Array
}

/** Aligned for the views, whatever part of a larger buffer the payload was. */
export const readPayload = (payload: Uint8Array): Payload => {
  const bytes = payload.slice()
  return { bytes, words: new Uint32Array(bytes.buffer), doubles: new Float64Array(bytes.buffer) }
}

export const u64At = (words: Uint32Array, at: number): bigint =>
  (BigInt(words[at + 1]) << 32n) | BigInt(words[at])

const TWO_32 = 0x1_0000_0000

/** An amount: below 2^53, so exact. */
export const amountAt = (words: Uint32Array, at: number): number => words[at + 1] * TWO_32 + words[at]
