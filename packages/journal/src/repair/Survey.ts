/** What is in a damaged journal: as much of every segment as is whole, where it fails, and what lies beyond. */
import { Effect } from "effect"
import { headerOf, type Walked, walkSegment } from "../backup/SegmentWalk.ts"
import { readSnapshot, snapshotsIn } from "../backup/SnapshotCopy.ts"
import { type Padding, segmentPath } from "../cursor.ts"
import { decodeBlockHeader, isZero, pageBytes, segmentNumber } from "../format.ts"
import type { KeyRingShape } from "../KeyRing.ts"
import { encodeEndMark, journalDirectory, missingBetween, readHeader, type SegmentInfo } from "../recover.ts"
import type { StorageShape } from "../Storage.ts"
import { sameBytes } from "../seal.ts"
import { judgeTail } from "../tail.ts"
import { restOf, walkMended } from "./padding.ts"

export interface Damage {
  /** Path inside the data directory. */
  readonly file: string
  readonly at: number
  readonly reason: string
}

export interface SurveyedSegment {
  readonly name: string
  readonly number: number
  /** Undefined when its header can't be read: then nothing in it can. */
  readonly info: SegmentInfo | undefined
  /** Its whole blocks from the beginning. */
  readonly walked: Walked | undefined
  /** Of these, changed padding: what is told of the segment is told of it with that mended. */
  readonly paddings: ReadonlyArray<Padding>
  /** Where and why it isn't whole; undefined when it is. */
  readonly damage: Damage | undefined
  /** Rows of whole blocks beyond the damage, told by their own headers: each begins where the one before failed. */
  readonly beyond: ReadonlyArray<Walked>
}

export interface Survey {
  readonly segments: ReadonlyArray<SurveyedSegment>
  /** Where two segments that follow each other don't join, by the name of the later one. */
  readonly broken: ReadonlyMap<string, Damage>
  readonly snapshots: ReadonlyArray<{ readonly position: number; readonly damage: Damage | undefined }>
  /** Segments whose damage lies behind their last block: all that they ever held is whole. */
  readonly harmless: ReadonlySet<string>
  /** Files that are no segments, left by whatever it was. */
  readonly foreign: ReadonlyArray<string>
}

/** Looks at everything and changes nothing. Errors: StorageFailed, KeyMissing, VersionUnsupported. */
export const surveyDirectory = Effect.fnUntraced(function* (storage: StorageShape, keys: KeyRingShape) {
  const names = yield* storage.list(journalDirectory)
  const foreign = names.filter((name) => segmentNumber(name) === undefined)
  const files = names.filter((name) => segmentNumber(name) !== undefined)
  const segments: Array<SurveyedSegment> = []
  const harmless = new Set<string>()
  for (const [n, name] of files.entries()) {
    const isLast = n === files.length - 1
    const segment = yield* surveySegment(storage, keys, name, isLast)
    // One that was only made ready has nothing in it.
    if (segment === undefined) continue
    segments.push(segment)
    if (isLast && segment.damage !== undefined && (yield* isBadMark(storage, segment))) harmless.add(name)
  }
  for (const [n, segment] of segments.entries()) {
    const next = segments[n + 1]
    if (segment.damage !== undefined && next !== undefined && whyApart(segment, next) === undefined) {
      harmless.add(segment.name)
    }
  }
  const survey: Survey = {
    segments,
    broken: brokenJoins(segments),
    snapshots: yield* surveySnapshots(storage, keys),
    harmless,
    foreign,
  }
  return survey
})

const surveySegment = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  name: string,
  isLast: boolean,
) {
  const file = segmentPath(name)
  const number = segmentNumber(name) ?? 0
  const found = yield* Effect.scoped(readHeader(storage, keys, name)).pipe(
    Effect.catchTag("JournalDamaged", ({ reason }) => Effect.succeed({ info: undefined, reason })),
  )
  if (found.info === undefined) {
    const rest = yield* restOf(storage, file, 0)
    const isUnused = isZero(rest, 0, rest.length) || judgeTail(rest, undefined, pageBytes) === undefined
    if (isLast && isUnused) return undefined
    const damage = { file, at: 0, reason: found.reason }
    const unread = { info: undefined, walked: undefined, paddings: [], beyond: [] }
    const segment: SurveyedSegment = { name, number, damage, ...unread }
    return segment
  }
  const { info } = found
  const { walked, paddings } = yield* walkMended(storage, info)
  const rest = yield* restOf(storage, file, walked.cursor.at)
  const reason = troubleOf(walked, rest, isLast)
  const damage = reason === undefined ? undefined : { file, at: walked.cursor.at, reason }
  const beyond = damage === undefined ? [] : yield* walkBeyond(storage, info, walked)
  // Its first write was torn: it never held anything.
  if (isLast && damage === undefined && walked.blocks === 0) return undefined
  const segment: SurveyedSegment = { name, number, info, walked, paddings, damage, beyond }
  return segment
})

/** By the rules of opening: only the last segment may end in a torn write. */
const troubleOf = ({ ending, blocks }: Walked, rest: Buffer, isLast: boolean): string | undefined => {
  if (ending.kind === "version") return `a block has format version ${ending.found}`
  if (ending.kind === "bad") {
    const verdict = isLast ? judgeTail(rest, headerOf(ending), 0) : "the journal goes on after it"
    return verdict === undefined ? undefined : `${ending.reason}: ${verdict}`
  }
  if (!isZero(rest, 0, rest.length)) {
    const mayBeTorn = isLast && ending.kind === "blank"
    const verdict = mayBeTorn ? judgeTail(rest, undefined, 0) : "the journal had ended there"
    if (verdict !== undefined) return `there are bytes after a blank sector: ${verdict}`
  }
  return !isLast && blocks === 0 ? "it holds no block" : undefined
}

/**
 * Blocks are sealed one by one, so those after a damaged one can be read, though not used. An end mark alone is a row without
 * blocks: it says which sequence was the last.
 */
const walkBeyond = Effect.fnUntraced(function* (storage: StorageShape, info: SegmentInfo, walked: Walked) {
  const bytes = yield* restOf(storage, segmentPath(info.name), 0)
  const rows: Array<Walked> = []
  let number = walked.cursor.number
  for (let at = walked.cursor.at + pageBytes; at + pageBytes <= bytes.length; at += pageBytes) {
    const reading = decodeBlockHeader(bytes, at)
    if (reading.kind !== "ok") continue
    const header = { ...reading.header, previousTag: Buffer.from(reading.header.previousTag) }
    if (header.segment !== info.header.number || header.number <= number) continue
    const row = yield* walkSegment(storage, info, undefined, { at, header })
    if (row.blocks === 0 && row.ending.kind !== "mark") continue
    rows.push(row)
    number = row.cursor.number - 1
    at = Math.max(at, row.end - pageBytes)
  }
  return rows
})

/** What a mark would have been is known, and nothing else is as much like it: a block is ciphertext. */
const isBadMark = Effect.fnUntraced(function* (
  storage: StorageShape,
  { name, info, walked, beyond }: SurveyedSegment,
) {
  if (info === undefined || walked === undefined || beyond.length > 0) return false
  const { cursor } = walked
  const rest = yield* restOf(storage, segmentPath(name), cursor.at)
  if (rest.length !== pageBytes) return false
  const mark = encodeEndMark(info, cursor.number, cursor.first, cursor.tag, cursor.epoch)
  let same = 0
  for (let at = 0; at < pageBytes; at++) if (rest[at] === mark[at]) same++
  return same > pageBytes / 2
})

const brokenJoins = (segments: ReadonlyArray<SurveyedSegment>): ReadonlyMap<string, Damage> => {
  const broken = new Map<string, Damage>()
  for (const [n, segment] of segments.entries()) {
    const before = segments[n - 1]
    // A segment that is damaged says already why the next can't follow.
    if (before === undefined || (before.damage !== undefined && before.number + 1 === segment.number))
      continue
    const reason = whyApart(before, segment)
    if (reason !== undefined && segment.info !== undefined) {
      broken.set(segment.name, { file: segmentPath(segment.name), at: 0, reason })
    }
  }
  return broken
}

/** Undefined when the second goes on where the first ends. */
const whyApart = (before: SurveyedSegment, segment: SurveyedSegment): string | undefined => {
  if (segment.number !== before.number + 1) {
    return missingBetween(before.number, segment.number)
  }
  if (before.walked === undefined || segment.info === undefined) return "a header can't be read"
  const { header } = segment.info
  if (header.first !== before.walked.last + 1) {
    return `it begins with sequence ${header.first}, and the one before ends with ${before.walked.last}`
  }
  return sameBytes(header.previousTag, before.walked.tag)
    ? undefined
    : "it doesn't follow the segment before it (chain)"
}

const surveySnapshots = Effect.fnUntraced(function* (storage: StorageShape, keys: KeyRingShape) {
  const found: Array<Survey["snapshots"][number]> = []
  for (const position of yield* snapshotsIn(storage)) {
    const damage = yield* readSnapshot(storage, keys, position).pipe(
      Effect.as(undefined),
      Effect.catchTags({
        JournalDamaged: ({ file, at, reason }) => Effect.succeed({ file, at, reason }),
        StorageFailed: (error) =>
          error.code === "ENOENT"
            ? Effect.succeed({ file: error.path, at: 0, reason: "it is missing" })
            : Effect.fail(error),
      }),
    )
    found.push({ position, damage })
  }
  return found
})
