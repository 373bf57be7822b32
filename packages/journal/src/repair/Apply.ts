/** A repair carried out, so that no crash in it leaves a directory that an engine would start on. */
import { Effect, Layer } from "effect"
import { copyFrom } from "../backup/Copy.ts"
import { walkSegment } from "../backup/SegmentWalk.ts"
import { type Block, segmentPath } from "../cursor.ts"
import { manifestAside } from "../DataDirectory.ts"
import { blockExtent, pageBytes } from "../format.ts"
import { Journal } from "../Journal.ts"
import { KeyRing, type KeyRingShape } from "../KeyRing.ts"
import { journalDirectory } from "../recover.ts"
import { Storage, type StorageShape } from "../Storage.ts"
import { removeSnapshot } from "../snapshotDirectory.ts"
import type { RepairPlan } from "./Plan.ts"
import { mended } from "./padding.ts"

const manifestFile = "manifest.json"
const besideFile = "repair.tmp"

/**
 * Segments are made anew and never changed where they lie, so that who keeps the original by a second name keeps it.
 * Run again after a crash it comes to the same end; without a plan it only
 * finishes one that was cut short when nothing was left to take away.
 */
export const applyRepair = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  plan: RepairPlan | undefined,
) {
  if (!(yield* storage.exists(manifestAside))) {
    yield* storage.rename(manifestFile, manifestAside)
    yield* storage.syncDirectory("")
  }
  if (plan !== undefined) yield* takeAway(storage, plan)
  yield* settle(storage, keys)
  yield* storage.rename(manifestAside, manifestFile)
  yield* storage.syncDirectory("")
})

const takeAway = Effect.fnUntraced(function* (storage: StorageShape, plan: RepairPlan) {
  for (const position of plan.droppedSnapshots) yield* removeSnapshot(storage, position)
  // What is before goes oldest first and what is after newest first: no gap comes about that wasn't there.
  const kept = [...plan.kept.segments.keys()].sort()
  const before = plan.droppedSegments.filter((name) => name < kept[0]!)
  const after = plan.droppedSegments.filter((name) => name >= kept[0]!).reverse()
  for (const name of [...before, ...after]) {
    yield* storage.remove(segmentPath(name))
    yield* storage.syncDirectory(journalDirectory)
  }
  const last = kept[kept.length - 1]!
  const source = mended(storage, plan.paddings)
  const changed = [...plan.cuts.keys(), ...plan.paddings.keys(), last]
  for (const name of new Set(changed.filter((name) => plan.kept.segments.has(name)))) {
    yield* replaceByCopy(source, storage, name, plan.kept.segments.get(name) ?? 0)
  }
})

const replaceByCopy = Effect.fnUntraced(function* (
  source: StorageShape,
  storage: StorageShape,
  name: string,
  bytes: number,
) {
  const path = segmentPath(name)
  yield* copyFrom(renamed(source, path), storage, besideFile, 0, bytes, () => {})
  yield* storage.rename(besideFile, path)
  yield* storage.syncDirectory(journalDirectory)
  yield* storage.syncDirectory("")
})

/** `copyFrom` copies under one name; here it is read under another. */
const renamed = (storage: StorageShape, path: string): StorageShape => ({
  ...storage,
  open: (_, options) => storage.open(path, options),
})

/** Opens the journal as a start does: its end is marked, and what was only made ready is put away. */
const settle = (storage: StorageShape, keys: KeyRingShape) => {
  const content = { name: "content", writes: Number.MAX_SAFE_INTEGER, oldest: 0 }
  const layer = Journal.layer({ segmentBytes: pageBytes + blockExtent(0), content }).pipe(
    Layer.provide(Layer.mergeAll(Layer.succeed(Storage, storage), Layer.succeed(KeyRing, keys))),
  )
  return Effect.provide(
    Effect.flatMap(Journal, (journal) => journal.close),
    layer,
  )
}

/** Every lost block that can be read, in order. */
export const forEachLost = Effect.fnUntraced(function* (
  storage: StorageShape,
  plan: RepairPlan,
  each: (block: Block) => void,
) {
  const source = mended(storage, plan.paddings)
  for (const { info, walked } of plan.rows) {
    yield* walkSegment(
      source,
      info,
      (block) => {
        if (block.first > plan.last) each(block)
        return true
      },
      walked.start,
    )
  }
})
