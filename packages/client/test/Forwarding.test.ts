import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Kind, type Outcome, RecordFlag, ResponseCode, type TransactionRecord } from "@millrace/protocol"
import { Effect, Exit, Fiber, Logger, Result, Schedule, Scope } from "effect"
import { forwarding } from "../src/Forwarding.ts"
import { Client, type ConnectOptions, type Forwarded, PendingReversals } from "../src/index.ts"
import { connect, credential, purchase, until } from "./connected.ts"
import { approved, type FakeSession, fakeServer } from "./FakeServer.ts"
import { type Fate, MemoryDisk } from "./MemoryDisk.ts"

/** Remembers what it did, turns round and bars as the engine does; loses answers when a test says so. */
class Bank {
  readonly done = new Map<bigint, Outcome>()
  readonly standing = new Set<bigint>()
  readonly #barred = new Set<bigint>()
  readonly order: Array<TransactionRecord> = []
  lose: (record: TransactionRecord) => boolean = () => false

  readonly records = (session: FakeSession, records: ReadonlyArray<TransactionRecord>): void => {
    for (const record of records) {
      this.order.push(record)
      const answer = this.#decide(record)
      if (!this.lose(record)) session.answer([answer])
    }
  }

  #decide(record: TransactionRecord): Outcome {
    const before = this.done.get(record.reference)
    if (before !== undefined) return { ...before, flags: 1 }
    const refused = this.#barred.has(record.reference)
    const outcome = approved(record, { response: refused ? ResponseCode.tooLate : ResponseCode.approved })
    this.done.set(record.reference, outcome)
    if (record.kind === Kind.reversal) {
      this.standing.delete(record.original)
      this.#barred.add(record.original)
    } else if (!refused && record.kind !== Kind.balance) this.standing.add(record.reference)
    return outcome
  }
}

const quiet = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, Logger.layer([]))

const banked = Effect.fnUntraced(function* () {
  const bank = new Bank()
  const server = yield* fakeServer({ records: bank.records })
  return { bank, server }
})

/** A client with its book on a disk of the test's. */
const clientOn = Effect.fnUntraced(function* (
  url: string,
  disk: MemoryDisk,
  options: Partial<ConnectOptions> = {},
) {
  const pending = yield* PendingReversals.open("pending", credential, async () => disk)
  const client = yield* connect(url, options)
  return yield* forwarding(client, pending, {
    deadlineMs: options.deadlineMs ?? 15_000,
    onForwarded: options.onForwarded ?? (() => {}),
  })
})

const balance = (n: number) => purchase(n, { kind: Kind.balance, amount: 0 })
const kinds = (bank: Bank) => bank.order.map(({ kind }) => kind)

describe("a request without an answer", () => {
  it.live("is turned round by itself, and nothing new of its terminal goes before", () =>
    Effect.gen(function* () {
      const { bank, server } = yield* banked()
      const told: Array<Forwarded> = []
      const client = yield* clientOn(server.url, new MemoryDisk(), { onForwarded: (one) => told.push(one) })
      let losses = 2
      bank.lose = ({ terminal }) => terminal === 1001 && losses-- > 0
      const lost = yield* Effect.flip(client.submit(purchase(1), { deadlineMs: 30 }))
      assert.strictEqual(lost._tag === "Unknown" && lost.sent, true)
      assert.deepStrictEqual(
        client.pending().map(({ original }) => original),
        [purchase(1).reference],
      )
      // Its deadline passes before the reversal is answered: it never left.
      const early = yield* Effect.flip(client.submit(purchase(2), { deadlineMs: 10 }))
      assert.deepStrictEqual(
        [early._tag === "Unknown" && early.sent, early._tag === "Unknown" && early.reason],
        [false, "pending"],
      )
      // Another terminal is not held up.
      assert.strictEqual((yield* client.submit(purchase(3, { terminal: 1002 }))).response, 0)
      yield* Effect.promise(() => server.close())
      yield* Effect.promise(() => server.listen())
      assert.strictEqual((yield* client.submit(purchase(4))).response, 0)
      const own = bank.order.filter(({ terminal }) => terminal === 1001)
      assert.deepStrictEqual(
        own.map(({ kind }) => kind),
        [Kind.purchase, Kind.reversal, Kind.reversal, Kind.purchase],
      )
      assert.strictEqual(new Set(own.map(({ reference }) => reference)).size, 3)
      assert.deepStrictEqual(
        told.map(({ record, response }) => [record.original, response]),
        [[purchase(1).reference, 0]],
      )
      assert.deepStrictEqual(client.pending(), [])
      assert.deepStrictEqual([...bank.standing], [purchase(3).reference, purchase(4).reference])
    }).pipe(Effect.scoped, quiet),
  )

  it.live("that is a reversal itself, a void or a cancellation is sent again until it is answered", () =>
    Effect.gen(function* () {
      for (const kind of [Kind.reversal, Kind.void, Kind.cancellation]) {
        const { bank, server } = yield* banked()
        const client = yield* clientOn(server.url, new MemoryDisk())
        let losses = 1
        bank.lose = () => losses-- > 0
        const request = purchase(1, { kind, amount: 0, original: 9n })
        yield* Effect.flip(client.submit(request, { deadlineMs: 20 }))
        yield* client.submit(balance(2))
        assert.deepStrictEqual(kinds(bank), [kind, kind, Kind.balance])
        assert.strictEqual(bank.order[1].reference, request.reference)
        assert.strictEqual(bank.order[1].flags, RecordFlag.repeat)
      }
    }).pipe(Effect.scoped, quiet),
  )

  it.live("that moves nothing leaves nothing behind, nor does one that was answered or never left", () =>
    Effect.gen(function* () {
      const { bank, server } = yield* banked()
      const disk = new MemoryDisk()
      const client = yield* clientOn(server.url, disk)
      bank.lose = ({ kind }) => kind === Kind.balance
      yield* Effect.flip(client.submit(balance(1), { deadlineMs: 10 }))
      yield* client.submit(purchase(2))
      assert.deepStrictEqual(client.pending(), [])
      yield* Effect.promise(() => server.close())
      yield* until(() => !client.stats().connected)
      const unsent = yield* Effect.flip(client.submit(purchase(3), { deadlineMs: 20 }))
      assert.strictEqual(unsent._tag === "Unknown" && unsent.sent, false)
      assert.deepStrictEqual(client.pending(), [])
    }).pipe(Effect.scoped, quiet),
  )

  it.live("that its caller gave up is turned round too", () =>
    Effect.gen(function* () {
      const { bank, server } = yield* banked()
      const client = yield* clientOn(server.url, new MemoryDisk())
      bank.lose = ({ kind }) => kind === Kind.purchase
      const sale = yield* Effect.forkChild(client.submit(purchase(1)))
      yield* until(() => bank.order.length === 1)
      yield* Fiber.interrupt(sale)
      yield* client.submit(balance(2))
      assert.deepStrictEqual(kinds(bank), [Kind.purchase, Kind.reversal, Kind.balance])
      assert.strictEqual(bank.standing.size, 0)
    }).pipe(Effect.scoped, quiet),
  )

  it.live("waits for the next client when this one is not let in any more, and nobody waits in vain", () =>
    Effect.gen(function* () {
      const { bank, server } = yield* banked()
      const disk = new MemoryDisk()
      const client = yield* clientOn(server.url, disk)
      bank.lose = () => true
      yield* Effect.flip(client.submit(purchase(1), { deadlineMs: 10 }))
      server.options = { refuse: () => true }
      for (const { socket } of server.sessions) socket.destroy()
      const told = yield* Effect.flip(client.submit(purchase(2)))
      assert.strictEqual(told._tag, "ClientClosed")
      assert.deepStrictEqual(
        client.pending().map(({ original }) => original),
        [purchase(1).reference],
      )
    }).pipe(Effect.scoped, quiet),
  )

  it.live("holds batches back as well, which are their caller's own to look after", () =>
    Effect.gen(function* () {
      const { bank, server } = yield* banked()
      const client = yield* clientOn(server.url, new MemoryDisk(), { deadlineMs: 60 })
      bank.lose = ({ kind }) => kind !== Kind.balance
      yield* Effect.flip(client.submit(purchase(1), { deadlineMs: 10 }))
      const [held] = yield* client.batch([balance(2)], { deadlineMs: 10 })
      assert.strictEqual("sent" in held && held.sent, false)
      bank.lose = () => false
      const [answered] = yield* client.batch([balance(3)], { deadlineMs: 10_000 })
      assert.strictEqual("response" in answered && answered.response, 0)
      assert.deepStrictEqual(kinds(bank).at(-1), Kind.balance)
    }).pipe(Effect.scoped, quiet),
  )
})

/** One life of a terminal: three sales, the second one's answer is lost; then its process is killed at a step of the disk. */
const life = Effect.fnUntraced(function* (crashAt: number, fate: Fate) {
  const { bank, server } = yield* banked()
  const told = new Set<bigint>()
  const killed = (): void => {
    for (const { socket } of server.sessions) socket.destroy()
    server.options = { refuse: () => true }
  }
  const disk = new MemoryDisk(new Uint8Array(0), crashAt, fate, killed)
  bank.lose = ({ reference, kind }) => kind === Kind.purchase && reference === purchase(2).reference
  const scope = yield* Scope.make()
  const first = yield* Effect.exit(Scope.provide(clientOn(server.url, disk), scope))
  if (Exit.isSuccess(first)) {
    for (const n of [1, 2, 3]) {
      const result = yield* Effect.result(
        first.value.submit(purchase(n), { deadlineMs: n === 2 ? 15 : 5_000 }),
      )
      // What a dead process would have told, nobody heard.
      if (disk.dead) break
      if (Result.isSuccess(result) && result.success.response === 0) told.add(purchase(n).reference)
    }
  }
  yield* Scope.close(scope, Exit.void)
  server.options = { records: bank.records }
  bank.lose = () => false
  const survived = new MemoryDisk(disk.durable)
  const open = yield* Effect.scoped(
    Effect.gen(function* () {
      const client = yield* clientOn(server.url, survived)
      const found = client.pending().map(({ original }) => original)
      yield* client.submit(balance(9))
      return found
    }),
  )
  return { bank, told, open, steps: disk.steps, survived }
})

describe("a process that is killed", () => {
  const fates: ReadonlyArray<Fate> = ["whole", "half", "zeros", "gone"]
  it.live.each(fates)(
    "at any step leaves no sale that nobody was told of, and keeps all that were told: %s",
    (fate) =>
      Effect.gen(function* () {
        const whole = yield* Effect.scoped(life(Number.POSITIVE_INFINITY, fate))
        assert.isAbove(whole.steps, 12)
        assert.strictEqual(whole.told.size, 2)
        for (let step = 0; step < whole.steps; step++) {
          const { bank, told, open, survived } = yield* Effect.scoped(life(step, fate))
          for (const reference of told) assert.isTrue(bank.standing.has(reference), `step ${step}`)
          for (const reference of open) assert.isFalse(bank.standing.has(reference), `step ${step}`)
          assert.isFalse(bank.standing.has(purchase(2).reference) && told.has(purchase(3).reference))
          assert.isTrue(survived.removed, `step ${step}: something was left`)
          // What came first after the restart was what was pending.
          assert.strictEqual(bank.order.at(-1)?.kind, Kind.balance)
          if (fate === "gone") for (const one of bank.standing) assert.isTrue(told.has(one), `step ${step}`)
        }
      }).pipe(quiet),
  )
})

describe("with a real file", () => {
  it.live("a terminal that starts again turns round what the last one left, before it sells", () =>
    Effect.gen(function* () {
      const directory = mkdtempSync(join(tmpdir(), "millrace-pending-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true, force: true })))
      const { bank, server } = yield* banked()
      const options = {
        url: server.url,
        credential,
        pendingFile: join(directory, "pending"),
        reconnect: Schedule.spaced("10 millis"),
      }
      bank.lose = () => true
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* Client.connect(options)
          const sale = client.transact({
            kind: "purchase",
            reference: purchase(1).reference,
            card: purchase(1).card,
            amount: 100,
            currency: 978,
            terminal: 1001,
          })
          yield* Effect.forkScoped(Effect.ignore(sale))
          yield* Effect.forkScoped(Effect.ignore(client.submit(purchase(2))))
          yield* until(() => bank.order.length === 1 && client.pending().length === 2)
        }),
      )
      bank.lose = () => false
      bank.order.length = 0
      const client = yield* Client.connect(options)
      assert.strictEqual((yield* client.submit(purchase(3))).response, 0)
      assert.deepStrictEqual(
        bank.order.map(({ kind, original }) => [kind, original]),
        [
          [Kind.reversal, purchase(1).reference],
          [Kind.reversal, purchase(2).reference],
          [Kind.purchase, 0n],
        ],
      )
      assert.isTrue(bank.order.slice(0, 2).every(({ flags }) => flags === RecordFlag.repeat))
      assert.deepStrictEqual([...bank.standing], [purchase(3).reference])
    }).pipe(Effect.scoped, quiet),
  )
})
