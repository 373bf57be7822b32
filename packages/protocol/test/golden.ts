// The frames that PROTOCOL.md shows, made by the code from the fixed values that the page states.
import { createCipheriv, createHmac } from "node:crypto"
import {
  batchFrame,
  clientTranscript,
  encodePinBlock,
  Kind,
  type MessageMap,
  makeReference,
  makeTransactionId,
  messageFrame,
  OutcomeFlag,
  outcomeBytes,
  packMessage,
  pinKeyTranscript,
  RecordAt,
  RecordFlag,
  ResponseCode,
  recordBytes,
  serverTranscript,
} from "../src/index.ts"

export const identity = { host: "dev" }
const counting = (from: number, count: number) => Uint8Array.from({ length: count }, (_, i) => from + i)
export const key = counting(0x00, 32)
export const clientNonce = counting(0x20, 16)
export const serverNonce = counting(0x40, 32)

const hmac = (bytes: Uint8Array) => Uint8Array.from(createHmac("sha256", key).update(bytes).digest())
export const clientProof = hmac(clientTranscript(identity, serverNonce, clientNonce))
export const serverProof = hmac(serverTranscript(identity, serverNonce, clientNonce))

export const pinKey = hmac(pinKeyTranscript(serverNonce, clientNonce))
const pinCipher = createCipheriv("aes-256-ecb", pinKey, null).setAutoPadding(false)
const card = 6_000_000_000_000_000_017n
export const fill = counting(0x60, 8)
const pinBlock = (pin: string) => encodePinBlock((block) => pinCipher.update(block), card, pin, fill)
export const block1234 = Uint8Array.from(pinBlock("1234"))

const message = (correlation: number, map: MessageMap) => messageFrame(packMessage(map), correlation)
const concat = (...parts: ReadonlyArray<Uint8Array>) => Uint8Array.from(parts.flatMap((part) => [...part]))

export const purchase = recordBytes({
  reference: makeReference(1_760_000_000_000, 0),
  card: 6_000_000_000_000_000_017n,
  amount: 1_250,
  terminal: 1001,
  kind: Kind.purchase,
  currency: 978,
})
const reversal = recordBytes({
  reference: makeReference(1_760_000_000_250, 1),
  card: 6_000_000_000_000_000_017n,
  amount: 0,
  original: makeReference(1_760_000_000_000, 0),
  terminal: 1001,
  kind: Kind.reversal,
  flags: 1,
  currency: 978,
})
const record = (counter: number, kind: Kind, amount: number, change: object) =>
  recordBytes({
    reference: makeReference(1_760_000_002_000, counter),
    card,
    amount,
    terminal: 1001,
    kind,
    currency: 978,
    ...change,
  })
const pinChange = record(1, Kind.pinChange, 0, { pinBlock: block1234 })
pinChange.set(pinBlock("567890"), RecordAt.original)
/** A part of 50.00 will do; PIN 1234 becomes 567890; 2 debits of 62.50 and 1 credit of 5.00 are agreed, come what may. */
const withPins = [
  record(0, Kind.purchase, 5_000, { flags: RecordFlag.partial, pinBlock: block1234 }),
  pinChange,
  record(2, Kind.close, 6_250, {
    card: 0n,
    original: 500n,
    counterparty: (1n << 32n) | 2n,
    flags: RecordFlag.forced,
  }),
]

const answers = [
  outcomeBytes({
    reference: makeReference(1_760_000_000_000, 0),
    available: 98_750,
    transaction: makeTransactionId(3, 4_711),
    terminal: 1001,
    response: ResponseCode.approved,
    flags: 0,
  }),
  outcomeBytes({
    reference: makeReference(1_760_000_000_250, 1),
    available: 100_000,
    transaction: makeTransactionId(3, 4_712),
    terminal: 1001,
    response: ResponseCode.approved,
    flags: OutcomeFlag.duplicate,
  }),
]

const limits = {
  recordsInFlightMax: 16_384,
  batchRecordsMax: 4_096,
  messageBytesMax: 65_536,
  idleSeconds: 300,
}

/** By the name after ```hex in the page. */
export const golden: { readonly [name: string]: Uint8Array } = {
  hello: message(1, { type: "hello", protocol: 1, identity, nonce: clientNonce }),
  challenge: message(1, { type: "challenge", nonce: serverNonce }),
  logon: message(2, { type: "logon", proof: clientProof }),
  welcome: message(2, {
    type: "welcome",
    proof: serverProof,
    limits,
    serverTime: 1_760_000_000_123,
    permissions: ["transact", "inspect"],
  }),
  batch: batchFrame(concat(purchase, reversal), 64, 7),
  outcomes: batchFrame(concat(...answers), 32, 0),
  pins: batchFrame(concat(...withPins), 64, 9),
  transact: message(8, {
    type: "transact",
    kind: "purchase",
    reference: makeReference(1_760_000_001_000, 0),
    card: 6_000_000_000_000_000_017n,
    amount: 1_250,
    currency: 978,
    terminal: 1001,
  }),
  "transact.ok": message(8, {
    type: "transact.ok",
    reference: makeReference(1_760_000_001_000, 0),
    available: 97_500,
    transaction: makeTransactionId(3, 4_713),
    terminal: 1001,
    response: 0,
    duplicate: false,
  }),
  lifecycle: message(10, {
    type: "lifecycle",
    card,
    action: "lost",
    reason: "the holder called",
  }),
  "lifecycle.ok": message(10, { type: "lifecycle.ok", created: 1, existing: 0 }),
  error: message(0, {
    type: "error",
    code: "batch-too-long",
    message: "a batch has at most 4096 units, not 300000 bytes",
  }),
}

/** Sixteen bytes a line, each line with its offset. */
export const dump = (bytes: Uint8Array): string => {
  const lines: Array<string> = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, "0")).join(" ")
    const text = Array.from(row, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
    ).join("")
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(47)}  ${text}`)
  }
  return lines.join("\n")
}
