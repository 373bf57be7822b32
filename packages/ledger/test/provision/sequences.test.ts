// Any commands in any order: money is conserved after each, each is a fixed point, and the journal alone gives the same state.
import { lifecycleActions, purseNames } from "@millrace/protocol"
import fc from "fast-check"
import { it } from "vitest"
import { cardNumberOf } from "../../src/CardNumbers.ts"
import type { Command } from "../../src/Command.ts"
import { ACCOUNT_MAX } from "../../src/limits.ts"
import { by, product, World } from "./world.ts"

const card = fc.oneof(
  fc.integer({ min: 0, max: 12 }).map((serial) => cardNumberOf("900000", 16, serial)),
  fc.bigInt({ min: 1n, max: 6n }),
)
const amount = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 500 }) },
  { weight: 1, arbitrary: fc.constant(ACCOUNT_MAX) },
)
const reference = fc.bigInt({ min: 1n, max: 8n })

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant("lifecycle" as const),
      by: fc.constant(by),
      card,
      action: fc.constantFrom(...lifecycleActions),
      reason: fc.constant("asked for"),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("fund" as const),
      by: fc.constant(by),
      card,
      purse: fc.constantFrom(...purseNames),
      amount,
      reference,
    }),
  },
  fc.record({
    type: fc.constant("float" as const),
    by: fc.constant(by),
    merchant: fc.integer({ min: 1, max: 2 }),
    amount: fc.oneof(
      amount,
      amount.map((value) => -value),
    ),
    reference,
  }),
  fc.record({
    type: fc.constant("issue" as const),
    by: fc.constant(by),
    product: fc.constant(1),
    serial: fc.integer({ min: 0, max: 8 }),
    count: fc.integer({ min: 1, max: 3 }),
    nonce: fc.nat(3),
    active: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("cards" as const),
    by: fc.constant(by),
    first: fc.bigInt({ min: 1n, max: 5n }),
    count: fc.integer({ min: 1, max: 3 }),
    currency: fc.constantFrom(203, 978),
    openingBalance: amount,
    product: fc.constantFrom(0, 1),
  }),
  fc.record({ type: fc.constant("pin" as const), by: fc.constant(by), card, verifier: reference }),
  fc.record({
    type: fc.constant("calendar" as const),
    by: fc.constant(by),
    utcOffsetMinutes: fc.constantFrom(-60, 0, 840),
  }),
  fc
    .record({
      deposit: fc.nat(30),
      replacementFee: fc.nat(30),
      validMonths: fc.nat(3),
      validDays: fc.nat(3),
      replaced: fc.boolean(),
    })
    .map(({ deposit, replacementFee, validMonths, validDays, replaced }) =>
      product({
        named: true,
        deposit,
        replacementFee,
        validMonths,
        purses: [
          { purse: "bonus", validDays },
          { purse: "points" },
          ...(replaced ? [{ purse: "category1" as const }] : []),
        ],
      }),
    ),
)

it("commands keep their promises", () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 10, maxLength: 60, size: "max" }), (commands) => {
      const world = new World(2)
      world.do({ type: "merchant", by, number: 1, name: "Kiosk", currency: 203, floatLimit: 200 })
      world.do(product({ named: true, deposit: 30, replacementFee: 10, purses: [{ purse: "bonus" }] }))
      world.issue(1, 4)
      // What must hold is looked at after each.
      for (const each of commands) world.control(each)
      world.recovers()
    }),
    { numRuns: 60 },
  )
})
