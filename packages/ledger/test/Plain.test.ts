// Two ways to decide and one outcome: what is plain is decided in one go, and nobody can tell.
import { Kind } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Ledger } from "../src/index.ts"
import { Run } from "./run.ts"
import { recovered, stateOf } from "./scenario.ts"
import { type Step, step } from "./traffic.ts"

const options = fc.record({
  shards: fc.constantFrom(1, 2, 4),
  transactions: fc.constantFrom(16, 32, 64, 1024),
  plain: fc.boolean(),
})

/** Of open cards and those of a product with limits, so many that the limits are met. */
const likely: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("request" as const),
  kind: fc.constantFrom<number>(Kind.purchase, Kind.purchase, Kind.purchase, Kind.recharge, Kind.balance),
  terminal: fc.constantFrom(0, 1, 2, 4),
  card: fc.constantFrom(1, 2, 16, 16, 17),
  amount: fc.oneof(
    fc.integer({ min: 1, max: 120 }),
    fc.constantFrom(19, 20, 50, 200, 201, 300, 301, 400, 401),
  ),
  secret: fc.constantFrom("none" as const, "wrong" as const),
  flags: fc.constantFrom(0, 0, 0, 1, 2),
  payee: fc.constant(0),
  disorder: fc.constantFrom(0, 0, 0, 0, 0, 0, -5, 1),
  foreign: fc.constant(false),
})
const steps = fc.array(fc.oneof({ weight: 4, arbitrary: likely }, { weight: 1, arbitrary: step }), {
  minLength: 1,
  maxLength: 120,
  size: "max",
})

/** Counts what the ledger decides in the plain way from here on. */
const plainOnesOf = (ledger: Ledger): (() => number) => {
  const { memory } = ledger
  const publish = memory.publishPlain.bind(memory)
  let count = 0
  memory.publishPlain = (...found) => {
    count++
    publish(...found)
  }
  return () => count
}

describe("what is plain", () => {
  it("is journaled and leaves everything as if it had been judged rule by rule", () => {
    let plain = 0
    let all = 0
    const property = fc.property(options, steps, (options, steps) => {
      const run = new Run(options)
      const ones = plainOnesOf(run.real.ledger)
      const before = run.real.ledger.next
      // Refusals are in no journal: of these the model says what they must be.
      for (const step of steps) {
        const told = run.step(step)
        expect(told.actual).toEqual(told.expected)
      }
      plain += ones()
      if (options.plain) all += run.real.ledger.next - before
      // A replay decides each slot again and compares it; with the other way than it was decided in.
      const other = recovered({ ...options, plain: !options.plain }, run.real.blocks)
      expect(stateOf(other)).toEqual(stateOf(run.real.ledger))
    })
    const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() % 2 ** 31)
    console.log(`seed ${seed}: MILLRACE_SEED=${seed} is this run again`)
    fc.assert(property, { numRuns: 100, seed })
    // It is worth something only when there is enough of it.
    expect(plain / all).toBeGreaterThan(0.2)
  })
})
