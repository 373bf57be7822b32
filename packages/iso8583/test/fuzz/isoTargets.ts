// Who gets the inputs: the decoder in every dialect and coding, and the readers of frames. What each must never do is here.
import { Result } from "effect"
import {
  type Dialect,
  decode,
  encode,
  FRAMING_HELD_BYTES_MAX,
  type Framing,
  FramingReader,
  framings,
  ISO_MESSAGE_BYTES_MAX,
  IsoProblem,
  type Message,
  macPartsOf,
  TPDU_BYTES,
} from "../../src/index.ts"
import { dialects, turned } from "../arbitraries.ts"
import { type Sample, sampleOf } from "./messages.ts"
import { mutated } from "./mutate.ts"
import { Random } from "./Random.ts"

export interface Target {
  readonly name: string
  /** Makes an input and gives it to who must stand it. Throws when it doesn't. Returns whether it was taken as good. */
  readonly run: (random: Random) => boolean
}

/** Valid messages kept for each dialect: making one costs far more than changing one. */
const SAMPLES = 400

const samplesOf = (dialect: Dialect): ReadonlyArray<Sample> => {
  const random = new Random()
  return Array.from({ length: SAMPLES }, (_, i) => {
    random.begin(0, i)
    return sampleOf(dialect, random)
  })
}

const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}

const same = (one: Message, other: Message): boolean =>
  one.mti === other.mti &&
  one.fields.size === other.fields.size &&
  [...one.fields].every(([field, value]) => {
    const there = other.fields.get(field)
    if (typeof value === "string" || typeof there === "string") return value === there
    return there !== undefined && Buffer.compare(value, there) === 0
  })

/** Refused with a place inside the bytes, or a message that can be written and read again. */
const decodes = (bytes: Uint8Array, dialect: Dialect): boolean => {
  const decoded = decode(bytes, dialect)
  if (Result.isFailure(decoded)) {
    const problem = decoded.failure
    must(problem instanceof IsoProblem && problem.code.length > 0, "it failed without a problem")
    must(problem.at >= 0 && problem.at <= bytes.length, `place ${problem.at} of ${bytes.length}`)
    return false
  }
  const message = decoded.success
  const parts = macPartsOf(bytes, message, dialect)
  must(parts === undefined || parts.covered.length < bytes.length, "its MAC covers itself")
  const again = Result.getOrThrow(encode(message, dialect))
  must(same(Result.getOrThrow(decode(again, dialect)), message), "it was read differently the second time")
  // A second half of the bitmap that names nothing is read, and not written again.
  const spare = bytes.length - again.length
  must(spare === 0 || spare === (dialect.bitmap === "hex" ? 16 : 8), `${spare} bytes belong to no field`)
  return true
}

const decoder = (name: string, dialect: Dialect): Target => {
  const samples = samplesOf(dialect)
  return {
    name,
    run: (random) => decodes(mutated(random.of(samples), random), dialect),
  }
}

const stream = (framing: Framing): Target => {
  const samples = samplesOf(dialects[0])
  const prefix = framing === "ascii4" ? 4 : 2
  return {
    name: `frames ${framing}`,
    run: (random) => {
      const parts: Array<Uint8Array> = []
      for (let left = 1 + random.below(4); left > 0; left--) {
        const bytes = mutated(random.of(samples), random)
        const length = bytes.length + (random.below(6) === 0 ? random.below(20_000) - 10 : 0)
        const head =
          framing === "ascii4"
            ? Buffer.from(String(Math.max(0, length)).padStart(prefix, "0"))
            : Uint8Array.of((length >> 8) & 0xff, length & 0xff)
        parts.push(random.below(20) === 0 ? random.bytes(prefix) : head, bytes)
      }
      const reader = new FramingReader(framing)
      const got: Array<Uint8Array> = []
      let problem: IsoProblem | undefined
      const isFlood = random.below(500) === 0
      for (let round = isFlood ? FLOOD_ROUNDS : 1; round > 0; round--) {
        for (const part of parts) {
          const middle = random.below(part.length + 1)
          for (const chunk of [part.subarray(0, middle), part.subarray(middle)]) {
            reader.push(chunk)
            must(reader.heldBytes <= FRAMING_HELD_BYTES_MAX, "it holds more than it may")
            if (!isFlood && random.below(4) > 0) problem ??= drain(reader, got)
          }
        }
      }
      problem ??= drain(reader, got)
      if (problem !== undefined) must(reader.heldBytes === 0, "it keeps bytes after the end")
      if (!isFlood) {
        const expected = plainly(framing, Buffer.concat(parts))
        must(expected.ends === (problem !== undefined), "it ends where it should not, or goes on")
        must(Buffer.compare(Buffer.concat(expected.messages), Buffer.concat(got)) === 0, "other messages")
      }
      return problem === undefined
    },
  }
}

/** How often a stream is pushed that nobody takes: beyond what a reader may hold. */
const FLOOD_ROUNDS = 1_000

interface Plain {
  readonly messages: ReadonlyArray<Uint8Array>
  readonly ends: boolean
}

/** The same by another road: the whole stream at once, with text and slices. */
const plainly = (framing: Framing, stream: Buffer): Plain => {
  const messages: Array<Uint8Array> = []
  const tpdu = framing === "binary2-tpdu" ? TPDU_BYTES : 0
  const prefix = framing === "ascii4" ? 4 : 2
  for (let at = 0; at + prefix <= stream.length; ) {
    const digits = stream.toString("latin1", at, at + prefix)
    const length =
      framing !== "ascii4" ? stream.readUInt16BE(at) : /^[0-9]{4}$/.test(digits) ? Number(digits) : -1
    const isIdle = length === 0
    if (!isIdle && (length < tpdu || length > ISO_MESSAGE_BYTES_MAX + tpdu)) return { messages, ends: true }
    if (at + prefix + length > stream.length) break
    if (!isIdle) messages.push(stream.subarray(at + prefix + tpdu, at + prefix + length))
    at += prefix + length
  }
  return { messages, ends: false }
}

const drain = (reader: FramingReader, got: Array<Uint8Array>): IsoProblem | undefined => {
  for (;;) {
    const held = reader.heldBytes
    const frame = reader.next()
    if (frame === undefined || frame instanceof IsoProblem) return frame
    must(frame.bytes.length > 0 && reader.heldBytes < held, "it gives a frame and takes no byte")
    got.push(frame.bytes)
    for (const dialect of dialects) decode(frame.bytes, dialect)
  }
}

export const isoTargets = (): ReadonlyArray<Target> => [
  ...dialects.map((dialect) => decoder(dialect.name, dialect)),
  ...dialects.map((dialect) => decoder(`${dialect.name} in hexadecimal`, turned(dialect))),
  ...framings.map(stream),
]
