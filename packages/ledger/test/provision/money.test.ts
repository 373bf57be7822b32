// Money that comes in and goes out by command: floats, funds, opening balances and deposits; each reference counts once.
import { describe, expect, it } from "vitest"
import { Purse } from "../../src/Cards.ts"
import type { FloatCommand, FundCommand, MerchantCommand } from "../../src/Command.ts"
import { ACCOUNT_MAX } from "../../src/limits.ts"
import { Account } from "../../src/Postings.ts"
import { by, DAY, move, product, World } from "./world.ts"

const merchant: MerchantCommand = {
  type: "merchant",
  by,
  number: 5,
  name: "Kiosk",
  currency: 203,
  floatLimit: 100,
}

describe("float", () => {
  const float = (amount: number, reference: bigint): FloatCommand => ({
    type: "float",
    by,
    merchant: 5,
    amount,
    reference,
  })
  const withMerchant = (): World => {
    const world = new World()
    world.do(merchant)
    return world
  }
  const at = (world: World) => world.scheme.merchants.floatTotal(0)

  it("is paid into one stripe, and each reference counts once", () => {
    const world = withMerchant()
    expect(world.control(float(1_000, 10n))).toEqual({ ok: true, created: 1, existing: 0 })
    expect(world.control(float(1_000, 10n))).toEqual({ ok: true, created: 0, existing: 1 })
    expect(world.control(float(7, 10n))).toEqual({
      ok: false,
      code: "conflict",
      message: "the float of merchant 5: reference 10 was used for another payment",
    })
    expect(world.control(float(1_000, 9n))).toEqual({
      ok: false,
      code: "conflict",
      message: "the float of merchant 5 is at reference 10",
    })
    expect(world.control(float(500, 2n ** 64n - 1n))).toMatchObject({ created: 1 })
    expect(at(world)).toBe(1_500)
    expect(world.total(Account.cashIn)).toBe(-1_500)
    expect(world.shards.filter(({ accounts }) => accounts.float(0) !== 0)).toHaveLength(1)
    world.recovers()
  })

  it("goes out as far as its limit below zero, not further", () => {
    const world = withMerchant()
    world.do(float(1_000, 1n))
    expect(world.control(float(-1_101, 2n))).toMatchObject({ ok: false, code: "conflict" })
    expect(world.control(float(-1_100, 2n))).toMatchObject({ created: 1 })
    expect(at(world)).toBe(-100)
    // A limit that is lowered since does not hinder paying in.
    world.do({ ...merchant, floatLimit: 0 })
    expect(world.control(float(50, 3n))).toMatchObject({ created: 1 })
    expect(world.control(float(-1, 4n))).toMatchObject({ code: "conflict" })
    expect(at(world)).toBe(-50)
    world.recovers()
  })

  it("of nobody is not found, and too much is full", () => {
    const world = withMerchant()
    expect(world.control({ ...float(1, 1n), merchant: 6 })).toMatchObject({ code: "not-found" })
    expect(world.control(float(ACCOUNT_MAX, 1n))).toMatchObject({ created: 1 })
    expect(world.control(float(1, 2n))).toMatchObject({ code: "full" })
    world.recovers()
  })
})

describe("fund", () => {
  const open = (): { world: World; card: bigint; fund: FundCommand } => {
    const world = new World()
    world.do(
      product({ purses: [{ purse: "bonus", validDays: 30 }, { purse: "category1" }, { purse: "points" }] }),
    )
    const card = world.issue(1)
    return { world, card, fund: { type: "fund", by, card, purse: "main", amount: 100, reference: 1n } }
  }

  it("money comes from outside, bonus and points are promotion", () => {
    const { world, card } = open()
    for (const [purse, amount] of [
      ["main", 100],
      ["category1", 20],
      ["bonus", 3],
      ["points", 4],
    ] as const) {
      expect(world.fund(card, amount, purse)).toEqual({ ok: true, created: 1, existing: 0 })
      expect(world.balance(card, purse)).toBe(amount)
    }
    expect([world.total(Account.cashIn), world.total(Account.promotion)]).toEqual([-120, -7])
    world.recovers()
  })

  it("each reference counts once, over all purses of the card", () => {
    const { world, card, fund } = open()
    world.do({ ...fund, reference: 5n })
    expect(world.control({ ...fund, reference: 5n })).toEqual({ ok: true, created: 0, existing: 1 })
    for (const other of [{ purse: "bonus" }, { amount: 101 }] as const) {
      expect(world.control({ ...fund, reference: 5n, ...other })).toMatchObject({
        code: "conflict",
        message: expect.stringMatching(/: reference 5 was used for another payment$/),
      })
    }
    expect(world.control({ ...fund, reference: 4n })).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/^card 900000\*{6}[0-9]{4} is at reference 5$/),
    })
    expect(world.control({ ...fund, reference: 6n })).toMatchObject({ created: 1 })
    expect([world.balance(card), world.balance(card, "bonus")]).toEqual([200, 0])
    world.recovers()
  })

  it("a purse expires as the product says, or as the command does", () => {
    const { world, card, fund } = open()
    const expires = (purse: "bonus" | "category1") => {
      const { shard, slot } = world.at(card)
      return shard.cards.purseExpires(slot, Purse[purse])
    }
    world.fund(card, 1, "bonus")
    expect(expires("bonus")).toBe(DAY + 30)
    world.do({ ...fund, purse: "bonus", reference: 7n, expiresDay: DAY })
    expect(expires("bonus")).toBe(DAY)
    world.do({ ...fund, purse: "category1", reference: 8n, expiresDay: DAY + 1 })
    expect(expires("category1")).toBe(DAY + 1)
    // More money without a day of its own leaves the purse's day, while there is something in it.
    world.do({ ...fund, purse: "category1", reference: 9n })
    expect(expires("category1")).toBe(DAY + 1)
    world.alter(card, (shard, slot) => {
      shard.cards.addTo(slot, Purse.category1, -200)
      move(shard, 0, [
        [Account.purse, -200],
        [Account.breakage, 200],
      ])
    })
    world.do({ ...fund, purse: "category1", reference: 10n })
    expect(expires("category1")).toBe(0)
    const past = { ...fund, purse: "bonus", reference: 11n, expiresDay: DAY - 1 } as const
    expect(world.control(past)).toMatchObject({ code: "bad-message" })
    world.recovers()
  })

  it("the day is the scheme's own", () => {
    const { world, fund } = open()
    const late = { ...fund, purse: "bonus", expiresDay: DAY - 1 } as const
    expect(world.control(late)).toMatchObject({ code: "bad-message" })
    world.do({ type: "calendar", by, utcOffsetMinutes: -60 })
    expect(world.control(late)).toMatchObject({ created: 1 })
    world.recovers()
  })

  it("is refused where there is no such purse, no such card, or no room", () => {
    const { world, card, fund } = open()
    expect(world.control({ ...fund, purse: "category2" })).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/has no purse category2/),
    })
    expect(world.control({ ...fund, card: 17n })).toMatchObject({ code: "not-found" })
    world.fund(card, ACCOUNT_MAX)
    expect(world.fund(card, 1)).toMatchObject({ code: "full" })
    // Another purse has room, the total of all purses has not.
    expect(world.fund(card, 1, "points")).toMatchObject({ code: "full" })
    world.step(card, "return")
    expect(world.fund(card, 1)).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/is returned/),
    })
    world.recovers()
  })
})

describe("what would take an account past its limit is refused as full", () => {
  it("opening balances", () => {
    const world = new World(1)
    const cards = {
      type: "cards",
      by,
      first: 1n,
      count: 1,
      currency: 203,
      openingBalance: ACCOUNT_MAX,
    } as const
    expect(world.control({ ...cards, count: 2 })).toMatchObject({ code: "full" })
    world.do(cards)
    expect(world.control({ ...cards, first: 9n, openingBalance: 1 })).toMatchObject({ code: "full" })
    expect(world.control({ ...cards, first: 9n, openingBalance: 0 })).toMatchObject({ created: 1 })
    world.recovers()
  })

  it("deposits and replacement fees", () => {
    const world = new World(1)
    world.do(product({ deposit: 10, replacementFee: 5, named: true }))
    const card = world.issue(1)
    world.fund(card, 20)
    world.alter(card, (shard) =>
      move(shard, 0, [
        [Account.feeIncome, ACCOUNT_MAX - 4],
        [Account.cashIn, -(ACCOUNT_MAX - 30)],
        [Account.commission, -26],
      ]),
    )
    expect(world.step(card, "replace")).toMatchObject({ code: "full" })
    const issue = { type: "issue", by, product: 1, serial: 1, count: 1, nonce: 1 } as const
    expect(world.control(issue)).toMatchObject({ code: "full" })
    world.recovers()
  })

  it("what is paid out", () => {
    const world = new World(1)
    world.do(product({ deposit: 10 }))
    const card = world.issue(1, 2)
    world.alter(card, (shard) =>
      move(shard, 0, [
        [Account.cashOut, ACCOUNT_MAX - 9],
        [Account.commission, -(ACCOUNT_MAX - 9)],
      ]),
    )
    expect(world.step(card, "return")).toMatchObject({ code: "full" })
    world.do(product({ deposit: 0 }))
    const free = world.issue(1)
    expect(world.step(free, "return")).toMatchObject({ ok: true, paidOut: 0 })
    world.recovers()
  })
})
