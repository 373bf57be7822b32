// A stream of bytes becomes messages and units: a state machine that hands units over as they come, without copying.
import { viewOf } from "./bounds.ts"
import {
  defaultFrameLimits,
  FRAME_HEADER_BYTES,
  FRAME_LENGTH_BYTES_MIN,
  FrameAt,
  type FrameError,
  type FrameErrorCode,
  type FrameLimits,
  FrameType,
  PROTOCOL_VERSION,
} from "./Frame.ts"

export interface FrameSink {
  /**
   * `count` whole units begin at byte `at` of `view`. Returns how many were taken; fewer than `count` stops the reader
   * until resume() (back-pressure). The view is good only during the call. Within it the sink may change the units: those
   * that it did not take come again as it left them.
   */
  units(view: DataView, at: number, count: number, correlation: number): number
  /** One whole message. The payload is good only during the call. */
  message(payload: Uint8Array, correlation: number): void
}

/** Assembly of a message that spans chunks starts with this much and grows with what really arrives. */
const ASSEMBLY_BYTES_MIN = 1_024
/** A larger assembly buffer is let go after its message: ten thousand idle sessions would each keep one. */
const ASSEMBLY_BYTES_KEPT = 4_096
const nothing = new Uint8Array(0)

const State = { header: 0, message: 1, units: 2 } as const

/**
 * | call | when reading | when blocked | inside a sink's call | after an error |
 * |---|---|---|---|---|
 * | push | reads | copied and kept, up to heldBytesMax, then `busy` | kept, read after what is being read | the error |
 * | resume | nothing | reads what was kept | what is refused in this call is offered again | the error |
 *
 * Whatever the split of the stream, the sink sees the same units and messages in the same order. Nothing is allocated
 * per unit: one DataView per chunk, and a unit is copied only when it spans two chunks. An exception of the sink
 * passes through and leaves the reader dead with `defect`.
 */
export class FrameReader {
  readonly #unitBytes: number
  readonly #sink: FrameSink
  #limits: FrameLimits
  #dead: FrameError | null = null
  #blocked = false
  #running = false
  #resumeAsked = false
  #state: number = State.header
  #correlation = 0
  /** Payload bytes of this frame still to be read from the stream. */
  #remaining = 0
  /** A header or unit that spans chunks. */
  readonly #carry: Uint8Array
  readonly #carryView: DataView
  #carried = 0
  #assembly: Uint8Array = nothing
  #assembled = 0
  #held: Uint8Array = nothing

  constructor(unitBytes: 32 | 64, sink: FrameSink, limits: Partial<FrameLimits> = {}) {
    this.#unitBytes = unitBytes
    this.#sink = sink
    this.#limits = { ...defaultFrameLimits, ...limits }
    this.#carry = new Uint8Array(unitBytes)
    this.#carryView = viewOf(this.#carry)
  }

  /** Other limits from the next frame on: a server takes more of a client once it knows who that is. */
  limit(limits: Partial<FrameLimits>): void {
    this.#limits = { ...this.#limits, ...limits }
  }

  /** True from when the sink took fewer than it was offered until resume(). */
  get blocked(): boolean {
    return this.#blocked
  }

  /** Part of a frame has come and the rest has not, or bytes are held back: what a timeout must watch. */
  get midFrame(): boolean {
    return this.#state !== State.header || this.#carried > 0 || this.#held.length > 0
  }

  /** Why this reader stopped for good, or null. */
  get error(): FrameError | null {
    return this.#dead
  }

  /** Reads a chunk. The chunk is free again when this returns: what must wait is copied. */
  push(chunk: Uint8Array): FrameError | null {
    if (this.#dead !== null) return this.#dead
    if (this.#blocked || this.#running) return this.#hold(chunk)
    return this.#run(chunk)
  }

  /** Goes on with what was held back. */
  resume(): FrameError | null {
    if (this.#dead !== null) return this.#dead
    if (this.#running) {
      this.#resumeAsked = true
      return null
    }
    if (!this.#blocked) return null
    this.#blocked = false
    return this.#run(nothing)
  }

  #fail(code: FrameErrorCode, message: string): FrameError {
    this.#dead = { code, message }
    this.#held = nothing
    this.#assembly = nothing
    return this.#dead
  }

  #hold(chunk: Uint8Array): FrameError | null {
    if (chunk.length === 0) return null
    const bytes = this.#held.length + chunk.length
    if (bytes > this.#limits.heldBytesMax) {
      return this.#fail("busy", `more than ${this.#limits.heldBytesMax} bytes came while reading was stopped`)
    }
    this.#held = joined(this.#held, chunk)
    return null
  }

  #run(chunk: Uint8Array): FrameError | null {
    this.#running = true
    try {
      this.#readAndKeep(chunk, false)
      while (!this.#blocked && this.#dead === null && this.#held.length > 0) {
        const held = this.#held
        this.#held = nothing
        this.#readAndKeep(held, true)
      }
    } catch (defect) {
      this.#fail("defect", "the receiver of the frames failed")
      throw defect
    } finally {
      this.#running = false
    }
    return this.#dead
  }

  /** What a blocked read leaves goes before what came meanwhile. */
  #readAndKeep(chunk: Uint8Array, owned: boolean): void {
    const read = this.#read(chunk)
    if (this.#dead !== null || read === chunk.length) return
    const rest = chunk.subarray(read)
    this.#held = owned && this.#held.length === 0 ? rest : joined(rest, this.#held)
  }

  /** Returns how many bytes were consumed: all, unless the sink blocked or the stream is broken. */
  #read(chunk: Uint8Array): number {
    const view = viewOf(chunk)
    let at = 0
    // A whole unit in the carry was refused: it is offered again before the chunk is looked at, even an empty one.
    do {
      if (this.#state === State.header) at = this.#readHeader(chunk, view, at)
      else if (this.#state === State.message) at = this.#readMessage(chunk, at)
      else at = this.#readUnits(chunk, view, at)
    } while (
      (at < chunk.length || this.#carried === this.#unitBytes) &&
      !this.#blocked &&
      this.#dead === null
    )
    return at
  }

  #readHeader(chunk: Uint8Array, view: DataView, at: number): number {
    if (this.#carried === 0 && chunk.length - at >= FRAME_HEADER_BYTES) {
      this.#openFrame(view, at)
      return at + FRAME_HEADER_BYTES
    }
    const end = this.#fillCarry(chunk, at, FRAME_HEADER_BYTES)
    if (this.#carried === FRAME_HEADER_BYTES) {
      this.#carried = 0
      this.#openFrame(this.#carryView, 0)
    }
    return end
  }

  #openFrame(view: DataView, at: number): void {
    const length = view.getUint32(at + FrameAt.length, true)
    const type = view.getUint8(at + FrameAt.type)
    const version = view.getUint8(at + FrameAt.version)
    const reserved = view.getUint16(at + FrameAt.reserved, true)
    if (version !== PROTOCOL_VERSION) {
      this.#fail("unsupported-version", `frame version ${version}; this side speaks ${PROTOCOL_VERSION}`)
    } else if (type !== FrameType.message && type !== FrameType.batch) {
      this.#fail("unknown-type", `frame type ${type} is not known`)
    } else if (reserved !== 0) {
      this.#fail("bad-frame", `the reserved field is ${reserved}, not 0`)
    } else if (length < FRAME_LENGTH_BYTES_MIN) {
      this.#fail("bad-frame", `a frame's length is at least ${FRAME_LENGTH_BYTES_MIN}, not ${length}`)
    } else {
      this.#correlation = view.getUint32(at + FrameAt.correlation, true)
      this.#openPayload(type, length - FRAME_LENGTH_BYTES_MIN)
    }
  }

  #openPayload(type: number, payloadBytes: number): void {
    this.#remaining = payloadBytes
    if (type === FrameType.message) {
      if (payloadBytes > this.#limits.messageBytesMax) {
        const max = this.#limits.messageBytesMax
        this.#fail("frame-too-long", `a message has at most ${max} bytes, not ${payloadBytes}`)
      } else if (payloadBytes === 0) {
        this.#fail("bad-frame", "a message has at least one byte")
      } else this.#state = State.message
      return
    }
    if (payloadBytes > this.#limits.batchUnitsMax * this.#unitBytes) {
      const max = this.#limits.batchUnitsMax
      this.#fail("batch-too-long", `a batch has at most ${max} units, not ${payloadBytes} bytes`)
    } else if (payloadBytes === 0 || payloadBytes % this.#unitBytes !== 0) {
      this.#fail("bad-frame", `a batch of ${payloadBytes} bytes is not whole units of ${this.#unitBytes}`)
    } else this.#state = State.units
  }

  #readMessage(chunk: Uint8Array, at: number): number {
    const bytes = Math.min(this.#remaining, chunk.length - at)
    const whole = this.#assembled === 0 && bytes === this.#remaining
    if (!whole) this.#assemble(chunk, at, bytes)
    this.#remaining -= bytes
    if (this.#remaining > 0) return at + bytes
    const payload = whole ? chunk.subarray(at, at + bytes) : this.#assembly.subarray(0, this.#assembled)
    this.#state = State.header
    this.#assembled = 0
    if (this.#assembly.length > ASSEMBLY_BYTES_KEPT) this.#assembly = nothing
    this.#sink.message(payload, this.#correlation)
    return at + bytes
  }

  #assemble(chunk: Uint8Array, at: number, bytes: number): void {
    const needed = this.#assembled + bytes
    if (needed > this.#assembly.length) {
      const grown = new Uint8Array(Math.max(needed, this.#assembly.length * 2, ASSEMBLY_BYTES_MIN))
      grown.set(this.#assembly.subarray(0, this.#assembled))
      this.#assembly = grown
    }
    this.#assembly.set(chunk.subarray(at, at + bytes), this.#assembled)
    this.#assembled = needed
  }

  #readUnits(chunk: Uint8Array, view: DataView, at: number): number {
    const unitBytes = this.#unitBytes
    if (this.#carried > 0) {
      const end = this.#fillCarry(chunk, at, unitBytes)
      this.#remaining -= end - at
      if (this.#carried === unitBytes && this.#offer(this.#carryView, 0, 1) === 1) {
        this.#carried = 0
        if (this.#remaining === 0) this.#state = State.header
      }
      return end
    }
    const count = Math.floor(Math.min(this.#remaining, chunk.length - at) / unitBytes)
    if (count === 0) {
      const end = this.#fillCarry(chunk, at, Math.min(unitBytes, this.#remaining))
      this.#remaining -= end - at
      return end
    }
    const bytes = this.#offer(view, at, count) * unitBytes
    this.#remaining -= bytes
    if (this.#remaining === 0) this.#state = State.header
    return at + bytes
  }

  #offer(view: DataView, at: number, count: number): number {
    this.#resumeAsked = false
    const taken = this.#sink.units(view, at, count, this.#correlation)
    if (!(taken >= 0 && taken <= count && Number.isInteger(taken))) {
      throw new RangeError(`a sink takes 0 to ${count} units, not ${taken}`)
    }
    if (taken < count && !this.#resumeAsked) this.#blocked = true
    return taken
  }

  #fillCarry(chunk: Uint8Array, at: number, size: number): number {
    const bytes = Math.min(size - this.#carried, chunk.length - at)
    // A loop: for at most 64 bytes it is cheaper than a subarray and a set.
    for (let i = 0; i < bytes; i++) this.#carry[this.#carried + i] = chunk[at + i]
    this.#carried += bytes
    return at + bytes
  }
}

const joined = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first, 0)
  bytes.set(second, first.length)
  return bytes
}
