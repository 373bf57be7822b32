// Values of the wire for the property tests: the edges of each range are drawn often.
import fc from "fast-check"
import { AMOUNT_MAX } from "../src/index.ts"

export const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
export const u16 = fc.integer({ min: 0, max: 0xffff })
export const u8 = fc.integer({ min: 0, max: 0xff })
export const amount = fc.integer({ min: 0, max: AMOUNT_MAX })

// All zero is what null stands for.
const pinBlock = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((block) => block.some((b) => b !== 0))

export const record = fc.record({
  reference: u64,
  card: u64,
  amount,
  original: u64,
  counterparty: u64,
  pinBlock: fc.option(pinBlock),
  terminal: u32,
  kind: u8,
  flags: u8,
  currency: u16,
})

export const outcome = fc.record({
  reference: u64,
  available: amount,
  transaction: u64,
  terminal: u32,
  response: u16,
  flags: u16,
})

/** Splits bytes at the places drawn; empty pieces come too. */
export const split = (bytes: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const ends = places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b)
  return [...ends, bytes.length].map((end, i) => bytes.slice(i === 0 ? 0 : ends[i - 1], end))
}

export const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 })
