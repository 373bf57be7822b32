import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import { assert, it } from "vitest"
import { type Spreading, spread } from "../src/Spread.ts"

const MiB = 1 << 20

/** Works at `bytes` in pieces of 256 KiB, while `ms` go by; how many of them were done then. */
const doneAfter = (ms: number, bytes: number, spreading: Partial<Spreading> = {}): Promise<number> =>
  Effect.gen(function* () {
    const pace = yield* spread({
      bytes: bytes / 2,
      slots: () => 0,
      slotsMax: 1_000,
      isAwaited: () => false,
      ...spreading,
    })
    let done = 0
    const work = Effect.gen(function* () {
      while (done < bytes) {
        done += MiB / 4
        yield* pace(MiB / 4)
      }
    })
    const fiber = yield* Effect.forkChild(work)
    for (let at = 0; at < ms; at += 5) {
      yield* TestClock.adjust("5 millis")
      yield* turnOfTheLoop
    }
    yield* turnOfTheLoop
    yield* Fiber.interrupt(fiber)
    return done
  }).pipe(Effect.provide(TestClock.layer()), Effect.runPromise)

/** Everything that does not wait for time is done. */
const turnOfTheLoop = Effect.promise(
  () =>
    new Promise<void>((resolve) => {
      let rounds = 200
      const next = () => (rounds-- > 0 ? setImmediate(next) : resolve())
      next()
    }),
)

it("does not wait for little", async () => {
  assert.equal(await doneAfter(0, MiB), MiB)
})

it("spreads much over time, at 24 MiB a second", async () => {
  const after = await doneAfter(500, 64 * MiB)
  assert.isAtLeast(after, 12 * MiB)
  assert.isAtMost(after, 14 * MiB)
})

it("is as far as the slots are", () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1_000 }), async (slots) => {
      const bytes = 32 * MiB
      const due = Math.max(MiB, (bytes * slots) / 1_000)
      const done = await doneAfter(0, bytes, { slots: () => slots })
      assert.isAtLeast(done, Math.min(bytes, due))
      assert.isAtMost(done, due + MiB / 4)
    }),
    { numRuns: 20 },
  ))

it("hurries as soon as somebody waits for its end", async () => {
  let asked = 0
  const isAwaited = () => ++asked > 10
  assert.equal(await doneAfter(60, 32 * MiB, { isAwaited }), 32 * MiB)
})

it("goes on at its rate where the slots hurried it and then stand still", async () => {
  let asked = 0
  // Half of it at once, and no more of them.
  const slots = () => (asked++ === 0 ? 0 : 500)
  const done = await doneAfter(500, 64 * MiB, { slots })
  assert.isAtLeast(done, (32 + 11) * MiB)
})
