// A witness's own client: a socket, the frames on it and a logon. It shares no code with the SDK, and repairs nothing.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { connect, type Socket } from "node:net"
import {
  BATCH_RECORDS_MAX,
  batchFrame,
  clientTranscript,
  decodeOutcome,
  FrameReader,
  type Identity,
  type MessageMap,
  messageFrame,
  OUTCOME_BYTES,
  type Outcome,
  packMessage,
  RECORD_BYTES,
  serverTranscript,
  unpackMessage,
} from "@millrace/protocol"
import { within } from "./within.ts"

export interface Credential {
  readonly identity: Identity
  readonly key: Uint8Array
}

/** What both sides proved with: a test sends it again. */
export interface LogonTrace {
  readonly hello: Uint8Array
  readonly logon: Uint8Array
  readonly welcome: MessageMap
}

/** The server's `error` message, or the connection's end where an answer was due. */
export class Refused extends Error {
  override readonly name = "Refused"
  readonly code: string
  constructor(code: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

export const hmac = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
  createHmac("sha256", key).update(bytes).digest()

/** The frame of one message. */
export const framed = (message: MessageMap, correlation: number): Uint8Array =>
  messageFrame(packMessage(message), correlation)

const nobody = () => {}

export class RawConnection {
  readonly socket: Socket
  /** Called for each outcome; the view is good only during the call. */
  onOutcome: (view: DataView, at: number) => void = nobody
  onClose: () => void = nobody
  /** The connection is gone; everything that came before was read. */
  readonly gone: Promise<void>
  /** What the server said unasked: why it closes. */
  readonly unasked: Array<MessageMap> = []
  /** What the stream broke the protocol with, as this side sees it; "" while all is well. */
  broken = ""
  closed = false
  /** The server sent all it had and closed its side. */
  ended = false
  readonly #waiting = new Map<number, { ok: (map: MessageMap) => void; no: (error: Error) => void }>()
  readonly #reader: FrameReader
  #correlation = 0

  private constructor(socket: Socket) {
    this.socket = socket
    this.#reader = new FrameReader(OUTCOME_BYTES, {
      units: (view, at, count) => {
        for (let i = 0; i < count; i++) this.onOutcome(view, at + i * OUTCOME_BYTES)
        return count
      },
      message: (payload, correlation) => this.#heard(payload, correlation),
    })
    socket.on("data", (chunk: Buffer) => {
      const error = this.#reader.push(chunk)
      if (error !== null && this.broken === "") {
        this.broken = `${error.code}: ${error.message}`
        socket.destroy()
      }
    })
    // A reset is followed by 'close', where everything that waits is told.
    socket.on("error", nobody)
    socket.on("end", () => {
      this.ended = true
    })
    this.gone = new Promise((resolve) => socket.once("close", resolve))
    socket.once("close", () => {
      this.closed = true
      const said = this.unasked.at(-1)
      const why =
        said === undefined
          ? new Refused("closed", "the connection was closed")
          : new Refused(String(said["code"]), String(said["message"]))
      for (const { no } of this.#waiting.values()) no(why)
      this.#waiting.clear()
      this.onClose()
    })
  }

  static open(port: number, options: { readonly allowHalfOpen?: boolean } = {}): Promise<RawConnection> {
    return within(
      `a connection to port ${port}`,
      new Promise((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port, noDelay: true, ...options })
        socket.once("error", reject)
        socket.once("connect", () => {
          socket.off("error", reject)
          resolve(new RawConnection(socket))
        })
      }),
    )
  }

  /** Opens and logs on. */
  static async logOn(port: number, credential: Credential): Promise<RawConnection> {
    const connection = await RawConnection.open(port)
    await connection.logOn(credential)
    return connection
  }

  async logOn({ identity, key }: Credential): Promise<LogonTrace> {
    const nonce = Uint8Array.from(randomBytes(16))
    const hello = framed({ type: "hello", protocol: 1, identity, nonce }, this.#nextCorrelation())
    const challenge = await this.#answerTo(hello)
    const serverNonce = binary(challenge, "nonce")
    const proof = hmac(key, clientTranscript(identity, serverNonce, nonce))
    const logon = framed({ type: "logon", proof }, this.#nextCorrelation())
    const welcome = await this.#answerTo(logon)
    const expected = hmac(key, serverTranscript(identity, serverNonce, nonce))
    if (!timingSafeEqual(binary(welcome, "proof"), expected)) throw new Error("this is not the right server")
    return { hello, logon, welcome }
  }

  /** One request as a message and its answer. Throws Refused for an `error`. */
  ask(message: MessageMap): Promise<MessageMap> {
    return this.#answerTo(framed(message, this.#nextCorrelation()))
  }

  /** Whole records as batches; nothing is waited for. */
  sendRecords(records: Uint8Array): void {
    const most = BATCH_RECORDS_MAX * RECORD_BYTES
    for (let at = 0; at < records.length; at += most) {
      this.socket.write(batchFrame(records.subarray(at, at + most), RECORD_BYTES, 1))
    }
  }

  /** Bytes as they are: what no honest client would send. */
  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Sends the records and collects an outcome for each. Rejects when the connection ends before. */
  outcomesOf(records: Uint8Array): Promise<ReadonlyArray<Outcome>> {
    const expected = records.length / RECORD_BYTES
    const outcomes: Array<Outcome> = []
    const all = new Promise<ReadonlyArray<Outcome>>((resolve, reject) => {
      this.onOutcome = (view, at) => {
        outcomes.push(decodeOutcome(view, at))
        if (outcomes.length === expected) resolve(outcomes)
      }
      this.onClose = () => reject(new Error(`closed after ${outcomes.length} of ${expected} outcomes`))
    })
    this.sendRecords(records)
    return within(`${expected} outcomes`, all)
  }

  /** Until the connection is closed; then what the server said last, or undefined when it said nothing. */
  async closing(): Promise<MessageMap | undefined> {
    await within("the server to close", this.gone)
    return this.unasked.at(-1)
  }

  /** Its owner gave up waiting: the bytes that are on their way still arrive, but what comes back is nobody's. */
  leave(): void {
    const { onClose } = this
    this.onOutcome = nobody
    this.onClose = nobody
    this.socket.end()
    onClose()
  }

  destroy(): void {
    this.socket.destroy()
  }

  #nextCorrelation(): number {
    this.#correlation++
    return this.#correlation
  }

  #answerTo(frame: Uint8Array): Promise<MessageMap> {
    const correlation = this.#correlation
    return within(
      "an answer to a message",
      new Promise((ok, no) => {
        if (this.closed) return no(new Refused("closed", "the connection was closed"))
        this.#waiting.set(correlation, { ok, no })
        this.socket.write(frame)
      }),
    )
  }

  #heard(payload: Uint8Array, correlation: number): void {
    const unpacked = unpackMessage(payload)
    if (!unpacked.ok) {
      this.broken = unpacked.error.message
      this.socket.destroy()
      return
    }
    const map = unpacked.value
    const waiting = this.#waiting.get(correlation)
    if (waiting === undefined) {
      this.unasked.push(map)
      return
    }
    this.#waiting.delete(correlation)
    if (map["type"] === "error") waiting.no(new Refused(String(map["code"]), String(map["message"])))
    else waiting.ok(map)
  }
}

const binary = (map: MessageMap, key: string): Uint8Array => {
  const value = map[key]
  if (!(value instanceof Uint8Array)) throw new Error(`${String(map["type"])}: ${key} is not bytes`)
  return value
}
