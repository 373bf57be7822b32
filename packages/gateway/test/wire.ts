/** A gateway over an engine on a disk in memory, and a client made of a socket and nothing else. */
import { createCipheriv, createHmac, randomBytes } from "node:crypto"
import { connect } from "node:net"
import type { Duplex } from "node:stream"
import { defaultEngineOptions, Engine } from "@millrace/engine"
import { Journal, KeyRing, MemoryDisk, Snapshots, Storage } from "@millrace/journal"
import {
  batchFrame,
  clientTranscript,
  decodeOutcome,
  encodePinBlock,
  FrameReader,
  type Identity,
  type MessageMap,
  messageFrame,
  OUTCOME_BYTES,
  type Outcome,
  packMessage,
  pinKeyTranscript,
  RECORD_BYTES,
  type RecordInput,
  recordBytes,
  serverTranscript,
  unpackMessage,
} from "@millrace/protocol"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { Gateway, type GatewayLimits, type GatewayOptions } from "../src/index.ts"

export const currency = 840
export const firstCard = 6_000_000_000_000_001n

export interface House {
  readonly engine: Engine["Service"]
  readonly gateway: Gateway["Service"]
  readonly key: (identity: Identity) => Uint8Array
  readonly stop: () => Promise<void>
}

export const start = async (
  limits: Partial<GatewayLimits> = {},
  listeners: Pick<GatewayOptions, "ws" | "tls"> = {},
): Promise<House> => {
  const room = Layer.mergeAll(Journal.layer({ segmentBytes: 1 << 20 }), Snapshots.layer()).pipe(
    Layer.provideMerge(KeyRing.layer()),
    Layer.provideMerge(Storage.disk(new MemoryDisk())),
  )
  const options = { ...defaultEngineOptions, rememberedTransactions: 2 ** 15, mailboxRecordsMax: 1_024 }
  const layer = Gateway.layer({ tcp: { host: "127.0.0.1", port: 0 }, limits, ...listeners }).pipe(
    Layer.provideMerge(Engine.layer(options).pipe(Layer.provideMerge(room))),
    Layer.provide(Logger.layer([])),
  )
  const scope = Scope.makeUnsafe()
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const engine = Context.get(context, Engine)
  const gateway = Context.get(context, Gateway)
  const permissions = ["transact", "provision", "inspect"]
  for (const command of [
    { type: "merchant", by: "test", number: 1, name: "Kiosk", currency, feeBasisPoints: 0 },
    { type: "terminals", by: "test", first: 1001, count: 8, merchant: 1 },
    { type: "cards", by: "test", first: firstCard, count: 16, currency, openingBalance: 1_000_000 },
    { type: "host", by: "test", id: "acquirer", terminals: [[1001, 1004]], permissions },
  ] as const) {
    const result = await Effect.runPromise(engine.control(command))
    if (!result.ok) throw new Error(result.message)
  }
  return {
    engine,
    gateway,
    key: (identity) => gateway.identities.keyOf(identity, versionOf(engine, identity)),
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  }
}

const versionOf = (engine: Engine["Service"], identity: Identity): number => {
  const { scheme } = engine.lane.ledger
  return (
    ("host" in identity ? scheme.host(identity.host) : scheme.terminal(identity.terminal))?.keyVersion ?? 1
  )
}

/** Waits for what the socket brings; everything is kept. */
export class Wire {
  readonly outcomes: Array<Outcome> = []
  readonly messages: Array<MessageMap> = []
  closed = false
  readonly socket: Duplex
  #changed: () => void = () => {}
  #pinKey: Uint8Array = new Uint8Array(32)

  /** @param way a port of this machine, or what carries frames to a server */
  constructor(way: number | Duplex) {
    this.socket =
      typeof way === "number"
        ? connect({ host: "127.0.0.1", port: way, noDelay: true, allowHalfOpen: true })
        : way
    const reader = new FrameReader(OUTCOME_BYTES, {
      units: (view, at, count) => {
        for (let i = 0; i < count; i++) this.outcomes.push(decodeOutcome(view, at + i * OUTCOME_BYTES))
        return count
      },
      message: (payload) => {
        const unpacked = unpackMessage(payload)
        if (unpacked.ok) this.messages.push(unpacked.value)
      },
    })
    this.socket.on("data", (chunk: Buffer) => {
      reader.push(chunk)
      this.#changed()
    })
    this.socket.on("error", () => {})
    this.socket.on("end", () => {
      this.closed = true
      this.#changed()
    })
    this.socket.on("close", () => {
      this.closed = true
      this.#changed()
    })
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }

  /** The next message after those that have come. */
  async ask(message: MessageMap, correlation = 1): Promise<MessageMap> {
    const at = this.messages.length
    this.socket.write(messageFrame(packMessage(message), correlation))
    await this.until(() => this.messages.length > at || this.closed)
    return this.messages[at] ?? { type: "closed" }
  }

  async logOn(identity: Identity, key: Uint8Array): Promise<MessageMap> {
    const nonce = randomBytes(16)
    const challenge = await this.ask({ type: "hello", protocol: 1, identity, nonce })
    if (challenge["type"] !== "challenge") return challenge
    const serverNonce = challenge["nonce"] as Uint8Array // the gateway's own message
    const hmac = (transcript: Uint8Array) => createHmac("sha256", key).update(transcript).digest()
    this.#pinKey = hmac(pinKeyTranscript(serverNonce, nonce))
    const welcome = await this.ask({
      type: "logon",
      proof: hmac(clientTranscript(identity, serverNonce, nonce)),
    })
    if (welcome["type"] !== "welcome") return welcome
    const proof = Buffer.from(welcome["proof"] as Uint8Array) // as above
    return { ...welcome, genuine: proof.equals(hmac(serverTranscript(identity, serverNonce, nonce))) }
  }

  /** A PIN block under this session's key. */
  seal(card: bigint, pin: string): Uint8Array {
    const cipher = createCipheriv("aes-256-ecb", this.#pinKey, null).setAutoPadding(false)
    return encodePinBlock((block) => cipher.update(block), card, pin, randomBytes(8))
  }

  send(records: ReadonlyArray<RecordInput>): void {
    this.socket.write(batchFrame(Buffer.concat(records.map(recordBytes)), RECORD_BYTES, 0))
  }

  async transact(records: ReadonlyArray<RecordInput>): Promise<ReadonlyArray<Outcome>> {
    const at = this.outcomes.length
    this.send(records)
    await this.until(() => this.outcomes.length >= at + records.length || this.closed)
    return this.outcomes.slice(at)
  }

  close(): void {
    this.socket.destroy()
  }
}
