/** A backup as a data directory again: to its end, to a sequence, or to a moment. */
import { Effect, Layer } from "effect"
import { type Block, segmentPath } from "../cursor.ts"
import { blockExtent, pageBytes } from "../format.ts"
import { Journal } from "../Journal.ts"
import { KeyRing, type KeyRingShape } from "../KeyRing.ts"
import { masterFile, writeKeyFile } from "../MasterKey.ts"
import { neededFrom } from "../missing.ts"
import { journalDirectory, readHeader } from "../recover.ts"
import { readWhole, Storage, type StorageShape, writeWhole } from "../Storage.ts"
import { snapshotsDirectory } from "../snapshotDirectory.ts"
import { refused } from "./BackupRefused.ts"
import { type Catalogue, type CatalogueSegment, type CatalogueSnapshot, fileOf } from "./Catalogue.ts"
import { type Chapter, chaptersOf, gapsOf } from "./Chapters.ts"
import { damagedCopy, refuseChangedSnapshot } from "./Check.ts"
import { copyFrom, sha256Of } from "./Copy.ts"
import { heldMasterKey } from "./Keys.ts"
import { walkSegment } from "./SegmentWalk.ts"
import type { Selection } from "./Selection.ts"
import { copySnapshot } from "./SnapshotCopy.ts"
import { withSnapshotTimes } from "./SnapshotTimes.ts"

/** Up to and with a sequence, or everything that was done up to a moment (ms since the epoch). */
export type Until = { readonly sequence: number } | { readonly ms: number }

type Part = Pick<Block, "first" | "count" | "time" | "payload" | "content">

export interface RestorePlan {
  /** In order; the last is cut after `lastBytes`. */
  readonly segments: ReadonlyArray<CatalogueSegment>
  readonly lastBytes: number
  readonly snapshot: CatalogueSnapshot | undefined
  /** What it will hold. */
  readonly first: number
  readonly last: number
  /** Time of the last block, ms since the epoch. */
  readonly time: number
  /** The first sequences of a block that is not wanted whole: they become a block of their own, in a segment of its own. */
  readonly part: Part | undefined
  /** Of what will be copied. */
  readonly bytes: number
}

const iso = (ms: number): string => new Date(ms).toISOString()

/** What a backup can be brought back to, in words. */
export const reach = (chapters: ReadonlyArray<Chapter>): string =>
  chapters
    .filter(({ earliest }) => earliest !== undefined)
    .map(({ earliest, earliestTime, last, segments }) => {
      const from = earliestTime === undefined ? "" : ` (${iso(earliestTime)})`
      return `${earliest}${from} to ${last} (${iso(segments.at(-1)!.to)})`
    })
    .join(", ") || "nothing"

const anotherMoment = "Give a sequence or a moment that it reaches, or leave out --at for its end."

/** Why it doesn't reach there: what was decided in a gap is missing, so what is before isn't how it was then. */
const outside = (backup: StorageShape, chapters: ReadonlyArray<Chapter>, wanted: Until) => {
  const reaches = `it reaches from sequence ${reach(chapters)}`
  const gap = gapsOf(chapters).find(({ first, next, from, to }) =>
    "sequence" in wanted
      ? wanted.sequence >= first && wanted.sequence < next
      : wanted.ms > from && wanted.ms < to,
  )
  if (gap === undefined) return refused(backup, reaches, anotherMoment)
  const missing = `sequences ${gap.first} to ${gap.last} are missing in it, and nothing from ${gap.first} to ${gap.next - 1}`
  const between = `between ${iso(gap.from)} and ${iso(gap.to)}`
  return refused(backup, `${missing}, ${between}, can be restored: ${reaches}`, anotherMoment)
}

/** Where `until` lies. Blocks are in the order of their times as long as the machine's clock was. */
const find = Effect.fnUntraced(function* (
  backup: StorageShape,
  keys: KeyRingShape,
  segments: ReadonlyArray<CatalogueSegment>,
  until: Until,
) {
  const isWanted = (last: number, time: number) =>
    "sequence" in until ? last <= until.sequence : time <= until.ms
  const n = segments.findIndex(({ last, to }) =>
    "sequence" in until ? last >= until.sequence : to > until.ms,
  )
  if (n < 0) return { n: segments.length - 1, walked: undefined, unwanted: undefined }
  const segment = segments[n]!
  let unwanted: Part | undefined
  const found = yield* Effect.scoped(readHeader(backup, keys, fileOf(segment)))
  if (found.info === undefined) return yield* damagedCopy(backup, keys, segment)
  const info = { ...found.info, end: segment.bytes }
  const walked = yield* walkSegment(backup, info, (block) => {
    const isWhole = isWanted(block.first + block.count - 1, block.time)
    if (!isWhole) unwanted = block
    return isWhole
  })
  if (unwanted === undefined && walked.end !== segment.bytes) return yield* damagedCopy(backup, keys, segment)
  return { n, walked, unwanted }
})

/** Errors: BackupRefused when the backup doesn't reach there, JournalDamaged with the place. */
export const planRestore = Effect.fnUntraced(function* (
  backup: StorageShape,
  keys: KeyRingShape,
  catalogue: Catalogue,
  window: number,
  until: Until | undefined,
) {
  const chapters = chaptersOf(yield* withSnapshotTimes(backup, keys, catalogue), window)
  const newest = chapters.at(-1)
  if (newest === undefined) return yield* refused(backup, "it holds no journal yet", "Take a backup first.")
  const wanted = until ?? { sequence: newest.last }
  const chapter = chapters.findLast(({ first, last, segments }, n) => {
    if ("sequence" in wanted) return wanted.sequence >= first && wanted.sequence <= last
    // After the end of the newest nothing was decided until the backup was taken; after any other something was.
    const isBeforeEnd = n === chapters.length - 1 || wanted.ms <= segments.at(-1)!.to
    return wanted.ms >= segments[0]!.from && isBeforeEnd
  })
  if (chapter === undefined) return yield* outside(backup, chapters, wanted)
  if ("ms" in wanted && wanted.ms > Date.parse(catalogue.taken)) {
    return yield* refused(backup, `it was taken at ${catalogue.taken}, before that moment`, anotherMoment)
  }
  const { n, walked, unwanted } = yield* find(backup, keys, chapter.segments, wanted)
  const whole = chapter.segments[n]!
  const part =
    unwanted !== undefined && "sequence" in wanted && wanted.sequence >= unwanted.first
      ? partOf(unwanted, wanted.sequence)
      : undefined
  const lastWhole = walked?.last ?? whole.last
  const last = part === undefined ? lastWhole : part.first + part.count - 1
  const snapshot = chapter.snapshots.findLast(({ position }) => position <= last)
  if (last < 1 || (snapshot === undefined && chapter.first > 1))
    return yield* outside(backup, chapters, wanted)
  const from = snapshot === undefined ? 1 : neededFrom(snapshot.position, window)
  const isCut = walked !== undefined
  const segments = chapter.segments
    .slice(0, n + 1)
    .filter((segment, at) => segment.last >= from && (at < n || !isCut || walked.blocks > 0))
  const lastBytes = isCut && walked.blocks > 0 ? walked.end : (segments.at(-1)?.bytes ?? 0)
  const plan: RestorePlan = {
    segments,
    lastBytes,
    snapshot,
    first: segments[0]?.first ?? part?.first ?? 1,
    last,
    time: part?.time ?? (isCut && walked.blocks > 0 ? walked.to : (segments.at(-1)?.to ?? whole.from)),
    part,
    bytes:
      segments.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, lastBytes) +
      (snapshot?.files.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0),
  }
  return plan
})

/** Entries of a block have one length. */
const partOf = (block: Part, last: number): Part => {
  const count = last - block.first + 1
  const payload = block.payload.subarray(0, (block.payload.length / block.count) * count)
  return { ...block, count, payload }
}

export interface RestoreOptions {
  readonly progress?: (bytes: number) => void
  /** The master key that is kept in the backup goes with the directory. */
  readonly withMasterKey: boolean
}

/**
 * Writes everything but `manifest.json`, so that no engine starts on what isn't finished, into an empty storage. What was
 * copied is compared with the catalogue. The journal is closed with an end mark, so that nothing in it can pass for torn.
 */
export const restoreFiles = Effect.fnUntraced(function* (
  backup: StorageShape,
  target: StorageShape,
  keys: KeyRingShape,
  plan: RestorePlan,
  options: RestoreOptions,
) {
  let done = 0
  const copied = (bytes: number) => {
    done += bytes
    options.progress?.(done)
  }
  for (const directory of ["", journalDirectory, snapshotsDirectory]) yield* target.makeDirectory(directory)
  yield* writeWhole(target, "keyring.json", yield* readWhole(backup, "keyring.json"))
  if (options.withMasterKey) yield* takeMasterKey(backup, target, keys)
  if (plan.snapshot !== undefined) {
    yield* refuseChangedSnapshot(backup, plan.snapshot)
    yield* copySnapshot(backup, target, keys, plan.snapshot.position, copied)
  }
  for (const [n, segment] of plan.segments.entries()) {
    const end = n === plan.segments.length - 1 ? plan.lastBytes : segment.bytes
    const path = segmentPath(fileOf(segment))
    yield* copyFrom(backup, target, path, 0, end, copied)
    // What is cut is compared where it lies, since its sum is of the whole.
    const summed = end === segment.bytes ? target : backup
    if ((yield* sha256Of(summed, path, segment.bytes)) !== segment.sha256) {
      return yield* damagedCopy(backup, keys, segment)
    }
  }
  yield* target.syncDirectory(journalDirectory)
  yield* settle(target, keys, plan.part)
})

const takeMasterKey = Effect.fnUntraced(function* (
  backup: StorageShape,
  target: StorageShape,
  keys: KeyRingShape,
) {
  const master = yield* heldMasterKey(backup, keys.masterKeyId)
  if (master !== undefined) return yield* writeKeyFile(target, masterFile, master)
  return yield* refused(backup, `it holds no ${masterFile} that opens it`, "Give the master key.")
})

/** Opens the journal as a start does. What is added goes into a segment with a salt of its own: no nonce comes again. */
const settle = (target: StorageShape, keys: KeyRingShape, part: Part | undefined) => {
  const segmentBytes = pageBytes + blockExtent(part?.payload.length ?? 0)
  const content = { name: "content", writes: part?.content ?? Number.MAX_SAFE_INTEGER, oldest: 0 }
  const layer = Journal.layer({ segmentBytes, content }).pipe(
    Layer.provide(Layer.mergeAll(Layer.succeed(Storage, target), Layer.succeed(KeyRing, keys))),
  )
  return Effect.gen(function* () {
    const journal = yield* Journal
    if (part !== undefined) {
      const { first, count, time } = part
      yield* journal.append({ first, count, time, parts: [part.payload] })
    }
    yield* journal.close
  }).pipe(Effect.provide(layer))
}

/** The last step: from now on an engine starts on it. */
export const finishRestore = Effect.fnUntraced(function* (backup: StorageShape, target: StorageShape) {
  yield* writeWhole(target, "manifest.json", yield* readWhole(backup, "manifest.json"))
})

/** All of a chapter, as `selected` wants it. */
export const selectionOf = ({ segments, snapshots }: Chapter): Selection => ({
  segments: new Map(segments.map((segment) => [fileOf(segment), segment.bytes])),
  snapshots: new Set(snapshots.map(({ position }) => position)),
})
