// A stream of bytes becomes messages, and messages become frames: three framings, and never more memory than named.

import { ISO_MESSAGE_BYTES_MAX } from "./Codec.ts"
import { asciiNumber } from "./Digits.ts"
import { IsoProblem } from "./Problem.ts"

/** A length of 2 bytes, the same with a TPDU of 5 bytes in front of the message, or a length of 4 digits. */
export const framings = ["binary2", "binary2-tpdu", "ascii4"] as const
export type Framing = (typeof framings)[number]

export const TPDU_BYTES = 5

export interface IsoFrame {
  /** The message, the reader's no more. */
  readonly bytes: Uint8Array
  /** As it came; undefined where the framing has none. */
  readonly tpdu: Uint8Array | undefined
}

/** Bytes that a reader holds at most: some messages, and a chunk of the largest size. */
export const FRAMING_HELD_BYTES_MAX: number = 128 * 1_024
/** A larger buffer is let go when it is empty: thousands of idle connections would each keep one. */
const KEPT_BYTES_MAX = 4_096
const BUFFER_BYTES_MIN = 512

const prefixBytes = (framing: Framing): number => (framing === "ascii4" ? 4 : 2)

/**
 * `push` what came, then take `next` until it is undefined (more must come) or a problem (the stream can't be read any
 * more; it stays so). Who stops taking, for back-pressure, stops reading the socket too: beyond
 * FRAMING_HELD_BYTES_MAX the stream ends with a problem. A frame of length 0 keeps a line alive and is passed over.
 */
export class FramingReader {
  readonly #framing: Framing
  #buffer = new Uint8Array(0)
  #from = 0
  #to = 0
  #problem: IsoProblem | undefined

  constructor(framing: Framing) {
    this.#framing = framing
  }

  /** Bytes that came and were not taken yet. */
  get heldBytes(): number {
    return this.#to - this.#from
  }

  /** Whether part of a frame waits for the rest: what a timeout watches. */
  get midFrame(): boolean {
    return this.#to > this.#from
  }

  /** The chunk is copied: its buffer may be used again. */
  push(chunk: Uint8Array): void {
    if (this.#problem !== undefined) return
    if (this.heldBytes + chunk.length > FRAMING_HELD_BYTES_MAX) {
      this.#fail(`more than ${FRAMING_HELD_BYTES_MAX} bytes wait to be taken`)
      return
    }
    this.#makeRoom(chunk.length)
    this.#buffer.set(chunk, this.#to)
    this.#to += chunk.length
  }

  next(): IsoFrame | IsoProblem | undefined {
    const prefix = prefixBytes(this.#framing)
    while (this.#problem === undefined && this.heldBytes >= prefix) {
      const length = this.#length()
      const tpduBytes = this.#framing === "binary2-tpdu" ? TPDU_BYTES : 0
      if (length < 0) return this.#fail("its length is not four digits")
      if (length > ISO_MESSAGE_BYTES_MAX + tpduBytes) {
        return this.#fail(`its length is ${length}, the largest is ${ISO_MESSAGE_BYTES_MAX + tpduBytes}`)
      }
      if (length > 0 && length < tpduBytes) {
        return this.#fail(`its length is ${length}, less than a TPDU's`)
      }
      if (this.heldBytes < prefix + length) return undefined
      const begin = this.#from + prefix
      this.#from = begin + length
      if (length > tpduBytes) {
        const tpdu = tpduBytes === 0 ? undefined : this.#buffer.slice(begin, begin + tpduBytes)
        const bytes = this.#buffer.slice(begin + tpduBytes, begin + length)
        this.#release()
        return { bytes, tpdu }
      }
    }
    this.#release()
    return this.#problem
  }

  #length(): number {
    if (this.#framing === "ascii4") return asciiNumber(this.#buffer, this.#from, 4)
    return (this.#buffer[this.#from] << 8) | this.#buffer[this.#from + 1]
  }

  #fail(what: string): IsoProblem {
    this.#problem = new IsoProblem("bad-frame", { field: 0, at: 0 }, `a frame that can't be: ${what}`)
    this.#buffer = new Uint8Array(0)
    this.#from = this.#to = 0
    return this.#problem
  }

  #makeRoom(bytes: number): void {
    const held = this.heldBytes
    if (this.#to + bytes <= this.#buffer.length) return
    if (held + bytes <= this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#from, this.#to)
    } else {
      const size = Math.max(BUFFER_BYTES_MIN, held + bytes, Math.min(held * 2, FRAMING_HELD_BYTES_MAX))
      const larger = new Uint8Array(size)
      larger.set(this.#buffer.subarray(this.#from, this.#to))
      this.#buffer = larger
    }
    this.#from = 0
    this.#to = held
  }

  #release(): void {
    if (this.#from < this.#to) return
    this.#from = this.#to = 0
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = new Uint8Array(0)
  }
}

/** A TPDU turned round for the answer: identifier, then the two addresses exchanged. */
export const turnedTpdu = (tpdu: Uint8Array): Uint8Array =>
  Uint8Array.of(tpdu[0], tpdu[3], tpdu[4], tpdu[1], tpdu[2])

/**
 * A message as a frame. With "binary2-tpdu" the TPDU stands before it as given: turn it round first.
 * Throws RangeError for a message over ISO_MESSAGE_BYTES_MAX and a TPDU of another size: the caller's defects.
 */
export const isoFrame = (framing: Framing, bytes: Uint8Array, tpdu?: Uint8Array): Uint8Array => {
  if (bytes.length > ISO_MESSAGE_BYTES_MAX) {
    throw new RangeError(`a message has at most ${ISO_MESSAGE_BYTES_MAX} bytes, not ${bytes.length}`)
  }
  const tpduBytes = framing === "binary2-tpdu" ? TPDU_BYTES : 0
  if ((tpdu?.length ?? 0) !== tpduBytes) {
    throw new RangeError(`the framing ${framing} has a TPDU of ${tpduBytes} bytes`)
  }
  const prefix = prefixBytes(framing)
  const length = tpduBytes + bytes.length
  const out = new Uint8Array(prefix + length)
  if (framing === "ascii4") {
    out.set(Buffer.from(String(length).padStart(4, "0"), "latin1"))
  } else {
    out[0] = length >> 8
    out[1] = length & 0xff
  }
  if (tpdu !== undefined) out.set(tpdu, prefix)
  out.set(bytes, prefix + tpduBytes)
  return out
}
