import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Stop } from "../../src/Stop.ts"
import { haltOf, shutDown } from "../../src/serve/End.ts"

const ending = (halted: Effect.Effect<never, { readonly message: string }>) =>
  Effect.gen(function* () {
    let failed = false
    const exit = yield* Effect.exit(
      haltOf({ halted }, () => {
        failed = true
      }),
    )
    return { failed, error: Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, exit }
  })

describe("haltOf", () => {
  it.effect("takes a failure for the storage's, with a code of its own", () =>
    Effect.gen(function* () {
      const { failed, error } = yield* ending(Effect.fail({ message: "no space left" }))
      expect(failed).toBe(true)
      expect(error).toBeInstanceOf(Stop)
      expect(error).toMatchObject({ exitCode: 74, message: expect.stringContaining("no space left") })
    }),
  )

  it.effect("takes anything else for a defect: failed too, and not the storage's fault", () =>
    Effect.gen(function* () {
      const { failed, error, exit } = yield* ending(Effect.die(new TypeError("x is undefined")))
      expect(failed).toBe(true)
      expect(error).toBeInstanceOf(TypeError)
      expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
    }),
  )

  it.effect("takes an engine that is only closed for no failure", () =>
    Effect.gen(function* () {
      const { failed, exit } = yield* ending(Effect.interrupt)
      expect(failed).toBe(false)
      expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
    }),
  )
})

describe("shutDown", () => {
  const run = (drained: Effect.Effect<void>, snapshot: Effect.Effect<number, unknown>) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const voice = { say: (line: string) => lines.push(line), complain: (line: string) => lines.push(line) }
      // As a finalizer runs it: what hangs must be left behind in a region that cannot be interrupted, too.
      const fiber = yield* Effect.forkChild(
        Effect.uninterruptible(shutDown({ drained, snapshot }, { stopAccepting: Effect.void }, voice)),
      )
      for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      return lines.slice(1)
    })

  it.effect("says where the snapshot is", () =>
    Effect.gen(function* () {
      expect(yield* run(Effect.void, Effect.succeed(1_234))).toEqual(["stopped: snapshot at 1,234"])
    }),
  )

  it.effect("says why there is none, and that nothing is lost by it", () =>
    Effect.gen(function* () {
      const [line] = yield* run(Effect.void, Effect.fail(new Stop({ message: "disk full", exitCode: 1 })))
      expect(line).toMatch(/^no snapshot was taken, the next start replays: .*disk full/)
    }),
  )

  it.effect("waits for nothing for ever", () =>
    Effect.gen(function* () {
      const hangs = Effect.uninterruptible(Effect.never)
      expect(yield* run(hangs, hangs)).toEqual([
        "not everything was answered within 10 s",
        expect.stringMatching(
          /^no snapshot was taken within 30 s, so the next start replays: nothing is lost/,
        ),
      ])
    }),
  )
})
