// Ways in which money, time or a PIN once went wrong, each as the shortest sequence that showed it.
import { Kind, ResponseCode as R } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import type { ProductCommand } from "../src/index.ts"
import { Journaled, request } from "./scenario.ts"

const by = "host:test"
const currency = 203
const MAX = Number.MAX_SAFE_INTEGER
const DAY = 86_400_000

const world = (some: Partial<ProductCommand> = {}, shards = 1, cards = 2) => {
  const run = new Journaled({ shards, transactions: 1_024 }).provision(0)
  const product = { type: "product", by, number: 1, name: "P", currency, bin: "970001", named: true } as const
  expect(run.control({ ...product, ...some }).ok).toBe(true)
  const of = { type: "cards", by, currency, product: 1, openingBalance: 0 } as const
  expect(run.control({ ...of, first: 101n, count: cards }).ok).toBe(true)
  return run
}
const fund = (run: Journaled, card: bigint, amount: number, more = {}) =>
  run.control({ type: "fund", by, card, purse: "main", amount, reference: BigInt(run.time), ...more })
const life = (run: Journaled, card: bigint, action: "return" | "lost" | "replace" | "blacklist") =>
  run.control({ type: "lifecycle", by, card, action, reason: "test" })
const balanced = (run: Journaled) => {
  for (const shard of run.ledger.shards) {
    expect(run.ledger.imbalance(shard.number)).toBe(0)
    for (const { purses, cards } of run.ledger.audit(shard.number)) expect(cards).toBe(purses)
  }
}

describe("sums that pass 2^53", () => {
  it("of a transfer and its fee are refused, not thrown over", () => {
    const run = world({ credit: MAX, transfers: { fee: [{ fixed: 2 }] } }, 4, 64)
    const payee = Array.from({ length: 64 }, (_, i) => 101n + BigInt(i)).find(
      (card) => run.shardOf(card) !== run.shardOf(101n),
    )
    const transfer = { kind: Kind.transfer, card: 101n, counterparty: payee ?? 0n }
    expect(run.code({ ...transfer, amount: MAX, reference: 1n })).toBe(R.insufficientFunds)
    expect(run.code({ ...transfer, amount: MAX - 2, reference: 2n })).toBe(0)
    balanced(run)
  })

  it("over one card's purses are refused, even where other cards' debts leave their account room", () => {
    const run = world({ credit: 2 ** 50, purses: [{ purse: "bonus" }] })
    expect(run.code({ card: 102n, amount: 2 ** 50, reference: 1n })).toBe(0)
    expect(fund(run, 101n, MAX).ok).toBe(true)
    expect(fund(run, 101n, 1)).toMatchObject({ ok: false, code: "full" })
    expect(fund(run, 101n, 1, { purse: "bonus" })).toMatchObject({ ok: false, code: "full" })
    expect(run.code({ kind: Kind.recharge, card: 101n, amount: 1, reference: 2n })).toBe(R.overLimit)
    balanced(run)
    expect(life(run, 101n, "return")).toMatchObject({ ok: true, paidOut: MAX })
    balanced(run)
  })
})

describe("a deposit", () => {
  it("is paid out exactly beside as much as a card may hold", () => {
    const run = world({ deposit: 30 })
    const issue = { type: "issue", by, product: 1, serial: 0, count: 1, nonce: 1, active: true } as const
    const issued = run.control(issue)
    const card = issued.ok ? (issued.firstCard ?? 0n) : 0n
    expect(fund(run, card, MAX)).toMatchObject({ ok: false, code: "full" })
    expect(fund(run, card, MAX - 100)).toMatchObject({ ok: true })
    expect(life(run, card, "return")).toMatchObject({ ok: true, paidOut: MAX - 70 })
    balanced(run)
  })
})

describe("a PIN change", () => {
  const pinned = () => {
    const run = world()
    run.control({ type: "pin", by, card: 101n, verifier: 1_111n })
    return run
  }
  const change = { kind: Kind.pinChange, card: 101n, reference: 1n, pin: 1_111n, counterparty: 2_222n }

  it("sent again tells nothing about the new PIN", () => {
    const run = pinned()
    const first = run.send(request(change))
    const right = run.send(request({ ...change, pin: 0n }))
    const wrong = run.send(request({ ...change, pin: 0n, counterparty: 3_333n }))
    expect(right).toEqual({ ...first, flags: 1, journaled: 0 })
    expect(wrong).toEqual(right)
  })

  it("that is refused leaves no new PIN in the journal, and replays", () => {
    const run = pinned()
    expect(run.code({ ...change, pin: 9_999n })).toBe(R.wrongPin)
    const slot = run.blocks.at(-1)?.payload.slice() ?? new Uint8Array()
    expect(new DataView(slot.buffer).getBigUint64(32, true)).toBe(0n)
    const again = new Journaled({ shards: 1, transactions: 1_024 })
    again.ledger.resume(1)
    for (const { time, payload, first } of run.blocks) again.ledger.replay(time, payload, first)
    expect(again.ledger.card(101n)).toEqual(run.ledger.card(101n))
  })
})

describe("a card that was replaced", () => {
  it("lets nothing through that its successor's status does not", () => {
    const run = world()
    fund(run, 101n, 1_000)
    const hold = { kind: Kind.preauthorisation, card: 101n, amount: 100 }
    expect(run.code({ ...hold, reference: 1n })).toBe(0)
    expect(run.code({ card: 101n, amount: 200, reference: 2n })).toBe(0)
    run.control({ type: "lifecycle", by, card: 101n, action: "name", reason: "test" })
    expect(life(run, 101n, "lost").ok).toBe(true)
    const fresh = life(run, 101n, "replace")
    const successor = fresh.ok ? (fresh.card ?? 0n) : 0n
    life(run, successor, "blacklist")
    const completion = { kind: Kind.completion, card: 101n, amount: 50, original: 1n }
    expect(run.code({ ...completion, reference: 3n })).toBe(R.doNotHonour)
    run.control({ type: "lifecycle", by, card: successor, action: "release", reason: "test" })
    expect(run.code({ kind: Kind.cancellation, card: 101n, amount: 0, original: 1n, reference: 4n })).toBe(0)
    expect(life(run, successor, "return")).toMatchObject({ paidOut: 800 })
    expect(run.code({ kind: Kind.reversal, card: 101n, original: 2n, reference: 5n })).toBe(R.noSuchCard)
    balanced(run)
  })
})

describe("a transfer", () => {
  it("is not turned round out of a card whose money was paid out", () => {
    const run = world({ credit: 500 })
    fund(run, 101n, 300)
    const transfer = { kind: Kind.transfer, card: 101n, counterparty: 102n, amount: 300 }
    expect(run.code({ ...transfer, reference: 1n })).toBe(0)
    expect(life(run, 102n, "return")).toMatchObject({ paidOut: 300 })
    expect(run.code({ kind: Kind.reversal, card: 101n, original: 1n, reference: 2n })).toBe(
      R.insufficientFunds,
    )
    expect(run.ledger.card(102n)?.balance).toBe(0)
  })
})

describe("a purse's last day", () => {
  it("that is over takes nothing that comes later", () => {
    const some = { purses: [{ purse: "bonus", credit: 50 }], order: ["bonus", "main"] } as const
    const run = world(some)
    const bonus = { purse: "bonus", amount: 100 } as const
    fund(run, 101n, 100, { ...bonus, expiresDay: 1 })
    expect(run.code({ card: 101n, amount: 120, reference: 1n })).toBe(0)
    run.time = 5 * DAY
    fund(run, 101n, 500, { ...bonus, amount: 500 })
    expect(run.ledger.card(101n)?.available).toBe(480 + 50)
    run.time += DAY
    run.tick()
    expect(run.ledger.card(101n)?.purses.bonus).toBe(480)
  })
})

describe("the pass over the cards", () => {
  it("ends however many commands come in between", () => {
    const count = 4 * 8_192
    const run = new Journaled({ shards: 1, transactions: 2 ** 16 }).provision()
    const rule = { purses: [{ purse: "bonus" }], dormant: { afterMonths: 1, fee: 7 } } as const
    run.control({ type: "product", by, number: 1, name: "P", currency, bin: "970001", ...rule })
    for (let first = 0; first < count; first += 8_192) {
      const of = { type: "cards", by, currency, product: 1, count: 8_192 } as const
      run.control({ ...of, first: 1_001n + BigInt(first), openingBalance: 0 })
    }
    const last = 1_000n + BigInt(count)
    fund(run, last, 100)
    run.time = 100 * DAY
    for (let i = 0; i < 12; i++) {
      fund(run, 1_001n, 1)
      run.tick()
    }
    expect(run.ledger.card(last)?.balance).toBe(93)
  })
})

describe("what a card may spend in a day", () => {
  it("does not begin anew when the scheme's day is moved back and forth", () => {
    const run = world({ limits: { dayAmountMax: 100 } })
    fund(run, 101n, 1_000)
    run.time = 10 * DAY + 3_600_000
    expect(run.code({ card: 101n, amount: 100, reference: 1n })).toBe(0)
    for (const [i, utcOffsetMinutes] of [-840, 0].entries()) {
      run.control({ type: "calendar", by, utcOffsetMinutes })
      expect(run.code({ card: 101n, amount: 100, reference: BigInt(2 + i) })).toBe(R.overLimit)
    }
  })
})

describe("a card for one purchase", () => {
  it("stays closed when part of it comes back", () => {
    const run = world({ singleUse: "once" })
    fund(run, 101n, 500)
    expect(run.code({ card: 101n, amount: 100, reference: 1n })).toBe(0)
    expect(run.code({ kind: Kind.refund, card: 101n, amount: 1, original: 1n, reference: 2n })).toBe(0)
    expect(run.ledger.card(101n)?.status).toBe("closed")
    expect(life(run, 101n, "return")).toMatchObject({ paidOut: 401 })
  })
})
