// Frames on a stream: u32 length, u8 type, u8 version, u16 reserved, u32 correlation, payload; little-endian.
import { checkInteger, U32_MAX, viewOf } from "./bounds.ts"
import type { OUTCOME_BYTES } from "./Outcome.ts"
import type { RECORD_BYTES } from "./Record.ts"

export const PROTOCOL_VERSION = 1

export const FrameType = {
  /** One msgpack map. */
  message: 1,
  /** Records to the server, outcomes to the client. */
  batch: 2,
} as const

/** Where each field begins, in bytes. */
export const FrameAt = { length: 0, type: 4, version: 5, reserved: 6, correlation: 8, payload: 12 } as const

export const FRAME_HEADER_BYTES = 12
/** What the length counts beside the payload: type, version, reserved, correlation. */
export const FRAME_LENGTH_BYTES_MIN = 8

export const MESSAGE_BYTES_MAX = 65_536
/** Units in one batch frame: records one way, outcomes the other. */
export const BATCH_RECORDS_MAX = 4_096

export interface FrameLimits {
  /** Payload of a message. */
  readonly messageBytesMax: number
  /** Records or outcomes in one batch. */
  readonly batchUnitsMax: number
  /** What a blocked reader holds back, see FrameReader.push. */
  readonly heldBytesMax: number
}

export const defaultFrameLimits: FrameLimits = {
  messageBytesMax: MESSAGE_BYTES_MAX,
  batchUnitsMax: BATCH_RECORDS_MAX,
  heldBytesMax: 1_048_576,
}

export type FrameErrorCode =
  | "bad-frame"
  | "unknown-type"
  | "unsupported-version"
  | "frame-too-long"
  | "batch-too-long"
  | "busy"
  | "defect"

/** Why a stream can't be read further. The code is the one that the server's error message carries. */
export interface FrameError {
  readonly code: FrameErrorCode
  readonly message: string
}

/** Writes the 12 bytes before a payload, unchecked. */
export const writeFrameHeader = (
  view: DataView,
  at: number,
  type: number,
  payloadBytes: number,
  correlation: number,
): void => {
  view.setUint32(at, FRAME_LENGTH_BYTES_MIN + payloadBytes, true)
  view.setUint32(at + 4, type | (PROTOCOL_VERSION << 8), true)
  view.setUint32(at + 8, correlation, true)
}

const makeFrame = (type: number, payload: Uint8Array, correlation: number): Uint8Array => {
  checkInteger("correlation", correlation, U32_MAX)
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length)
  writeFrameHeader(viewOf(frame), 0, type, payload.length, correlation)
  frame.set(payload, FRAME_HEADER_BYTES)
  return frame
}

/** A whole message frame. Throws RangeError over messageBytesMax. */
export const messageFrame = (payload: Uint8Array, correlation: number): Uint8Array => {
  checkInteger("message bytes", payload.length, MESSAGE_BYTES_MAX)
  return makeFrame(FrameType.message, payload, correlation)
}

/** A whole batch frame around records or outcomes already laid out. Throws RangeError over batchRecordsMax. */
export const batchFrame = (
  units: Uint8Array,
  unitBytes: typeof RECORD_BYTES | typeof OUTCOME_BYTES,
  correlation: number,
): Uint8Array => {
  const count = units.length / unitBytes
  checkInteger("batch units", count, BATCH_RECORDS_MAX)
  if (count === 0) throw new RangeError("a batch has at least one unit")
  return makeFrame(FrameType.batch, units, correlation)
}

/** Bytes of a whole batch frame of `count` units. */
export const batchFrameBytes = (count: number, unitBytes: number): number =>
  FRAME_HEADER_BYTES + count * unitBytes

/** What the length field takes; a WebSocket message is a frame without it. */
export const FRAME_LENGTH_FIELD_BYTES = 4

/** Hands over each of the whole frames that lie one after the other, without its length: as one WebSocket message. */
export const eachMessage = (frames: Uint8Array, send: (message: Uint8Array) => void): void => {
  const view = viewOf(frames)
  for (let at = 0; at < frames.length; ) {
    const from = at + FRAME_LENGTH_FIELD_BYTES
    at = from + view.getUint32(at, true)
    send(frames.subarray(from, at))
  }
}
