// Each rule by itself, in the order in which they are checked.
import { Kind, ResponseCode } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { Ledger, SlotKind } from "../src/index.ts"
import { Journaled, type Request, request, requestWords, stateOf } from "./scenario.ts"

const R = ResponseCode
const AMOUNT_MAX = Number.MAX_SAFE_INTEGER
/** Both merchants may owe for recharges whatever they like. */
const withFloat = (run: Journaled): Journaled => {
  const some = { type: "merchant", by: "host:test", currency: 203, floatLimit: AMOUNT_MAX } as const
  run.control({ ...some, number: 1, name: "Bakery", feeBasisPoints: 150 })
  run.control({ ...some, number: 2, name: "Kiosk", feeBasisPoints: 0 })
  return run
}
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

describe("postings", () => {
  const accounts = (run: Journaled) => run.ledger.totals().accounts

  it("of a purchase, a refund and their reversals, with the fee kept by a refund and returned by a reversal", () => {
    const run = world()
    const before = accounts(run)
    expect(Object.entries(before).filter(([, amount]) => amount !== 0n)).toEqual([
      ["purses.203", 8_000n],
      ["cashIn.203", -8_000n],
    ])
    run.code({ reference: 1n, amount: 1_000 })
    expect(accounts(run)).toMatchObject({ "purses.203": 7_000n, "payable.203": 985n, "feeIncome.203": 15n })
    run.code({ reference: 2n, kind: Kind.refund, amount: 400, original: 1n })
    expect(accounts(run)).toMatchObject({ "purses.203": 7_400n, "payable.203": 585n, "feeIncome.203": 15n })
    run.code({ reference: 3n, kind: Kind.reversal, original: 2n })
    run.code({ reference: 4n, kind: Kind.reversal, original: 1n })
    expect(accounts(run)).toEqual(before)
    run.code({ reference: 5n, kind: Kind.recharge, amount: 70 })
    expect(accounts(run)).toMatchObject({ "purses.203": 8_070n, "float.203": -70n })
    run.code({ reference: 6n, kind: Kind.reversal, original: 5n })
    expect(accounts(run)).toEqual(before)
    expect(run.ledger.totals().sum).toBe(0n)
  })

  it("a stripe of a merchant's payable may go below 0: the fee stays when all is refunded", () => {
    const run = world()
    run.code({ reference: 1n, amount: 1_000 })
    run.code({ reference: 2n, kind: Kind.refund, amount: 1_000, original: 1n })
    expect(accounts(run)).toMatchObject({ "payable.203": -15n, "feeIncome.203": 15n })
  })

  it("currencies are kept apart", () => {
    const run = world()
    const by = "host:test"
    run.control({ type: "cards", by, first: 50n, count: 2, currency: 978, openingBalance: 5 })
    expect(accounts(run)).toMatchObject({ "purses.203": 8_000n, "purses.978": 10n, "cashIn.978": -10n })
  })
})

describe("refunds", () => {
  it("come in parts up to the purchase, and a reversal gives room again", () => {
    const run = world()
    const refund = { kind: Kind.refund, original: 1n }
    run.code({ reference: 1n, amount: 100 })
    expect(run.code({ ...refund, reference: 2n, amount: 101 })).toBe(R.badAmount)
    expect(run.code({ ...refund, reference: 3n, amount: 60 })).toBe(0)
    expect(run.code({ ...refund, reference: 4n, amount: 41 })).toBe(R.badAmount)
    expect(run.code({ ...refund, reference: 5n, amount: 40 })).toBe(0)
    expect(run.code({ ...refund, reference: 6n, amount: 1 })).toBe(R.badAmount)
    expect(run.code({ kind: Kind.reversal, original: 3n, reference: 7n })).toBe(0)
    expect(run.code({ ...refund, reference: 8n, amount: 60 })).toBe(0)
    expect(run.balance(1n)).toBe(1_000)
  })

  it("go back under the terms of their purchase", () => {
    const run = world()
    const terms = () => new DataView(run.blocks.at(-1)!.payload.buffer).getUint32(52, true)
    run.code({ reference: 1n })
    const agreed = terms()
    run.control({
      type: "merchant",
      by: "host:test",
      number: 1,
      name: "Bakery",
      currency: 203,
      feeBasisPoints: 1,
    })
    run.code({ reference: 2n, kind: Kind.refund, amount: 10, original: 1n })
    expect(terms()).toBe(agreed)
    run.code({ reference: 3n })
    expect(terms()).not.toBe(agreed)
  })

  it("need an approved purchase of the same terminal and card", () => {
    const run = world()
    const refund = { kind: Kind.refund, amount: 10 }
    run.code({ reference: 1n })
    run.code({ reference: 2n, amount: 5_000 })
    run.code({ reference: 3n, kind: Kind.recharge })
    run.code({ reference: 4n })
    run.code({ reference: 5n, kind: Kind.reversal, original: 4n })
    run.code({ reference: 6n, kind: Kind.reversal, original: 7n })
    expect(run.code({ ...refund, reference: 11n, original: 99n })).toBe(R.originalUnknown)
    expect(run.code({ ...refund, reference: 12n, original: 1n, terminal: 2 })).toBe(R.originalUnknown)
    expect(run.code({ ...refund, reference: 13n, original: 7n })).toBe(R.originalUnknown)
    expect(run.code({ ...refund, reference: 14n, original: 1n, card: 2n })).toBe(R.invalidTransaction)
    expect(run.code({ ...refund, reference: 15n, original: 2n })).toBe(R.invalidTransaction)
    expect(run.code({ ...refund, reference: 16n, original: 3n })).toBe(R.invalidTransaction)
    expect(run.code({ ...refund, reference: 17n, original: 4n })).toBe(R.invalidTransaction)
    expect(run.code({ ...refund, reference: 18n, original: 18n })).toBe(R.originalUnknown)
  })
})

describe("reversals", () => {
  const reversal = { kind: Kind.reversal }

  it("turn the original round once; the second is approved and moves nothing", () => {
    const run = world()
    run.code({ reference: 1n, amount: 300 })
    expect(run.send(request({ ...reversal, reference: 2n, original: 1n, amount: 300 }))).toMatchObject({
      response: 0,
      available: 1_000,
    })
    expect(run.send(request({ ...reversal, reference: 3n, original: 1n }))).toMatchObject({
      response: 0,
      available: 1_000,
    })
    expect(run.code({ ...reversal, reference: 4n, original: 2n })).toBe(R.invalidTransaction)
  })

  it("that come first bar their original, which is declined and stays declined", () => {
    const run = world()
    const next = run.ledger.next
    expect(run.code({ ...reversal, reference: 2n, original: 1n, amount: 55 })).toBe(0)
    expect(run.ledger.next).toBe(next + 2)
    // A second one before the original: the same answer.
    expect(run.code({ ...reversal, reference: 3n, original: 1n })).toBe(0)
    expect(run.ledger.next).toBe(next + 3)
    expect(run.code({ ...reversal, reference: 4n, original: 1n, card: 2n })).toBe(R.invalidTransaction)
    const first = run.send(request({ reference: 1n }))
    expect(first).toMatchObject({ response: R.tooLate, available: 1_000, journaled: 1 })
    expect(run.send(request({ reference: 1n }))).toEqual({ ...first, flags: 1, journaled: 0 })
    expect(run.code({ ...reversal, reference: 5n, original: 1n })).toBe(0)
    expect(run.balance(1n)).toBe(1_000)
  })

  it("bar it for as long as they are remembered, also when later references are forgotten", () => {
    const run = world(16)
    run.code({ reference: 100n })
    expect(run.code({ ...reversal, reference: 101n, original: 50n })).toBe(0)
    for (let i = 0n; i < 12n; i++) run.code({ reference: 200n + i, kind: Kind.balance, terminal: 2 })
    // Reference 100 is forgotten by now, the bar is not.
    expect(run.send(request({ reference: 100n }))).toMatchObject({ response: R.tooLate, journaled: 0 })
    expect(run.send(request({ reference: 50n }))).toMatchObject({ response: R.tooLate, journaled: 1 })
    expect(run.send(request({ reference: 50n }))).toMatchObject({ response: R.tooLate, flags: 1 })
  })

  it("answer 25 to what is too old to be known, or when no original is named", () => {
    const run = world(16)
    run.code({ reference: 50n })
    for (let i = 0n; i < 14n; i++) run.code({ reference: 100n + i, kind: Kind.balance, terminal: 2 })
    expect(run.code({ ...reversal, reference: 60n, original: 50n })).toBe(R.originalUnknown)
    expect(run.code({ ...reversal, reference: 61n, original: 0n })).toBe(R.originalUnknown)
    expect(run.code({ ...reversal, reference: 62n, original: 51n })).toBe(0)
  })

  it("answer 12 or 13 where they do not fit their original, in that order of rules", () => {
    const run = world()
    run.code({ reference: 1n, amount: 100 })
    run.code({ reference: 2n, amount: 10, kind: Kind.refund, original: 1n })
    expect(run.code({ ...reversal, reference: 11n, original: 1n, amount: 99 })).toBe(R.badAmount)
    expect(run.code({ ...reversal, reference: 12n, original: 1n, amount: 99, card: 2n })).toBe(R.badAmount)
    expect(run.code({ ...reversal, reference: 13n, original: 1n, card: 2n })).toBe(R.invalidTransaction)
    expect(run.code({ ...reversal, reference: 14n, original: 1n })).toBe(R.invalidTransaction)
    expect(run.code({ ...reversal, reference: 15n, original: 15n })).toBe(R.invalidTransaction)
    expect(run.code({ ...reversal, reference: 16n, original: 2n })).toBe(0)
    expect(run.code({ ...reversal, reference: 17n, original: 1n })).toBe(0)
    expect(run.balance(1n)).toBe(1_000)
  })

  it("of a decline or a balance are approved and move nothing", () => {
    const run = world()
    run.code({ reference: 1n, amount: 5_000 })
    run.code({ reference: 2n, kind: Kind.balance })
    expect(run.code({ ...reversal, reference: 11n, original: 1n })).toBe(0)
    expect(run.code({ ...reversal, reference: 12n, original: 2n })).toBe(0)
    expect(run.balance(1n)).toBe(1_000)
  })

  it("of a recharge or a refund whose money is spent answer 51, and may be tried again under a new reference", () => {
    const run = world(1024)
    run.code({ reference: 1n, kind: Kind.recharge, amount: 500 })
    run.code({ reference: 2n, amount: 1_400 })
    expect(run.send(request({ ...reversal, reference: 3n, original: 1n }))).toMatchObject({
      response: R.insufficientFunds,
      available: 100,
    })
    run.code({ reference: 4n, kind: Kind.recharge, amount: 400 })
    expect(run.code({ ...reversal, reference: 5n, original: 1n })).toBe(0)
    run.code({ reference: 6n, kind: Kind.refund, amount: 700, original: 2n })
    run.code({ reference: 7n, amount: 600 })
    expect(run.code({ ...reversal, reference: 8n, original: 6n })).toBe(R.insufficientFunds)
  })

  it("charge back exactly the fee that was charged, whatever was agreed since", () => {
    const run = world()
    const before = run.ledger.totals().accounts
    run.code({ reference: 1n, amount: 1_000 })
    run.control({
      type: "merchant",
      by: "host:test",
      number: 1,
      name: "Bakery",
      currency: 203,
      feeBasisPoints: 333,
    })
    run.code({ ...reversal, reference: 2n, original: 1n })
    expect(run.ledger.totals().accounts).toEqual(before)
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
