// Control commands: what they make, what they refuse, and that they come back from the journal as they went in.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { commandProblem, commandSlots, decodeCommand, encodeCommand } from "../src/Command.ts"
import type { CardsCommand, Command, HostCommand, MerchantCommand, TerminalsCommand } from "../src/index.ts"
import { CARD_NUMBER_MAX, CARDS_PER_COMMAND_MAX, HOST_RANGES_MAX } from "../src/index.ts"
import { Journaled } from "./scenario.ts"

const by = "host:test"
const world = () => new Journaled({ shards: 2, transactions: 1024 }).provision()
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

describe("commands are carried out once", () => {
  it("cards: those that are there already get nothing", () => {
    const run = world()
    expect(run.control(cards)).toEqual({ ok: true, created: 10, existing: 0 })
    run.code({ card: 100n, amount: 20 })
    expect(run.control({ ...cards, first: 95n, openingBalance: 70 })).toEqual({
      ok: true,
      created: 5,
      existing: 5,
    })
    expect([95n, 99n, 100n, 101n].map((card) => run.balance(card))).toEqual([70, 70, 30, 50])
    expect(run.ledger.card(100n)).toMatchObject({
      number: 100n,
      currency: 203,
      available: 30,
      issuedMs: 1_006,
    })
    expect(run.ledger.card(94n)).toBeUndefined()
  })

  it("cards count up across 32 bits", () => {
    const run = world()
    const first = 2n ** 32n * 7n - 3n
    expect(run.control({ ...cards, first, count: 6 })).toEqual({ ok: true, created: 6, existing: 0 })
    for (let i = 0n; i < 6n; i++) expect(run.balance(first + i)).toBe(50)
    expect(run.control({ ...cards, first, count: 6 })).toEqual({ ok: true, created: 0, existing: 6 })
  })

  it("terminals, merchants, hosts", () => {
    const run = world()
    expect(run.control(terminals)).toEqual({ ok: true, created: 10, existing: 0 })
    expect(run.control({ ...terminals, first: 105 })).toEqual({ ok: true, created: 5, existing: 5 })
    expect(run.ledger.scheme.terminal(100)).toEqual({
      number: 100,
      merchant: 1,
      active: true,
      keyVersion: 1,
      createdMs: 1_006,
    })
    expect(run.control(merchant)).toEqual({ ok: true, created: 1, existing: 0 })
    expect(run.control({ ...merchant, name: "Café Q", feeBasisPoints: 20 })).toMatchObject({ existing: 1 })
    expect(run.ledger.scheme.merchant(5)).toMatchObject({ name: "Café Q", feeBasisPoints: 20, currency: 203 })
    expect(run.control(host)).toEqual({ ok: true, created: 1, existing: 0 })
    expect(run.control({ ...host, permissions: [] })).toEqual({ ok: true, created: 0, existing: 1 })
    expect(run.ledger.scheme.host("bank-1")).toEqual({
      id: "bank-1",
      terminals: [[1, 9]],
      permissions: [],
      keyVersion: 1,
    })
    expect(run.ledger.scheme.host("bank-2")).toBeUndefined()
  })
})

it("a refusal shows six digits and four of a card's number, never all", () => {
  const run = world()
  const first = 5_000_000_012_345_678n
  run.control({ ...cards, first, count: 1 })
  expect(run.control({ ...cards, first, count: 1, currency: 978 })).toMatchObject({
    message: "card 500000******5678 is kept in currency 203",
  })
})

describe("commands are refused, and then nothing is journaled or changed", () => {
  const refused = (command: Command, code: string, message: RegExp) => {
    const run = world()
    run.control(cards)
    const { next } = run.ledger
    const totals = run.ledger.totals()
    const result = run.control(command)
    expect(result).toMatchObject({ ok: false, code, message: expect.stringMatching(message) })
    expect(run.ledger.next).toBe(next)
    expect(run.ledger.totals()).toEqual(totals)
  }

  it("what contradicts the scheme", () => {
    refused({ ...terminals, merchant: 9 }, "not-found", /merchant 9/)
    refused({ ...terminals, first: 1, merchant: 2 }, "conflict", /terminal 1 belongs to merchant 1/)
    refused(
      { ...cards, first: 95n, currency: 978 },
      "conflict",
      /card 000000\*\*\*0100 is kept in currency 203/,
    )
    refused({ ...merchant, number: 1, currency: 978 }, "conflict", /merchant 1 /)
    refused({ ...cards, first: 200n, openingBalance: Number.MAX_SAFE_INTEGER }, "full", /2\^53/)
  })

  it("what makes no sense", () => {
    const bad: ReadonlyArray<readonly [unknown, RegExp]> = [
      [{ ...merchant, by: "" }, /by/],
      [{ ...merchant, number: 0 }, /number/],
      [{ ...merchant, name: "x".repeat(81) }, /name/],
      [{ ...merchant, currency: 1_000 }, /currency/],
      [{ ...merchant, feeBasisPoints: 10_001 }, /feeBasisPoints/],
      [{ ...merchant, feeBasisPoints: 1.5 }, /feeBasisPoints/],
      [{ ...terminals, count: 0 }, /count/],
      [{ ...terminals, first: 2 ** 32 - 5 }, /2\^32/],
      [{ ...cards, first: 0n }, /first/],
      [{ ...cards, first: 5 }, /first/],
      [{ ...cards, count: CARDS_PER_COMMAND_MAX + 1 }, /count/],
      [{ ...cards, first: CARD_NUMBER_MAX, count: 2 }, /19 digits/],
      [{ ...cards, openingBalance: -1 }, /openingBalance/],
      [{ ...cards, openingBalance: 2 ** 53 }, /openingBalance/],
      [{ ...host, id: "no spaces" }, /id/],
      [{ ...host, terminals: [[5, 4]] }, /range/],
      [{ ...host, terminals: [[1]] }, /range/],
      [{ ...host, terminals: new Array(HOST_RANGES_MAX + 1).fill([1, 2]) }, /ranges/],
      [{ ...host, permissions: [5] }, /permission/],
      [{ type: "nothing", by }, /unknown/],
    ]
    // Callers are typed; what a journal or a careless caller brings is not.
    for (const [command, message] of bad) refused(command as Command, "bad-message", message)
  })

  it("what would not fit into the memory's ring", () => {
    const run = new Journaled({ shards: 1, transactions: 16 })
    const long = { ...host, terminals: Array.from({ length: 200 }, (_, i) => [i + 1, 100_000 + i] as const) }
    expect(run.control(long)).toMatchObject({ ok: false, message: "the command is too long" })
  })
})

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    type: fc.constant("merchant" as const),
    by: fc.string({ minLength: 1, maxLength: 40 }),
    number: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    name: fc
      .string({ minLength: 1, maxLength: 40, unit: "grapheme-composite" })
      .filter((text) => text.length <= 80),
    currency: fc.integer({ min: 1, max: 999 }),
    feeBasisPoints: fc.integer({ min: 0, max: 10_000 }),
  }),
  fc.record({
    type: fc.constant("cards" as const),
    by: fc.constant(by),
    first: fc.oneof(
      fc.bigInt({ min: 1n, max: CARD_NUMBER_MAX - 9_000n }),
      fc.constantFrom(1n, 2n ** 53n, 2n ** 63n),
    ),
    count: fc.integer({ min: 1, max: CARDS_PER_COMMAND_MAX }),
    currency: fc.integer({ min: 1, max: 999 }),
    openingBalance: fc.maxSafeNat(),
  }),
  fc.record({
    type: fc.constant("host" as const),
    by: fc.constant(by),
    id: fc.constantFrom("a", "bank.1_X-"),
    terminals: fc.array(
      fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 100, max: 2 ** 32 - 1 })),
    ),
    permissions: fc.array(fc.constantFrom("transact", "provision")),
  }),
)

describe("a command in the journal", () => {
  it("comes back as it went in, between other slots", () => {
    fc.assert(
      fc.property(command, fc.nat(3), (command, before) => {
        expect(commandProblem(command)).toBeUndefined()
        const slots = encodeCommand(command)!
        const words = new Int32Array((before + 1) * 16 + slots.length)
        words.set(slots, before * 16)
        expect(commandSlots(words, before * 16)).toBe(slots.length / 16)
        expect(decodeCommand(words, before * 16)).toEqual(command)
      }),
    )
  })

  it("that is damaged is a sentence, never a throw", () => {
    fc.assert(
      fc.property(command, fc.nat(), fc.integer({ min: 1, max: 255 }), (command, position, change) => {
        const slots = encodeCommand(command)!
        new Uint8Array(slots.buffer)[position % (slots.length * 4)] ^= change
        const decoded = decodeCommand(slots, 0)
        expect(typeof decoded === "string" || commandProblem(decoded) === undefined).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })
})
