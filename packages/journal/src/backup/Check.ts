/** Whether the files of a backup are what was put there: by their sums, and where they aren't as exactly as a walk can tell. */
import { Effect } from "effect"
import { segmentPath } from "../cursor.ts"
import type { KeyRingShape } from "../KeyRing.ts"
import { readHeader } from "../recover.ts"
import type { StorageShape } from "../Storage.ts"
import { snapshotDirectory } from "../snapshotDirectory.ts"
import { refused } from "./BackupRefused.ts"
import { type Catalogue, type CatalogueSegment, type CatalogueSnapshot, fileOf } from "./Catalogue.ts"
import { sha256Of } from "./Copy.ts"
import { walkSegment } from "./SegmentWalk.ts"

const missing = "missing"
const isMissing = "is missing"
const differs = "is damaged: its bytes aren't those of the catalogue"
const keepBoth = "Use another backup, or another copy of this file."

const sumOrMissing = (backup: StorageShape, path: string, bytes: number) =>
  sha256Of(backup, path, bytes).pipe(
    Effect.catchTag("StorageFailed", (error) =>
      error.code === "ENOENT" ? Effect.succeed(missing) : Effect.fail(error),
    ),
  )

export const refuseChangedSnapshot = Effect.fnUntraced(function* (
  backup: StorageShape,
  { position, files }: CatalogueSnapshot,
) {
  for (const { name, bytes, sha256 } of files) {
    const path = `${snapshotDirectory(position)}/${name}`
    const found = yield* sumOrMissing(backup, path, bytes)
    if (found === sha256) continue
    const reason = `${path} ${found === missing ? isMissing : differs}`
    return yield* refused(
      backup,
      reason,
      "Use another backup, or another copy of this file, or restore to before this snapshot.",
    )
  }
})

/** Says where a segment of a backup isn't what was put there: as exactly as a walk of it can. */
export const damagedCopy = Effect.fnUntraced(function* (
  backup: StorageShape,
  keys: KeyRingShape,
  segment: CatalogueSegment,
) {
  const path = segmentPath(fileOf(segment))
  const found = yield* Effect.scoped(readHeader(backup, keys, fileOf(segment))).pipe(
    Effect.catchTag("JournalDamaged", (error) => Effect.succeed({ info: undefined, reason: error.reason })),
  )
  if (found.info === undefined) return yield* refused(backup, `${path} is damaged: ${found.reason}`, keepBoth)
  const { end, ending, last } = yield* walkSegment(backup, {
    ...found.info,
    end: Math.min(found.info.end, segment.bytes),
  })
  const why = ending.kind === "bad" ? ending.reason : "it ends too early"
  const place = end < segment.bytes ? ` at byte ${end}, after sequence ${last}` : ""
  const reason = end < segment.bytes ? why : "its bytes aren't those of the catalogue"
  return yield* refused(backup, `${path} is damaged${place}: ${reason}`, keepBoth)
})

/**
 * Every file against its sum: without `keys` too, where the master key is kept elsewhere. BackupRefused names the first
 * that differs.
 */
export const checkFiles = Effect.fnUntraced(function* (
  backup: StorageShape,
  { segments, snapshots }: Catalogue,
  keys: KeyRingShape | undefined,
  progress: (bytes: number) => void = () => {},
) {
  let done = 0
  for (const segment of segments) {
    const path = segmentPath(fileOf(segment))
    const found = yield* sumOrMissing(backup, path, segment.bytes)
    done += segment.bytes
    progress(done)
    if (found === segment.sha256) continue
    if (found !== missing && keys !== undefined) return yield* damagedCopy(backup, keys, segment)
    return yield* refused(backup, `${path} ${found === missing ? isMissing : differs}`, keepBoth)
  }
  for (const snapshot of snapshots) {
    yield* refuseChangedSnapshot(backup, snapshot)
    done += snapshot.files.reduce((sum, { bytes }) => sum + bytes, 0)
    progress(done)
  }
})
