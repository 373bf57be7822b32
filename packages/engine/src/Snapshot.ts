/** A snapshot of the whole lane at one position, written beside the traffic. */
import type { JournalShape, SnapshotsShape } from "@millrace/journal"
import type { Ledger } from "@millrace/ledger"
import { Cause, Effect } from "effect"
import type { Lane } from "./Lane.ts"
import { spread } from "./Spread.ts"
import type { Tally } from "./Tally.ts"

/** The newest snapshot, and the one before it should the newest be damaged. */
const snapshotsKept = 2
/** It is whole when at the most this share of the slots up to the next one have been journaled. */
const shareOfSlots = 1 / 2

/** Tag of the durable block that holds a position. */
const blockOf = Effect.fnUntraced(function* (journal: JournalShape, position: number) {
  const pull = yield* journal.read(position, position)
  return (yield* pull)?.tag
})

/**
 * Freezes the ledger between two batches, which copies nothing but small tables; the pieces are then pulled one
 * at a time while transactions go on. Segments are let go only when the new snapshot was read back, and only
 * those that neither the oldest kept snapshot nor its window of remembered transactions needs.
 */
export const takeSnapshot = Effect.fnUntraced(function* (
  lane: Lane,
  journal: JournalShape,
  snapshots: SnapshotsShape,
  everySlots: number,
  isAwaited: () => boolean,
) {
  const latest = yield* snapshots.latest
  const position = lane.ledger.next - 1
  if (latest?.position === position || position === 0) return position
  const began = performance.now()
  const parts = frozen(lane.ledger)
  yield* Effect.gen(function* () {
    const pace = yield* spread({
      bytes: lane.ledger.imageBytes,
      slots: () => lane.durable - position,
      slotsMax: everySlots * shareOfSlots,
      isAwaited,
    })
    yield* Effect.callback<void>((resume) => lane.whenDurable(position, () => resume(Effect.void)))
    const block = yield* blockOf(journal, position)
    yield* snapshots.write(position, parts, { block, pace })
  }).pipe(Effect.ensuring(Effect.sync(() => lane.ledger.thaw())))
  // Whatever becomes of the older ones, this one is there.
  lane.tally.snapshotTaken(position, performance.now() - began)
  yield* snapshots.prune(snapshotsKept)
  const kept = yield* snapshots.list
  const oldest = Math.min(...kept.map((snapshot) => snapshot.position))
  if (kept.length >= snapshotsKept) yield* journal.release(oldest + 1 - lane.ledger.memory.rememberedMax)
  return position
})

/** Frozen by half it would refuse every later snapshot. */
const frozen = (ledger: Ledger): ReturnType<Ledger["freeze"]> => {
  try {
    return ledger.freeze()
  } catch (defect) {
    ledger.thaw()
    throw defect
  }
}

/** Tells that a snapshot is being taken, and counts those that come to nothing, by an error or a defect. */
export const watched = <E>(tally: Tally, taking: Effect.Effect<number, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    tally.snapshotRunning = true
    return taking.pipe(
      Effect.tapCause((cause) =>
        Effect.sync(() => {
          if (!Cause.hasInterruptsOnly(cause)) tally.snapshotFailures++
        }),
      ),
      Effect.ensuring(
        Effect.sync(() => {
          tally.snapshotRunning = false
        }),
      ),
    )
  })
