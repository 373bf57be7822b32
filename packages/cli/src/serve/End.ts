// How a server ends: well, with everything answered and a snapshot; or because its journal or itself failed.
import type { Engine } from "@millrace/engine"
import { Cause, Effect, Fiber, Result } from "effect"
import { grouped } from "../load/Report.ts"
import type { Voice } from "../Output.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"

/** Sessions that do not read their answers are not waited for longer. */
const drainMsMax = 10_000
/** A disk that hangs must not hold the end for ever: the journal has it all without the snapshot. */
const snapshotMsMax = 30_000

/**
 * Fails when the engine halted, and calls `failed` before: a failure is the storage's and ends with 74, anything else
 * is a defect and ends with its stack. An engine that is only closed has not failed.
 */
export const haltOf = (
  engine: { readonly halted: Effect.Effect<never, { readonly message: string }> },
  failed: () => void,
): Effect.Effect<never, Stop> =>
  Effect.catchCause(engine.halted, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
    failed()
    const found = Cause.findError(cause)
    if (Result.isFailure(found)) return Effect.die(Cause.squash(cause))
    return stop(
      `the journal could not be written, so the engine stopped and answers nothing more: ${found.success.message}. ` +
        "Mend the storage and start again: it recovers from what is on disk.",
      ExitCode.journalFailed,
    )
  })

/** No new connections, what is in flight is answered, a snapshot. Every wait has an end, with a line that says so. */
export const shutDown = Effect.fnUntraced(function* (
  engine: Pick<Engine["Service"], "drained"> & { readonly snapshot: Effect.Effect<number, unknown> },
  gateway: { readonly stopAccepting: Effect.Effect<void> },
  { say, complain }: Voice,
) {
  say("stopping: no new connections; what is in flight is answered")
  yield* gateway.stopAccepting
  yield* within(engine.drained, drainMsMax, () =>
    complain(`not everything was answered within ${drainMsMax / 1_000} s`),
  )
  const taken = engine.snapshot.pipe(
    Effect.map((position) => say(`stopped: snapshot at ${grouped(position)}`)),
    Effect.catchCause((cause) =>
      Effect.sync(() =>
        complain(`no snapshot was taken, the next start replays: ${String(Cause.squash(cause))}`),
      ),
    ),
  )
  yield* within(taken, snapshotMsMax, () =>
    complain(
      `no snapshot was taken within ${snapshotMsMax / 1_000} s, so the next start replays: nothing is lost; see how the disk is`,
    ),
  )
})

/** Waits for `effect`, but no longer: what hangs in a system call cannot be interrupted, only left behind. */
const within = Effect.fnUntraced(function* (effect: Effect.Effect<void>, ms: number, late: () => void) {
  const fiber = yield* Effect.forkDetach(Effect.interruptible(effect))
  yield* Fiber.join(fiber).pipe(
    Effect.timeoutOrElse({
      duration: ms,
      orElse: () =>
        Effect.sync(() => {
          late()
          fiber.interruptUnsafe()
        }),
    }),
  )
})
