/** Where a snapshot lies: a directory by its position, whole as soon as its manifest is there. */
import { Effect } from "effect"
import type { StorageShape } from "./Storage.ts"

export const snapshotsDirectory = "snapshots"
export const manifestName = "manifest.json"

export const snapshotDirectory = (position: number): string =>
  `${snapshotsDirectory}/${String(position).padStart(20, "0")}`

/** Nothing when there is none. */
export const removeSnapshot = Effect.fnUntraced(function* (storage: StorageShape, position: number) {
  const directory = snapshotDirectory(position)
  if (!(yield* storage.exists(directory))) return
  const names = yield* storage.list(directory)
  // The manifest first: from then on it is an unfinished one, whatever happens.
  if (names.includes(manifestName)) {
    yield* storage.remove(`${directory}/${manifestName}`)
    yield* storage.syncDirectory(directory)
  }
  for (const name of names) if (name !== manifestName) yield* storage.remove(`${directory}/${name}`)
  yield* storage.remove(directory)
  yield* storage.syncDirectory(snapshotsDirectory)
})
