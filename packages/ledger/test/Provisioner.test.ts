// Control commands: what they make, what they refuse, and that a refusal changes nothing.
import { afterEach, describe, expect, it } from "vitest"
import { monthOfDay } from "../src/Calendar.ts"
import { isLuhn } from "../src/CardNumbers.ts"
import { CardStatus } from "../src/Cards.ts"
import type {
  CardsCommand,
  Command,
  HostCommand,
  IssueCommand,
  MerchantCommand,
  TerminalsCommand,
} from "../src/Command.ts"
import { CARD_NUMBER_MAX } from "../src/limits.ts"
import { Account } from "../src/Postings.ts"
import { by, DAY, product, World } from "./provision/world.ts"

const merchant: MerchantCommand = {
  type: "merchant",
  by,
  number: 5,
  name: "Café Ž",
  currency: 203,
  feeBasisPoints: 10,
}
const terminals: TerminalsCommand = { type: "terminals", by, first: 100, count: 10, merchant: 1 }
const cards: CardsCommand = { type: "cards", by, first: 100n, count: 10, currency: 203, openingBalance: 50 }
const host: HostCommand = { type: "host", by, id: "bank-1", terminals: [[1, 9]], permissions: ["transact"] }
const issue: IssueCommand = { type: "issue", by, product: 1, serial: 0, count: 5, nonce: 7 }

const worlds: Array<World> = []
const made = (shards?: number): World => {
  const world = new World(shards)
  worlds.push(world)
  return world
}
/** Merchants 1 and 2, terminals 1 to 3 of merchant 1, cards 1 to 8, product 1. */
const provisioned = (shards?: number): World => {
  const world = made(shards)
  world.do({ ...merchant, number: 1, name: "Bakery" })
  world.do({ ...merchant, number: 2, name: "Kiosk" })
  world.do({ ...terminals, first: 1, count: 3 })
  world.do({ ...cards, first: 1n, count: 8 })
  world.do(product())
  return world
}
afterEach(() => {
  for (const world of worlds.splice(0)) world.recovers()
})

describe("commands are carried out once", () => {
  it("cards: those that are there already get nothing", () => {
    const world = provisioned()
    expect(world.control(cards)).toEqual({ ok: true, created: 10, existing: 0 })
    expect(world.control({ ...cards, first: 95n, openingBalance: 70 })).toEqual({
      ok: true,
      created: 5,
      existing: 5,
    })
    expect([95n, 99n, 100n, 101n].map((card) => world.balance(card))).toEqual([70, 70, 50, 50])
    const { shard, slot } = world.at(100n)
    expect([shard.cards.status(slot), shard.cards.product(slot), shard.cards.issuedDay(slot)]).toEqual([
      CardStatus.active,
      0,
      DAY,
    ])
    expect(world.at(94n).slot).toBe(-1)
  })

  it("cards count up across 32 bits", () => {
    const world = provisioned()
    const first = 2n ** 32n * 7n - 3n
    expect(world.control({ ...cards, first, count: 6 })).toEqual({ ok: true, created: 6, existing: 0 })
    for (let i = 0n; i < 6n; i++) expect(world.balance(first + i)).toBe(50)
    expect(world.control({ ...cards, first, count: 6 })).toEqual({ ok: true, created: 0, existing: 6 })
  })

  it("cards of a product: its currency, and no other product's", () => {
    const world = provisioned()
    expect(world.control({ ...cards, product: 1 })).toMatchObject({ created: 10 })
    const { shard, slot } = world.at(100n)
    expect(shard.cards.product(slot)).toBe(1)
    expect(world.control(cards)).toMatchObject({
      code: "conflict",
      message: "card 000000***0100 is of product 1",
    })
    expect(world.control({ ...cards, product: 1, currency: 978, first: 500n })).toMatchObject({
      code: "conflict",
    })
    expect(world.control({ ...cards, product: 2 })).toMatchObject({ code: "not-found" })
  })

  it("terminals", () => {
    const world = provisioned()
    expect(world.control(terminals)).toEqual({ ok: true, created: 10, existing: 0 })
    expect(world.control({ ...terminals, first: 105 })).toEqual({ ok: true, created: 5, existing: 5 })
    expect(world.scheme.terminal(100)).toMatchObject({ number: 100, merchant: 1, active: true })
    expect(world.control({ ...terminals, merchant: 9 })).toMatchObject({ code: "not-found" })
    expect(world.control({ ...terminals, first: 1, merchant: 2 })).toMatchObject({
      code: "conflict",
      message: "terminal 1 belongs to merchant 1",
    })
  })

  it("terminal: what is named changes, the rest stays", () => {
    const world = provisioned()
    const change = { type: "terminal", by, number: 2 } as const
    expect(world.control({ ...change, number: 9 })).toMatchObject({ code: "not-found" })
    const parameters = { language: "cs", Receipt: "2" }
    expect(world.control({ ...change, parameters, amountMax: 500 })).toEqual({
      ok: true,
      created: 0,
      existing: 1,
    })
    world.do({ ...change, status: "suspended", kinds: ["balance", "purchase"], message: "call us" })
    expect(world.scheme.terminal(2)).toMatchObject({
      active: false,
      amountMax: 500,
      kinds: ["balance", "purchase"],
      parameters,
      parametersVersion: 1,
      message: "call us",
    })
    world.do({ ...change, parameters: {}, status: "active" })
    expect(world.scheme.terminal(2)).toMatchObject({ active: true, parameters: {}, parametersVersion: 2 })
  })

  it("merchants", () => {
    const world = provisioned()
    expect(world.control(merchant)).toEqual({ ok: true, created: 1, existing: 0 })
    const { feeBasisPoints: _, ...other } = merchant
    const purchaseFee = [
      { upTo: 100, fixed: 1 },
      { basisPoints: 20, max: 50 },
    ]
    expect(world.control({ ...other, name: "Café Q", purchaseFee, mcc: 5_411, codeAbove: 0 })).toMatchObject({
      existing: 1,
    })
    expect(world.scheme.merchant(5)).toMatchObject({ name: "Café Q", purchaseFee, mcc: 5_411, codeAbove: 0 })
    expect(world.control({ ...merchant, currency: 978 })).toMatchObject({ code: "conflict" })
    // Whatever the caller's object carries beside the command is nobody's.
    world.do({ ...merchant, colour: "red", mcc: -0 } as MerchantCommand)
  })

  it("the next key version of a host and a terminal, and nothing else of them", () => {
    const world = provisioned()
    world.do(host)
    const terminal = world.scheme.terminal(2)
    world.do({ ...host, rotateKey: true })
    world.do({ type: "terminal", by, number: 2, rotateKey: true })
    world.do({ type: "terminal", by, number: 2, status: "suspended" })
    expect(world.scheme.host("bank-1")).toMatchObject({ keyVersion: 2, terminals: [[1, 9]] })
    expect(world.scheme.terminal(2)).toEqual({ ...terminal, active: false, keyVersion: 2 })
    world.do(host)
    expect(world.scheme.host("bank-1")?.keyVersion).toBe(2)
  })

  it("code, host, calendar", () => {
    const world = provisioned()
    const code = { type: "code", by, merchant: 1, verifier: 2n ** 64n - 2n } as const
    expect(world.control(code)).toEqual({ ok: true, created: 1, existing: 0 })
    const { merchants } = world.scheme
    const slot = merchants.slotOf(1)
    merchants.setCodeTries(slot, 2)
    expect(world.control({ ...code, verifier: 1n })).toEqual({ ok: true, created: 0, existing: 1 })
    expect([merchants.codeEquals(slot, 1, 0), merchants.codeTries(slot)]).toEqual([true, 0])
    expect(world.control({ ...code, merchant: 9 })).toMatchObject({ code: "not-found" })
    expect(world.control(host)).toEqual({ ok: true, created: 1, existing: 0 })
    expect(world.control({ ...host, permissions: [] })).toEqual({ ok: true, created: 0, existing: 1 })
    expect(world.scheme.host("bank-1")).toEqual({
      id: "bank-1",
      terminals: [[1, 9]],
      permissions: [],
      keyVersion: 1,
    })
    world.do({ type: "calendar", by, utcOffsetMinutes: 120 })
    expect(world.scheme.calendar.utcOffsetMinutes).toBe(120)
  })

  it("pin", () => {
    const world = provisioned()
    const pin = { type: "pin", by, card: 3n, verifier: 0x1234_5678_9abc_def0n } as const
    expect(world.control(pin)).toEqual({ ok: true, created: 1, existing: 0 })
    world.alter(3n, ({ cards }, slot) => cards.setPinTries(slot, 3))
    expect(world.control({ ...pin, verifier: 2n ** 63n + 5n })).toEqual({ ok: true, created: 0, existing: 1 })
    const { shard, slot } = world.at(3n)
    expect([shard.cards.pinEquals(slot, 5, (2 ** 31) | 0), shard.cards.pinTries(slot)]).toEqual([true, 0])
    world.step(3n, "return")
    expect(world.control(pin)).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/is returned/),
    })
    expect(world.control({ ...pin, card: 999n })).toMatchObject({ code: "not-found" })
  })
})

describe("products", () => {
  it("are put anew but for what cards depend on", () => {
    const world = made()
    expect(world.control(product({ digits: 16, named: true }))).toEqual({ ok: true, created: 1, existing: 0 })
    const again = product({
      named: true,
      name: "Gold",
      transfers: { fee: [{ fixed: 5 }] },
      singleUse: "once",
    })
    expect(world.control(again)).toEqual({ ok: true, created: 0, existing: 1 })
    expect(world.scheme.product(1)).toMatchObject({ name: "Gold", digits: 16, named: true, singleUse: 2 })
    const others = [{ currency: 978 }, { bin: "900001" }, { digits: 17 }, { named: false }]
    for (const other of others) {
      expect(world.control({ ...again, ...other })).toMatchObject({
        code: "conflict",
        message: expect.stringMatching(new RegExp(`^product 1 keeps its ${Object.keys(other)[0]}`)),
      })
    }
  })

  it("keep their serials when they are put anew", () => {
    const world = provisioned()
    world.do(issue)
    world.do(product({ deposit: 5 }))
    expect(world.control(issue)).toMatchObject({ existing: 5 })
    expect(world.control({ ...issue, serial: 5 })).toMatchObject({ created: 5 })
    expect(world.total(Account.deposits)).toBe(25)
  })
})

describe("issue", () => {
  it("makes right numbers, in all shards, with what the product says", () => {
    const world = provisioned()
    world.do(product({ deposit: 20, validMonths: 12 }))
    const result = world.control({ ...issue, count: 200 })
    expect(result).toMatchObject({ ok: true, created: 200, existing: 0, nonce: 7 })
    const first = result.ok ? result.firstCard! : 0n
    expect(isLuhn(String(first))).toBe(true)
    expect(String(first)).toMatch(/^900000000000000[0-9]$/)
    const { shard, slot } = world.at(first)
    expect([shard.cards.status(slot), shard.cards.deposit(slot), shard.cards.nonce(slot)]).toEqual([0, 20, 7])
    const expires = shard.cards.expiresDay(slot)
    expect(monthOfDay(expires)).toBe(monthOfDay(DAY) + 12)
    expect(monthOfDay(expires + 1)).toBe(monthOfDay(DAY) + 13)
    expect([world.total(Account.deposits), world.total(Account.cashIn)]).toEqual([4_000, -4_000 - 400])
    for (const { cards } of world.shards) expect(cards.count).toBeGreaterThan(20)
  })

  it("again makes nothing; other serials than the next are a conflict", () => {
    const world = provisioned()
    const result = world.do(issue)
    const { firstCard } = result
    // The nonce is not the sender's to keep: what the cards have is answered.
    expect(world.control({ ...issue, nonce: 8 })).toEqual({
      ok: true,
      created: 0,
      existing: 5,
      firstCard,
      nonce: 7,
    })
    expect(world.control({ ...issue, count: 3 })).toMatchObject({ created: 0, existing: 3 })
    const conflict = { ok: false, code: "conflict", message: "the next serial of product 1 is 5" }
    expect(world.control({ ...issue, serial: 6 })).toEqual(conflict)
    expect(world.control({ ...issue, serial: 3 })).toEqual(conflict)
    expect(world.control({ ...issue, serial: 5, nonce: 9 })).toMatchObject({ created: 5 })
    // Two commands' cards together were never issued by one.
    expect(world.control({ ...issue, count: 10 })).toMatchObject({ code: "conflict" })
    expect(world.control({ ...issue, product: 3 })).toMatchObject({ code: "not-found" })
  })

  it("of serials that a replacement passed or took is no repeat", () => {
    const world = provisioned(8)
    world.do(product({ number: 2, bin: "900001", named: true }))
    const card = world.issue(2)
    const next = () => world.scheme.products.nextSerial(2)
    world.do({ type: "lifecycle", by, card, action: "replace", reason: "worn" })
    for (let serial = 1; serial < next(); serial++) {
      expect(world.control({ ...issue, product: 2, serial, count: 1 })).toMatchObject({ code: "conflict" })
    }
    expect(world.control({ ...issue, product: 2, serial: next(), count: 1 })).toMatchObject({ created: 1 })
  })

  it("stops at a number that is there and at the product's last one", () => {
    const world = made(2)
    world.do(product({ bin: "12345678901", digits: 13 }))
    expect(world.control({ ...issue, count: 11 })).toMatchObject({
      code: "full",
      message: "product 1 has 10 serials",
    })
    world.do({ ...cards, first: 1_234_567_890_120n, count: 10 })
    expect(world.control(issue)).toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/^card 123456\*{3}012[0-9] is there already$/),
    })
  })
})

it("a refusal shows six digits and four of a card's number, never all", () => {
  const world = provisioned()
  const first = 5_000_000_012_345_678n
  world.control({ ...cards, first, count: 1 })
  expect(world.control({ ...cards, first, count: 1, currency: 978 })).toMatchObject({
    message: "card 500000******5678 is kept in currency 203",
  })
})

describe("a longest command", () => {
  it("leaves what it should", () => {
    const world = made()
    world.do(product({ digits: 19 }))
    expect(world.control({ ...issue, count: 4_096 })).toMatchObject({ created: 4_096 })
    const refused: Command = { ...cards, first: CARD_NUMBER_MAX, count: 2 }
    expect(world.control(refused)).toMatchObject({ code: "bad-message" })
  })
})
