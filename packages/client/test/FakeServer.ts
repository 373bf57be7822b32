// A server for the client's tests: the real frames and logon over a real socket, and answers as each test wants them.
import { createDecipheriv, createHmac } from "node:crypto"
import { createServer, type Server, type Socket } from "node:net"
import {
  batchFrame,
  clientTranscript,
  decodePinBlock,
  decodeRecord,
  FrameReader,
  type Identity,
  type MessageMap,
  messageFrame,
  type Outcome,
  outcomeBytes,
  packMessage,
  pinKeyTranscript,
  RECORD_BYTES,
  serverTranscript,
  type TransactionRecord,
  unpackMessage,
} from "@millrace/protocol"
import { decodeLogon } from "@millrace/protocol/messages"
import { Effect, Result } from "effect"

export const devKey = Uint8Array.from({ length: 32 }, (_, i) => i)
const nonce = new Uint8Array(32).fill(7)

export interface FakeOptions {
  /** Called with each run of records as it comes. */
  readonly records?: (session: FakeSession, records: ReadonlyArray<TransactionRecord>) => void
  readonly message?: (session: FakeSession, map: MessageMap, correlation: number) => void
  /** Called with each new connection, before anything has come. */
  readonly opened?: (session: FakeSession) => void
  /** Whether the n-th logon, from 0, is refused. */
  readonly refuse?: (logon: number) => boolean
  /** The key that the server proves with; a wrong one is another server. */
  readonly proofKey?: Uint8Array
  readonly limits?: { readonly recordsInFlightMax?: number; readonly idleSeconds?: number }
}

const hmac = (key: Uint8Array, bytes: Uint8Array) =>
  Uint8Array.from(createHmac("sha256", key).update(bytes).digest())

export const approved = (record: TransactionRecord, change: Partial<Outcome> = {}): Outcome => ({
  reference: record.reference,
  available: 100,
  transaction: 1n,
  terminal: record.terminal,
  response: 0,
  flags: 0,
  ...change,
})

export class FakeSession {
  readonly socket: Socket
  /** Which connection of the server this is, from 0. */
  readonly number: number
  readonly received: Array<TransactionRecord> = []
  readonly server: FakeServer
  #identity: Identity = { host: "" }
  #clientNonce: Uint8Array = nonce
  #open = false

  constructor(server: FakeServer, socket: Socket, number: number) {
    this.server = server
    this.socket = socket
    this.number = number
    const reader = new FrameReader(64, {
      units: (view, at, count) => {
        const records = Array.from({ length: count }, (_, i) => decodeRecord(view, at + i * RECORD_BYTES))
        this.received.push(...records)
        this.server.options.records?.(this, records)
        return count
      },
      message: (payload, correlation) => this.#message(payload, correlation),
    })
    socket.on("data", (chunk: Uint8Array) => {
      const error = reader.push(chunk)
      if (error !== null) throw new Error(`the client sent ${error.code}: ${error.message}`)
    })
    socket.on("error", () => {})
  }

  say(map: MessageMap, correlation: number): void {
    this.socket.write(messageFrame(packMessage(map), correlation))
  }

  answer(outcomes: ReadonlyArray<Outcome>): void {
    const bytes = Buffer.concat(outcomes.map(outcomeBytes))
    this.socket.write(batchFrame(bytes, 32, 0))
  }

  /** The PIN in a block, as this session's key gives it. */
  pinIn(card: bigint, block: Uint8Array): string | undefined {
    const key = hmac(devKey, pinKeyTranscript(nonce, this.#clientNonce))
    const decipher = createDecipheriv("aes-256-ecb", key, null).setAutoPadding(false)
    return decodePinBlock((one) => decipher.update(one), card, block)
  }

  #message(payload: Uint8Array, correlation: number): void {
    const unpacked = unpackMessage(payload)
    if (!unpacked.ok) throw new Error(unpacked.error.message)
    const map = unpacked.value
    if (this.#open) {
      if (this.server.options.message !== undefined) this.server.options.message(this, map, correlation)
      else if (map["type"] === "echo") this.say({ ...map, type: "echo.ok" }, correlation)
    } else if (map["type"] === "hello") this.#hello(map, correlation)
    else this.#logon(map, correlation)
  }

  #hello(map: MessageMap, correlation: number): void {
    const hello = Result.getOrThrow(decodeLogon("hello", map))
    if (hello.type === "error") throw new Error(hello.message)
    this.#identity = hello.identity
    this.#clientNonce = hello.nonce
    this.say({ type: "challenge", nonce }, correlation)
  }

  #logon(map: MessageMap, correlation: number): void {
    const logon = Result.getOrThrow(decodeLogon("logon", map))
    if (logon.type === "error") throw new Error(logon.message)
    const expected = hmac(devKey, clientTranscript(this.#identity, nonce, this.#clientNonce))
    const refused = this.server.options.refuse?.(this.server.logons++) ?? false
    if (refused || Buffer.compare(expected, logon.proof) !== 0) {
      this.say({ type: "error", code: "logon-refused", message: "logon refused" }, correlation)
      this.socket.end()
      return
    }
    const key = this.server.options.proofKey ?? devKey
    const limits = {
      recordsInFlightMax: 16_384,
      batchRecordsMax: 4_096,
      messageBytesMax: 65_536,
      idleSeconds: 300,
    }
    this.#open = true
    this.say(
      {
        type: "welcome",
        proof: hmac(key, serverTranscript(this.#identity, nonce, this.#clientNonce)),
        limits: { ...limits, ...this.server.options.limits },
        serverTime: 1_760_000_000_000,
        permissions: ["transact", "a-later-one"],
      },
      correlation,
    )
  }
}

export class FakeServer {
  options: FakeOptions
  readonly sessions: Array<FakeSession> = []
  logons = 0
  port = 0
  readonly #server: Server

  constructor(options: FakeOptions) {
    this.options = options
    this.#server = createServer((socket) => {
      const session = new FakeSession(this, socket, this.sessions.length)
      this.sessions.push(session)
      this.options.opened?.(session)
    })
  }

  get url(): string {
    return `tcp://127.0.0.1:${this.port}`
  }

  listen(): Promise<this> {
    return new Promise((resolve) => {
      this.#server.listen(this.port, "127.0.0.1", () => {
        const address = this.#server.address()
        this.port = typeof address === "object" && address !== null ? address.port : 0
        resolve(this)
      })
    })
  }

  /** Stops listening and cuts every connection. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const { socket } of this.sessions) socket.destroy()
    })
  }
}

/** A server that stands as long as the test's scope. */
export const fakeServer = (options: FakeOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => new FakeServer(options).listen()),
    (server) => Effect.promise(() => server.close()),
  )
