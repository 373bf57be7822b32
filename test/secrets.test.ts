/** After real traffic nothing in the data directory, the log or the metrics is a card number, a PIN or a key in clear. */
import { randomBytes, randomInt } from "node:crypto"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { Client, makeCredential } from "@millrace/client"
import { KeyRing, Storage } from "@millrace/journal"
import { Kind, ReferenceSource } from "@millrace/protocol"
import { Effect, Layer, Redacted } from "effect"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { endAll, Server, temporaryDirectory } from "./src/Server.ts"

// A machine that is busy with other things takes its time.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

afterAll(endAll)

const currency = 978
const terminal = 4001
const holder = "Wilhelmina Zugzwang"
const digits = (count: number): string => Array.from({ length: count }, () => randomInt(10)).join("")

/** What must not be found, and what people call it. */
const secrets = new Map<string, ReadonlyArray<Buffer>>()

const integerForms = (value: bigint): ReadonlyArray<Buffer> => {
  const little = Buffer.alloc(8)
  little.writeBigUInt64LE(value)
  const big = Buffer.alloc(8)
  big.writeBigUInt64BE(value)
  const double = Buffer.alloc(8)
  double.writeDoubleLE(Number(value))
  return [little, big, double]
}

const textForms = (bytes: Buffer): ReadonlyArray<Buffer> => {
  const texts = [
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    bytes.toString("base64"),
    bytes.toString("base64url"),
  ]
  return [bytes, ...texts.map((text) => Buffer.from(text.replace(/=+$/, "")))]
}

const packed = (number: string): ReadonlyArray<Buffer> => {
  const odd = number.length % 2 === 1
  return (odd ? [`0${number}`, `${number}f`] : [number]).map((text) => Buffer.from(text, "hex"))
}

/** ASCII, BCD, UTF-16, u64 in both orders, f64, and these as hex and base64. */
const keepNumber = (name: string, number: string): void => {
  const forms = [Buffer.from(number), Buffer.from(number, "utf16le"), ...packed(number)]
  const integers = number.length > 14 ? integerForms(BigInt(number)) : []
  secrets.set(`${name} ${secrets.size}`, [...forms, ...[...packed(number), ...integers].flatMap(textForms)])
}
const keepKey = (name: string, key: Uint8Array): void => {
  secrets.set(`${name} ${secrets.size}`, textForms(Buffer.from(key)))
}

/** Which of them are in `content`. */
const foundIn = (content: Buffer): ReadonlyArray<string> =>
  [...secrets].filter(([, forms]) => forms.some((form) => content.includes(form))).map(([name]) => name)

const withoutZeros = (content: Buffer): Buffer => {
  let end = content.length
  while (end > 0 && content[end - 1] === 0) end--
  return content.subarray(0, end)
}

const masterKey = randomBytes(32)
const settings = {
  MILLRACE_MASTER_KEY: masterKey.toString("hex"),
  MILLRACE_JOURNAL_SEGMENT_BYTES: 16 << 20,
  MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: 2 ** 16,
  MILLRACE_ENGINE_MAILBOX_RECORDS_MAX: 256,
}
const references = new ReferenceSource()

let data: string
let cards: ReadonlyArray<bigint> = []
const pins = Array.from({ length: 6 }, () => digits(12))
/** What the servers said, and what they told of themselves. */
const said: Array<Buffer> = []

const asClient = <A>(
  server: Server,
  work: (client: Client) => Effect.Effect<A, { readonly message: string }>,
) => {
  const { identity, key } = server.credential()
  const credential = makeCredential(identity, key)
  return Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(Client.connect({ url: `tcp://127.0.0.1:${server.port}`, credential }), work),
    ),
  )
}

const provision = (client: Client) =>
  Effect.gen(function* () {
    yield* client.product({
      number: 5,
      name: "Watched",
      currency,
      bin: "597099",
      digits: 16,
      named: true,
      pin: { rule: "above", freeMax: 500, tries: 9 },
    })
    yield* client.merchant({ number: 3, name: "Corner", currency, floatLimit: 1_000_000, codeAbove: 100 })
    const code = digits(12)
    keepNumber("a merchant's code", code)
    yield* client.code(3, code)
    const { key: terminalKey = masterKey } = yield* client.terminals({
      first: terminal,
      count: 1,
      merchant: 3,
    })
    keepKey("a terminal's logon key", terminalKey)
    const { key } = yield* client.host({
      id: "acquirer",
      terminals: [[terminal, terminal]],
      permissions: ["transact"],
    })
    keepKey("a host's logon key", key)
    keepKey("a host's next logon key", (yield* client.rotateKey({ host: "acquirer" })).key)
    const zone = yield* client.isoKeys("acquirer")
    keepKey("a zone master key", zone.tdes)
    keepKey("a zone master key", zone.aes)
    const issued = yield* client.issue({ product: 5, count: 40, active: true, holder })
    cards = [...issued.cards, 6_123_456_789_012_345_678n, 6_123_456_789_012_345_679n]
    yield* client.cards({ first: cards[40], count: 2, currency, openingBalance: 5_000 })
    for (const card of cards) keepNumber("a card", String(card))
    for (const [n, pin] of pins.entries()) {
      keepNumber("a PIN", pin)
      yield* client.pin(cards[n], pin)
    }
    yield* client.lifecycle({ card: cards[20], action: "lost", reason: "told by its holder" })
    const { card: replacing } = yield* client.lifecycle({
      card: cards[20],
      action: "replace",
      reason: "a new one",
    })
    if (replacing !== undefined) keepNumber("a card", String(replacing))
    secrets.set("a holder's name", [Buffer.from(holder), Buffer.from(holder, "utf16le")])
    return code
  })

const trade = (client: Client, code: string) =>
  Effect.gen(function* () {
    const at = { terminal, currency }
    const submit = (record: Omit<Parameters<Client["submit"]>[0], "reference" | "terminal" | "currency">) =>
      Effect.map(
        client.submit({ ...at, reference: references.next(), ...record }),
        ({ response }) => response,
      )
    const answers: Array<number> = []
    for (const card of cards) {
      answers.push(yield* submit({ kind: Kind.recharge, card, amount: 3_000, pin: code, code: true }))
      answers.push(yield* submit({ kind: Kind.purchase, card, amount: 120 }))
    }
    for (const [n, pin] of pins.entries()) {
      answers.push(yield* submit({ kind: Kind.purchase, card: cards[n], amount: 700, pin }))
      const wrong = digits(12)
      keepNumber("a wrong PIN", wrong)
      yield* submit({ kind: Kind.purchase, card: cards[n], amount: 700, pin: wrong })
      const next = digits(12)
      keepNumber("a new PIN", next)
      answers.push(yield* submit({ kind: Kind.pinChange, card: cards[n], amount: 0, pin, newPin: next }))
      pins[n] = next
    }
    answers.push(
      yield* submit({ kind: Kind.transfer, card: cards[30], amount: 100, counterparty: cards[31] }),
    )
    const unknown = `6${digits(15)}`
    keepNumber("an unknown card", unknown)
    yield* submit({ kind: Kind.purchase, card: BigInt(unknown), amount: 100 })
    return answers
  })

const watched = async (server: Server): Promise<void> => {
  for (const path of ["metrics", "health", ""]) {
    const answer = await fetch(`http://127.0.0.1:${server.httpPort}/${path}`)
    said.push(Buffer.from(await answer.text()))
  }
}

beforeAll(async () => {
  data = temporaryDirectory()
  const first = await Server.start({ data, settings })
  const code = await asClient(first, provision)
  const answers = await asClient(first, (client) => trade(client, code))
  expect(new Set(answers), "the traffic is refused, so it shows nothing").toEqual(new Set([0, 41]))
  expect(answers.filter((response) => response === 41).length).toBeLessThan(4)
  // Under another data key, too; then the end with a snapshot, and a start and a kill after it.
  await asClient(first, (client) => client.rotateDataKey())
  await asClient(first, (client) => trade(client, code))
  await watched(first)
  expect((await first.stopped()).code).toBe(0)
  const second = await Server.start({ data, settings })
  await asClient(second, (client) => trade(client, code))
  await watched(second)
  await second.killed()
  for (const server of [first, second]) said.push(Buffer.from(server.stdout), Buffer.from(server.stderr))

  const open = KeyRing.layer({ masterKey: Redacted.make(masterKey.toString("hex")), readOnly: true })
  const ring = await Effect.runPromise(Effect.provide(KeyRing, Layer.provide(open, Storage.file(data))))
  expect(ring.ids).toEqual([1, 2])
  for (const id of ring.ids) keepKey("a data key", ring.byId(id)?.key ?? masterKey)
  keepKey("the scheme key", ring.schemeKey)
  keepKey("the master key", masterKey)
  keepKey("the development host's key", second.credential().key)
})

const filesOf = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

describe("in clear is no card number, no PIN, no key and no holder's name", () => {
  it("in any file of the data directory, but for credentials.json", () => {
    const files = filesOf(data)
    expect(files.filter((file) => file.endsWith(".seg")).length).toBeGreaterThan(2)
    expect(files.some((file) => file.includes("/snapshots/"))).toBe(true)
    for (const file of files) {
      const found = foundIn(withoutZeros(readFileSync(file)))
      // For development: the key of the host that the first start makes, and of nobody else.
      const named = file.endsWith("/credentials.json") ? ["the development host's key"] : []
      expect(
        found.map((name) => name.replace(/ \d+$/, "")),
        file,
      ).toEqual(named)
    }
  })

  it("and no file can be read by anybody but its owner", () => {
    for (const file of filesOf(data)) expect(statSync(file).mode & 0o077, file).toBe(0)
  })

  it("in the log, on the standard output, in the metrics and the health", () => {
    expect(Buffer.concat(said).length).toBeGreaterThan(2_000)
    for (const text of said) expect(foundIn(text)).toEqual([])
  })
})

it("what is in clear is found", () => {
  for (const [name, forms] of secrets) {
    for (const form of forms) {
      expect(foundIn(Buffer.concat([randomBytes(100), form, randomBytes(100)]))).toContain(name)
    }
  }
  expect(secrets.size).toBeGreaterThan(80)
})
