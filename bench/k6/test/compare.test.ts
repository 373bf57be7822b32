// Whether a run's two sides are told apart: each count that differs is named, and only those.
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { differences, Summary } from "../compare.ts"
import type { EngineCounts } from "../Engine.ts"

const summaryOf = (counts: Readonly<Record<string, number>>): Summary =>
  Schema.decodeSync(Summary)(
    JSON.stringify({
      metrics: Object.fromEntries(
        Object.entries(counts).map(([name, count]) => [name, { values: { count } }]),
      ),
      state: { testRunDurationMs: 1_000 },
    }),
  )

const before: EngineCounts = {
  answers: new Map([
    ["00", 10],
    ["51", 2],
  ]),
  duplicates: 1,
  purses: 1_000n,
}
const after: EngineCounts = {
  answers: new Map([
    ["00", 15],
    ["51", 3],
  ]),
  duplicates: 3,
  purses: 1_450n,
}
const counted = {
  millrace_answers_00: 5,
  millrace_answers_51: 1,
  millrace_repeats: 2,
  millrace_duplicates: 2,
  millrace_amount_recharge: 900,
  millrace_amount_purchase: 500,
  millrace_amount_refund: 50,
}
const named = (counts: Readonly<Record<string, number>>) =>
  differences(summaryOf({ ...counted, ...counts }), before, after).map(({ what }) => what)

describe("compare", () => {
  it("finds nothing where both counted the same", () => {
    assert.deepStrictEqual(named({}), [])
  })

  it("names a request that the engine decided and nobody heard of, and one that it never saw", () => {
    assert.deepStrictEqual(named({ millrace_answers_00: 4 }), ["answers 00"])
    assert.deepStrictEqual(named({ millrace_answers_51: 2 }), ["answers 51"])
  })

  it("names money that is not where it was said to be", () => {
    assert.deepStrictEqual(named({ millrace_amount_refund: 49 }), ["minor units on all cards"])
  })

  it("lets a first answer be given again unheard, but neither more often than asked nor less often than heard", () => {
    assert.deepStrictEqual(named({ millrace_duplicates: 1 }), [])
    assert.deepStrictEqual(named({ millrace_duplicates: 3, millrace_repeats: 3 }), [
      "first answers given again",
    ])
    assert.deepStrictEqual(named({ millrace_duplicates: 1, millrace_repeats: 1 }), [
      "first answers given again",
    ])
  })
})
