import { assert, describe, it } from "@effect/vitest"
import { ResponseCode, type TransactionRecord } from "@millrace/protocol"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { Standing, Unknown } from "../src/index.ts"
import { connect, connected, echo, ManualTimers, purchase, purchases, until } from "./connected.ts"
import { approved, fakeServer } from "./FakeServer.ts"

describe("answers", () => {
  it.live("are matched to their records in any order and any split", () =>
    Effect.gen(function* () {
      const waiting: Array<TransactionRecord> = []
      const { client } = yield* connected({
        records: (session, records) => {
          waiting.push(...records)
          if (waiting.length < 50) return
          const order = waiting.map((_, i) => waiting[(i * 17 + 3) % 50])
          const bytes = order.map((record) => approved(record, { available: record.amount }))
          for (let at = 0; at < 50; at += 7) session.answer(bytes.slice(at, at + 7))
        },
      })
      const results = yield* client.batch(purchases(50))
      assert.deepStrictEqual(
        results.map((result) => (result instanceof Unknown ? "unknown" : result.available)),
        purchases(50).map((record) => record.amount),
      )
      assert.strictEqual(client.stats().inFlight, 0)
    }),
  )

  it.live("tell a decline from an approval and pass every code on", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({
        records: (session, records) => session.answer(records.map((r) => approved(r, { response: 51 }))),
      })
      const outcome = yield* client.submit(purchase(1))
      assert.strictEqual(outcome.response, ResponseCode.insufficientFunds)
    }),
  )

  it.live("keep terminals apart that use the same reference", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({
        records: (session, records) =>
          session.answer([...records].reverse().map((r) => approved(r, { available: r.terminal }))),
      })
      const results = yield* client.batch([purchase(1, { terminal: 5 }), purchase(1, { terminal: 6 })])
      assert.deepStrictEqual(
        results.map((result) => (result instanceof Unknown ? 0 : result.available)),
        [5, 6],
      )
    }),
  )

  it.live("come for both of two requests with the same reference, one after the other", () =>
    Effect.gen(function* () {
      let inFlight = 0
      let most = 0
      const { client } = yield* connected({
        records: (session, records) => {
          inFlight += records.length
          most = Math.max(most, inFlight)
          setTimeout(() => {
            inFlight -= records.length
            echo(session, records)
          }, 5)
        },
      })
      const results = yield* client.batch([purchase(1), purchase(1), purchase(1, { amount: 7 })])
      assert.isFalse(results.some((result) => result instanceof Unknown))
      assert.strictEqual(most, 1)
    }),
  )

  it.live("come as bytes for records in bytes", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({ records: echo })
      const done = yield* Deferred.make<number>()
      const bytes = new Uint8Array(128)
      bytes[0] = 1
      bytes[64] = 2
      const result = yield* client.exchange(bytes)
      assert.deepStrictEqual([...result.standing], [Standing.answered, Standing.answered])
      assert.deepStrictEqual([result.outcomes[0], result.outcomes[32]], [1, 2])
      client.exchangeUnsafe(bytes, ({ standing }) =>
        Deferred.doneUnsafe(done, Effect.succeed(standing.length)),
      )
      assert.strictEqual(yield* Deferred.await(done), 2)
    }),
  )

  it.live("come for an empty batch without a server", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({})
      assert.deepStrictEqual(yield* client.batch([]), [])
    }),
  )
})

describe("no answer", () => {
  it.live("is unknown at the deadline, and what comes later is dropped and counted", () =>
    Effect.gen(function* () {
      const timers = new ManualTimers()
      const kept: Array<() => void> = []
      const { client } = yield* connected(
        {
          records: (session, records) => {
            kept.push(() => echo(session, records))
          },
        },
        { timers, deadlineMs: 1_000 },
      )
      const pending = yield* client.submit(purchase(3)).pipe(Effect.flip, Effect.forkChild)
      yield* until(() => kept.length === 1)
      timers.pass(999)
      assert.strictEqual(client.stats().inFlight, 1)
      timers.pass(1)
      assert.deepInclude(yield* Fiber.join(pending), {
        _tag: "Unknown",
        terminal: 1001,
        reference: purchase(3).reference,
        sent: true,
        reason: "deadline",
      })
      // The late answer is not taken for that of another request.
      const other = yield* client.submit(purchase(4)).pipe(Effect.forkChild)
      yield* until(() => kept.length === 2)
      kept[0]()
      yield* until(() => client.stats().late === 1)
      assert.deepInclude(client.stats(), { inFlight: 1, unknown: 1 })
      kept[1]()
      assert.strictEqual((yield* Fiber.join(other)).reference, purchase(4).reference)
    }),
  )

  it.live("leaves the answers of the same batch as they are", () =>
    Effect.gen(function* () {
      const timers = new ManualTimers()
      const { client } = yield* connected(
        {
          records: (session, records) =>
            echo(
              session,
              records.filter((record) => record.amount % 2 === 0),
            ),
        },
        { timers },
      )
      const pending = yield* client.batch(purchases(6), { deadlineMs: 50 }).pipe(Effect.forkChild)
      yield* until(() => client.stats().inFlight === 3)
      timers.pass(50)
      assert.deepStrictEqual(
        (yield* Fiber.join(pending)).map((result) => result instanceof Unknown),
        [false, true, false, true, false, true],
      )
    }),
  )

  it.live("says so when a record was never sent", () =>
    Effect.gen(function* () {
      const timers = new ManualTimers()
      const { client } = yield* connected({}, { inFlightMax: 2, timers })
      const pending = yield* client.batch(purchases(4), { deadlineMs: 50 }).pipe(Effect.forkChild)
      yield* until(() => client.stats().inFlight === 2)
      timers.pass(50)
      assert.deepStrictEqual(
        (yield* Fiber.join(pending)).map((result) => result instanceof Unknown && result.sent),
        [true, true, false, false],
      )
    }),
  )

  it.live("is unknown for what is pending when the client is closed, and nothing more is taken", () =>
    Effect.gen(function* () {
      const server = yield* fakeServer()
      const scope = yield* Scope.make()
      const client = yield* connect(server.url).pipe(Scope.provide(scope))
      const pending = yield* client.submit(purchase(1)).pipe(Effect.flip, Effect.forkChild)
      yield* until(() => server.sessions[0].received.length === 1)
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* Fiber.join(pending), { _tag: "Unknown", sent: true, reason: "closed" })
      assert.strictEqual((yield* client.submit(purchase(2)).pipe(Effect.flip))._tag, "ClientClosed")
      assert.strictEqual((yield* client.batch(purchases(2)).pipe(Effect.flip))._tag, "ClientClosed")
      assert.strictEqual((yield* client.echo().pipe(Effect.flip))._tag, "ClientClosed")
      assert.isFalse(client.exchangeUnsafe(new Uint8Array(64), () => {}))
      yield* until(() => server.sessions[0].socket.destroyed)
    }),
  )

  it.live("leaves nothing behind when the one who waited is interrupted", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({}, { inFlightMax: 1 })
      const fiber = yield* client.submit(purchase(1)).pipe(Effect.forkChild)
      yield* until(() => server.sessions[0].received.length === 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(client.stats().inFlight, 0)
      server.options = { records: echo }
      assert.strictEqual((yield* client.submit(purchase(2))).response, 0)
    }),
  )
})
