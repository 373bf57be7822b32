/** Commands, questions and PINs over a real socket, against a real ledger. */
import { keyCheckValue } from "@millrace/iso8583"
import {
  encodeRecord,
  Kind,
  type MessageMap,
  RECORD_BYTES,
  RecordAt,
  RecordFlag,
  type RecordInput,
} from "@millrace/protocol"
import { decodeResponse, type RequestType } from "@millrace/protocol/messages"
import { Effect, Result } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { currency, firstCard, type House, start, Wire } from "./wire.ts"

const bank = { host: "bank" } as const
const everything = ["transact", "provision", "inspect", "administer", "operate"]
const product = {
  type: "product",
  number: 7,
  name: "Gold",
  currency,
  bin: "500000",
  named: true,
  pin: { rule: "above", freeMax: 1_000, tries: 3 },
  purses: [{ purse: "bonus" }],
} as const

let house: House
let wire: Wire
let references = 1n

beforeAll(async () => {
  house = await start()
  const host = {
    type: "host",
    by: "test",
    id: "bank",
    terminals: [[1001, 1008]],
    permissions: everything,
  } as const
  await Effect.runPromise(house.engine.control(host))
  wire = await open(bank)
  await ask("product", product)
})
afterAll(() => house.stop())

const open = async (identity: Parameters<House["key"]>[0]) => {
  const opened = new Wire(house.gateway.tcp.port)
  await opened.logOn(identity, house.key(identity))
  return opened
}

/** The answer, which must be what the protocol says of it. */
const ask = async <T extends RequestType>(type: T, fields: object, on: Wire = wire) => {
  const answer = await on.ask({ ...fields, type })
  const decoded = decodeResponse(type, answer)
  if (Result.isFailure(decoded)) throw new Error(decoded.failure.message)
  if (decoded.success.type === "error") throw new Error(JSON.stringify(answer))
  return decoded.success as Exclude<typeof decoded.success, { type: "error" }> // not an error, as was just seen
}
const refused = async (message: MessageMap, on: Wire = wire) => {
  const { code, message: text } = await on.ask(message)
  return `${String(code)}: ${String(text)}`
}

const record = (card: bigint, change: Partial<RecordInput> = {}): RecordInput => ({
  kind: Kind.purchase,
  reference: references++,
  card,
  amount: 5_000,
  terminal: 1001,
  currency,
  ...change,
})
const responses = async (records: ReadonlyArray<RecordInput>) =>
  (await wire.transact(records)).map((outcome) => outcome.response)

/** Active cards with money and, where it is given, a PIN. */
const issue = async (count: number, pin?: string) => {
  const { nextSerial: serial } = await ask("product-info", { number: 7 })
  const { cards, checkValues } = await ask("issue", { product: 7, serial, count, active: true })
  for (const card of cards) {
    await ask("fund", { card, purse: "main", amount: 100_000, reference: 1 })
    if (pin !== undefined) await ask("pin", { card, pin: wire.seal(card, pin) })
  }
  return { serial, cards, checkValues }
}

describe("cards of a product", () => {
  it("come with numbers and check values, and the same command again makes none and tells the same", async () => {
    const { serial, cards, checkValues } = await issue(3)
    expect(cards.map((card) => String(card).slice(0, -1))).toEqual(
      [0, 1, 2].map((i) => `500000${String(serial + i).padStart(9, "0")}`),
    )
    const again = await ask("issue", { product: 7, serial, count: 3, active: true })
    expect(again).toMatchObject({ created: 0, existing: 3, cards, checkValues })
    expect(await ask("check-card", { card: cards[0], checkValue: checkValues[0] })).toMatchObject({
      valid: true,
      triesLeft: 3,
    })
    const wrong = checkValues[1] === "000000" ? "000001" : "000000"
    for (const triesLeft of [2, 1, 0]) {
      expect(await ask("check-card", { card: cards[1], checkValue: wrong })).toMatchObject({
        valid: false,
        triesLeft,
      })
    }
    expect(await ask("check-card", { card: cards[1], checkValue: checkValues[1] })).toMatchObject({
      valid: false,
    })
    expect(await refused({ type: "issue", product: 8, serial: 0, count: 1 })).toMatch(/^not-found/)
  })

  it("are locked, lost and replaced; the hotlist tells, and the new card has a check value of its own", async () => {
    const { cards } = await issue(1)
    const [card] = cards
    const step = (action: string, number = card) =>
      ask("lifecycle", { card: number, action, reason: "the holder called" })
    const { version } = await ask("hotlist", {})
    expect(await step("lock")).toMatchObject({ created: 1, existing: 0 })
    expect(await responses([record(card, { amount: 1 })])).toEqual([62])
    expect(await step("lock")).toMatchObject({ created: 0, existing: 1 })
    await step("lost")
    expect(await refused({ type: "lifecycle", card, action: "activate", reason: "no" })).toMatch(
      /^conflict: .*500000\*/,
    )
    expect(await ask("hotlist", { since: version })).toMatchObject({
      version: version + 1,
      changes: [{ version: version + 1, card, code: 41 }],
      more: false,
    })
    expect((await ask("hotlist", { since: 0, max: 1 })).changes).toHaveLength(1)
    const replaced = await step("replace")
    const next = replaced.card
    expect(next).toBeTypeOf("bigint")
    expect(await ask("check-card", { card: next, checkValue: replaced.checkValue })).toMatchObject({
      valid: true,
    })
    expect(await ask("card", { card: next })).toMatchObject({
      balance: 100_000,
      status: "active",
      product: 7,
    })
    const old = await ask("card", { card })
    expect(old.status).toBe("lost")
    expect(old.replacedBy).toMatch(/^500000\*+[0-9]{4}$/)
  })
})

describe("PINs", () => {
  it("are set, verified and changed; three wrong ones block the card", async () => {
    const { cards } = await issue(1, "4711")
    const [card] = cards
    expect(await responses([record(card, { amount: 1_000 })])).toEqual([0])
    expect(await responses([record(card)])).toEqual([55])
    expect(await responses([record(card, { pinBlock: wire.seal(card, "4711") })])).toEqual([0])
    const change = new Uint8Array(RECORD_BYTES)
    const view = new DataView(change.buffer)
    const changing = record(card, { kind: Kind.pinChange, amount: 0, pinBlock: wire.seal(card, "4711") })
    encodeRecord(changing, view, 0)
    change.set(wire.seal(card, "123456"), RecordAt.original)
    expect(
      await responses([
        {
          ...changing,
          original: view.getBigUint64(RecordAt.original, true),
          counterparty: view.getBigUint64(RecordAt.counterparty, true),
        },
      ]),
    ).toEqual([0])
    const wrong = () => record(card, { pinBlock: wire.seal(card, "4711") })
    const right = () => record(card, { pinBlock: wire.seal(card, "123456") })
    expect(await responses([wrong()])).toEqual([55])
    expect(await ask("card", { card })).toMatchObject({ pinSet: true, triesLeft: 2 })
    expect(await responses([right()])).toEqual([0])
    expect(await responses([wrong()])).toEqual([55])
    expect(await responses([wrong()])).toEqual([55])
    expect(await responses([wrong()])).toEqual([75])
    expect(await responses([right()])).toEqual([75])
    await ask("pin", { card, pin: wire.seal(card, "0000") })
    expect(await responses([record(card, { pinBlock: wire.seal(card, "0000") })])).toEqual([0])
  })

  it("of the same record again, under another session's key, are the same request", async () => {
    const { cards } = await issue(1, "4711")
    const [card] = cards
    const sale = record(card)
    const [first] = await wire.transact([{ ...sale, pinBlock: wire.seal(card, "4711") }])
    const other = await open(bank)
    const again = { ...sale, flags: RecordFlag.repeat, pinBlock: other.seal(card, "4711") }
    const [second] = await other.transact([again])
    expect(second).toEqual({ ...first, flags: 1 })
    const [stranger] = await other.transact([record(card, { pinBlock: wire.seal(card, "4711") })])
    expect(stranger.response).toBe(55)
    other.close()
  })

  it("are translated once, however often back-pressure has a record offered", async () => {
    // More than a mailbox of the test engine holds, so that the lane takes a part of what it is offered.
    const own = await start()
    const setUp = [
      {
        type: "product",
        by: "test",
        number: 1,
        name: "Safe",
        currency,
        bin: "4000",
        pin: { rule: "always" },
      },
      {
        type: "cards",
        by: "test",
        first: 400_000_000_000_0017n,
        count: 1,
        currency,
        openingBalance: 10 ** 9,
        product: 1,
      },
      { type: "host", by: "test", id: "bank", terminals: [[1001, 1008]], permissions: everything },
    ] as const
    for (const command of setUp)
      expect(await Effect.runPromise(own.engine.control(command))).toMatchObject({ ok: true })
    const busy = new Wire(own.gateway.tcp.port)
    await busy.logOn(bank, own.key(bank))
    const card = setUp[1].first
    await busy.ask({ type: "pin", card, pin: busy.seal(card, "2468") })
    const sales = Array.from({ length: 4_096 }, (_, i) =>
      record(card, { amount: 1, pinBlock: i % 3 === 0 ? busy.seal(card, "2468") : null }),
    )
    const outcomes = await busy.transact(sales)
    const byReference = new Map(outcomes.map((outcome) => [outcome.reference, outcome.response]))
    expect(sales.map((sale) => byReference.get(sale.reference))).toEqual(
      sales.map((_, i) => (i % 3 === 0 ? 0 : 55)),
    )
    await own.stop()
  })

  it("come neither in clear nor as blocks to the journal", async () => {
    const { cards } = await issue(1, "975310864212")
    const [card] = cards
    const block = wire.seal(card, "975310864212")
    expect(await responses([record(card, { pinBlock: block })])).toEqual([0])
    const { ledger } = house.engine.lane
    const journaled = Buffer.concat(ledger.slots(Math.max(1, ledger.next - 200), ledger.next))
    expect(journaled.includes(Buffer.from(block).subarray(0, 8))).toBe(false)
    expect(journaled.includes(Buffer.from("975310864212", "hex"))).toBe(false)
    expect(journaled.includes("975310864212")).toBe(false)
  })

  it("that can't be read are said to be such, without a word of them", async () => {
    const { cards } = await issue(1)
    const [card] = cards
    expect(await refused({ type: "pin", card, pin: wire.seal(firstCard, "4711") })).toBe(
      "bad-message: pin: no PIN block of this number under the session's PIN key",
    )
    const clear = await refused({ type: "pin", card, pin: "4711" })
    expect(clear).toMatch(/^bad-message: pin: pin: /)
    expect(clear).not.toContain("4711")
  })
})

describe("the engine's data key", () => {
  it("is changed by who administers, and no one else; what comes next is under the new one", async () => {
    expect(await ask("rotate-data-key", {})).toMatchObject({ keyId: 2, before: 1 })
    expect(await ask("rotate-data-key", {})).toMatchObject({ keyId: 3, before: 2 })
    await ask("calendar", { utcOffsetMinutes: 0 })
    const acquirer = await open({ host: "acquirer" })
    expect(await acquirer.ask({ type: "rotate-data-key" })).toMatchObject({ code: "not-permitted" })
    acquirer.close()
  })
})

describe("a merchant's code and float", () => {
  it("a host's zone master keys are told to who administers, and are of this host alone", async () => {
    const keys = await ask("iso-keys", { id: "bank" })
    const [tdes, aes] = [keys["tdes"], keys["aes"]] as [Uint8Array, Uint8Array] // the gateway's own message
    expect([tdes.length, aes.length]).toEqual([16, 32])
    expect(keys["tdesCheck"]).toEqual(keyCheckValue("tdes", tdes))
    expect(keys["aesCheck"]).toEqual(keyCheckValue("aes", aes))
    expect((await ask("iso-keys", { id: "acquirer" }))["tdes"]).not.toEqual(tdes)
    expect(await refused({ type: "iso-keys", id: "nobody" })).toMatch(/^not-found/)
    const acquirer = await open({ host: "acquirer" })
    expect(await acquirer.ask({ type: "iso-keys", id: "bank" })).toMatchObject({ code: "not-permitted" })
    acquirer.close()
  })

  it("let a second person allow what is above the threshold, and no more than was paid in", async () => {
    const merchant = { number: 9, name: "Franchise", currency, codeAbove: 1_000, alarm: { floatBelow: 500 } }
    await ask("merchant", merchant)
    await ask("terminals", { first: 2001, count: 1, merchant: 9 })
    const host = { type: "host", id: "bank", terminals: [[1001, 2001]], permissions: everything }
    await ask("host", host)
    const mine = await open(bank)
    await ask("float", { merchant: 9, amount: 3_000, reference: 1 })
    expect(await ask("float", { merchant: 9, amount: 3_000, reference: 1 })).toMatchObject({ existing: 1 })
    await ask("code", { merchant: 9, code: mine.seal(9n, "864200") }, mine)
    const { cards } = await issue(1)
    const [card] = cards
    const load = async (amount: number, code?: string) => {
      const pinBlock = code === undefined ? null : mine.seal(card, code)
      const flags = code === undefined ? 0 : RecordFlag.code
      const sent = record(card, { kind: Kind.recharge, terminal: 2001, amount, flags, pinBlock })
      return (await mine.transact([sent]))[0].response
    }
    expect(await load(1_000)).toBe(0)
    expect(await load(1_500)).toBe(55)
    expect(await load(1_500, "864201")).toBe(55)
    expect(await load(1_500, "864200")).toBe(0)
    expect(await load(501)).toBe(61)
    expect(await ask("merchant-info", { merchant: 9 })).toMatchObject({
      float: 500,
      codeSet: true,
      codeAbove: 1_000,
      alarm: false,
    })
    expect(await load(1)).toBe(0)
    expect(await ask("merchant-info", { merchant: 9 })).toMatchObject({ float: 499, alarm: true })
    mine.close()
  })
})

describe("a transaction as a message", () => {
  const transact = (card: bigint, fields: object) =>
    ask("transact", { kind: "purchase", reference: references++, card, currency, terminal: 1002, ...fields })

  it("tells what part was approved, and what the operator should do", async () => {
    const { cards } = await issue(1, "4711")
    const [card] = cards
    const pin = () => wire.seal(card, "4711")
    expect(await transact(card, { amount: 120_000, pin: pin() })).toMatchObject({ response: 51 })
    const part = await transact(card, { amount: 120_000, partial: true, pin: pin() })
    expect(part).toMatchObject({ response: 10, approved: 100_000, available: 0 })
    expect(part.message).toBeUndefined()
    await ask("terminal", {
      number: 1002,
      message: "keep it",
      parameters: { idle: "Welcome" },
      amountMax: 200_000,
    })
    await ask("lifecycle", { card, action: "stolen", reason: "police" })
    expect(await transact(card, { amount: 1, pin: pin() })).toMatchObject({
      response: 43,
      message: "keep it",
    })
    expect(await ask("terminal-info", { terminal: 1002 })).toMatchObject({
      merchant: 1,
      status: "active",
      amountMax: 200_000,
      parameters: { idle: "Welcome" },
      parametersVersion: 1,
      message: "keep it",
    })
  })

  it("changes a PIN too", async () => {
    const { cards } = await issue(1, "4711")
    const [card] = cards
    const change = {
      kind: "pinChange",
      amount: 0,
      pin: wire.seal(card, "4711"),
      newPin: wire.seal(card, "1147"),
    }
    expect(await transact(card, change)).toMatchObject({ response: 0 })
    expect(await transact(card, { amount: 2_000, pin: wire.seal(card, "1147") })).toMatchObject({
      response: 0,
    })
  })
})

describe("questions", () => {
  it("tell of a card's and a terminal's transactions, with masked numbers", async () => {
    const { cards } = await issue(1)
    const [card] = cards
    const sales = [700, 800].map((amount) => record(card, { amount, terminal: 1003 }))
    await wire.transact(sales)
    await wire.transact([
      record(card, { kind: Kind.refund, amount: 50, original: sales[1].reference, terminal: 1003 }),
    ])
    const { transactions } = await ask("history", { card, count: 2 })
    expect(transactions.map(({ kind, amount, approved }) => [kind, amount, approved])).toEqual([
      ["refund", 50, 50],
      ["purchase", 800, 800],
    ])
    expect(transactions[0].card).toMatch(/^500000\*{6}[0-9]{4}$/)
    const query = await ask("query", { terminal: 1003, reference: sales[0].reference })
    expect(query.transaction).toMatchObject({ kind: "purchase", response: 0, amount: 700, reversed: false })
    expect(await refused({ type: "query", terminal: 1003, reference: 2n ** 40n })).toMatch(/^not-found/)
    expect(await ask("receipt", { terminal: 1003 })).toMatchObject({
      transaction: { kind: "refund", amount: 50 },
      merchant: { number: 1, name: "Kiosk" },
    })
    const first = await ask("receipt", { terminal: 1003, reference: sales[0].reference })
    expect(first.transaction.amount).toBe(700)
    const totals = await ask("totals", { terminal: 1003 })
    expect(totals.rows["purchase"]).toEqual({ count: 2, amount: 1_500 })
    expect([totals.debits, totals.credits]).toEqual([
      { count: 2, amount: 1_500 },
      { count: 1, amount: 50 },
    ])
    const close = record(0n, {
      kind: Kind.close,
      terminal: 1003,
      amount: 1_500,
      original: 50n,
      counterparty: 2n | (1n << 32n),
    })
    expect(await responses([close])).toEqual([0])
    expect((await ask("totals", { terminal: 1003 })).batch).toBe(totals.batch + 1)
    expect(await ask("product-info", { number: 7 })).toMatchObject({
      name: "Gold",
      pinRule: "above",
      purses: { main: 0, bonus: 0 },
    })
    await ask("calendar", { utcOffsetMinutes: 60 })
  })

  it("of a terminal are for those who act for it", async () => {
    const terminal = await open({ terminal: 1004 })
    for (const type of ["totals", "terminal-info"]) {
      expect(await terminal.ask({ type, terminal: 1004 })).toMatchObject({
        type: `${type}.ok`,
        terminal: 1004,
      })
      expect(await refused({ type, terminal: 1001 }, terminal)).toBe(
        "not-permitted: terminal:1004 may not act for terminal 1001",
      )
    }
    expect(await refused({ type: "receipt", terminal: 1001 }, terminal)).toMatch(/^not-permitted/)
    expect(await refused({ type: "query", terminal: 1001, reference: 1 }, terminal)).toMatch(/^not-permitted/)
    expect(await terminal.ask({ type: "hotlist" })).toMatchObject({ type: "hotlist.ok" })
    expect(await refused({ type: "card", card: firstCard }, terminal)).toBe(
      "not-permitted: terminal:1004 lacks the permission inspect",
    )
    const locking = { type: "lifecycle", card: firstCard, action: "lock", reason: "no" }
    expect(await refused(locking, terminal)).toBe("not-permitted: terminal:1004 lacks the permission operate")
    expect(await refused({ type: "product-info", number: 7 }, terminal)).toBe(
      "not-permitted: terminal:1004 lacks the permission inspect or provision",
    )
    terminal.close()
  })
})
