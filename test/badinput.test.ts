// Bytes, records and messages that are not as they should be: each gets a clear answer, and nobody else notices.
import { randomBytes } from "node:crypto"
import {
  FrameType,
  Kind,
  MESSAGE_BYTES_MAX,
  messageFrame,
  RECORD_BYTES,
  RecordAt,
  ResponseCode,
} from "@millrace/protocol"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { RawConnection } from "./src/RawConnection.ts"
import { nextReference, recordOf } from "./src/Records.ts"
import {
  answersOf,
  balanceOf,
  batchOf,
  currency,
  farewellOf,
  headerOf,
  openingBalance,
  purchaseOf,
  refusalOf,
  Stand,
  terminal,
} from "./src/Stand.ts"
import { until } from "./src/within.ts"

/** PROTOCOL.md, Limits: what a server need not take before the welcome. */
const strangersMessageBytesMax = 1_024

let stand: Stand

beforeAll(async () => {
  stand = await Stand.begin({ MILLRACE_LIMITS_MESSAGES_IN_FLIGHT_MAX: 16 })
})
afterEach(() => stand.healthy.goesOn())
afterAll(() => stand.end())

describe("frames that are none", () => {
  const codes = ["bad-frame", "unknown-type", "unsupported-version", "frame-too-long", "batch-too-long"]

  it.each([
    ["another protocol's text", Buffer.from("GET / HTTP/1.1\r\nHost: mill\r\n\r\n")],
    ["another protocol's bytes", Buffer.from("16030100f8010000f40303aabbccddeeff0011223344", "hex")],
    ["zeros", Buffer.alloc(4_096)],
    ["ones", Buffer.alloc(4_096, 0xff)],
    ["random bytes", randomBytes(4_096).fill(0xee, 4, 8)],
  ])("%s: told and closed, before the logon and after", async (_, garbage) => {
    for (const connection of [await RawConnection.open(stand.server.port), await stand.open()]) {
      connection.sendBytes(garbage)
      expect(codes).toContain((await farewellOf(connection))["code"])
    }
  })

  it.each([
    ["a message over its limit", headerOf(FrameType.message, MESSAGE_BYTES_MAX + 1), "frame-too-long"],
    ["a message of 4 GB", headerOf(FrameType.message, 0xffff_fff0), "frame-too-long"],
    ["a batch over its limit", headerOf(FrameType.batch, 4_097 * RECORD_BYTES), "batch-too-long"],
    ["a batch that is not whole records", headerOf(FrameType.batch, 100), "bad-frame"],
    ["an empty batch", headerOf(FrameType.batch, 0), "bad-frame"],
    ["an empty message", headerOf(FrameType.message, 0), "bad-frame"],
    ["another frame type", headerOf(FrameType.batch, 64).with(4, 9), "unknown-type"],
    ["another version", headerOf(FrameType.batch, 64).with(5, 2), "unsupported-version"],
    ["a reserved field", headerOf(FrameType.batch, 64).with(6, 1), "bad-frame"],
    ["a length below 8", headerOf(FrameType.batch, 64).with(0, 7), "bad-frame"],
  ])("%s", async (_, bytes, code) => {
    const connection = await stand.open()
    connection.sendBytes(bytes)
    expect((await farewellOf(connection))["code"]).toBe(code)
  })

  it("what came before a bad frame was taken", async () => {
    const connection = await stand.open()
    const card = stand.card()
    connection.sendBytes(Buffer.concat([batchOf([purchaseOf(card, 5n)]), Buffer.alloc(64, 0xff)]))
    await farewellOf(connection)
    expect(await stand.balanceOf(card)).toBe(openingBalance - 5)
  })

  it("a stream that comes byte by byte is the same stream", async () => {
    const connection = await stand.open()
    const card = stand.card()
    const responses: Array<number> = []
    connection.onOutcome = (view, at) => void responses.push(view.getUint16(at + 28, true))
    for (const byte of batchOf([purchaseOf(card), balanceOf(card)])) {
      connection.sendBytes(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until("both are answered", () => responses.length === 2)
    expect(responses).toEqual([0, 0])
    connection.destroy()
  })
})

describe("one bad record among good ones", () => {
  const poked = (at: number, value: number) => (record: Uint8Array) => record.with(at, value)
  const amount = (value: bigint) => (record: Uint8Array) => {
    new DataView(record.buffer).setBigUint64(RecordAt.amount, value, true)
    return record
  }
  const as =
    (kind: number, original = 0n) =>
    (record: Uint8Array) => {
      new DataView(record.buffer).setBigUint64(RecordAt.original, original, true)
      return record.with(RecordAt.kind, kind)
    }
  const code = ResponseCode

  it.each([
    ["kind 0", poked(RecordAt.kind, 0), code.format],
    ["kind 0x80, the engine's", poked(RecordAt.kind, 0x80), code.format],
    ["kind 0xf2, a bar", poked(RecordAt.kind, 0xf2), code.format],
    ["an unknown kind", poked(RecordAt.kind, 0x6f), code.invalidTransaction],
    ["a reserved flag", poked(RecordAt.flags, 0x10), code.format],
    ["a flag of another kind", poked(RecordAt.flags, 8), code.format],
    ["all flags", poked(RecordAt.flags, 0xff), code.format],
    ["a transfer to nobody", as(Kind.transfer), code.invalidTransaction],
    ["a completion of nothing known", as(Kind.completion, 12_345n), code.originalUnknown],
    ["amount 2^53", amount(2n ** 53n), code.badAmount],
    ["amount 2^64 − 1", amount(2n ** 64n - 1n), code.badAmount],
    ["amount 0", amount(0n), code.badAmount],
    ["a balance inquiry with an amount", as(Kind.balance), code.badAmount],
    ["more than there is", amount(2n ** 53n - 1n), code.insufficientFunds],
    ["another currency", poked(RecordAt.currency, 0xff), code.invalidTransaction],
    ["currency 0", (record: Uint8Array) => record.with(62, 0).with(63, 0), code.invalidTransaction],
    ["an unknown terminal", poked(RecordAt.terminal + 3, 0x77), code.notPermittedToTerminal],
    ["terminal 0", poked(RecordAt.terminal, 0), code.notPermittedToTerminal],
    ["an unknown card", poked(RecordAt.card + 7, 0x22), code.noSuchCard],
    ["card 0", (record: Uint8Array) => record.fill(0, 8, 16), code.noSuchCard],
    ["reference 0", (record: Uint8Array) => record.fill(0, 0, 8), code.tooLate],
    ["a refund without an original", as(Kind.refund), code.originalUnknown],
    ["a refund of nothing known", as(Kind.refund, 12_345n), code.originalUnknown],
    ["a reversal without an original", as(Kind.reversal), code.originalUnknown],
  ])("%s", async (_, spoil, response) => {
    const connection = await stand.open()
    const card = stand.card()
    const bad = spoil(purchaseOf(card))
    const records = [purchaseOf(card, 1n), purchaseOf(card, 2n), bad, purchaseOf(card, 3n), balanceOf(card)]
    const answers = await answersOf(connection, records)
    expect(answers.map((answer) => answer.response)).toEqual([0, 0, response, 0, 0])
    expect(answers[4].available).toBe(openingBalance - 6)
    // Whatever is asked again, nothing moves.
    const again = await answersOf(connection, [bad, balanceOf(card)])
    expect(again.map((answer) => answer.response)).toEqual([response, 0])
    expect(again[1].available).toBe(openingBalance - 6)
    connection.destroy()
  })

  it("the same reference with another amount or card is refused with 94 and moves nothing", async () => {
    const connection = await stand.open()
    const [card, other] = [stand.card(), stand.card()]
    const request = { terminal, card, kind: Kind.purchase, amount: 10n, reference: nextReference() }
    const balances = [balanceOf(card), balanceOf(other)]
    await answersOf(connection, [recordOf(request, currency)])
    for (const altered of [
      { ...request, amount: 11n },
      { ...request, card: other },
    ]) {
      const [answer] = await answersOf(connection, [recordOf(altered, currency)])
      expect(answer).toMatchObject({ response: code.duplicate, flags: 0, transaction: 0n })
    }
    const [mine, others] = await answersOf(connection, balances)
    expect([mine.available, others.available]).toEqual([openingBalance - 10, openingBalance])
    connection.destroy()
  })

  it("the same request several times in one batch is done once", async () => {
    const connection = await stand.open()
    const card = stand.card()
    const record = purchaseOf(card, 7n)
    const outcomes = await connection.outcomesOf(Uint8Array.from(Buffer.concat([record, record, record])))
    expect(outcomes.map(({ response, available, flags }) => [response, available, flags])).toEqual([
      [0, openingBalance - 7, 0],
      [0, openingBalance - 7, 1],
      [0, openingBalance - 7, 1],
    ])
    expect(new Set(outcomes.map((outcome) => outcome.transaction)).size).toBe(1)
    connection.destroy()
  })
})

describe("messages that can't be read or asked", () => {
  const nested = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0xc0)])

  it.each([
    ["a msgpack byte that is never used", Buffer.of(0xc1)],
    ["an array", Buffer.of(0x91, 0x01)],
    ["a map that is cut short", Buffer.of(0x82, 0xa4, 0x74, 0x79)],
    ["a map that promises 4 billion entries", Buffer.of(0xdf, 0xff, 0xff, 0xff, 0xff)],
    [
      "a text that promises 4 GB",
      Buffer.of(0x81, 0xa4, 0x74, 0x79, 0x70, 0x65, 0xdb, 0xff, 0xff, 0xff, 0xff),
    ],
    ["an extension type", Buffer.of(0x81, 0xa4, 0x74, 0x79, 0x70, 0x65, 0xd4, 0x01, 0x00)],
    ["arrays 60,000 deep", nested(60_000)],
    ["bytes after the map", Buffer.of(0x80, 0x80)],
    ["no type", Buffer.of(0x80)],
    ["random bytes", randomBytes(1_000).fill(0xc1, 0, 1)],
  ])("%s: bad-message, and the session goes on; before the logon it ends", async (_, payload) => {
    const connection = await stand.open()
    connection.sendBytes(messageFrame(payload, 77))
    await until("the message is answered", () => connection.unasked.length === 1)
    expect(connection.unasked[0]).toMatchObject({ type: "error", code: "bad-message" })
    expect(await connection.ask({ type: "echo", data: 1 })).toEqual({ type: "echo.ok", data: 1 })
    connection.destroy()
    const stranger = await RawConnection.open(stand.server.port)
    stranger.sendBytes(messageFrame(payload, 77))
    const tooLong = payload.length > strangersMessageBytesMax
    expect((await farewellOf(stranger))["code"]).toBe(tooLong ? "frame-too-long" : "bad-message")
  })

  it.each([
    ["an unknown type", { type: "mint" }, "unknown-type", /mint/],
    ["a field that is missing", { type: "card" }, "bad-message", /card/],
    ["a field of another kind", { type: "card", card: "5" }, "bad-message", /card/],
    [
      "a number out of range",
      { type: "cards", first: 1n, count: 0, currency, openingBalance: 1 },
      "bad-message",
      /count/,
    ],
    [
      "a balance below 0",
      { type: "cards", first: 1n, count: 1, currency, openingBalance: -1 },
      "bad-message",
      /openingBalance/,
    ],
    [
      "half a cent",
      { type: "cards", first: 1n, count: 1, currency, openingBalance: 0.5 },
      "bad-message",
      /openingBalance/,
    ],
    ["a card that is not there", { type: "card", card: 17n }, "not-found", /card/],
    [
      "cards that are there otherwise",
      { type: "cards", first: 5_000_000_000_000_000_000n, count: 1, currency: 978, openingBalance: 1 },
      "conflict",
      /currency|card/,
    ],
    [
      "terminals of no merchant",
      { type: "terminals", first: 90_000, count: 1, merchant: 4_711 },
      "not-found",
      /merchant/,
    ],
  ])("%s: said in a sentence that names it", async (_, message, code, words) => {
    const connection = await stand.open()
    const refused = await refusalOf(connection.ask(message))
    expect(refused.code).toBe(code)
    expect(refused.message).toMatch(words)
    expect(await connection.ask({ type: "echo" })).toMatchObject({ type: "echo.ok" })
    connection.destroy()
  })

  it("more messages at once than are allowed: some are told `busy`, each is answered", async () => {
    const connection = await stand.open()
    const card = stand.card()
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => {
        const request = { kind: "purchase", card, amount: 1, currency, terminal, reference: nextReference() }
        return connection.ask({ type: "transact", ...request }).then(
          (answer) => answer["response"],
          (error: unknown) => String(error),
        )
      }),
    )
    const done = answers.filter((answer) => answer === 0).length
    expect(done).toBeGreaterThan(0)
    for (const answer of answers) expect(answer === 0 || String(answer).includes("busy:")).toBe(true)
    expect(await stand.balanceOf(card)).toBe(openingBalance - done)
    connection.destroy()
  })

  it("a transaction as a message and as a record are the same transaction", async () => {
    const connection = await stand.open()
    const card = stand.card()
    const reference = nextReference()
    const request = { terminal, card, kind: Kind.purchase, amount: 9n, reference }
    const [asRecord] = await answersOf(connection, [recordOf(request, currency)])
    const message = {
      type: "transact",
      kind: "purchase",
      card,
      amount: 9,
      currency,
      terminal,
      reference,
      repeat: true,
    }
    const asMessage = await connection.ask(message)
    expect(asMessage).toMatchObject({ response: 0, duplicate: true, available: openingBalance - 9 })
    expect(BigInt(String(asMessage["transaction"]))).toBe(asRecord.transaction)
    connection.destroy()
  })
})
