import { assert, describe, it } from "@effect/vitest"
import { ResponseCode, type TransactionRecord } from "@millrace/protocol"
import { Effect, Fiber } from "effect"
import { Unknown } from "../src/index.ts"
import { connected, counters, echo, ManualTimers, purchase, purchases, repeats, until } from "./connected.ts"
import { approved, type FakeSession } from "./FakeServer.ts"

describe("room in flight", () => {
  it.live("is never more than asked for, and every record is answered", () =>
    Effect.gen(function* () {
      let inFlight = 0
      let most = 0
      const answer = (session: FakeSession, records: ReadonlyArray<TransactionRecord>) => {
        inFlight += records.length
        most = Math.max(most, inFlight)
        setTimeout(() => {
          inFlight -= records.length
          echo(session, records)
        }, 1)
      }
      const { client } = yield* connected({ records: answer }, { inFlightMax: 8 })
      const batches = Array.from({ length: 5 }, (_, i) => client.batch(purchases(20, i * 20)))
      const results = yield* Effect.all(batches, { concurrency: "unbounded" })
      assert.isFalse(results.flat().some((result) => result instanceof Unknown))
      assert.strictEqual(most, 8)
    }),
  )

  it.live("is never more than the server takes", () =>
    Effect.gen(function* () {
      const timers = new ManualTimers()
      const { client, server } = yield* connected({ limits: { recordsInFlightMax: 3 } }, { timers })
      const pending = yield* client.batch(purchases(10), { deadlineMs: 50 }).pipe(Effect.forkChild)
      // An echo goes behind all that was sent.
      yield* until(() => client.stats().inFlight > 0)
      yield* client.echo()
      assert.strictEqual(server.sessions[0].received.length, 3)
      timers.pass(50)
      yield* Fiber.join(pending)
    }),
  )

  it.live("keeps the order of submission", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected(
        { records: (session, records) => setTimeout(() => echo(session, records), 1) },
        { inFlightMax: 4 },
      )
      const singles = Array.from({ length: 30 }, (_, i) => client.submit(purchase(i)))
      yield* Effect.all(singles, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        counters(server.sessions[0].received),
        Array.from({ length: 30 }, (_, i) => i),
      )
    }),
  )

  it.live("is filled by batches larger than it and than a frame", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({ records: echo })
      const results = yield* client.batch(purchases(20_000))
      assert.isFalse(results.some((result) => result instanceof Unknown))
    }),
  )
})

describe("a lost connection", () => {
  it.live("is made again, and the unanswered go first, in order, as repeats", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({
        records: (session, records) => {
          if (session.number > 0) return echo(session, records)
          if (session.received.length < 10) return
          // Two of the first ten are answered, then the line is cut.
          echo(session, [session.received[2], session.received[5]])
          setTimeout(() => session.socket.destroy(), 10)
        },
      })
      const first = yield* client.batch(purchases(6)).pipe(Effect.forkChild)
      const second = yield* client.batch(purchases(4, 6)).pipe(Effect.forkChild)
      yield* until(() => server.sessions[0].socket.destroyed && !client.stats().connected)
      const third = yield* client.batch(purchases(3, 10)).pipe(Effect.forkChild)
      const results = [
        ...(yield* Fiber.join(first)),
        ...(yield* Fiber.join(second)),
        ...(yield* Fiber.join(third)),
      ]
      assert.isFalse(results.some((result) => result instanceof Unknown))
      const received = server.sessions[1].received
      assert.deepStrictEqual(counters(received), [0, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12])
      assert.deepStrictEqual(repeats(received), [...Array(8).fill(true), false, false, false])
      assert.isFalse(repeats(server.sessions[0].received).some((repeat) => repeat))
      // The content that is compared is the same.
      const plain = (record: TransactionRecord) => ({ ...record, flags: 0 })
      assert.deepStrictEqual(plain(received[0]), plain(server.sessions[0].received[0]))
      assert.deepInclude(client.stats(), { reconnects: 1, repeated: 8 })
    }),
  )

  it.live("is noticed when the server sends garbage, and the next one serves", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({
        records: (session, records) => {
          if (session.number === 0) session.socket.write(Buffer.from("this is not a frame at all, is it?"))
          else echo(session, records)
        },
      })
      const outcome = yield* client.submit(purchase(1))
      assert.strictEqual(outcome.response, 0)
      assert.deepStrictEqual(repeats(server.sessions[1].received), [true])
    }),
  )

  it.live("is noticed when the server says nothing more", () =>
    Effect.gen(function* () {
      const timers = new ManualTimers()
      const { client, server } = yield* connected(
        {
          limits: { idleSeconds: 3 },
          message: () => {},
          records: (session, records) => {
            if (session.number > 0) echo(session, records)
          },
        },
        { timers },
      )
      const pending = yield* client.submit(purchase(1)).pipe(Effect.forkChild)
      yield* until(() => server.sessions[0].received.length === 1)
      // The logon was heard in the first second; in the next nothing is.
      timers.pass(1_000)
      assert.isTrue(client.stats().connected)
      timers.pass(1_000)
      assert.isFalse(client.stats().connected)
      assert.strictEqual((yield* Fiber.join(pending)).response, 0)
      assert.strictEqual(server.sessions.length, 2)
    }),
  )

  it.live("leaves requests unknown whose deadline passes before the next one", () =>
    Effect.gen(function* () {
      const timers = new ManualTimers()
      const { client, server } = yield* connected({}, { timers })
      const sent = yield* client.submit(purchase(1), { deadlineMs: 100 }).pipe(Effect.flip, Effect.forkChild)
      yield* until(() => server.sessions[0].received.length === 1)
      yield* Effect.promise(() => server.close())
      yield* until(() => !client.stats().connected)
      const unsent = yield* client.submit(purchase(2), { deadlineMs: 50 }).pipe(Effect.flip, Effect.forkChild)
      yield* until(() => client.stats().waiting === 1)
      timers.pass(100)
      assert.deepInclude(yield* Fiber.join(unsent), { _tag: "Unknown", sent: false })
      assert.deepInclude(yield* Fiber.join(sent), { _tag: "Unknown", sent: true })
      // The server comes back: what was given up is not sent.
      server.options = { records: echo }
      yield* Effect.promise(() => server.listen())
      assert.strictEqual((yield* client.submit(purchase(3))).response, 0)
      assert.deepStrictEqual(counters(server.sessions[server.sessions.length - 1].received), [3])
    }),
  )

  it.live("ends the client when it is not let in again", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({
        refuse: (logon) => logon > 0,
        records: (session) => session.socket.destroy(),
      })
      const error = yield* client.submit(purchase(1)).pipe(Effect.flip)
      assert.deepInclude(error, { _tag: "Unknown", reason: "closed" })
      assert.strictEqual((yield* client.submit(purchase(2)).pipe(Effect.flip))._tag, "ClientClosed")
    }),
  )
})

describe("91", () => {
  const refusing = (times: number) => {
    const seen = new Map<bigint, number>()
    return (session: FakeSession, records: ReadonlyArray<TransactionRecord>) =>
      session.answer(
        records.map((record) => {
          const count = (seen.get(record.reference) ?? 0) + 1
          seen.set(record.reference, count)
          return approved(record, { response: count <= times ? ResponseCode.unavailable : 0 })
        }),
      )
  }

  it.live("is sent again until it is decided", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ records: refusing(2) })
      const results = yield* client.batch(purchases(5))
      assert.deepStrictEqual(
        results.map((result) => (result instanceof Unknown ? "unknown" : result.response)),
        [0, 0, 0, 0, 0],
      )
      assert.strictEqual(client.stats().again, 10)
      assert.deepStrictEqual(repeats(server.sessions[0].received).slice(0, 6), [
        ...Array(5).fill(false),
        true,
      ])
    }),
  )

  it.live("is the answer when the deadline comes first: nothing was done", () =>
    Effect.gen(function* () {
      const timers = new ManualTimers()
      let refused = 0
      const { client } = yield* connected(
        {
          records: (session, records) => {
            refused++
            session.answer(records.map((record) => approved(record, { response: 91 })))
          },
        },
        { timers },
      )
      const pending = yield* client.submit(purchase(1), { deadlineMs: 60 }).pipe(Effect.forkChild)
      yield* until(() => refused === 1)
      yield* client.echo()
      // The first pause is 50 ms: one more try has time, a third has not.
      timers.pass(50)
      yield* until(() => refused === 2)
      yield* client.echo()
      timers.pass(10)
      assert.strictEqual((yield* Fiber.join(pending)).response, ResponseCode.unavailable)
    }),
  )

  it.live("is no answer for what was sent on a connection that was lost", () =>
    Effect.gen(function* () {
      const timers = new ManualTimers()
      const { client, server } = yield* connected(
        {
          records: (session, records) => {
            if (session.number === 0) session.socket.destroy()
            else session.answer(records.map((record) => approved(record, { response: 91 })))
          },
        },
        { timers },
      )
      const pending = yield* client
        .submit(purchase(1), { deadlineMs: 40 })
        .pipe(Effect.flip, Effect.forkChild)
      yield* until(() => server.sessions[1]?.received.length === 1)
      yield* client.echo()
      timers.pass(40)
      assert.deepInclude(yield* Fiber.join(pending), { _tag: "Unknown", sent: true, reason: "deadline" })
    }),
  )
})

describe("68", () => {
  it.live("is an answer to a first sending, and none to a repeat whose first answer was lost", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({
        records: (session, records) => {
          if (session.number === 0 && records[0].amount === 102) session.socket.destroy()
          else session.answer(records.map((record) => approved(record, { response: 68 })))
        },
      })
      assert.strictEqual((yield* client.submit(purchase(1))).response, ResponseCode.tooLate)
      const error = yield* client.submit(purchase(2)).pipe(Effect.flip)
      assert.deepInclude(error, { _tag: "Unknown", sent: true, reason: "too-late" })
    }),
  )
})
