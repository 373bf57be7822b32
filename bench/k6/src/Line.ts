// One WebSocket connection that is logged on: messages of the protocol, each a frame without its length.
import {
  clientTranscript,
  decodeOutcome,
  FRAME_LENGTH_FIELD_BYTES,
  FrameAt,
  FrameType,
  messageFrame,
  OUTCOME_BYTES,
  type Outcome,
  PROTOCOL_VERSION,
  packMessage,
  serverTranscript,
  unpackMessage,
} from "@millrace/protocol"
import { hmac, randomBytes } from "k6/crypto"
import { WebSocket } from "k6/websockets"
import { settings } from "./settings.ts"

const NONCE_BYTES = 32
/** In a message each field lies so much earlier than in a frame on a stream. */
const typeAt = FrameAt.type - FRAME_LENGTH_FIELD_BYTES
const payloadAt = FrameAt.payload - FRAME_LENGTH_FIELD_BYTES

export interface LineEvents {
  readonly ready: () => void
  readonly outcome: (outcome: Outcome) => void
  /** Once, unless it was this side that ended it. */
  readonly lost: (why: string) => void
}

/** A buffer of its own with just these bytes, which is what k6 takes. */
const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer

const proofOf = (transcript: Uint8Array): Uint8Array =>
  new Uint8Array(hmac("sha256", bufferOf(settings.credential.key), bufferOf(transcript), "binary"))

const same = (a: Uint8Array, b: unknown): boolean =>
  b instanceof Uint8Array && a.length === b.length && a.every((byte, n) => byte === b[n])

export class Line {
  readonly #events: LineEvents
  readonly #socket: WebSocket
  readonly #nonce = new Uint8Array(randomBytes(NONCE_BYTES))
  #serverNonce: Uint8Array | undefined
  #state: "opening" | "open" | "ended" = "opening"

  constructor(events: LineEvents) {
    this.#events = events
    const socket = new WebSocket(settings.url)
    this.#socket = socket
    socket.binaryType = "arraybuffer"
    socket.onopen = () => this.#hello()
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.#take(data)
      else this.#lose("a text message came")
    }
    socket.onerror = ({ error }) => this.#lose(error ?? "no connection")
    socket.onclose = () => this.#lose("the line was closed")
  }

  /** Logged on: records may be sent. */
  get open(): boolean {
    return this.#state === "open"
  }

  /** A whole frame as it would go on a stream. */
  send(frame: Uint8Array): void {
    if (this.#state !== "ended") this.#socket.send(bufferOf(frame.subarray(FRAME_LENGTH_FIELD_BYTES)))
  }

  end(): void {
    this.#state = "ended"
    this.#socket.close()
  }

  #lose(why: string): void {
    if (this.#state === "ended") return
    this.end()
    this.#events.lost(why)
  }

  #hello(): void {
    const { identity } = settings.credential
    this.#message(1, { type: "hello", protocol: PROTOCOL_VERSION, identity, nonce: this.#nonce })
  }

  #message(correlation: number, message: Parameters<typeof packMessage>[0]): void {
    this.send(messageFrame(packMessage(message), correlation))
  }

  #take(data: ArrayBuffer): void {
    if (this.#state === "ended") return
    const view = new DataView(data)
    if (view.getUint8(typeAt) === FrameType.batch) {
      for (let at = payloadAt; at < data.byteLength; at += OUTCOME_BYTES)
        this.#events.outcome(decodeOutcome(view, at))
      return
    }
    const unpacked = unpackMessage(new Uint8Array(data, payloadAt))
    if (!unpacked.ok) this.#lose(unpacked.error.message)
    else this.#answer(unpacked.value)
  }

  #answer(message: { readonly [key: string]: unknown }): void {
    const { identity } = settings.credential
    const { nonce } = message
    if (message["type"] === "challenge" && nonce instanceof Uint8Array) {
      this.#serverNonce = nonce
      this.#message(2, { type: "logon", proof: proofOf(clientTranscript(identity, nonce, this.#nonce)) })
    } else if (message["type"] === "welcome" && this.#serverNonce !== undefined) {
      const proof = proofOf(serverTranscript(identity, this.#serverNonce, this.#nonce))
      if (same(proof, message["proof"])) {
        this.#state = "open"
        this.#events.ready()
      } else {
        this.#lose("the server did not prove itself")
      }
    } else {
      this.#lose(`${String(message["type"])}: ${String(message["message"])}`)
    }
  }
}
