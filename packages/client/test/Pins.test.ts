import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Kind, type MessageMap, RecordFlag, recordBytes, type TransactionRecord } from "@millrace/protocol"
import { Effect, Exit } from "effect"
import { connected, echo, purchase, purchases, until } from "./connected.ts"
import { approved, type FakeSession } from "./FakeServer.ts"

const card = 6_000_000_000_000_000_017n
const blockOf = (record: TransactionRecord): Uint8Array => record.pinBlock ?? new Uint8Array(16)
/** Bytes 24 to 40 of a record. */
const newBlockOf = (record: TransactionRecord) => recordBytes(record).subarray(24, 40)

describe("a PIN", () => {
  it.live("goes out as a PIN block of its card, under the session's key", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ records: echo })
      const records = purchases(300).map((record, i) =>
        i % 100 === 7 ? { ...record, pin: `12${i}0` } : record,
      )
      yield* client.batch(records)
      const [session] = server.sessions
      for (const [i, record] of session.received.entries()) {
        if (i % 100 === 7) assert.strictEqual(session.pinIn(record.card, blockOf(record)), `12${i}0`)
        else assert.isNull(record.pinBlock)
      }
    }),
  )

  it.live("is made a block anew for each sending: another fill, and another key after a reconnect", () =>
    Effect.gen(function* () {
      const blocks: Array<Uint8Array> = []
      const { client, server } = yield* connected({
        records: (session, records) => {
          blocks.push(...records.map(blockOf))
          if (session.number === 0 && blocks.length === 1)
            session.answer([approved(records[0], { response: 91, transaction: 0n })])
          else if (session.number === 0) session.socket.destroy()
          else session.answer(records.map((record) => approved(record)))
        },
      })
      const outcome = yield* client.submit(purchase(1, { pin: "4711" }))
      assert.strictEqual(outcome.response, 0)
      assert.deepStrictEqual(
        server.sessions.map((session) => session.received.map((r) => session.pinIn(r.card, blockOf(r)))),
        [["4711", "4711"], ["4711"]],
      )
      assert.strictEqual(new Set(blocks.map((block) => Buffer.from(block).toString("hex"))).size, 3)
    }),
  )

  it.live("can be changed: the new one's block lies where original and counterparty are", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ records: echo })
      yield* client.submit(
        purchase(1, { kind: Kind.pinChange, amount: 0, pin: "1234", newPin: "123456789012" }),
      )
      const [session] = server.sessions
      const [record] = session.received
      assert.strictEqual(session.pinIn(card, blockOf(record)), "1234")
      assert.strictEqual(session.pinIn(card, newBlockOf(record)), "123456789012")
    }),
  )

  it.live("and the flags go by their names", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ records: echo })
      yield* client.submit(purchase(1, { partial: true }))
      yield* client.submit(
        purchase(2, { kind: Kind.refund, code: true, pin: "9999", flags: RecordFlag.repeat }),
      )
      yield* client.submit(purchase(3, { kind: Kind.close, forced: true }))
      assert.deepStrictEqual(
        server.sessions[0].received.map(({ flags }) => flags),
        [RecordFlag.partial, RecordFlag.code | RecordFlag.repeat, RecordFlag.forced],
      )
    }),
  )

  it.live("that is none, or does not go with its record, never leaves, and is not in the words", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ records: echo })
      const cases = [
        [{ pin: "123" }, "pin must have 4 to 12 digits"],
        [{ pin: "12345678901239999" }, "pin must have 4 to 12 digits"],
        [{ newPin: "1239" }, "newPin goes with a pinChange alone"],
        [{ newPin: "1239", kind: Kind.pinChange, original: 5n }, "newPin takes the place"],
        [{ pin: "1239", pinBlock: new Uint8Array(16) }, "pin takes the place of pinBlock"],
        [{ pin: "1239", card: 2n ** 64n - 1n }, "card must have at most 19 digits"],
        [{ partial: true, kind: Kind.refund }, "partial does not go with kind 3"],
      ] as const
      for (const [change, words] of cases) {
        const exit = yield* client.submit(purchase(1, change)).pipe(Effect.exit)
        assert.isTrue(Exit.isFailure(exit))
        assert.include(String(exit), words)
        assert.notInclude(inspect(exit, { depth: 9 }), "1239")
      }
      assert.strictEqual(server.sessions[0].received.length, 0)
    }),
  )
})

describe("a message with a PIN", () => {
  const told: Array<{ readonly session: FakeSession; readonly map: MessageMap }> = []
  const answers: { readonly [type: string]: (map: MessageMap) => MessageMap } = {
    transact: (map) => ({
      type: "transact.ok",
      reference: map["reference"],
      available: 0,
      transaction: 1,
      terminal: map["terminal"],
      response: 10,
      duplicate: false,
      approved: 80,
    }),
    pin: () => ({ type: "pin.ok", created: 1, existing: 0 }),
    code: () => ({ type: "code.ok", created: 1, existing: 0 }),
  }
  const message = (session: FakeSession, map: MessageMap, correlation: number) => {
    told.push({ session, map })
    if (told.length === 1) session.socket.destroy()
    else session.say(answers[String(map["type"])](map), correlation)
  }
  /** The PIN in one field of what came last. */
  const last = (field: string, number = card) => {
    const { session, map } = told[told.length - 1]
    return session.pinIn(number, map[field] as Uint8Array) // the client's own message
  }

  it.live("is made anew for each session too, and its answer tells what was approved", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({ message })
      const fields = {
        kind: "purchase",
        reference: 5n,
        card,
        amount: 100,
        currency: 978,
        terminal: 1001,
      } as const
      const answer = yield* client.transact({ ...fields, partial: true, pin: "1234" })
      assert.deepInclude(answer, { response: 10, approved: 80 })
      assert.strictEqual(told.length, 2)
      assert.strictEqual(told[0].session.pinIn(card, told[0].map["pin"] as Uint8Array), "1234") // as above
      assert.strictEqual(last("pin"), "1234")
      assert.deepInclude(told[1].map, { repeat: true, partial: true })
      yield* client.transact({ ...fields, kind: "pinChange", amount: 0, pin: "1234", newPin: "5678" })
      assert.deepStrictEqual([last("pin"), last("newPin")], ["1234", "5678"])
      yield* client.pin(card, "8765")
      assert.strictEqual(last("pin"), "8765")
      yield* client.code(77, "123456")
      assert.strictEqual(last("code", 77n), "123456")
      const exit = yield* client.pin(card, "12345678901234567").pipe(Effect.exit)
      assert.include(String(exit), "pin must have 4 to 12 digits")
    }),
  )

  it.live("that nobody answers is unknown, with its reference", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ message: () => {} })
      const error = yield* client
        .transact(
          { kind: "purchase", reference: 5n, card, amount: 1, currency: 978, terminal: 1001, pin: "1234" },
          { deadlineMs: 30 },
        )
        .pipe(Effect.flip)
      assert.deepInclude(error, { _tag: "Unknown", reference: 5n, terminal: 1001, sent: true })
      yield* until(() => server.sessions.length === 1)
    }),
  )
})
