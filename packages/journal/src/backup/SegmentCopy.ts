/** One segment into a backup: as much of it as is whole, authenticated in the copy. */
import { Effect } from "effect"
import { damagedSegment, segmentPath } from "../cursor.ts"
import { isZero, pageBytes } from "../format.ts"
import type { KeyRingShape } from "../KeyRing.ts"
import { listSegments, readHeader } from "../recover.ts"
import { readRest, type StorageShape } from "../Storage.ts"
import { sameBytes } from "../seal.ts"
import { judgeTail } from "../tail.ts"
import { BackupRefused } from "./BackupRefused.ts"
import { type CatalogueSegment, fileOf } from "./Catalogue.ts"
import { type Copied, copyFrom, sha256Of } from "./Copy.ts"
import { headerOf, type Walked, walkSegment } from "./SegmentWalk.ts"

export interface Between {
  readonly source: StorageShape
  readonly backup: StorageShape
  readonly keys: KeyRingShape
  readonly copied: Copied
}

/** A block that is just being written is torn in one look and whole in the next; damage stays where it is. */
const looksMax = 5
const betweenLooks = Effect.sleep("20 millis")

export const otherHistory = (backup: StorageShape, reason: string) =>
  new BackupRefused({
    path: backup.location,
    reason: `${reason}: the directory was restored or repaired since, and its journal is another one now`,
    remedy: "Nothing of this backup was changed. Back up into a new directory, and keep this one.",
  })

const firstPage = Effect.fnUntraced(function* (storage: StorageShape, path: string) {
  const page = Buffer.alloc(pageBytes)
  const file = yield* Effect.acquireRelease(storage.open(path, { readOnly: true }), (opened) => opened.close)
  yield* file.read(0, page)
  return page
}, Effect.scoped)

/** A salt is random, so two segments with one header page are one. */
export const refuseOtherSegment = Effect.fnUntraced(function* (
  { source, backup }: Between,
  entry: CatalogueSegment,
) {
  const path = segmentPath(fileOf(entry))
  if (sameBytes(yield* firstPage(source, path), yield* firstPage(backup, path))) return
  return yield* otherHistory(backup, `${path} isn't the segment that was backed up`)
})

/**
 * The segments that have begun, by name: without a last one that was only made ready, or whose first write is torn or on
 * its way.
 */
export const begunSegments = Effect.fnUntraced(function* ({ source, keys }: Between) {
  const names = yield* listSegments(source)
  const name = names[names.length - 1]
  if (name === undefined) return names
  for (let look = 1; ; look++) {
    const found = yield* Effect.scoped(readHeader(source, keys, name))
    if (found.info !== undefined) return names
    const page = yield* wholeOf(source, segmentPath(name))
    if (isZero(page, 0, page.length)) return names.slice(0, -1)
    const verdict = judgeTail(page, undefined, pageBytes)
    if (verdict === undefined) return names.slice(0, -1)
    if (look === looksMax) return yield* damagedSegment(name, 0, 0, `${found.reason}: ${verdict}`)
    yield* betweenLooks
  }
})

const wholeOf = Effect.fnUntraced(function* (storage: StorageShape, path: string) {
  const file = yield* Effect.acquireRelease(storage.open(path, { readOnly: true }), (opened) => opened.close)
  return yield* readRest(file, 0)
}, Effect.scoped)

/**
 * Copies what the backup has not yet. `undefined` for a last segment that holds no whole block. A last segment may end in a
 * write that is on its way, which is left out; any other must be whole.
 */
export const copySegment = Effect.fnUntraced(function* (
  between: Between,
  name: string,
  entry: CatalogueSegment | undefined,
  isLast: boolean,
) {
  const { source, backup, keys, copied } = between
  const path = segmentPath(name)
  if (entry !== undefined) yield* refuseOtherSegment(between, entry)
  let from = entry?.bytes ?? 0
  let walked: Walked
  for (let look = 1; ; look++) {
    yield* copyFrom(source, backup, path, from, Number.POSITIVE_INFINITY, copied)
    const found = yield* Effect.scoped(readHeader(backup, keys, name))
    if (found.info === undefined) return yield* damagedSegment(name, 0, 0, found.reason)
    walked = yield* walkSegment(backup, found.info)
    const trouble = yield* troubleIn(backup, path, walked, isLast)
    if (trouble === undefined) break
    if (look === looksMax || walked.ending.kind === "version") return yield* trouble
    if (walked.end > from) {
      from = walked.end
      look = 0
    }
    yield* betweenLooks
  }
  if (entry !== undefined && walked.end < entry.bytes) {
    return yield* otherHistory(backup, `${path} is shorter than it was`)
  }
  if (walked.blocks === 0) return undefined
  yield* cutTo(backup, path, walked.end)
  // What the backup holds must not be lost by the directory: there it may be written and not yet synced.
  if (isLast) yield* syncFile(source, path)
  const copy: CatalogueSegment = {
    number: walked.info.header.number,
    first: walked.info.header.first,
    last: walked.last,
    blocks: walked.blocks,
    bytes: walked.end,
    sha256: yield* sha256Of(backup, path, walked.end),
    from: walked.from,
    to: walked.to,
    keyId: walked.info.header.keyId,
    tag: Buffer.from(walked.tag).toString("hex"),
    sealed: !isLast,
  }
  return { copy, previousTag: walked.info.header.previousTag }
})

/** What is wrong with the place where no whole block follows; undefined where the segment may end there. */
const troubleIn = Effect.fnUntraced(function* (
  backup: StorageShape,
  path: string,
  { cursor, ending }: Walked,
  isLast: boolean,
) {
  if (ending.kind === "version") return cursor.unsupported(ending.found)
  const file = yield* Effect.acquireRelease(backup.open(path, { readOnly: true }), (opened) => opened.close)
  const rest = yield* readRest(file, cursor.at)
  if (ending.kind === "mark" || ending.kind === "blank") {
    if (isZero(rest, 0, rest.length)) return undefined
    const verdict =
      isLast && ending.kind === "blank" ? judgeTail(rest, undefined, 0) : "the journal had ended there"
    return verdict === undefined ? undefined : cursor.refuse(`there are bytes after its end: ${verdict}`)
  }
  if (ending.kind === "stopped") return undefined
  const verdict = isLast ? judgeTail(rest, headerOf(ending), 0) : "the journal goes on after it"
  return verdict === undefined ? undefined : cursor.refuse(`${ending.reason}: ${verdict}`)
}, Effect.scoped)

const cutTo = Effect.fnUntraced(function* (storage: StorageShape, path: string, bytes: number) {
  const file = yield* Effect.acquireRelease(storage.open(path), (opened) => opened.close)
  yield* file.truncate(bytes)
  yield* file.sync
}, Effect.scoped)

const syncFile = Effect.fnUntraced(function* (storage: StorageShape, path: string) {
  const file = yield* Effect.acquireRelease(storage.open(path, { readOnly: true }), (opened) => opened.close)
  yield* file.sync
}, Effect.scoped)
