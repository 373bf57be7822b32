// One connection from its opening to its end: the logon, then frames in and out. Plain code, driven by the transport.
import { createHmac, timingSafeEqual } from "node:crypto"
import {
  clientTranscript,
  type FrameError,
  FrameReader,
  type FrameSink,
  identityText,
  type MessageMap,
  messageFrame,
  PROTOCOL_VERSION,
  packMessage,
  serverTranscript,
  unpackMessage,
} from "@millrace/protocol"
import {
  decodeError,
  decodeLogon,
  type LogonMessageOf,
  type LogonType,
  type Welcome,
} from "@millrace/protocol/messages"
import { Redacted, Result } from "effect"
import {
  type ConnectError,
  ConnectionBroken,
  LogonRefused,
  ServerNotProven,
  Unreachable,
} from "./ClientError.ts"
import type { Credential } from "./Credential.ts"
import { makeSeal, type Seal } from "./Pins.ts"
import { type RandomBytes, randomBytes } from "./Random.ts"
import type { Transport, TransportConnection } from "./Transport.ts"

export interface SessionEvents {
  /** The server has proven itself; records may be sent. */
  welcomed(welcome: Welcome): void
  /** Whole outcomes; the view is good only during the call. */
  outcomes(view: DataView, at: number, count: number): void
  /** An answer to a message. */
  answer(correlation: number, map: MessageMap): void
  /** Once, and nothing after it, whether it was welcomed or not. */
  ended(error: ConnectError): void
}

const NONCE_BYTES = 32

/** The HMAC of a transcript under a credential's key. */
const proofOf = (credential: Credential, transcript: Uint8Array): Uint8Array =>
  createHmac("sha256", Redacted.value(credential.key)).update(transcript).digest()

export class Session implements FrameSink {
  readonly #url: URL
  readonly #credential: Credential
  readonly #events: SessionEvents
  readonly #reader: FrameReader
  readonly #connection: TransportConnection
  readonly #randomBytes: RandomBytes
  readonly #nonce: Uint8Array
  #serverNonce: Uint8Array | null = null
  #seal: Seal | null = null
  #state: "opening" | "challenge" | "welcome" | "open" | "ended" = "opening"
  /** Set with each chunk that comes: what a heartbeat looks at. */
  heard = false

  constructor(
    transport: Transport,
    url: URL,
    credential: Credential,
    events: SessionEvents,
    random: RandomBytes = randomBytes,
  ) {
    this.#randomBytes = random
    this.#nonce = Uint8Array.from(random(NONCE_BYTES))
    this.#url = url
    this.#credential = credential
    this.#events = events
    this.#reader = new FrameReader(32, this)
    this.#connection = transport.open(url, {
      opened: () => this.#hello(),
      data: (chunk) => this.#data(chunk),
      closed: (problem) => this.#closed(problem),
    })
  }

  get open(): boolean {
    return this.#state === "open"
  }

  /** Makes PIN blocks under this session's key. Only of a session that was welcomed. */
  get seal(): Seal {
    if (this.#seal === null) throw new Error("a session has no PIN key before its welcome")
    return this.#seal
  }

  /** Sends a whole frame; what is written to an ended session goes nowhere. */
  send(frame: Uint8Array): void {
    if (this.#state !== "ended") this.#connection.write(frame)
  }

  /** Ends this session with a reason. */
  end(error: ConnectError): void {
    if (this.#state === "ended") return
    this.#state = "ended"
    this.#connection.close()
    this.#events.ended(error)
  }

  units(view: DataView, at: number, count: number): number {
    if (this.#state === "open") this.#events.outcomes(view, at, count)
    else this.#broken("bad-frame", "outcomes before the welcome")
    return count
  }

  message(payload: Uint8Array, correlation: number): void {
    if (this.#state === "ended") return
    const unpacked = unpackMessage(payload)
    if (!unpacked.ok) this.#broken(unpacked.error.code, `from the server: ${unpacked.error.message}`)
    else if (this.#state === "challenge") this.#challenged(unpacked.value)
    else if (this.#state === "welcome") this.#welcomed(unpacked.value)
    else if (correlation !== 0) this.#events.answer(correlation, unpacked.value)
    else this.#told(unpacked.value)
  }

  /** What the server says unasked: why it is about to close. Other things are a later version's. */
  #told(map: MessageMap): void {
    if (map["type"] !== "error") return
    const error = decodeError(map)
    if (Result.isSuccess(error)) this.#broken(error.success.code, error.success.message)
    else this.#broken("bad-message", error.failure.message)
  }

  #broken(code: string, message: string): void {
    this.end(new ConnectionBroken({ code, message }))
  }

  #data(chunk: Uint8Array): void {
    if (this.#state === "ended") return
    this.heard = true
    const error: FrameError | null = this.#reader.push(chunk)
    if (error !== null) this.#broken(error.code, `from the server: ${error.message}`)
  }

  #closed(problem: string | null): void {
    if (this.#state === "ended") return
    const message = problem ?? "the server closed the connection"
    if (this.#state === "opening") this.end(new Unreachable({ url: this.#url.href, message }))
    else this.#broken("closed", message)
  }

  #hello(): void {
    this.#state = "challenge"
    const { identity } = this.#credential
    const hello = { type: "hello", protocol: PROTOCOL_VERSION, identity, nonce: this.#nonce }
    this.send(messageFrame(packMessage(hello), 1))
  }

  #challenged(map: MessageMap): void {
    const challenge = this.#expect("challenge", map)
    if (challenge === null) return
    this.#serverNonce = challenge.nonce
    this.#state = "welcome"
    const transcript = clientTranscript(this.#credential.identity, challenge.nonce, this.#nonce)
    this.send(messageFrame(packMessage({ type: "logon", proof: proofOf(this.#credential, transcript) }), 2))
  }

  #welcomed(map: MessageMap): void {
    const welcome = this.#expect("welcome", map)
    if (welcome === null || this.#serverNonce === null) return
    const transcript = serverTranscript(this.#credential.identity, this.#serverNonce, this.#nonce)
    // The schema has seen that the proof has the size that timingSafeEqual wants.
    if (!timingSafeEqual(proofOf(this.#credential, transcript), welcome.proof)) {
      const message = "the server could not prove that it knows the key"
      this.end(new ServerNotProven({ url: this.#url.href, message }))
      return
    }
    this.#seal = makeSeal(this.#credential, this.#serverNonce, this.#nonce, this.#randomBytes)
    this.#state = "open"
    this.#events.welcomed(welcome)
  }

  /** The message that must come now, or null after the session has ended for want of it. */
  #expect<T extends LogonType>(type: T, map: MessageMap): LogonMessageOf<T> | null {
    const decoded = decodeLogon(type, map)
    if (Result.isFailure(decoded)) {
      this.#broken(decoded.failure.code, `from the server: ${decoded.failure.message}`)
      return null
    }
    const message = decoded.success
    if (message.type !== "error") {
      // decodeLogon gives the expected message or an error.
      return message as LogonMessageOf<T>
    }
    if (message.code === "logon-refused") {
      this.end(
        new LogonRefused({ identity: identityText(this.#credential.identity), message: message.message }),
      )
    } else this.#broken(message.code, message.message)
    return null
  }
}
