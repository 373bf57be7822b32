// A card replaced: what passes to the new one, what it costs, and that asking again gives the same card.
import { describe, expect, it } from "vitest"
import { cardNumberOf } from "../../src/CardNumbers.ts"
import { CardStatus, Purse } from "../../src/Cards.ts"
import { Account } from "../../src/Postings.ts"
import { by, DAY, move, product, World } from "./world.ts"

describe("replace", () => {
  const rich = (): { world: World; card: bigint } => {
    const world = new World(8)
    world.do(
      product({
        named: true,
        deposit: 30,
        replacementFee: 15,
        validMonths: 24,
        purses: [{ purse: "bonus", validDays: 10 }, { purse: "category1" }],
      }),
    )
    const card = world.issue(1, 3)
    world.fund(card, 1_000)
    world.fund(card, 40, "bonus")
    world.fund(card, 9, "category1")
    world.do({ type: "pin", by, card, verifier: 77n })
    world.alter(card, (shard, slot) => {
      const { cards } = shard
      cards.use(slot, DAY, 657, 123)
      cards.addTo(slot, 0, -100)
      cards.addHeld(slot, 100)
      cards.addBonusLocked(slot, 24)
      cards.setMonthsLeft(slot, 5)
      move(shard, 0, [
        [Account.purse, -100],
        [Account.held, 100],
        [Account.bonusLocked, 24],
        [Account.promotion, -24],
      ])
    })
    return { world, card }
  }

  it("moves everything to a new card of the same shard, but the PIN", () => {
    const { world, card } = rich()
    const { shard, slot } = world.at(card)
    const { cards } = shard
    const result = world.do({ type: "lifecycle", by, card, action: "replace", reason: "worn" })
    expect(result).toMatchObject({ created: 1, existing: 0, nonce: 7 })
    const at = world.at(result.card!)
    expect(at.shard).toBe(shard)
    expect(cards.replacedBy(slot)).toBe(at.slot)
    expect(cards.replaces(at.slot)).toBe(slot)
    expect(world.status(card)).toBe(CardStatus.lost)
    expect(world.status(result.card!)).toBe(CardStatus.active)
    expect([cards.total(slot), cards.held(slot), cards.bonusLocked(slot), cards.deposit(slot)]).toEqual([
      0, 0, 0, 0,
    ])
    expect(
      ["main", "bonus", "category1"].map((purse) => cards.balance(at.slot, Purse[purse as "main"])),
    ).toEqual([885, 40, 9])
    expect([cards.held(at.slot), cards.bonusLocked(at.slot), cards.monthsLeft(at.slot)]).toEqual([100, 24, 5])
    expect([cards.deposit(at.slot), cards.purseExpires(at.slot, Purse.bonus)]).toEqual([30, DAY + 10])
    expect([cards.dayAmount(at.slot, DAY), cards.dayCount(at.slot, DAY)]).toEqual([123, 1])
    expect([cards.hasPin(at.slot), cards.isNamed(at.slot), cards.nonce(at.slot)]).toEqual([false, true, 7])
    expect(cards.expiresDay(at.slot)).toBe(cards.expiresDay(slot))
    expect(world.total(Account.feeIncome)).toBe(15)
    world.recovers()
  })

  it("gives the same card when it is asked again, whatever became of the two", () => {
    const { world, card } = rich()
    const first = world.do({ type: "lifecycle", by, card, action: "replace", reason: "worn" })
    const repeat = { ok: true, created: 0, existing: 1, card: first.card, nonce: 7 }
    expect(world.step(card, "replace")).toEqual(repeat)
    world.step(card, "blacklist")
    world.step(first.card!, "lock")
    expect(world.step(card, "replace")).toEqual(repeat)
    const second = world.do({ type: "lifecycle", by, card: first.card!, action: "replace", reason: "worn" })
    expect(second.card).not.toBe(first.card)
    expect(world.step(card, "replace")).toEqual(repeat)
    expect(world.balance(second.card!)).toBe(885 - 15)
    world.recovers()
  })

  it("what is funded under the old number reaches the new card, once", () => {
    const { world, card } = rich()
    const { card: fresh } = world.do({ type: "lifecycle", by, card, action: "replace", reason: "worn" })
    const fund = { type: "fund", by, card, purse: "main", amount: 5, reference: 9n } as const
    expect(world.control(fund)).toMatchObject({ created: 1 })
    expect(world.control({ ...fund, card: fresh! })).toMatchObject({ created: 0, existing: 1 })
    expect([world.balance(card), world.balance(fresh!)]).toEqual([0, 890])
    expect(world.control({ type: "pin", by, card, verifier: 1n })).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/is replaced/),
    })
    world.recovers()
  })

  it("takes no more than what there is, and passes the serial that it took", () => {
    const world = new World(1)
    world.do(product({ named: true, replacementFee: 100 }))
    const card = world.issue(1)
    world.fund(card, 60)
    const { card: fresh } = world.do({ type: "lifecycle", by, card, action: "replace", reason: "worn" })
    // One shard: the very next serial is its own.
    expect(fresh).toBe(cardNumberOf("900000", 16, 1))
    expect([world.balance(fresh!), world.total(Account.feeIncome)]).toEqual([0, 60])
    expect(world.scheme.products.nextSerial(1)).toBe(2)
    world.recovers()
  })

  it("of a card without a product, or of the last serial, is refused", () => {
    const world = new World(1)
    world.do({ type: "cards", by, first: 5n, count: 1, currency: 203, openingBalance: 10 })
    world.step(5n, "name")
    expect(world.step(5n, "replace")).toMatchObject({ code: "conflict" })
    world.do(product({ bin: "12345678901", digits: 13, named: true }))
    const card = world.issue(1, 10)
    expect(world.step(card, "replace")).toMatchObject({
      code: "full",
      message: expect.stringMatching(/no serial/),
    })
    world.recovers()
  })
})
