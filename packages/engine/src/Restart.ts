/** One shard after a defect: made anew from its snapshot and the journal while the others go on. */
import type { JournalShape, SnapshotsShape } from "@millrace/journal"
import { Effect } from "effect"
import type { Lane } from "./Lane.ts"
import { forEachBlock, restorePart } from "./Recovery.ts"

/**
 * While a shard is down nothing of it is journaled, and control commands wait, so the journal's end is fixed for
 * it: everything decided before the call must be durable, then snapshot and tail give the state it had before
 * the record that it fell over.
 */
export const rebuildShard = Effect.fnUntraced(function* (
  lane: Lane,
  shard: number,
  journal: JournalShape,
  snapshots: SnapshotsShape,
) {
  const rebuild = lane.ledger.rebuild(shard)
  const latest = yield* snapshots.latest
  const position = latest?.position ?? 0
  for (const name of latest?.names ?? []) {
    if (rebuild.wants(name))
      yield* restorePart(snapshots, position, name, (piece) => rebuild.restore(name, piece))
  }
  yield* forEachBlock(journal, position + 1, journal.last, (block) =>
    rebuild.replay(block.time, block.payload, block.first),
  )
  // Throws when the lane went further meanwhile: a defect of its own, and the next incarnation tries again.
  rebuild.swapIn()
})
