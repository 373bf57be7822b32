// What is moved, and what moves it back: postings, refunds and reversals, each rule by itself.
import { Kind, ResponseCode } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { Journaled, request, withFloat } from "./scenario.ts"

const R = ResponseCode
const world = (transactions = 1024) => withFloat(new Journaled({ shards: 2, transactions }).provision())

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
