// A client against a server that does everything a network can do to it, from a seed: nothing is told that is not so.
import { assert, describe, it } from "@effect/vitest"
import { type Outcome, RecordFlag, ResponseCode, type TransactionRecord } from "@millrace/protocol"
import { Effect, Logger } from "effect"
import fc from "fast-check"
import { Unknown } from "../src/index.ts"
import { connected, purchases } from "./connected.ts"
import { approved, type FakeSession } from "./FakeServer.ts"

/** A small generator, so that a run is its seed's. */
const random = (seed: number) => {
  let state = seed | 1
  return (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** Does each request once and remembers it; answers late, shuffled, twice, with 91, or cuts the line instead. */
class Mill {
  readonly done = new Map<bigint, Outcome>()
  readonly problems: Array<string> = []
  readonly #random: (below: number) => number
  #cuts = 0

  constructor(seed: number) {
    this.#random = random(seed)
  }

  records(session: FakeSession, records: ReadonlyArray<TransactionRecord>): void {
    const answers: Array<Outcome> = []
    for (const record of records) {
      const before = this.done.get(record.reference)
      if (before !== undefined) {
        if ((record.flags & RecordFlag.repeat) === 0)
          this.problems.push(`${record.reference} came twice, unmarked`)
        answers.push({ ...before, flags: 1 })
      } else if (this.#random(10) === 0) {
        answers.push(approved(record, { response: ResponseCode.unavailable, transaction: 0n }))
      } else {
        const response = this.#random(4) === 0 ? ResponseCode.insufficientFunds : ResponseCode.approved
        const outcome = approved(record, { response, transaction: BigInt(this.done.size + 1) })
        this.done.set(record.reference, outcome)
        answers.push(outcome)
      }
    }
    this.#answer(session, answers)
  }

  #answer(session: FakeSession, answers: Array<Outcome>): void {
    answers.sort(() => this.#random(3) - 1)
    // At most so many cuts that the run comes to an end.
    if (this.#random(4) === 0 && this.#cuts++ < 6) {
      const some = answers.slice(0, this.#random(answers.length))
      if (some.length > 0) session.answer(some)
      setTimeout(() => session.socket.destroy(), this.#random(4))
      return
    }
    const at = this.#random(answers.length)
    const parts = [answers.slice(0, at), answers.slice(at)].filter((part) => part.length > 0)
    for (const part of parts) setTimeout(() => session.answer(part), this.#random(5))
    // An answer that comes twice is dropped the second time.
    if (this.#random(3) === 0) setTimeout(() => session.answer([answers[0]]), 6)
  }
}

const run = (seed: number, sizes: ReadonlyArray<number>, inFlightMax: number) =>
  Effect.gen(function* () {
    const mill = new Mill(seed)
    const { client } = yield* connected(
      { records: (session, records) => mill.records(session, records) },
      { inFlightMax },
    )
    let from = 0
    const batches = sizes.map((size) => {
      const records = purchases(size, from)
      from += size
      return client.batch(records).pipe(Effect.map((results) => ({ records, results })))
    })
    const answered = yield* Effect.all(batches, { concurrency: "unbounded" })
    assert.deepStrictEqual(mill.problems, [])
    for (const { records, results } of answered) {
      for (const [i, record] of records.entries()) {
        const result = results[i]
        if (result instanceof Unknown) assert.fail(`nobody gave ${record.reference} up`)
        // The first answer, whichever sending brought it.
        assert.deepStrictEqual({ ...result, flags: 0 }, mill.done.get(record.reference))
      }
    }
    assert.strictEqual(mill.done.size, from)
    assert.strictEqual(client.stats().inFlight, 0)
  }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))

describe("exactly once", () => {
  it("holds for any order, split, repeat, refusal and cut", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(fc.integer(), sizes, fc.integer({ min: 1, max: 64 }), (seed, batches, inFlightMax) =>
        Effect.runPromise(run(seed, batches, inFlightMax)),
      ),
      { numRuns: 12, endOnFailure: true },
    )
  })
})
