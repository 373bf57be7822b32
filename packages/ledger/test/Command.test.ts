// Commands as values: what makes no sense whatever the scheme holds, and that they come back from the journal as they went in.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type Command,
  commandProblem,
  commandSlots,
  decodeCommand,
  encodeCommand,
  type ResolvedCommand,
} from "../src/Command.ts"
import { commandCodes } from "../src/commands/shapes.ts"
import { CARD_NUMBER_MAX, CARDS_PER_COMMAND_MAX, COMMAND_BYTES_MAX, HOST_RANGES_MAX } from "../src/limits.ts"

const by = "host:test"
const full: { readonly [T in Command["type"]]: ResolvedCommand & { readonly type: T } } = {
  merchant: {
    type: "merchant",
    by,
    number: 5,
    name: "Café Ž",
    currency: 203,
    purchaseFee: [
      { upTo: 100, fixed: 1 },
      { basisPoints: 20, min: 1, max: 50 },
    ],
    rechargeFee: [{ fixed: 2 }],
    commission: [],
    mcc: 5_411,
    status: "suspended",
    floatLimit: 10,
    codeAbove: 0,
    settlement: "week",
    alarm: { floatBelow: 5 },
  },
  float: { type: "float", by, merchant: 5, amount: -7, reference: 3n, resolved: { repeat: false } },
  code: { type: "code", by, merchant: 5, verifier: 2n ** 64n - 2n },
  terminals: { type: "terminals", by, first: 100, count: 10, merchant: 1 },
  terminal: {
    type: "terminal",
    by,
    number: 7,
    status: "active",
    kinds: ["purchase", "refund"],
    amountMax: 9,
    parameters: { b: "", a: "1" },
    message: "call",
  },
  product: {
    type: "product",
    by,
    number: 1,
    name: "Gift",
    currency: 203,
    bin: "900000",
    digits: 19,
    named: true,
    singleUse: "empty",
    validMonths: 24,
    pin: { rule: "above", freeMax: 100, tries: 4 },
    limits: { transactionMax: 1, dayAmountMax: 2, dayCountMax: 3, monthAmountMax: 4, monthCountMax: 5 },
    recharge: { allowed: false, min: 1, max: 2, balanceMax: 3 },
    transfers: { allowed: true, fee: [{ fixed: 3 }] },
    deposit: 30,
    replacementFee: 10,
    categories: [[5_000, 5_999]],
    hold: { hours: 24, toleranceBasisPoints: 1_500 },
    purses: [{ purse: "bonus", name: "Bonus", categories: [[1, 2]], credit: 5, validDays: 30 }],
    credit: 50,
    order: ["bonus", "main"],
    bonus: { basisPoints: 500, min: 100, max: 50, monthly: true },
    dormant: { afterMonths: 12, fee: 5 },
  },
  cards: {
    type: "cards",
    by,
    first: 100n,
    count: 10,
    currency: 203,
    openingBalance: 50,
    product: 0,
    resolved: { day: 20_000 },
  },
  issue: {
    type: "issue",
    by,
    product: 1,
    serial: 0,
    count: 5,
    nonce: 7,
    active: true,
    holder: "A. Novák",
    resolved: { repeat: false, day: 20_000, expiresDay: 21_000, deposit: 30 },
  },
  lifecycle: {
    type: "lifecycle",
    by,
    card: 2n ** 63n,
    action: "replace",
    reason: "worn",
    holder: "A. Novák",
    resolved: {
      repeat: false,
      hot: 41,
      replacement: { product: 1, serial: 9, day: 20_000, expiresDay: 0, fee: 10 },
    },
  },
  fund: {
    type: "fund",
    by,
    card: 100n,
    purse: "bonus",
    amount: 5,
    reference: 2n ** 64n - 1n,
    expiresDay: 20_001,
    resolved: { repeat: false, expiresDay: 20_001 },
  },
  pin: { type: "pin", by, card: 100n, verifier: 1n },
  calendar: { type: "calendar", by, utcOffsetMinutes: -60 },
  host: { type: "host", by, id: "bank-1", terminals: [[1, 9]], permissions: ["transact"], rotateKey: true },
}
const { merchant, float, code, terminals, terminal, product, cards, issue, lifecycle, fund, pin } = full
const { calendar, host } = full
const purse = (some: object) => ({ ...product, order: undefined, purses: [some] })

/** What is changed of a command that makes sense, and what the sentence about it has in it. */
const bad: ReadonlyArray<readonly [object, object, RegExp]> = [
  [merchant, { by: "" }, /by/],
  [merchant, { by: "\ud800" }, /by/],
  [merchant, { number: 0 }, /number/],
  [merchant, { name: "x".repeat(81) }, /name/],
  [merchant, { currency: 1_000 }, /currency/],
  [merchant, { feeBasisPoints: 1 }, /give one/],
  [merchant, { purchaseFee: undefined, feeBasisPoints: 10_001 }, /feeBasisPoints/],
  [merchant, { purchaseFee: undefined, feeBasisPoints: 1.5 }, /feeBasisPoints/],
  [merchant, { purchaseFee: [{ upTo: 5 }] }, /purchaseFee.*upTo/],
  [merchant, { rechargeFee: [{ fixed: 1 }, { fixed: 2 }] }, /rechargeFee.*upTo/],
  [merchant, { rechargeFee: [{ upTo: 5 }, { upTo: 5 }, {}] }, /upward/],
  [merchant, { commission: [{ min: 5, max: 4 }] }, /commission.*min/],
  [merchant, { commission: new Array(9).fill({}) }, /8 tiers/],
  [merchant, { commission: [null] }, /tier/],
  [merchant, { mcc: 10_000 }, /mcc/],
  [merchant, { status: "closed" }, /status/],
  [merchant, { floatLimit: -1 }, /floatLimit/],
  [merchant, { codeAbove: -1 }, /codeAbove/],
  [merchant, { settlement: "year" }, /settlement/],
  [merchant, { alarm: { floatBelow: 0.5 } }, /alarm/],
  [float, { amount: 0 }, /amount/],
  [float, { amount: 2 ** 53 }, /amount/],
  [float, { reference: 0n }, /reference/],
  [float, { reference: 2n ** 64n }, /reference/],
  [float, { merchant: 0 }, /merchant/],
  [code, { verifier: 0n }, /verifier/],
  [code, { merchant: -1 }, /merchant/],
  [terminals, { count: 0 }, /count/],
  [terminals, { first: 2 ** 32 - 5 }, /2\^32/],
  [terminals, { merchant: 2 ** 32 }, /merchant/],
  [terminal, { number: 0 }, /number/],
  [terminal, { status: "gone" }, /status/],
  [terminal, { kinds: ["theft"] }, /kind/],
  [terminal, { kinds: "purchase" }, /kinds/],
  [terminal, { amountMax: -1 }, /amountMax/],
  [terminal, { parameters: { "9": "x" } }, /parameter/],
  [terminal, { parameters: JSON.parse('{"__proto__": "x"}') }, /parameter/],
  [terminal, { parameters: { a: 5 } }, /parameter a/],
  [terminal, { parameters: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`p${i}`, ""])) }, /32/],
  [terminal, { message: "" }, /message/],
  [product, { number: 65_536 }, /number/],
  [product, { bin: "0123" }, /bin/],
  [product, { bin: "123" }, /bin/],
  [product, { bin: 900_000 }, /bin/],
  [product, { digits: 12 }, /digits/],
  [product, { digits: 13, bin: "123456789012" }, /serial/],
  [product, { named: 1 }, /named/],
  [product, { singleUse: "twice" }, /singleUse/],
  [product, { validMonths: 1_201 }, /validMonths/],
  [product, { pin: { rule: "sometimes" } }, /pin.rule/],
  [product, { pin: { rule: "always", tries: 0 } }, /pin.tries/],
  [product, { limits: { dayCountMax: 65_536 } }, /limits.dayCountMax/],
  [product, { limits: [] }, /limits/],
  [product, { recharge: { allowed: "yes" } }, /recharge.allowed/],
  [product, { recharge: { min: -1 } }, /recharge.min/],
  [product, { transfers: { fee: [{ fixed: -1 }] } }, /transfers.fee/],
  [product, { deposit: 2 ** 32 }, /deposit/],
  [product, { categories: [[5, 4]] }, /categories/],
  [product, { categories: new Array(65).fill([1, 2]) }, /64/],
  [product, { hold: { hours: 0 } }, /hold.hours/],
  [product, { hold: { toleranceBasisPoints: 10_001 } }, /hold.tolerance/],
  [purse({ purse: "main" }), {}, /purse/],
  [purse({ purse: "bonus", validDays: 36_501 }), {}, /validDays/],
  [purse({ purse: "bonus", categories: [[0, 10_000]] }), {}, /categories/],
  [product, { purses: [{ purse: "bonus" }, { purse: "bonus" }] }, /twice/],
  [product, { order: ["main", "main"] }, /twice/],
  [product, { order: ["points"] }, /not there/],
  [product, { order: [] }, /order/],
  [
    product,
    {
      order: undefined,
      purses: ["bonus", ...[1, 2, 3, 4, 5, 6].map((n) => `category${n}`)].map((name) => ({ purse: name })),
    },
    /order/,
  ],
  [product, { bonus: { min: 1 } }, /bonus.basisPoints/],
  [product, { dormant: { afterMonths: 0, fee: 1 } }, /dormant.afterMonths/],
  [product, { dormant: { afterMonths: 1 } }, /dormant.fee/],
  [cards, { first: 0n }, /first/],
  [cards, { first: 5 }, /first/],
  [cards, { count: CARDS_PER_COMMAND_MAX + 1 }, /count/],
  [cards, { first: CARD_NUMBER_MAX, count: 2 }, /19 digits/],
  [cards, { openingBalance: -1 }, /openingBalance/],
  [cards, { openingBalance: 2 ** 53 }, /openingBalance/],
  [cards, { product: -1 }, /product/],
  [issue, { product: 0 }, /product/],
  [issue, { count: 4_097 }, /count/],
  [issue, { serial: -1 }, /serial/],
  [issue, { nonce: 2 ** 32 }, /nonce/],
  [issue, { active: "yes" }, /active/],
  [issue, { holder: "" }, /holder/],
  [lifecycle, { card: 5 }, /card/],
  [lifecycle, { card: CARD_NUMBER_MAX + 1n }, /card/],
  [lifecycle, { action: "expire" }, /action/],
  [lifecycle, { reason: "" }, /reason/],
  [lifecycle, { reason: "x".repeat(81) }, /reason/],
  [fund, { purse: "pocket" }, /purse/],
  [fund, { amount: 0 }, /amount/],
  [fund, { expiresDay: 65_536 }, /expiresDay/],
  [fund, { purse: "main" }, /main purse/],
  [fund, { reference: 1 }, /reference/],
  [pin, { verifier: 2n ** 64n }, /verifier/],
  [calendar, { utcOffsetMinutes: 841 }, /utcOffsetMinutes/],
  [host, { id: "no spaces" }, /id/],
  [host, { terminals: [[5, 4]] }, /range/],
  [host, { terminals: [[1]] }, /range/],
  [host, { terminals: new Array(HOST_RANGES_MAX + 1).fill([1, 2]) }, /ranges/],
  [host, { permissions: [5] }, /permission/],
  [host, { rotateKey: 1 }, /rotateKey/],
  [host, { type: "nothing" }, /unknown/],
]

describe("what makes no sense", () => {
  it("is said of nothing that does", () => {
    for (const command of Object.values(full))
      expect([command.type, commandProblem(command)]).toEqual([command.type, undefined])
  })

  it.each(bad.map(([command, change, message]) => [{ ...command, ...change }, message] as const))(
    "%o",
    (command, message) => {
      // Callers are typed; what a journal or a careless caller brings is not.
      expect(commandProblem(command as Command)).toMatch(message)
    },
  )
})

const roundTrip = (command: ResolvedCommand, before: number): ResolvedCommand | string => {
  const slots = encodeCommand(command)!
  const words = new Int32Array((before + 1) * 16 + slots.length)
  words.set(slots, before * 16)
  expect(commandSlots(words, before * 16)).toBe(slots.length / 16)
  return decodeCommand(words, before * 16)
}

describe("a command in the journal", () => {
  it("comes back as it went in, between other slots", () => {
    for (const command of Object.values(full)) {
      for (const before of [0, 3]) expect(roundTrip(command, before)).toEqual(command)
    }
  })

  it("has only the fields of the command, in one order, and the same bytes when it is written again", () => {
    for (const command of Object.values(full)) {
      const turned = Object.fromEntries([...Object.entries(command), ["colour", "red"]].reverse())
      const slots = encodeCommand(turned as unknown as ResolvedCommand)!
      expect(slots).toEqual(encodeCommand(command))
      expect(encodeCommand(decodeCommand(slots, 0) as ResolvedCommand)).toEqual(slots)
    }
  })

  it("has a code of its own in its head", () => {
    expect(new Set(Object.values(commandCodes)).size).toBe(Object.keys(full).length)
  })

  it("that is not resolved where it must be is a sentence", () => {
    for (const command of Object.values(full)) {
      if (!("resolved" in command)) continue
      for (const resolved of [undefined, {}, { ...command.resolved, repeat: 1, day: 0.5 }]) {
        const slots = encodeCommand({ ...command, resolved } as unknown as ResolvedCommand)!
        expect(decodeCommand(slots, 0)).toBe(`a ${command.type} command is not resolved`)
      }
    }
  })

  it("is bounded: what would be longer is not written", () => {
    const text = "ž".repeat(200)
    const parameters = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${String(i).padStart(39, "0")}`, text]))
    expect(encodeCommand({ ...terminal, parameters: parameters(32) })!.length * 4).toBeLessThan(
      COMMAND_BYTES_MAX * 1.1,
    )
    const wide = Object.fromEntries(
      Object.keys(parameters(32)).map((name) => [name, "𝄞".repeat(100) + "ह".repeat(100)]),
    )
    expect(encodeCommand({ ...terminal, parameters: wide })).toBeUndefined()
  })

  it("that is damaged is a sentence, never a throw", () => {
    const any = fc.constantFrom(...Object.values(full))
    fc.assert(
      fc.property(any, fc.nat(), fc.integer({ min: 1, max: 255 }), (command, position, change) => {
        const slots = encodeCommand(command)!
        new Uint8Array(slots.buffer)[position % (slots.length * 4)] ^= change
        const decoded = decodeCommand(slots, 0)
        expect(typeof decoded === "string" || commandProblem(decoded) === undefined).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})
