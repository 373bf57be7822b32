/** Some of a directory's segments, to where they are to be used, and some of its snapshots, seen as a directory of its own. */
import { Effect } from "effect"
import { StorageFailed } from "../JournalError.ts"
import { journalDirectory } from "../recover.ts"
import type { StorageFile, StorageShape } from "../Storage.ts"
import { snapshotDirectory, snapshotsDirectory } from "../snapshotDirectory.ts"

export interface Selection {
  /** File names, each with the bytes of it that there are. */
  readonly segments: ReadonlyMap<string, number>
  /** Positions. */
  readonly snapshots: ReadonlySet<number>
}

const readOnly = (operation: string, path: string) =>
  Effect.fail(
    new StorageFailed({ operation, path, code: "EROFS", detail: "a selection of files is only read" }),
  )

/**
 * For `Journal.layer` and `Snapshots.layer` with `readOnly`: what they check of a data directory they check of what a
 * backup, a restore or a repair is going to leave, before anything is left.
 */
export const selected = (storage: StorageShape, selection: Selection): StorageShape => {
  const names = {
    [journalDirectory]: [...selection.segments.keys()].sort(),
    [snapshotsDirectory]: [...selection.snapshots]
      .map((position) => snapshotDirectory(position).slice(snapshotsDirectory.length + 1))
      .sort(),
  }
  const list = (directory: string) =>
    directory === journalDirectory || directory === snapshotsDirectory
      ? Effect.succeed(names[directory])
      : storage.list(directory)
  return {
    location: storage.location,
    list,
    exists: storage.exists,
    open: (path) => {
      const bytes = path.startsWith(`${journalDirectory}/`)
        ? selection.segments.get(path.slice(journalDirectory.length + 1))
        : undefined
      const opened = storage.open(path, { readOnly: true })
      return bytes === undefined ? opened : Effect.map(opened, (file) => cutAt(file, bytes))
    },
    remove: (path) => readOnly("remove", path),
    rename: (from) => readOnly("rename", from),
    makeDirectory: (path) => readOnly("make directory", path),
    syncDirectory: (path) => readOnly("sync", path),
    lock: (path) => readOnly("lock", path),
  }
}

const cutAt = (file: StorageFile, bytes: number): StorageFile => ({
  path: file.path,
  size: Effect.map(file.size, (size) => Math.min(size, bytes)),
  read: (at, into) => file.read(at, into.subarray(0, Math.max(0, Math.min(into.length, bytes - at)))),
  write: () => readOnly("write", file.path),
  sync: file.sync,
  truncate: () => readOnly("truncate", file.path),
  close: file.close,
  writeDurable: (_at, _bytes, done) => {
    setImmediate(() =>
      done(
        new StorageFailed({ operation: "write", path: file.path, code: "EROFS", detail: "only to be read" }),
      ),
    )
  },
})
