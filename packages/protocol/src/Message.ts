// Messages as bytes: one msgpack map each, packed and unpacked by msgpackr behind a scan that trusts no byte.
import { type Options, Packr } from "msgpackr"
import { U64_MAX, viewOf } from "./bounds.ts"
import { MESSAGE_BYTES_MAX } from "./Frame.ts"
import { scan } from "./MessageScan.ts"

/** Maps and arrays inside each other, the message's own map counted. */
export const MESSAGE_DEPTH_MAX = 8

/** A msgpack map with text keys, before any schema has looked at it. */
export type MessageMap = { readonly [key: string]: unknown }

export interface MessageError {
  readonly code: "bad-message"
  readonly message: string
}

// Plain maps so that any msgpack reads and writes them; copies because a frame's payload is good only for one call.
const options = { useRecords: false, mapsAsObjects: true, int64AsType: "auto", copyBuffers: true }
// The cast: msgpackr's types do not list "auto", which its code has had since 1.7.
const packr = new Packr(options as Options)

/**
 * Packs a map of null, booleans, numbers, bigints (−2^63 … 2^64−1), text, Uint8Array, arrays and maps; a key whose
 * value is undefined is left out. Whole numbers of more than 32 bits go as 64-bit integers, never as floats.
 * Throws TypeError or RangeError for anything else, and over messageBytesMax: the caller's defects.
 */
export const packMessage = (message: MessageMap): Uint8Array => {
  const packed = packr.pack(toWire(message, 1))
  if (packed.length > MESSAGE_BYTES_MAX) {
    throw new RangeError(`a message has at most ${MESSAGE_BYTES_MAX} bytes, not ${packed.length}`)
  }
  // msgpackr's array is a slice of a large shared buffer, and in Node a Buffer: hand out neither.
  return Uint8Array.from(packed)
}

const I64_MIN = -0x8000_0000_0000_0000n

const toWire = (value: unknown, depth: number): unknown => {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value
  if (typeof value === "number") return numberToWire(value)
  if (typeof value === "bigint") {
    if (value < I64_MIN || value > U64_MAX) throw new RangeError(`${value} does not fit 64 bits`)
    return value
  }
  if (value instanceof Uint8Array) return value
  if (depth > MESSAGE_DEPTH_MAX) throw new RangeError(`a message is at most ${MESSAGE_DEPTH_MAX} deep`)
  if (Array.isArray(value)) return value.map((item) => toWire(item, depth + 1))
  if (typeof value !== "object") throw new TypeError(`a message can't carry a ${typeof value}`)
  const map: { [key: string]: unknown } = {}
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__") throw new TypeError("a message can't have a key __proto__")
    if (item !== undefined) map[key] = toWire(item, depth + 1)
  }
  return map
}

const numberToWire = (value: number): number | bigint => {
  // The scan of the receiver refuses these: a float so large no longer says which whole number it means.
  if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`a message can't carry ${value}`)
  return Number.isInteger(value) && (value > 0xffff_ffff || value < -0x8000_0000) ? BigInt(value) : value
}

const isMap = (value: unknown): value is MessageMap =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

/**
 * Any bytes give a map or a MessageError, never a throw; memory stays within a small multiple of the bytes. 64-bit
 * integers come as numbers where a number is exact and as bigint where not. Nothing in the result shares memory with
 * the bytes.
 */
export const unpackMessage = (
  bytes: Uint8Array,
):
  | { readonly ok: true; readonly value: MessageMap }
  | { readonly ok: false; readonly error: MessageError } => {
  if (bytes.length > MESSAGE_BYTES_MAX) return refused(`a message has at most ${MESSAGE_BYTES_MAX} bytes`)
  const problem = scan(viewOf(bytes), MESSAGE_DEPTH_MAX)
  if (problem !== null) return refused(problem)
  try {
    // Not a Buffer, or msgpackr would make Buffers of what it copies out.
    const value: unknown = packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    return isMap(value) ? { ok: true, value } : refused("a message is one map")
  } catch {
    // The scan lets nothing through that msgpackr is known to throw at; the promise above holds all the same.
    return refused("not readable as msgpack")
  }
}

const refused = (message: string): { readonly ok: false; readonly error: MessageError } => ({
  ok: false,
  error: { code: "bad-message", message },
})
