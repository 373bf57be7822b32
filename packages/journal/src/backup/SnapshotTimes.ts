/** When the state of a snapshot was: its segment is read until the block that holds its position. */
import { Effect } from "effect"
import type { KeyRingShape } from "../KeyRing.ts"
import { readHeader } from "../recover.ts"
import type { StorageShape } from "../Storage.ts"
import { type Catalogue, type CatalogueSegment, fileOf } from "./Catalogue.ts"
import { walkSegment } from "./SegmentWalk.ts"

/** The catalogue with the times of those snapshots that had none, as far as its segments hold them. */
export const withSnapshotTimes = Effect.fnUntraced(function* (
  backup: StorageShape,
  keys: KeyRingShape,
  catalogue: Catalogue,
) {
  const snapshots: Array<Catalogue["snapshots"][number]> = []
  for (const snapshot of catalogue.snapshots) {
    const { position } = snapshot
    const segment = catalogue.segments.find(({ first, last }) => first <= position && position <= last)
    const time =
      snapshot.time ?? (segment === undefined ? undefined : yield* blockTime(backup, keys, segment, position))
    snapshots.push(time === undefined ? snapshot : { ...snapshot, time })
  }
  return { ...catalogue, snapshots }
})

const blockTime = Effect.fnUntraced(
  function* (backup: StorageShape, keys: KeyRingShape, segment: CatalogueSegment, position: number) {
    const { info } = yield* Effect.scoped(readHeader(backup, keys, fileOf(segment)))
    let time: number | undefined
    if (info === undefined) return time
    yield* walkSegment(backup, { ...info, end: Math.min(info.end, segment.bytes) }, (block) => {
      const isBefore = block.first + block.count - 1 < position
      if (!isBefore) time = block.time
      return isBefore
    })
    return time
  },
  // What a backup got wrong since it was copied, a file that is missing too, is for a check of it and for who needs it.
  Effect.catch(() => Effect.undefined),
)
