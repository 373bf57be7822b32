/** What opening does: looks through the segments, cuts a torn tail, refuses damage, and marks the end. */
import { Effect } from "effect"
import { type ContentVersions, checkContent } from "./content.ts"
import { damagedSegment, SegmentCursor, segmentPath, unsupportedSegment } from "./cursor.ts"
import {
  blockHeaderBytes,
  decodeSegmentHeader,
  encodeBlockHeader,
  isZero,
  paddingByte,
  pageBytes,
  type SegmentHeader,
  segmentHeader,
  segmentMacInput,
  segmentNumber,
} from "./format.ts"
import { DirectoryRefused, KeyMissing } from "./JournalError.ts"
import type { KeyRingShape } from "./KeyRing.ts"
import { readRest, type StorageFile, type StorageShape } from "./Storage.ts"
import { deriveSecrets, mac, type Secrets, sameBytes, segmentPurpose } from "./seal.ts"
import { judgeTail } from "./tail.ts"
import { onlyLooking } from "./Walk.ts"

export const journalDirectory = "journal"

/** A segment as the journal keeps it in mind. */
export interface SegmentInfo {
  readonly name: string
  readonly header: SegmentHeader
  readonly secrets: Secrets
  /** Its last durable sequence. */
  last: number
  /** Bytes in use. */
  end: number
}

export interface Cut {
  readonly segment: string
  readonly at: number
}

export interface Recovered {
  readonly segments: Array<SegmentInfo>
  readonly last: number
  /** Of the last block. */
  readonly epoch: number
  /** Tag of the last block. */
  readonly tag: Uint8Array
  /** Where a torn write was cut off. */
  readonly cut: Cut | undefined
}

export interface RecoverOptions {
  readonly verify: "tail" | "all"
  readonly readOnly: boolean
  readonly content: ContentVersions
}

/**
 * The end mark's page, in the segment's own format: a program that reads the segment reads its mark. Its MAC has a key
 * of its own, so it takes no nonce.
 */
export const encodeEndMark = (
  { header, secrets }: Pick<SegmentInfo, "header" | "secrets">,
  number: number,
  first: number,
  previousTag: Uint8Array,
  epoch: number,
): Buffer => {
  const page = Buffer.alloc(pageBytes, paddingByte)
  encodeBlockHeader(page, 0, true, header.format, header.number, epoch, number, first, 0, 0, 0, previousTag)
  page.set(mac(secrets.macKey, page.subarray(0, blockHeaderBytes)), blockHeaderBytes)
  return page
}

const openSegment = (storage: StorageShape, name: string, readOnly: boolean) =>
  Effect.acquireRelease(storage.open(segmentPath(name), { readOnly }), (file) => file.close)

/** Why the second can't follow the first, by their numbers. */
export const missingBetween = (before: number, after: number): string =>
  after === before + 2
    ? `segment ${before + 1}, the one before it, is missing`
    : `segments ${before + 1} to ${after - 1}, before it, are missing`

export const listSegments = Effect.fnUntraced(function* (storage: StorageShape) {
  const names = yield* storage.list(journalDirectory)
  let previous: number | undefined
  for (const name of names) {
    const number = segmentNumber(name)
    if (number === undefined) {
      return yield* new DirectoryRefused({
        path: `${storage.location}/${journalDirectory}`,
        reason: `it holds ${name}, which isn't a segment`,
        remedy: "Move that file away.",
      })
    }
    if (previous !== undefined && number !== previous + 1) {
      return yield* damagedSegment(name, 0, 0, missingBetween(previous, number))
    }
    previous = number
  }
  return names
})

/** Its header with everything checked, `undefined` when the page was never written. */
export const readHeader = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  name: string,
) {
  const file = yield* openSegment(storage, name, true)
  const page = Buffer.alloc(pageBytes)
  const filled = yield* file.read(0, page)
  const reading = decodeSegmentHeader(page.subarray(0, filled))
  if (reading.kind === "version") return yield* unsupportedSegment(name, reading.found)
  if (reading.kind === "bad") return { name, reason: reading.reason, file } as const
  const header = reading.header
  if (header.number !== segmentNumber(name)) {
    return yield* damagedSegment(name, 0, header.first, `it is segment ${header.number} under another's name`)
  }
  const key = keys.byId(header.keyId)
  if (key === undefined) {
    return yield* new KeyMissing({
      key: `data key ${header.keyId}`,
      reason: `${segmentPath(name)} is encrypted with it, and keyring.json doesn't have it`,
      remedy: "Restore the keyring.json that belongs to this journal from a backup.",
    })
  }
  const secrets = deriveSecrets(key.key, header.salt, segmentPurpose)
  const authentic = mac(secrets.macKey, segmentMacInput(page))
  if (!sameBytes(authentic, page.subarray(segmentHeader.mac, segmentHeader.bytes))) {
    return yield* damagedSegment(name, 0, header.first, "the segment header isn't authentic")
  }
  const info: SegmentInfo = { name, header, secrets, last: header.first - 1, end: yield* file.size }
  return { name, info, file } as const
})

type Walked = {
  readonly cursor: SegmentCursor
  readonly marked: boolean
  /** Where something is that is neither a block nor blank, and was judged torn. */
  readonly torn: boolean
}

/** Goes through a segment to its end. At the journal's end (`tail`) a torn write is allowed, and all after it must be blank. */
const walk = Effect.fnUntraced(function* (file: StorageFile, info: SegmentInfo, tail: boolean) {
  const cursor = new SegmentCursor(info.name, info.header, info.secrets, info.end, 0, onlyLooking())
  yield* cursor.refill(file)
  while (true) {
    const step = cursor.next()
    if (step.kind === "block") continue
    if (step.kind === "more") {
      yield* cursor.refill(file)
      continue
    }
    if (step.kind === "version") return yield* cursor.unsupported(step.found)
    const rest = yield* readRest(file, cursor.at)
    if (step.kind === "bad") {
      const verdict = tail ? judgeTail(rest, step.header, 0) : "the journal goes on after it"
      if (verdict !== undefined) return yield* cursor.refuse(`${step.reason}: ${verdict}`)
    } else if (!isZero(rest, 0, rest.length)) {
      const verdict =
        tail && step.kind === "blank" ? judgeTail(rest, undefined, 0) : "the journal had ended there"
      if (verdict !== undefined)
        return yield* cursor.refuse(`there are bytes after a blank sector: ${verdict}`)
    }
    const torn = step.kind !== "mark" && !isZero(rest, 0, rest.length)
    const walked: Walked = { cursor, marked: step.kind === "mark", torn }
    return walked
  }
})

/** The last file's header page is unsound: was it never used, or torn with the segment's first block? */
const judgeUnsoundHeader = Effect.fnUntraced(function* (name: string, file: StorageFile, reason: string) {
  const rest = yield* readRest(file, 0)
  if (isZero(rest, 0, rest.length)) return "blank" as const
  const verdict = judgeTail(rest, undefined, pageBytes)
  if (verdict !== undefined) return yield* damagedSegment(name, 0, 0, `${reason}: ${verdict}`)
  return "torn" as const
})

/**
 * All headers. Only the last file may be unsound: a segment is prepared (blank) when the first block of the
 * one before is durable, and its header is written with its own first block.
 */
const survey = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  content: ContentVersions,
) {
  const names = yield* listSegments(storage)
  const segments: Array<SegmentInfo> = []
  let lastFile: "sound" | "blank" | "torn" = "sound"
  for (const [n, name] of names.entries()) {
    const found = yield* readHeader(storage, keys, name)
    if (found.info === undefined) {
      if (n < names.length - 1) return yield* damagedSegment(name, 0, 0, found.reason)
      lastFile = yield* judgeUnsoundHeader(name, found.file, found.reason)
      continue
    }
    yield* checkContent(segmentPath(name), found.info.header.content, content)
    const before = segments[segments.length - 1]
    if (before !== undefined) {
      if (found.info.header.first <= before.header.first) {
        return yield* damagedSegment(
          name,
          0,
          before.header.first + 1,
          "it begins before the segment before it",
        )
      }
      before.last = found.info.header.first - 1
    }
    segments.push(found.info)
  }
  return { segments, lastFile, lastName: names[names.length - 1] }
})

const walkByName = Effect.fnUntraced(function* (storage: StorageShape, info: SegmentInfo, tail: boolean) {
  const file = yield* openSegment(storage, info.name, true)
  const walked = yield* walk(file, info, tail)
  if (!tail && walked.cursor.number === 1) return yield* walked.cursor.refuse("it holds no block")
  info.last = walked.cursor.first - 1
  info.end = walked.cursor.at
  return walked
}, Effect.scoped)

/** What a middle segment must be: whole, and joined to the next. */
const verifyMiddle = Effect.fnUntraced(function* (
  storage: StorageShape,
  info: SegmentInfo,
  next: SegmentInfo,
) {
  const { cursor } = yield* walkByName(storage, info, false)
  if (cursor.first !== next.header.first) {
    return yield* damagedSegment(next.name, 0, cursor.first, `it begins with sequence ${next.header.first}`)
  }
  if (!sameBytes(cursor.tag, next.header.previousTag) || next.header.epoch < cursor.epoch) {
    return yield* damagedSegment(
      next.name,
      0,
      cursor.first,
      "it doesn't follow the segment before it (chain)",
    )
  }
})

/** Cuts at the end of the last block and marks it, so that from now on nothing there can pass for torn. */
const settle = Effect.fnUntraced(function* (storage: StorageShape, info: SegmentInfo, walked: Walked) {
  const { cursor, marked } = walked
  const file = yield* openSegment(storage, info.name, false)
  if ((yield* file.size) > cursor.at) {
    yield* file.truncate(cursor.at)
    yield* file.sync
  }
  if (marked) return
  const page = encodeEndMark(info, cursor.number, cursor.first, cursor.tag, cursor.epoch)
  yield* file.write(cursor.at, page)
  yield* file.sync
  info.end = cursor.at + page.length
}, Effect.scoped)

/** Errors: StorageFailed, JournalDamaged, KeyMissing, VersionUnsupported, DirectoryRefused. */
export const recover = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  options: RecoverOptions,
) {
  const { segments, lastFile, lastName } = yield* survey(storage, keys, options.content)
  const unused = lastFile === "sound" ? [] : [lastName!]
  let cut: Cut | undefined = lastFile === "torn" ? { segment: lastName!, at: 0 } : undefined
  let tail = segments[segments.length - 1]
  let walked: Walked | undefined
  if (tail !== undefined) {
    walked = yield* walkByName(storage, tail, lastFile !== "torn")
    if (walked.torn) cut = { segment: tail.name, at: walked.cursor.at }
    if (walked.cursor.number === 1) {
      // Its first write was torn. That write came after the segment before was whole.
      if (walked.marked || lastFile !== "sound") return yield* walked.cursor.refuse("it holds no block")
      unused.push(tail.name)
      segments.pop()
      tail = segments[segments.length - 1]
      walked = tail && (yield* walkByName(storage, tail, false))
    }
  }
  if (options.verify === "all") {
    for (let n = 0; n < segments.length - 1; n++) yield* verifyMiddle(storage, segments[n]!, segments[n + 1]!)
  }
  if (!options.readOnly) {
    for (const name of unused) yield* storage.remove(segmentPath(name))
    if (unused.length > 0) yield* storage.syncDirectory(journalDirectory)
    if (tail !== undefined && walked !== undefined) yield* settle(storage, tail, walked)
  }
  const recovered: Recovered = {
    segments,
    last: tail?.last ?? 0,
    epoch: walked?.cursor.epoch ?? 0,
    tag: walked?.cursor.tag ?? new Uint8Array(16),
    cut,
  }
  return recovered
}, Effect.scoped)
