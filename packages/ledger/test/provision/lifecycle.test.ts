// A card's life: every step from every state, what it does to the card's money, and what the hotlist says of it.
import { type LifecycleAction, lifecycleActions } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { CardStatus, type CardStatusName, Purse } from "../../src/Cards.ts"
import { Account } from "../../src/Postings.ts"
import { postingsOf } from "../../src/provision/World.ts"
import { move, product, setStatus, World } from "./world.ts"

type Stored = Exclude<CardStatusName, "expired">

/** The state that a step leads to; "=": it is there already; absent: refused. Of a named card. */
const table: { readonly [S in Stored]: { readonly [A in LifecycleAction]?: Stored | "=" } } = {
  issued: { activate: "active", cancel: "cancelled", blacklist: "blacklisted", release: "=", name: "=" },
  active: {
    activate: "=",
    lock: "locked",
    unlock: "=",
    lost: "lost",
    stolen: "stolen",
    blacklist: "blacklisted",
    release: "=",
    return: "returned",
    replace: "lost",
    name: "=",
  },
  locked: {
    lock: "=",
    unlock: "active",
    lost: "lost",
    stolen: "stolen",
    blacklist: "blacklisted",
    release: "=",
    return: "returned",
    replace: "lost",
    name: "=",
  },
  lost: { lost: "=", blacklist: "blacklisted", release: "=", replace: "lost", name: "=" },
  stolen: { stolen: "=", blacklist: "blacklisted", release: "=", replace: "stolen", name: "=" },
  // It was active before.
  blacklisted: { blacklist: "=", release: "active", name: "=" },
  returned: { return: "=" },
  cancelled: { cancel: "=" },
  closed: { blacklist: "blacklisted", return: "returned", release: "=", name: "=" },
}
const states = Object.keys(table) as ReadonlyArray<Stored>
/** How a fresh card gets into each state. */
const ways: { readonly [S in Stored]: ReadonlyArray<LifecycleAction> } = {
  issued: [],
  active: ["activate"],
  locked: ["activate", "lock"],
  lost: ["activate", "lost"],
  stolen: ["activate", "lock", "stolen"],
  blacklisted: ["activate", "blacklist"],
  returned: ["activate", "return"],
  cancelled: ["cancel"],
  closed: ["activate"],
}

const worldWith = (state: Stored, named: boolean): { world: World; card: bigint } => {
  const world = new World()
  world.do(product({ named, deposit: 30, replacementFee: 10 }))
  const card = world.issue(1, 1, false)
  for (const action of ways[state]) expect(world.step(card, action)).toMatchObject({ ok: true, created: 1 })
  if (state === "closed") world.alter(card, setStatus("closed"))
  expect(world.status(card)).toBe(CardStatus[state])
  return { world, card }
}

describe.each(states)("a named card that is %s", (state) => {
  it.each(lifecycleActions)("%s", (action) => {
    const { world, card } = worldWith(state, true)
    const to = table[state][action]
    const result = world.step(card, action)
    if (to === undefined) {
      const message = `card 900000******${String(card).slice(-4)} is ${state}: no ${action}`
      expect(result).toEqual({ ok: false, code: "conflict", message })
    } else if (to === "=") expect(result).toMatchObject({ ok: true, created: 0, existing: 1 })
    else expect(result).toMatchObject({ ok: true, created: 1, existing: 0 })
    const after = to === undefined || to === "=" ? state : to
    expect(world.status(card)).toBe(CardStatus[after])
    // Once more: what was done is there, what was refused is refused.
    const again = world.step(card, action)
    expect(again).toMatchObject(to === undefined ? { ok: false } : { ok: true, created: 0, existing: 1 })
    expect(world.status(card)).toBe(CardStatus[after])
    world.recovers()
  })
})

describe("an anonymous card", () => {
  const namedOnly: ReadonlyArray<LifecycleAction> = ["lost", "stolen", "replace"]

  it.each(namedOnly)("has no %s, until it is named", (action) => {
    const { world, card } = worldWith("active", false)
    const message = expect.stringMatching(
      new RegExp(`^card 900000\\*{6}[0-9]{4} is anonymous: no ${action}$`),
    )
    expect(world.step(card, action)).toEqual({ ok: false, code: "conflict", message })
    expect(world.step(card, "name")).toMatchObject({ created: 1 })
    expect(world.step(card, action)).toMatchObject({ ok: true, created: 1 })
    world.recovers()
  })

  it("goes all other ways", () => {
    for (const state of states) {
      for (const action of lifecycleActions.filter((name) => !namedOnly.includes(name) && name !== "name")) {
        const { world, card } = worldWith(state === "lost" || state === "stolen" ? "active" : state, false)
        const named = worldWith(state === "lost" || state === "stolen" ? "active" : state, true)
        expect(world.step(card, action)).toEqual(named.world.step(named.card, action))
      }
    }
  })
})

it("a card comes back from the blacklist as what it was", () => {
  for (const state of ["issued", "active", "locked", "lost", "stolen", "closed"] as const) {
    const { world, card } = worldWith(state, true)
    world.step(card, "blacklist")
    expect(world.status(card)).toBe(CardStatus.blacklisted)
    expect(world.step(card, "release")).toEqual({ ok: true, created: 1, existing: 0 })
    expect(world.status(card)).toBe(CardStatus[state])
    world.recovers()
  }
})

describe("the hotlist", () => {
  it("follows the card, a version a change", () => {
    const { world, card } = worldWith("active", true)
    const { hotlist } = world.scheme
    expect(hotlist.version).toBe(0)
    const seen: Array<readonly [LifecycleAction, number, number]> = []
    for (const action of [
      "blacklist",
      "blacklist",
      "release",
      "lock",
      "lost",
      "blacklist",
      "release",
    ] as const) {
      world.step(card, action)
      seen.push([action, hotlist.codeOf(card), hotlist.version])
    }
    expect(seen).toEqual([
      ["blacklist", 5, 1],
      ["blacklist", 5, 1],
      ["release", 0, 2],
      ["lock", 0, 2],
      ["lost", 41, 3],
      ["blacklist", 5, 4],
      // It is not blacklisted any more, but still lost.
      ["release", 41, 5],
    ])
    world.recovers()
  })

  it("has what was stolen as 43, and what was replaced as 41 or 43", () => {
    for (const [state, code] of [
      ["active", 41],
      ["locked", 41],
      ["lost", 41],
      ["stolen", 43],
    ] as const) {
      const { world, card } = worldWith(state, true)
      const result = world.step(card, "replace")
      expect(world.scheme.hotlist.codeOf(card)).toBe(code)
      expect(world.scheme.hotlist.version).toBe(1)
      expect(result.ok && world.scheme.hotlist.codeOf(result.card!)).toBe(0)
    }
  })
})

describe("money leaves with the card", () => {
  it("cancel gives the deposit back", () => {
    const { world, card } = worldWith("issued", false)
    expect([world.total(Account.deposits), world.total(Account.cashIn)]).toEqual([30, -30])
    expect(world.step(card, "cancel")).toEqual({ ok: true, created: 1, existing: 0, paidOut: 30 })
    expect([world.total(Account.deposits), world.total(Account.cashOut)]).toEqual([0, 30])
    world.recovers()
  })

  it("cancel gives back what was put on the card before it was sold", () => {
    const { world, card } = worldWith("issued", false)
    world.fund(card, 500)
    expect(world.step(card, "cancel")).toMatchObject({ ok: true, paidOut: 530 })
    expect([world.balance(card), world.total(Account.purse), world.total(Account.cashOut)]).toEqual([
      0, 0, 530,
    ])
    expect(world.fund(card, 1)).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/is cancelled/),
    })
    world.recovers()
  })

  const purses = [{ purse: "bonus" }, { purse: "category2" }, { purse: "points" }] as const

  it("return pays out main purse and deposit exactly, and the rest is the scheme's", () => {
    for (const state of ["active", "locked", "closed"] as const) {
      const world = new World()
      world.do(product({ deposit: 30, purses }))
      const card = world.issue(1)
      world.fund(card, 1_000)
      world.fund(card, 200, "bonus")
      world.fund(card, 70, "category2")
      world.fund(card, 5, "points")
      world.alter(card, ({ accounts, cards }, slot) => {
        // A bonus that is released month by month.
        cards.addBonusLocked(slot, 24)
        cards.setMonthsLeft(slot, 6)
        accounts.apply(postings([Account.bonusLocked, 24], [Account.promotion, -24]))
        cards.setStatus(slot, CardStatus[state])
      })
      expect(world.step(card, "return")).toEqual({ ok: true, created: 1, existing: 0, paidOut: 1_030 })
      const { shard, slot } = world.at(card)
      expect([shard.cards.total(slot), shard.cards.deposit(slot), shard.cards.bonusLocked(slot)]).toEqual([
        0, 0, 0,
      ])
      expect(shard.cards.monthsLeft(slot)).toBe(0)
      expect(world.total(Account.cashOut)).toBe(1_030)
      expect(world.total(Account.breakage)).toBe(200 + 70 + 5 + 24)
      expect(world.total(Account.purse)).toBe(0)
      // Whoever lost the first answer must still learn what the cardholder gets.
      expect(world.step(card, "return")).toEqual({ ok: true, created: 0, existing: 1, paidOut: 1_030 })
      world.recovers()
    }
  })

  it("a card with money held or a debt is not returned", () => {
    const world = new World()
    world.do(product({ purses, credit: 100 }))
    const card = world.issue(1)
    world.fund(card, 50)
    const hold = (amount: number) =>
      world.alter(card, (shard, slot) => {
        shard.cards.addTo(slot, 0, -amount)
        shard.cards.addHeld(slot, amount)
        move(shard, 0, [
          [Account.purse, -amount],
          [Account.held, amount],
        ])
      })
    hold(20)
    expect(world.step(card, "return")).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/held/),
    })
    hold(-20)
    const pay = (purse: number) =>
      world.alter(card, (shard, slot) => {
        shard.cards.addTo(slot, purse, -60)
        move(shard, 0, [
          [Account.purse, -60],
          [Account.feeIncome, 60],
        ])
      })
    pay(Purse.main)
    expect(world.step(card, "return")).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/overdrawn/),
    })
    world.fund(card, 10)
    expect(world.step(card, "return")).toMatchObject({ ok: true, paidOut: 0 })
    world.recovers()
  })
})

const postings = (...amounts: ReadonlyArray<readonly [number, number]>) => postingsOf(0, amounts)

it("a step of a card that is not known is not found", () => {
  expect(new World().step(1_234_567_890_123n, "lock")).toEqual({
    ok: false,
    code: "not-found",
    message: "card 123456***0123 is not known",
  })
})
