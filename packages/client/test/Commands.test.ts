import { assert, describe, it } from "@effect/vitest"
import type { MessageMap } from "@millrace/protocol"
import { Effect } from "effect"
import { connected } from "./connected.ts"
import type { FakeSession } from "./FakeServer.ts"

type Said = { readonly map: MessageMap; readonly session: number }

/** A server that answers each message by its type, and remembers what it was told. */
const answering = (answers: { readonly [type: string]: (map: MessageMap) => MessageMap | null }) => {
  const told: Array<Said> = []
  const message = (session: FakeSession, map: MessageMap, correlation: number) => {
    told.push({ map, session: session.number })
    const answer = answers[String(map["type"])]?.(map) ?? null
    if (answer !== null) session.say(answer, correlation)
  }
  return { told, message }
}

describe("commands", () => {
  it.live("make cards in pieces that a server takes, and add up what was made", () =>
    Effect.gen(function* () {
      const { told, message } = answering({
        cards: (map) => ({ type: "cards.ok", created: Number(map["count"]) - 1, existing: 1 }),
      })
      const { client } = yield* connected({ message })
      const progress: Array<number> = []
      const cards = { first: 6_000_000_000_000_000_000n, count: 2_500, currency: 978, openingBalance: 500 }
      const made = yield* client.cards(cards, (done) => progress.push(done))
      assert.deepStrictEqual(made, { created: 2_497, existing: 3 })
      assert.deepStrictEqual(
        told.map(({ map }) => [map["first"], map["count"]]),
        [
          [6_000_000_000_000_000_000n, 1_024],
          [6_000_000_000_000_001_024n, 1_024],
          [6_000_000_000_000_002_048n, 452],
        ],
      )
      assert.strictEqual(progress.at(-1), 2_500)
    }),
  )

  it.live("give the key of a single terminal and of a host", () =>
    Effect.gen(function* () {
      const key = new Uint8Array(32).fill(9)
      const { message } = answering({
        terminals: (map) => ({
          type: "terminals.ok",
          created: map["count"],
          existing: 0,
          ...(map["count"] === 1 ? { key } : {}),
        }),
        host: () => ({ type: "host.ok", key }),
      })
      const { client } = yield* connected({ message })
      const one = yield* client.terminals({ first: 5, count: 1, merchant: 1 })
      assert.deepStrictEqual(one, { created: 1, existing: 0, key })
      const many = yield* client.terminals({ first: 5, count: 100_000, merchant: 1 })
      assert.deepStrictEqual(many, { created: 100_000, existing: 0 })
      const host = yield* client.host({ id: "h", terminals: [[1, 5]], permissions: ["transact"] })
      assert.deepStrictEqual(host.key, key)
    }),
  )

  it.live("answer with decoded values", () =>
    Effect.gen(function* () {
      const { message } = answering({
        merchant: () => ({ type: "merchant.ok", created: true }),
        card: (map) => ({
          type: "card.ok",
          card: map["card"],
          currency: 978,
          balance: 5n,
          available: 25,
          held: 0,
          bonusLocked: 0,
          deposit: 0,
          status: "active",
          product: 0,
          named: false,
          purses: { main: -5 },
          counters: { dayAmount: 0, dayCount: 0, monthAmount: 0, monthCount: 0 },
          pinSet: true,
          triesLeft: 3,
          expires: 0,
        }),
        accounts: () => ({ type: "accounts.ok", accounts: { purses: -5, payable: 5 }, sum: 0 }),
      })
      const { client } = yield* connected({ message })
      const merchant = { number: 1, name: "Mill", currency: 978, feeBasisPoints: 50 }
      assert.isTrue((yield* client.merchant(merchant)).created)
      assert.deepInclude(yield* client.card(17n), { card: 17n, balance: 5, triesLeft: 3 })
      assert.deepStrictEqual((yield* client.accounts()).accounts, { purses: -5n, payable: 5n })
    }),
  )

  it.live("issue cards from the product's next serial on, in pieces, with their check values", () =>
    Effect.gen(function* () {
      const { told, message } = answering({
        "product-info": () => ({ type: "error", code: "not-found", message: "no product 9" }),
        issue: (map) => ({
          type: "issue.ok",
          created: map["count"],
          existing: 0,
          cards: Array.from(
            { length: Number(map["count"]) },
            (_, i) => 6_000_000 + Number(map["serial"]) + i,
          ),
          checkValues: Array.from({ length: Number(map["count"]) }, () => "004711"),
        }),
      })
      const { client } = yield* connected({ message })
      const progress: Array<number> = []
      const issued = yield* client.issue({ product: 9, serial: 50, count: 2_500 }, (done) =>
        progress.push(done),
      )
      assert.deepInclude(issued, { created: 2_500, existing: 0 })
      assert.deepStrictEqual([issued.cards[0], issued.cards[2_499]], [6_000_050n, 6_002_549n])
      assert.strictEqual(issued.checkValues.length, 2_500)
      assert.deepStrictEqual(
        told.map(({ map }) => [map["serial"], map["count"]]),
        [
          [50, 1_000],
          [1_050, 1_000],
          [2_050, 500],
        ],
      )
      assert.deepStrictEqual(progress, [1_000, 2_000, 2_500])
      const error = yield* client.issue({ product: 9, count: 1 }).pipe(Effect.flip)
      assert.deepInclude(error, { _tag: "MessageRefused", code: "not-found" })
    }),
  )

  it.live("download the hotlist in as many pages as it has", () =>
    Effect.gen(function* () {
      const { told, message } = answering({
        hotlist: (map) => {
          const since = Number(map["since"])
          const changes = [{ version: since + 1, card: 5n, code: 41 }]
          return { type: "hotlist.ok", version: since + 1, changes, more: since < 7 }
        },
      })
      const { client } = yield* connected({ message })
      const { version, changes } = yield* client.hotlist(5)
      assert.strictEqual(version, 8)
      assert.deepStrictEqual(
        changes.map((change) => change.version),
        [6, 7, 8],
      )
      assert.strictEqual(told.length, 3)
    }),
  )

  it.live("fail with the server's code when it refuses", () =>
    Effect.gen(function* () {
      const { message } = answering({
        card: () => ({ type: "error", code: "not-permitted", message: "this session may not inspect" }),
      })
      const { client } = yield* connected({ message })
      const error = yield* client.card(1n).pipe(Effect.flip)
      assert.deepInclude(error, {
        _tag: "MessageRefused",
        request: "card",
        code: "not-permitted",
        message: "this session may not inspect",
      })
    }),
  )
})

const transact = {
  type: "transact",
  kind: "purchase",
  reference: 2n ** 60n,
  card: 17n,
  amount: 5,
  currency: 978,
  terminal: 1001,
} as const

describe("a transaction as a message", () => {
  const ok = (map: MessageMap): MessageMap => ({
    type: "transact.ok",
    reference: map["reference"],
    available: 7,
    transaction: 9,
    terminal: map["terminal"],
    response: 0,
    duplicate: false,
  })

  it.live("is unknown, with its reference, when no answer comes", () =>
    Effect.gen(function* () {
      const { client } = yield* connected(answering({}))
      const error = yield* client.message(transact, { deadlineMs: 30 }).pipe(Effect.flip)
      assert.deepInclude(error, { _tag: "Unknown", reference: 2n ** 60n, terminal: 1001, sent: true })
    }),
  )

  it.live("is unknown when the answer can't be understood or is the server's defect", () =>
    Effect.gen(function* () {
      for (const answer of [{ type: "transact.ok" }, { type: "error", code: "defect", message: "" }]) {
        const { client } = yield* connected(answering({ transact: () => answer }))
        const error = yield* client.message(transact).pipe(Effect.flip)
        assert.deepInclude(error, { _tag: "Unknown", reason: "bad-answer" })
      }
    }),
  )

  it.live("is sent again as a repeat after a lost connection", () =>
    Effect.gen(function* () {
      const told: Array<Said> = []
      const { client } = yield* connected({
        message: (session, map, correlation) => {
          told.push({ map, session: session.number })
          if (session.number === 0) session.socket.destroy()
          else session.say(ok(map), correlation)
        },
      })
      const answer = yield* client.message(transact)
      assert.deepInclude(answer, { available: 7, transaction: 9n })
      assert.deepStrictEqual(
        told.map(({ map, session }) => [session, map["repeat"]]),
        [
          [0, undefined],
          [1, true],
        ],
      )
    }),
  )

  it.live("can't be sent when it can't be", () =>
    Effect.gen(function* () {
      const { client } = yield* connected()
      const exit = yield* client.echo("x".repeat(70_000)).pipe(Effect.exit)
      assert.strictEqual(exit._tag, "Failure")
      assert.include(String(exit), "at most")
    }),
  )
})
