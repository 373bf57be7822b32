/** Changed padding behind blocks that are whole: nothing was lost with it, and what it must be is known. */
import { Effect } from "effect"
import { walkSegment } from "../backup/SegmentWalk.ts"
import { type Padding, segmentPath } from "../cursor.ts"
import { isZero, paddingByte } from "../format.ts"
import { journalDirectory, type SegmentInfo } from "../recover.ts"
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

/** What a file holds from `at` on. */
export const restOf = Effect.fnUntraced(function* (storage: StorageShape, path: string, at: number) {
  const file = yield* Effect.acquireRelease(storage.open(path, { readOnly: true }), (opened) => opened.close)
  return yield* readRest(file, at)
}, Effect.scoped)

/**
 * A segment as far as it is whole when its changed padding is mended. That of its last block is left to the rules of a torn
 * end where nothing follows it.
 */
export const walkMended = Effect.fnUntraced(function* (storage: StorageShape, info: SegmentInfo) {
  const paddings: Array<Padding> = []
  while (true) {
    const walked = yield* walkSegment(mended(storage, new Map([[info.name, paddings]])), info)
    const { ending } = walked
    if (ending.kind !== "bad" || ending.padding === undefined) return { walked, paddings }
    const rest = yield* restOf(storage, segmentPath(info.name), ending.padding.to)
    if (isZero(rest, 0, rest.length)) return { walked, paddings }
    paddings.push(ending.padding)
  }
})
