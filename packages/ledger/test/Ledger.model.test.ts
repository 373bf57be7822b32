// The ledger against its model: the same answers, the same balances, and money conserved, at every step.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Model } from "./Model.ts"
import { Journaled, type Request } from "./scenario.ts"
import { isCommand, resolve, traffic } from "./traffic.ts"

const shards = fc.constantFrom(1, 2, 4)
const transactions = fc.constantFrom(16, 32, 64, 1024)

const start = (options: { shards: number; transactions: number }) => {
  const real = new Journaled(options)
  const model = new Model(options.transactions, (card) => real.shardOf(card))
  const by = "host:test"
  for (const command of [
    { type: "merchant", by, number: 1, name: "Bakery", currency: 203, feeBasisPoints: 150 },
    { type: "merchant", by, number: 2, name: "Kiosk", currency: 203, feeBasisPoints: 0 },
    { type: "terminals", by, first: 1, count: 2, merchant: 1 },
    { type: "terminals", by, first: 11, count: 2, merchant: 2 },
    { type: "cards", by, first: 1n, count: 4, currency: 203, openingBalance: 1_000 },
  ] as const) {
    const before = real.ledger.next
    const result = real.control(command)
    expect(result.ok).toBe(true)
    model.control(command, result, real.ledger.next - before)
  }
  return { real, model }
}

const codes = [0, 12, 13, 14, 25, 30, 51, 58, 61, 68, 94]

/** @param onResponse hears the code of every answer */
const agreement = (onResponse: (code: number) => void) =>
  fc.property(shards, transactions, traffic, (shards, transactions, steps) => {
    const { real, model } = start({ shards, transactions })
    const sent: Array<Request> = []
    for (const [position, step] of steps.entries()) {
      const what = resolve(step, sent, position)
      const before = real.ledger.next
      if (isCommand(what)) {
        const result = real.control(what)
        model.control(what, result, real.ledger.next - before)
      } else {
        sent.push(what)
        const answer = model.decide(what)
        const outcome = real.send(what)
        onResponse(outcome.response)
        expect(outcome, `step ${position}`).toEqual({
          reference: what.reference,
          terminal: what.terminal,
          response: answer.response,
          available: Number(answer.available),
          transaction:
            answer.sequence === 0 ? 0n : (BigInt(real.shardOf(what.card)) << 48n) | BigInt(answer.sequence),
          flags: answer.duplicate ? 1 : 0,
          journaled: answer.sequence === 0 || answer.duplicate ? 0 : 1,
        })
      }
      expect(real.ledger.next).toBe(model.journal.length + 1)
      for (let shard = 0; shard < shards; shard++) expect(real.ledger.imbalance(shard)).toBe(0)
    }
    for (const [card, { balance }] of model.cards) expect(real.balance(card)).toBe(Number(balance))
    const { accounts, sum } = real.ledger.totals()
    expect(sum).toBe(0n)
    for (const currency of [203, 978]) {
      if (accounts[`purses.${currency}`] === undefined) continue
      expect(accounts[`purses.${currency}`]).toBe(model.total("purse", currency))
      expect(accounts[`payable.${currency}`]).toBe(model.total("payable", currency))
      expect(accounts[`feeIncome.${currency}`]).toBe(model.total("fee", currency))
      expect(accounts[`cashIn.${currency}`]).toBe(model.total("cash", currency))
    }
    for (let shard = 0; shard < shards; shard++) {
      for (const { purses, cards } of real.ledger.audit(shard)) expect(cards).toBe(purses)
    }
  })

describe("a ledger and its model", () => {
  it("give the same answers and hold the same money, whatever comes", () => {
    fc.assert(
      agreement(() => {}),
      { numRuns: 600 },
    )
  })

  it("do so for every rule", () => {
    // The traffic is only worth something if it meets every rule. The seed makes that count one of the generators.
    const seen = new Map<number, number>()
    fc.assert(
      agreement((code) => seen.set(code, (seen.get(code) ?? 0) + 1)),
      { numRuns: 600, seed: 203 },
    )
    for (const code of codes) expect(seen.get(code), `${code}`).toBeGreaterThan(10)
  })
})
