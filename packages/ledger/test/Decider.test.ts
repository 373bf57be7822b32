// Each rule by itself, in the order in which they are checked.
import { Kind, ResponseCode } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { Ledger, SlotKind } from "../src/index.ts"
import { Journaled, type Request, request, requestWords, stateOf, withFloat } from "./scenario.ts"

const R = ResponseCode
const AMOUNT_MAX = Number.MAX_SAFE_INTEGER
const world = (transactions = 1024) => withFloat(new Journaled({ shards: 2, transactions }).provision())

describe("format comes first, and nothing of it is remembered", () => {
  const cases: ReadonlyArray<readonly [string, Partial<Request>, number]> = [
    ["kind 0", { kind: 0 }, R.format],
    ["an internal kind", { kind: SlotKind.bar }, R.format],
    ["a kind from 0x80", { kind: 0x80 }, R.format],
    ["a reserved flag", { flags: 0x10 }, R.format],
    ["a flag of another kind", { kind: Kind.balance, amount: 0, flags: 2 }, R.format],
    ["a reserved flag of an unknown kind", { kind: 99, flags: 0x81 }, R.format],
    ["an unknown kind", { kind: 99 }, R.invalidTransaction],
    ["a purchase of nothing", { amount: 0 }, R.badAmount],
    ["a refund of nothing", { kind: Kind.refund, amount: 0 }, R.badAmount],
    ["a recharge of nothing", { kind: Kind.recharge, amount: 0 }, R.badAmount],
    ["a balance with an amount", { kind: Kind.balance, amount: 1 }, R.badAmount],
    ["an unknown kind, before the terminal", { kind: 13, terminal: 99 }, R.invalidTransaction],
  ]
  for (const [what, some, code] of cases) {
    it(`${what}: ${code}`, () => {
      const run = world()
      run.code({ reference: 10n })
      // Also under a reference that is remembered: its content is not even compared.
      const outcome = run.send(request({ reference: 10n, ...some }))
      expect(outcome).toMatchObject({ response: code, available: 0, transaction: 0n, flags: 0, journaled: 0 })
    })
  }

  it("an amount of 2^53: 13; of 2^53 − 1: a matter of funds", () => {
    const run = world()
    const words = requestWords(request({ reference: 10n, amount: AMOUNT_MAX }))
    const out = new Uint32Array(8)
    words[4] = 0
    words[5] = 2 ** 21
    run.ledger.decide(run.shardOf(1n), 1, words, 0, out, 0)
    expect(out[7]).toBe(R.badAmount)
    expect(run.code({ reference: 10n, amount: AMOUNT_MAX })).toBe(R.insufficientFunds)
  })

  it("any bit behind a PIN's verifier: 12, and it is not journaled", () => {
    for (let word = 12; word < 14; word++) {
      const run = world()
      const words = requestWords(request({ reference: 10n }))
      words[word] = 0x8000_0000
      const out = new Uint32Array(8)
      expect(run.ledger.decide(run.shardOf(1n), 1, words, 0, out, 0)).toBe(0)
      expect(out[7]).toBe(R.invalidTransaction)
    }
  })
})

describe("exactly once", () => {
  it("the same request again gets the first answer, flagged, whatever happened since", () => {
    const run = world()
    const first = run.send(request({ reference: 10n, amount: 300 }))
    run.code({ reference: 11n, amount: 500 })
    const again = run.send(request({ reference: 10n, amount: 300, flags: 1 }))
    expect(again).toEqual({ ...first, flags: 1, journaled: 0 })
    expect(first).toMatchObject({ available: 700, response: 0, flags: 0, journaled: 1 })
    expect(run.balance(1n)).toBe(200)
  })

  it("a decline is remembered too: it stays declined when the money is there", () => {
    const run = world()
    expect(run.code({ reference: 10n, amount: 1_001 })).toBe(R.insufficientFunds)
    expect(run.code({ reference: 11n, kind: Kind.recharge, amount: 500 })).toBe(0)
    expect(run.send(request({ reference: 10n, amount: 1_001 }))).toMatchObject({
      response: R.insufficientFunds,
      available: 1_000,
      flags: 1,
    })
  })

  it("every field but the REPEAT flag is content: 94", () => {
    const base = request({ reference: 10n, original: 5n, counterparty: 6n })
    const changes: ReadonlyArray<Partial<Request>> = [
      { card: 2n },
      { card: 1n + 2n ** 32n },
      { amount: 101 },
      { amount: 100 + 2 ** 32 },
      { original: 4n },
      { original: 5n + 2n ** 63n },
      { counterparty: 7n },
      { counterparty: 6n + 2n ** 63n },
      { kind: Kind.recharge },
      { currency: 978 },
    ]
    for (const change of changes) {
      const run = world()
      run.send(base)
      const outcome = run.send({ ...base, ...change })
      expect(outcome).toMatchObject({
        response: R.duplicate,
        transaction: 0n,
        available: 0,
        flags: 0,
        journaled: 0,
      })
      expect(run.send(base).flags).toBe(1)
    }
  })

  it("a reference is its terminal's own", () => {
    const run = world()
    expect(run.send(request({ reference: 10n, terminal: 1 })).flags).toBe(0)
    expect(run.send(request({ reference: 10n, terminal: 2 })).flags).toBe(0)
    expect(run.balance(1n)).toBe(800)
  })

  it("what is forgotten is refused with 68, not done again; another terminal's references are not touched", () => {
    const run = world(16)
    run.code({ reference: 50n })
    for (let i = 0n; i < 14n; i++) run.code({ reference: 100n + i, kind: Kind.balance, terminal: 2 })
    expect(run.send(request({ reference: 50n }))).toMatchObject({
      response: R.tooLate,
      transaction: 0n,
      journaled: 0,
    })
    expect(run.code({ reference: 49n })).toBe(R.tooLate)
    expect(run.code({ reference: 51n })).toBe(0)
    expect(run.code({ reference: 50n, terminal: 11 })).toBe(0)
    expect(run.code({ reference: 0n, terminal: 12 })).toBe(R.tooLate)
  })

  it("a terminal that is not known: 58, and it may be made known and try again", () => {
    const run = world()
    expect(run.send(request({ reference: 10n, terminal: 77 }))).toMatchObject({ response: 58, journaled: 0 })
    run.control({ type: "terminals", by: "host:test", first: 77, count: 1, merchant: 1 })
    expect(run.code({ reference: 10n, terminal: 77 })).toBe(0)
  })

  it("no decision depends on the salt", () => {
    const [a, b] = [0, 0x9abc_def0].map((salt) =>
      new Journaled({ shards: 2, transactions: 64, salt }).provision(),
    )
    for (let i = 0n; i < 100n; i++) {
      const value = request({ reference: 10n + ((i * 7n) % 60n), card: 1n + (i % 8n) })
      expect(a.send(value)).toEqual(b.send(value))
    }
    expect(stateOf(a.ledger)).toEqual(stateOf(b.ledger))
  })
})

describe("judged, journaled and remembered", () => {
  it("14 for a card that does not exist, with nothing available", () => {
    expect(world().send(request({ card: 99n }))).toMatchObject({ response: 14, available: 0, journaled: 1 })
  })

  it("12 where record, card and merchant are not of one currency", () => {
    const run = world()
    expect(run.send(request({ reference: 1n, currency: 978 }))).toMatchObject({
      response: 12,
      available: 1_000,
    })
    run.control({ type: "cards", by: "host:test", first: 50n, count: 1, currency: 978, openingBalance: 5 })
    expect(run.code({ reference: 2n, card: 50n, currency: 978, amount: 1 })).toBe(12)
  })

  it("51 by one unit, and a purse may be emptied", () => {
    const run = world()
    expect(run.code({ reference: 1n, amount: 1_001 })).toBe(R.insufficientFunds)
    expect(run.send(request({ reference: 2n, amount: 1_000 }))).toMatchObject({ response: 0, available: 0 })
    expect(run.code({ reference: 3n, amount: 1 })).toBe(R.insufficientFunds)
  })

  it("61 where a purse or an account would pass 2^53 − 1", () => {
    const run = withFloat(new Journaled({ shards: 1, transactions: 64 }).provision(0))
    const recharge = { kind: Kind.recharge }
    expect(run.code({ ...recharge, reference: 1n, amount: AMOUNT_MAX })).toBe(0)
    expect(run.balance(1n)).toBe(AMOUNT_MAX)
    expect(run.code({ ...recharge, reference: 2n, amount: 1 })).toBe(R.overLimit)
    // Another card's purse has room, the account of all purses has not.
    expect(run.code({ ...recharge, reference: 3n, amount: 1, card: 2n })).toBe(R.overLimit)
    expect(run.send(request({ reference: 4n, amount: AMOUNT_MAX }))).toMatchObject({
      response: 0,
      available: 0,
    })
    expect(run.ledger.imbalance(0)).toBe(0)
  })

  it("u64 edges: a card of 19 digits, references with the top bit set, all of a terminal's 32 bits", () => {
    const run = world(16)
    const by = "host:test"
    const card = 9_999_999_999_999_999_999n
    const terminal = 0xffff_ffff
    expect(
      run.control({ type: "cards", by, first: card, count: 1, currency: 203, openingBalance: 9 }).ok,
    ).toBe(true)
    expect(run.control({ type: "terminals", by, first: terminal, count: 1, merchant: 2 }).ok).toBe(true)
    const value = request({
      card,
      terminal,
      reference: 2n ** 64n - 2n,
      amount: 4,
      counterparty: 2n ** 64n - 1n,
    })
    const first = run.send(value)
    expect(first).toMatchObject({ response: 0, available: 5, reference: 2n ** 64n - 2n, terminal })
    expect(run.send(value)).toEqual({ ...first, flags: 1, journaled: 0 })
    for (let i = 0n; i < 14n; i++) run.code({ reference: 100n + i, kind: Kind.balance })
    expect(run.send(value).response).toBe(R.tooLate)
    // Order is by all 64 bits, unsigned: the top bit makes a reference late, not negative.
    expect(run.code({ card, terminal, reference: 2n ** 63n - 1n, amount: 1 })).toBe(R.tooLate)
    expect(run.code({ card, terminal, reference: 2n ** 64n - 1n, amount: 1 })).toBe(0)
    expect(run.ledger.card(card)).toMatchObject({ number: card, balance: 4 })
    expect(run.ledger.scheme.terminal(terminal)).toMatchObject({
      number: terminal,
      merchant: 2,
      active: true,
    })
  })

  it("a transaction id names shard and slot", () => {
    const run = world()
    const next = run.ledger.next
    const { transaction } = run.send(request({}))
    expect(transaction).toBe((BigInt(run.shardOf(1n)) << 48n) | BigInt(next))
  })
})

describe("the slots", () => {
  it("are the request's record with the decision in the PIN block's place", () => {
    const run = world()
    const value = request({
      reference: 2n ** 63n + 1n,
      amount: 250,
      original: 3n,
      counterparty: 4n,
      flags: 1,
    })
    run.send(value)
    const slot = run.blocks.at(-1)!.payload
    const record = new Uint8Array(requestWords(value).buffer)
    expect(slot.subarray(0, 40)).toEqual(record.subarray(0, 40))
    expect(slot.subarray(56)).toEqual(record.subarray(56))
    const view = new DataView(slot.buffer)
    expect(view.getFloat64(40, true)).toBe(750)
    expect(view.getUint16(48, true)).toBe(0)
    expect(view.getUint32(52, true)).toBe(1)
  })

  it("come in two parts where the ring wraps, and only while they are remembered", () => {
    const run = world(16)
    for (let i = 0n; i < 40n; i++) run.code({ reference: 100n + i, kind: Kind.balance })
    const { next } = run.ledger
    const parts = run.ledger.slots(next - 13, next)
    expect(parts.map((part) => part.length).reduce((a, b) => a + b)).toBe(13 * 64)
    expect(parts.length).toBe(2)
    expect(Buffer.concat(parts)).toEqual(Buffer.concat(run.blocks.slice(-13).map(({ payload }) => payload)))
    expect(run.ledger.slots(next, next)).toEqual([])
    expect(() => run.ledger.slots(next - 14, next)).toThrow(RangeError)
    expect(() => run.ledger.slots(next, next + 1)).toThrow(RangeError)
  })
})

describe("a ledger", () => {
  it("has a power of two of shards and of remembered transactions", () => {
    for (const shards of [0, 3, 128, 1.5, Number.NaN]) {
      expect(() => new Ledger({ shards, transactions: 64 })).toThrow(RangeError)
    }
    for (const transactions of [0, 8, 100, 2 ** 27]) {
      expect(() => new Ledger({ shards: 1, transactions })).toThrow(RangeError)
    }
  })
})
