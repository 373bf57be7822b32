/** What Effect takes from its surroundings, given by a process of the simulation: scheduler, clock, randomness. */
import { Machine } from "@millrace/journal"
import { Clock, Context, Duration, Effect, Random as EffectRandom, Logger, Scheduler } from "effect"
import type { Process } from "./Loop.ts"

const nanosPerMs = 1_000_000n

const clockOf = (process: Process): Clock.Clock => {
  const wallNanos = () => BigInt(process.wallMs) * nanosPerMs
  const monotonicNanos = () => BigInt(Math.floor(process.loop.now * 1e6))
  return {
    currentTimeMillisUnsafe: () => process.wallMs,
    currentTimeMillis: Effect.sync(() => process.wallMs),
    currentTimeNanosUnsafe: wallNanos,
    currentTimeNanos: Effect.sync(wallNanos),
    monotonicTimeNanosUnsafe: monotonicNanos,
    monotonicTimeNanos: Effect.sync(monotonicNanos),
    sleep: (duration) => {
      const ms = Duration.toMillis(duration)
      if (ms <= 0) return Effect.yieldNow
      if (!Number.isFinite(ms)) return Effect.never
      return Effect.callback((resume) => {
        const cancel = process.after(ms, () => resume(Effect.void))
        return Effect.sync(cancel)
      })
    },
  }
}

/** Once for each process: its randomness goes on from one effect to the next. */
export const surroundingsOf = (process: Process): Context.Context<never> => {
  const random = process.random.fork("effect")
  const secrets = process.random.fork("secrets")
  const machine = {
    randomBytes: (count: number) => secrets.bytes(count),
    nextRound: (then: () => void) => void process.soon(then),
  }
  return Context.empty().pipe(
    Context.add(Scheduler.Scheduler, new Scheduler.MixedScheduler("async", (run) => process.soon(run))),
    Context.add(Clock.Clock, clockOf(process)),
    Context.add(EffectRandom.Random, {
      nextDoubleUnsafe: () => random.next(),
      nextIntUnsafe: () => random.word(),
    }),
    Context.add(Machine, machine),
    // What they would say is in the trace.
    Context.add(Logger.CurrentLoggers, new Set()),
  )
}
