// One connection in plain code: connect, log on, then batches. Beside the SDK's client it keeps nothing of what it sends
// and reads into one shared buffer: the program that measures must not be what is measured.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import type { Credential } from "@millrace/client"
import {
  clientTranscript,
  FrameReader,
  type FrameSink,
  identityText,
  type MessageMap,
  messageFrame,
  OUTCOME_BYTES,
  PROTOCOL_VERSION,
  packMessage,
  serverTranscript,
  unpackMessage,
} from "@millrace/protocol"
import { decodeLogon, type LogonMessageOf } from "@millrace/protocol/messages"
import { Redacted, Result } from "effect"
import { clientTls } from "../ClientTls.ts"
import { type Channel, openChannel, type Target } from "./Channel.ts"

/** Why a connection ended: nobody there, not let in, or lost; with a sentence. */
export interface Lost {
  readonly kind: "refused" | "logon-refused" | "lost"
  readonly message: string
}

export interface WireEvents {
  /** The server knows who this is: frames may go. */
  readonly opened: (welcome: LogonMessageOf<"welcome">) => void
  /** `count` outcomes lie from byte `at` of `view`, which is good only during the call. */
  readonly outcomes: (view: DataView, at: number, count: number) => void
  /** All that one read brought has been handed over. */
  readonly read: () => void
  /** The end, once, unless `close` was called. */
  readonly lost: (why: Lost) => void
}

const CLIENT_NONCE_BYTES = 32
const CONNECT_AND_LOGON_MS_MAX = 10_000

const hmac = (key: Uint8Array, text: Uint8Array): Buffer => createHmac("sha256", key).update(text).digest()

export class Wire implements FrameSink {
  readonly #target: Target
  readonly #credential: Credential
  readonly #events: WireEvents
  readonly #reader = new FrameReader(OUTCOME_BYTES, this)
  readonly #clientNonce = randomBytes(CLIENT_NONCE_BYTES)
  readonly #channel: Channel
  readonly #timer: NodeJS.Timeout
  #state: "connecting" | "challenged" | "proving" | "open" | "closed" = "connecting"
  #serverNonce: Uint8Array = new Uint8Array(0)

  constructor(target: Target, credential: Credential, events: WireEvents) {
    this.#target = target
    this.#credential = credential
    this.#events = events
    this.#channel = openChannel(target, clientTls(), {
      opened: () => this.#hello(),
      bytes: (chunk) => this.#receive(chunk),
      read: () => {
        // What was read may have ended the connection.
        if (this.open) this.#events.read()
      },
      error: (error) => this.#end(this.#explain(error)),
      closed: () => this.#end({ kind: "lost", message: `${this.#where} closed the connection` }),
    })
    this.#timer = setTimeout(
      () =>
        this.#end({
          kind: "lost",
          message: `no logon at ${this.#where} within ${CONNECT_AND_LOGON_MS_MAX / 1000} s`,
        }),
      CONNECT_AND_LOGON_MS_MAX,
    )
  }

  get open(): boolean {
    return this.#state === "open"
  }

  /** Sends bytes that the caller leaves as they are until an answer has come. */
  write(bytes: Uint8Array): void {
    this.#channel.write(bytes)
  }

  close(): void {
    this.#shut()
    this.#channel.destroy()
  }

  /** FrameSink. */
  units(view: DataView, at: number, count: number): number {
    if (this.open) this.#events.outcomes(view, at, count)
    return count
  }

  /** FrameSink. */
  message(payload: Uint8Array): void {
    const unpacked = unpackMessage(payload)
    const map = unpacked.ok ? unpacked.value : {}
    if (!this.open) this.#logOn(map)
    // Nothing was asked by message: this is why the server closes.
    else this.#end({ kind: "lost", message: `${this.#where} ended the session: ${String(map["message"])}` })
  }

  get #where(): string {
    return `${this.#target.host}:${this.#target.port}`
  }

  #receive(chunk: Uint8Array): void {
    if (this.#state === "closed") return
    const error = this.#reader.push(chunk)
    if (error !== null)
      this.#end({ kind: "lost", message: `${this.#where} does not speak this protocol: ${error.message}` })
  }

  #hello(): void {
    this.#state = "challenged"
    const { identity } = this.#credential
    this.#channel.write(
      messageFrame(
        packMessage({ type: "hello", protocol: PROTOCOL_VERSION, identity, nonce: this.#clientNonce }),
        0,
      ),
    )
  }

  #logOn(message: MessageMap): void {
    const { identity } = this.#credential
    const key = Redacted.value(this.#credential.key)
    if (this.#state === "challenged") {
      const challenge = this.#expect("challenge", message)
      if (challenge === undefined) return
      this.#serverNonce = challenge.nonce
      this.#state = "proving"
      const proof = hmac(key, clientTranscript(identity, challenge.nonce, this.#clientNonce))
      this.#channel.write(messageFrame(packMessage({ type: "logon", proof }), 0))
      return
    }
    const welcome = this.#expect("welcome", message)
    if (welcome === undefined) return
    const proof = hmac(key, serverTranscript(identity, this.#serverNonce, this.#clientNonce))
    if (!timingSafeEqual(proof, welcome.proof)) {
      this.#end({
        kind: "logon-refused",
        message: `${this.#where} does not know the key of ${identityText(identity)}`,
      })
      return
    }
    clearTimeout(this.#timer)
    this.#state = "open"
    this.#events.opened(welcome)
  }

  #expect<T extends "challenge" | "welcome">(type: T, message: MessageMap): LogonMessageOf<T> | undefined {
    const decoded = decodeLogon(type, message)
    if (Result.isFailure(decoded)) {
      this.#end({
        kind: "lost",
        message: `${this.#where} does not speak this protocol: ${decoded.failure.message}`,
      })
      return undefined
    }
    const found = decoded.success
    if (found.type !== "error") return found
    const { code, message: why } = found
    if (code === "logon-refused") {
      const who = identityText(this.#credential.identity)
      this.#end({
        kind: "logon-refused",
        message: `${this.#where} refused the logon of ${who}: it does not know this credential`,
      })
    } else this.#end({ kind: "lost", message: `${this.#where} ended the session: ${why}` })
    return undefined
  }

  #explain(error: NodeJS.ErrnoException): Lost {
    switch (error.code) {
      case "ECONNREFUSED":
        return {
          kind: "refused",
          message: `nothing listens at ${this.#where}: is \`millrace serve\` running there?`,
        }
      case "ENOTFOUND":
      case "EAI_AGAIN":
        return {
          kind: "refused",
          message: `the name ${this.#target.host} is not known here: is it written right? An address will do`,
        }
      case "EMFILE":
        return {
          kind: "refused",
          message: "no more files may be open: raise `ulimit -n`, or use fewer connections",
        }
      default:
        return {
          kind: "lost",
          message: `the connection to ${this.#where} was lost (${error.code ?? error.message})`,
        }
    }
  }

  #shut(): void {
    this.#state = "closed"
    clearTimeout(this.#timer)
  }

  #end(why: Lost): void {
    if (this.#state === "closed") return
    this.#shut()
    this.#channel.destroy()
    this.#events.lost(why)
  }
}
