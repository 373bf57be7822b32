/** An ISO 8583 listener over an engine on a disk in memory, and a host made of a socket and the codec. */

import { createCipheriv } from "node:crypto"
import { connect, type Socket } from "node:net"
import { defaultEngineOptions, Engine } from "@millrace/engine"
import {
  aesCmac,
  type Dialect,
  decode,
  encode,
  type FieldValue,
  type Framing,
  FramingReader,
  format0Block,
  format4Block,
  IsoProblem,
  isoFrame,
  loadDialect,
  type MacOf,
  type Message,
  macPartsOf,
  message,
  originalText,
  retailMac,
  textOf,
  unwrapKey,
} from "@millrace/iso8583"
import { Journal, KeyRing, MemoryDisk, Snapshots, Storage } from "@millrace/journal"
import type { Command } from "@millrace/ledger"
import { encodePinBlock } from "@millrace/protocol"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { masterCipher, zoneMasterKey } from "../../src/iso/HostKeys.ts"
import { IsoGateway, type IsoGatewayOptions } from "../../src/iso/IsoGateway.ts"
import { dialectFor, type IsoHost } from "../../src/iso/IsoHost.ts"
import type { IsoLimits } from "../../src/iso/IsoLimits.ts"
import { PinDesk, SessionPins } from "../../src/Pins.ts"

export const currency = 840
export const firstCard = 6_000_000_000_000_001n
export const pinCard = firstCard + 7n
export const thePin = "4321"

export const dialectOf = (name: string): Dialect => {
  const loaded = loadDialect(name)
  if (loaded._tag === "Failure") throw new Error(loaded.failure.join("\n"))
  return loaded.success
}

/** A host `acquirer` of terminals 1001 to 1004, without MACs unless told otherwise. */
export const hostWith = (
  more: Partial<Omit<IsoHost, "dialect">> & { readonly dialect?: string } = {},
): IsoHost => {
  const { dialect = "iso1987", pin = "format0", ...rest } = more
  return {
    id: "acquirer",
    dialect: dialectFor(dialectOf(dialect), pin),
    framing: "binary2",
    mac: "none",
    pin,
    keys: "logon",
    terminals: new Map(),
    ...rest,
  }
}

export interface IsoHouse {
  readonly engine: Engine["Service"]
  readonly iso: IsoGateway["Service"]
  readonly host: IsoHost
  readonly schemeKey: Uint8Array
  readonly balance: (card?: bigint) => number
  readonly control: (command: Command) => Promise<void>
  readonly stop: () => Promise<void>
}

const limitsOfTests = { badInARowMax: 4 }

export const start = async (
  hosts: ReadonlyArray<IsoHost> = [hostWith()],
  limits: Partial<IsoLimits> = {},
  engineOptions: Partial<typeof defaultEngineOptions> = {},
  tls?: IsoGatewayOptions["tls"],
): Promise<IsoHouse> => {
  const room = Layer.mergeAll(Journal.layer({ segmentBytes: 1 << 20 }), Snapshots.layer()).pipe(
    Layer.provideMerge(KeyRing.layer()),
    Layer.provideMerge(Storage.disk(new MemoryDisk())),
  )
  const options = {
    ...defaultEngineOptions,
    rememberedTransactions: 2 ** 15,
    mailboxRecordsMax: 1_024,
    ...engineOptions,
  }
  const layer = IsoGateway.layer({
    address: { host: "127.0.0.1", port: 0 },
    hosts,
    tls,
    limits: { ...limitsOfTests, ...limits },
  }).pipe(
    Layer.provideMerge(Engine.layer(options).pipe(Layer.provideMerge(room))),
    Layer.provide(Logger.layer([])),
  )
  const scope = Scope.makeUnsafe()
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const engine = Context.get(context, Engine)
  const { schemeKey } = Context.get(context, KeyRing)
  const control = async (command: Command) => {
    const result = await Effect.runPromise(engine.control(command))
    if (!result.ok) throw new Error(result.message)
  }
  for (const command of commands(schemeKey)) await control(command)
  return {
    engine,
    iso: Context.get(context, IsoGateway),
    host: hosts[0],
    schemeKey,
    balance: (card = firstCard) => engine.lane.ledger.card(card)?.balance ?? -1,
    control,
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  }
}

const commands = (schemeKey: Uint8Array): ReadonlyArray<Command> => {
  const by = "test"
  const permissions = ["transact"]
  return [
    { type: "merchant", by, number: 1, name: "Kiosk", currency, feeBasisPoints: 0, floatLimit: 1_000_000 },
    { type: "terminals", by, first: 1001, count: 8, merchant: 1 },
    { type: "cards", by, first: firstCard, count: 16, currency, openingBalance: 10_000 },
    { type: "pin", by, card: pinCard, verifier: verifierOf(schemeKey, pinCard, thePin) },
    { type: "host", by, id: "acquirer", terminals: [[1001, 1004]], permissions },
    { type: "host", by, id: "reader", terminals: [[1001, 1004]], permissions: ["inspect"] },
  ]
}

/** The card's verifier by the way of the native protocol. */
const verifierOf = (schemeKey: Uint8Array, card: bigint, pin: string): bigint => {
  const key = Buffer.alloc(32, 7)
  const cipher = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false)
  const block = encodePinBlock((field) => cipher.update(field), card, pin, new Uint8Array(8))
  return new SessionPins(new PinDesk(schemeKey, () => 0), key).ofCard(card, block) ?? 0n
}

export type Fields = { readonly [field: number]: FieldValue | undefined }

/** One connection of a host. Everything that comes is kept. */
export class Line {
  readonly answers: Array<Message> = []
  readonly tpdus: Array<Uint8Array | undefined> = []
  /** Whether each answer's MAC was right under the key that was in force. */
  readonly macsRight: Array<boolean> = []
  closed = false
  pinKey: Uint8Array | undefined
  macKey: Uint8Array | undefined
  readonly socket: Socket
  readonly #house: IsoHouse
  readonly #host: IsoHost
  #changed: () => void = () => {}
  #stan = 0

  /** @param socket one that is connected already, or is about to be */
  constructor(
    house: IsoHouse,
    host: IsoHost = house.host,
    port = house.iso.addresses[0].port,
    socket: Socket = connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true }),
  ) {
    this.#house = house
    this.#host = host
    this.socket = socket
    const reader = new FramingReader(host.framing)
    this.socket.on("data", (chunk: Buffer) => {
      reader.push(chunk)
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        if (frame instanceof IsoProblem) throw new Error(frame.message)
        this.#read(frame.bytes, frame.tpdu)
      }
      this.#changed()
    })
    this.socket.on("error", () => {})
    for (const event of ["end", "close"] as const) {
      this.socket.on(event, () => {
        this.closed = true
        this.#changed()
      })
    }
  }

  #read(bytes: Uint8Array, tpdu: Uint8Array | undefined): void {
    const decoded = decode(bytes, this.#host.dialect)
    if (decoded._tag === "Failure") throw new Error(decoded.failure.message)
    const answer = decoded.success
    const keys = answer.fields.get(48)
    if (typeof keys === "string" && textOf(answer, 39)?.endsWith("00") === true) this.#take(keys)
    const parts = macPartsOf(bytes, answer, this.#host.dialect)
    const made = parts === undefined ? undefined : this.macOf?.(parts.covered).subarray(0, 8)
    this.macsRight.push(made !== undefined && Buffer.from(made).equals(parts?.mac ?? Buffer.alloc(0)))
    this.answers.push(answer)
    this.tpdus.push(tpdu)
  }

  /** Session keys out of field 48. */
  #take(text: string): void {
    const cipher = masterCipher(this.#host)
    const version = this.#house.engine.lane.ledger.scheme.host(this.#host.id)?.keyVersion ?? 0
    const master = zoneMasterKey(this.#house.schemeKey, this.#host.id, version, cipher)
    const size = { tdes: 32, aes: 0 }
    const pinBytes = this.#host.pin === "format0" ? 16 : 32
    const wrapped = cipher === "tdes" ? size.tdes : (pinBytes + 8) * 2
    this.pinKey = unwrapKey(cipher, master, Buffer.from(text.slice(0, wrapped), "hex"))
    const rest = text.slice(wrapped + 6)
    if (rest !== "") this.macKey = unwrapKey(cipher, master, Buffer.from(rest.slice(0, -6), "hex"))
  }

  get macOf(): MacOf | undefined {
    const key = this.macKey
    if (key === undefined) return undefined
    return this.#host.mac === "cmac" ? (bytes) => aesCmac(key, bytes) : (bytes) => retailMac(key, bytes)
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }

  /** Fields 7, 11, 12 and 13 of a new message. */
  stamp(): { readonly [field: number]: string } {
    this.#stan++
    const digits = new Date().toISOString().replaceAll(/\D/g, "")
    const is1993 = this.#host.dialect.version === "1"
    return {
      7: digits.slice(4, 14),
      11: String(this.#stan).padStart(6, "0"),
      12: is1993 ? digits.slice(2, 14) : digits.slice(8, 14),
    }
  }

  bytesOf(mti: string, fields: Fields, macOf: MacOf | undefined = this.macOf): Uint8Array {
    const encoded = encode(message(mti, fields), this.#host.dialect, macOf)
    if (encoded._tag === "Failure") throw new Error(encoded.failure.message)
    return encoded.success
  }

  /** The message as the framing has it. */
  frame(bytes: Uint8Array, framing: Framing = this.#host.framing): Uint8Array {
    const tpdu = framing === "binary2-tpdu" ? Uint8Array.of(0x60, 0, 3, 0x12, 0x34) : undefined
    return isoFrame(framing, bytes, tpdu)
  }

  send(mti: string, fields: Fields, macOf?: MacOf): void {
    this.socket.write(this.frame(this.bytesOf(mti, fields, macOf ?? this.macOf)))
  }

  /** The next answer after those that have come; one without fields when the connection ended instead. */
  async ask(mti: string, fields: Fields, macOf?: MacOf): Promise<Message> {
    const at = this.answers.length
    this.send(mti, fields, macOf)
    await this.until(() => this.answers.length > at || this.closed)
    return this.answers[at] ?? { mti: "closed", fields: new Map() }
  }

  async logOn(): Promise<Message> {
    const is1993 = this.#host.dialect.version === "1"
    return is1993
      ? this.ask("1804", { ...this.stamp(), 24: "801" })
      : this.ask("0800", { ...this.stamp(), 70: "001" })
  }

  /** Fields of a transaction, as it is asked for first. */
  transaction(
    code: string,
    amount: number,
    more: Fields = {},
  ): { readonly [field: number]: FieldValue | undefined } {
    return {
      2: String(firstCard),
      3: `${code}0000`,
      4: String(amount),
      ...this.stamp(),
      41: "00001001",
      49: String(currency),
      ...more,
    }
  }

  /** What names a message that was sent as the original of another. */
  original(mti: string, fields: Fields): string {
    const { dialect } = this.#host
    const time = String(fields[dialect.uses.time])
    return originalText({ mti, stan: String(fields[11]), time }, dialect, "1", "")
  }

  pinBlock(card: bigint, pin: string): Uint8Array {
    const key = this.pinKey
    if (key === undefined) throw new Error("no PIN key yet")
    return this.#host.pin === "format0"
      ? format0Block(key, String(card), pin)
      : format4Block(key, String(card), pin)
  }

  close(): void {
    this.socket.destroy()
  }
}

/** Field 39 of an answer. */
export const responseOf = (answer: Message): string | undefined => textOf(answer, 39)
