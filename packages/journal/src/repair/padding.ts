/** Changed padding behind blocks that are whole: nothing was lost with it, and what it must be is known. */
import { Effect } from "effect"
import { walkSegment } from "../backup/SegmentWalk.ts"
import { type Padding, segmentPath } from "../cursor.ts"
import { isZero, paddingByte } from "../format.ts"
import type { KeyRingShape } from "../KeyRing.ts"
import { journalDirectory, readHeader } from "../recover.ts"
import { readRest, type StorageFile, type StorageShape } from "../Storage.ts"

/** By the file names of segments. */
export type Paddings = ReadonlyMap<string, ReadonlyArray<Padding>>

/** The same files, with such padding as it was written. */
export const mended = (storage: StorageShape, paddings: Paddings): StorageShape => ({
  ...storage,
  open: (path, options) => {
    const found = paddings.get(path.slice(journalDirectory.length + 1)) ?? []
    const opened = storage.open(path, options)
    return found.length === 0 || !path.startsWith(`${journalDirectory}/`)
      ? opened
      : Effect.map(opened, (file) => filledIn(file, found))
  },
})

const filledIn = (file: StorageFile, paddings: ReadonlyArray<Padding>): StorageFile => ({
  path: file.path,
  size: file.size,
  read: (at, into) =>
    Effect.map(file.read(at, into), (filled) => {
      for (const { from, to } of paddings) {
        into.fill(
          paddingByte,
          Math.max(0, Math.min(filled, from - at)),
          Math.max(0, Math.min(filled, to - at)),
        )
      }
      return filled
    }),
  write: (at, bytes) => file.write(at, bytes),
  sync: file.sync,
  truncate: (length) => file.truncate(length),
  close: file.close,
  writeDurable: (at, bytes, done) => file.writeDurable(at, bytes, done),
})

/**
 * The changed padding of one segment. That of its last block is left to the rules of a torn end where nothing follows it.
 * Errors: StorageFailed, KeyMissing, VersionUnsupported.
 */
export const changedPadding = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  name: string,
) {
  const found: Array<Padding> = []
  const { info } = yield* Effect.scoped(readHeader(storage, keys, name)).pipe(
    Effect.catchTag("JournalDamaged", () => Effect.succeed({ info: undefined })),
  )
  if (info === undefined) return found
  while (true) {
    const { ending } = yield* walkSegment(mended(storage, new Map([[name, found]])), info)
    if (ending.kind !== "bad" || ending.padding === undefined) return found
    if (yield* endsBehind(storage, name, ending.padding.to)) return found
    found.push(ending.padding)
  }
})

const endsBehind = Effect.fnUntraced(function* (storage: StorageShape, name: string, at: number) {
  const file = yield* Effect.acquireRelease(
    storage.open(segmentPath(name), { readOnly: true }),
    (opened) => opened.close,
  )
  const rest = yield* readRest(file, at)
  return isZero(rest, 0, rest.length)
}, Effect.scoped)
