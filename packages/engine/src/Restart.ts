/** One shard after a defect: made anew from its snapshot and the journal while the others go on. */
import type { JournalShape, SnapshotsShape } from "@millrace/journal"
import { SLOT_BYTES } from "@millrace/ledger"
import { Effect } from "effect"
import type { Lane } from "./Lane.ts"
import { forEachBlock, restorePart } from "./Recovery.ts"

/**
 * While a shard is down nothing of it is journaled, and control commands are refused, so its own last slot is fixed.
 * The lane's end is not: the others go on. Snapshot and journal bring the shard close to it, the memory to it, and what
 * results is the state it had before the record that it fell over.
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
  let next = position + 1
  do {
    const last = journal.last
    yield* forEachBlock(journal, next, last, (block) =>
      rebuild.replay(block.time, block.payload, block.first),
    )
    next = Math.max(next, last + 1)
  } while (lane.ledger.next - next > lane.ledger.memory.live)
  // The other shards never stand still, so the last slots come from the memory, in one go. None of them is this
  // shard's, and none is a command's: no time is looked at.
  for (const slots of lane.ledger.slots(next, lane.ledger.next)) {
    rebuild.replay(0, slots, next)
    next += slots.length / SLOT_BYTES
  }
  rebuild.swapIn()
})
