/** A backup of a data directory that may be in use: what is new since the last run, and nothing that isn't whole. */
import { DateTime, Effect } from "effect"
import { damagedSegment, segmentPath } from "../cursor.ts"
import { segmentNumber } from "../format.ts"
import { type JournalDamaged, nextSteps, type StorageFailed } from "../JournalError.ts"
import type { KeyRingShape } from "../KeyRing.ts"
import { missingSequences, missingText } from "../missing.ts"
import { journalDirectory } from "../recover.ts"
import type { StorageShape } from "../Storage.ts"
import { removeSnapshot, snapshotsDirectory } from "../snapshotDirectory.ts"
import { BackupRefused, refused } from "./BackupRefused.ts"
import {
  type Catalogue,
  type CatalogueSegment,
  catalogueFile,
  directoryId,
  emptyCatalogue,
  fileOf,
  readCatalogue,
  writeCatalogue,
} from "./Catalogue.ts"
import { chaptersOf, restorable, since } from "./Chapters.ts"
import { copyKeys, type KeyOptions, opensAlone, readKeys, refuseOtherKeys } from "./Keys.ts"
import { type Between, begunSegments, copySegment, otherHistory, refuseOtherSegment } from "./SegmentCopy.ts"
import { copySnapshot, snapshotsIn } from "./SnapshotCopy.ts"
import { withSnapshotTimes } from "./SnapshotTimes.ts"

export interface BackupOptions extends KeyOptions {
  /** Sequences up to a snapshot's position that a start from it reads too. */
  readonly window: number
  /** Called as bytes are copied. */
  readonly progress?: (bytes: number) => void
  /** What only serves to restore to moments before this one (ms since the epoch) is let go of. */
  readonly keepFrom?: number | undefined
}

export interface BackupReport {
  readonly catalogue: Catalogue
  readonly copiedBytes: number
  readonly copiedSegments: number
  readonly copiedSnapshots: number
  readonly removedSegments: number
  readonly removedSnapshots: number
  /** A snapshot of the directory that is damaged, and so was left out. */
  readonly damagedSnapshot: JournalDamaged | undefined
  /** The master key is in it: it was asked for now or earlier, and it opens the ring. */
  readonly holdsMasterKey: boolean
}

const lockName = "lock"
/** The engine lets go of the oldest segments while they are copied: then a newer snapshot is there, and that one is taken. */
const roundsMax = 8
/** The catalogue is written after so many bytes, so that a run that is cut short need not begin anew. */
const publishBytes = 512 << 20

/** Errors: those of the journal; BackupRefused when `backup` isn't this directory's, or when nothing could be started from it. */
export const takeBackup = Effect.fnUntraced(function* (
  source: StorageShape,
  backup: StorageShape,
  keys: KeyRingShape,
  options: BackupOptions,
) {
  // Refused before anything is made or copied; they are read again when they are written.
  yield* readKeys(source, backup, options)
  yield* backup.makeDirectory("").pipe(Effect.mapError((error) => noPlace(backup, error)))
  yield* backup.lock(lockName)
  const before = yield* openBackup(backup, keys)
  yield* refuseOtherKeys(backup, before, keys)
  const run = new Run(source, backup, keys, before, options)
  for (let round = 1; ; round++) {
    const moved = yield* run.round().pipe(
      Effect.as(false),
      Effect.catchTag("StorageFailed", (error) =>
        error.code === "ENOENT" ? Effect.succeed(true) : Effect.fail(error),
      ),
    )
    if (!moved && run.isRestorable) break
    if (round === roundsMax) return yield* run.notRestorable
  }
  return yield* run.finish()
}, Effect.scoped)

const noPlace = (backup: StorageShape, { code }: StorageFailed): BackupRefused =>
  code === "EEXIST" || code === "ENOTDIR"
    ? refused(backup, "it, or a part of its path, is a file", "Give the path of a directory.")
    : refused(
        backup,
        `its directory can't be made (${code})`,
        "Make it for the user that runs this, or give another.",
      )

/** Its catalogue; of an empty directory a new one, which is written, so that the directory is a backup's from then on. */
const openBackup = Effect.fnUntraced(function* (backup: StorageShape, keys: KeyRingShape) {
  const id = directoryId(keys)
  if (!(yield* backup.exists(catalogueFile))) {
    const foreign = (yield* backup.list("")).filter(
      (name) => !name.startsWith(lockName) && !name.endsWith(".tmp") && name !== "lost+found",
    )
    if (foreign.length > 0) {
      return yield* new BackupRefused({
        path: backup.location,
        reason: `the directory holds ${foreign.slice(0, 3).join(", ")} and no ${catalogueFile}`,
        remedy: "Give an empty directory, or that of an earlier backup.",
      })
    }
    yield* backup.makeDirectory(journalDirectory)
    yield* backup.makeDirectory(snapshotsDirectory)
    const empty = emptyCatalogue(id, yield* nowText)
    yield* writeCatalogue(backup, empty)
    return empty
  }
  const catalogue = yield* readCatalogue(backup)
  if (catalogue.directory === id) return catalogue
  return yield* new BackupRefused({
    path: backup.location,
    reason: "it is the backup of another data directory",
    remedy: "Give each data directory a backup of its own.",
  })
})

const nowText = Effect.map(DateTime.now, DateTime.formatIso)

class Run {
  readonly #between: Between
  readonly #options: BackupOptions
  #catalogue: Catalogue
  #copiedBytes = 0
  #publishedAt = 0
  readonly #copiedSegments = new Set<number>()
  readonly #copiedSnapshots = new Set<number>()
  #damagedSnapshot: JournalDamaged | undefined
  /** The directory's newest snapshot and oldest segment, in the last round and in the one before. */
  #newest: number | undefined
  #looks: ReadonlyArray<string> = []

  constructor(
    source: StorageShape,
    backup: StorageShape,
    keys: KeyRingShape,
    catalogue: Catalogue,
    options: BackupOptions,
  ) {
    this.#catalogue = catalogue
    this.#options = options
    const copied = (bytes: number) => {
      this.#copiedBytes += bytes
      options.progress?.(this.#copiedBytes)
    }
    this.#between = { source, backup, keys, copied }
  }

  /** The snapshot first: what the journal holds afterwards reaches beyond it. */
  round = Effect.fnUntraced(function* (this: Run) {
    yield* this.#newestSnapshot().pipe(
      // A damaged one doesn't keep the journal from being backed up.
      Effect.catchTag("JournalDamaged", (error) =>
        Effect.sync(() => {
          this.#damagedSnapshot = error
        }),
      ),
    )
    const names = yield* begunSegments(this.#between)
    this.#looks = [...this.#looks.slice(-1), `${this.#newest} ${names[0]}`]
    const newest = segmentNumber(names[names.length - 1] ?? "") ?? 0
    const held = this.#catalogue.segments.at(-1)
    if (held !== undefined && newest < held.number) {
      const reason = `it reaches to segment ${held.number}, the directory only to ${newest}`
      return yield* otherHistory(this.#between.backup, reason)
    }
    for (const [n, name] of names.entries()) yield* this.#segment(name, n === names.length - 1, n === 0)
  })

  #newestSnapshot = Effect.fnUntraced(function* (this: Run) {
    const { source, backup, keys, copied } = this.#between
    const position = (yield* snapshotsIn(source)).at(-1)
    this.#newest = position
    if (position === undefined || this.#catalogue.snapshots.some((one) => one.position === position)) return
    const copy = yield* copySnapshot(source, backup, keys, position, copied)
    this.#copiedSnapshots.add(position)
    const snapshots = [...this.#catalogue.snapshots, copy].sort((a, b) => a.position - b.position)
    this.#catalogue = { ...this.#catalogue, snapshots }
  })

  #segment = Effect.fnUntraced(function* (this: Run, name: string, isLast: boolean, isOldest: boolean) {
    const number = segmentNumber(name)
    const { segments } = this.#catalogue
    const entry = segments.find((one) => one.number === number)
    if (entry?.sealed) return yield* refuseOtherSegment(this.#between, entry)
    const copied = yield* copySegment(this.#between, name, entry, isLast)
    if (copied === undefined) return
    const { copy, previousTag } = copied
    yield* this.#refuseStranger(copy, previousTag, isOldest)
    if (copy.bytes !== entry?.bytes) this.#copiedSegments.add(copy.number)
    const others = segments.filter((one) => one.number !== copy.number)
    const sorted = [...others, copy].sort((a, b) => a.number - b.number)
    this.#catalogue = { ...this.#catalogue, segments: sorted }
    if (this.#copiedBytes - this.#publishedAt >= publishBytes) yield* this.#publish()
  })

  /** A segment must follow what was backed up before it; the directory's oldest may come after a gap. */
  #refuseStranger(copy: CatalogueSegment, previousTag: Uint8Array, isOldest: boolean) {
    const earlier = this.#catalogue.segments.filter((one) => one.number < copy.number).at(-1)
    if (earlier === undefined) return Effect.void
    const name = fileOf(copy)
    const isNext = earlier.number === copy.number - 1
    const joins =
      isNext && earlier.last + 1 === copy.first && earlier.tag === Buffer.from(previousTag).toString("hex")
    // What came between, or the rest of the one before, went before anybody came to copy it.
    const isAfterGap = isOldest && !(isNext && earlier.sealed) && earlier.last + 1 < copy.first
    if (joins || isAfterGap) return Effect.void
    if (!isNext && !isOldest) {
      return Effect.fail(damagedSegment(name, 0, copy.first, "the segment before it is missing"))
    }
    const reason = `${segmentPath(name)} doesn't follow what was backed up before it`
    return Effect.fail(otherHistory(this.#between.backup, reason))
  }

  /** Every name that the catalogue gives is durable before the catalogue is, and so are the keys that open it. */
  #publish = Effect.fnUntraced(function* (this: Run) {
    const { source, backup } = this.#between
    this.#publishedAt = this.#copiedBytes
    yield* backup.syncDirectory(journalDirectory)
    yield* backup.syncDirectory(snapshotsDirectory)
    const ring = yield* copyKeys(source, backup, this.#options, this.#catalogue)
    yield* writeCatalogue(backup, this.#catalogue)
    return ring
  })

  /** The end of what was copied can be restored. A directory that was never used has nothing to restore, and that is whole too. */
  get isRestorable(): boolean {
    const newest = chaptersOf(this.#catalogue, this.#options.window).at(-1)
    // A snapshot of something shows that there was a journal.
    if (newest === undefined) return this.#catalogue.snapshots.every(({ position }) => position === 0)
    if (newest.earliest === undefined) return false
    // What the newest snapshot is ahead of was taken away. A damaged one says nothing.
    const isAhead = newest.snapshots.every(({ position }) => position !== this.#newest)
    return this.#newest === undefined || this.#damagedSnapshot !== undefined || !isAhead
  }

  get notRestorable(): BackupRefused | JournalDamaged {
    if (this.#damagedSnapshot !== undefined) return this.#damagedSnapshot
    const { backup } = this.#between
    const [before, last] = this.#looks
    if (before === undefined || before !== last) {
      const reason = "the engine let go of its oldest segments faster than they could be copied"
      const remedy = "The earlier backup is whole. Run it again, and more often or onto a faster disk."
      return refused(backup, reason, remedy)
    }
    // Nobody was at work: they were gone before.
    const held = chaptersOf(this.#catalogue, this.#options.window).at(-1) ?? { first: 1, last: 0 }
    const positions = this.#newest === undefined ? [] : [this.#newest]
    const texts = missingSequences(held, positions, this.#options.window).map((one) => missingText(one, held))
    const reason = `nothing could be started from what the data directory holds: ${texts.join("; ")}`
    return refused(backup, reason, `What it holds from before is whole. ${nextSteps}`)
  }

  finish = Effect.fnUntraced(function* (this: Run) {
    const { keepFrom, window } = this.#options
    const { backup, keys } = this.#between
    const all = yield* withSnapshotTimes(backup, keys, this.#catalogue)
    const kept = restorable(keepFrom === undefined ? all : since(all, window, keepFrom), window)
    this.#catalogue = { ...kept, taken: yield* nowText }
    const { masterKeyId } = yield* this.#publish()
    yield* this.#removeUnnamed()
    const holdsMasterKey = yield* opensAlone(backup, this.#catalogue, masterKeyId)
    const report: BackupReport = {
      catalogue: this.#catalogue,
      copiedBytes: this.#copiedBytes,
      copiedSegments: this.#copiedSegments.size,
      copiedSnapshots: this.#copiedSnapshots.size,
      removedSegments: all.segments.length - kept.segments.length,
      removedSnapshots: all.snapshots.length - kept.snapshots.length,
      damagedSnapshot: this.#damagedSnapshot,
      holdsMasterKey,
    }
    return report
  })

  /** What a run that was cut short left, and what was let go of. */
  #removeUnnamed = Effect.fnUntraced(function* (this: Run) {
    const { backup } = this.#between
    const files = new Set(this.#catalogue.segments.map(fileOf))
    for (const name of yield* backup.list(journalDirectory)) {
      if (!files.has(name)) yield* backup.remove(segmentPath(name))
    }
    yield* backup.syncDirectory(journalDirectory)
    const positions = new Set(this.#catalogue.snapshots.map(({ position }) => position))
    for (const name of yield* backup.list(snapshotsDirectory)) {
      if (/^\d{20}$/.test(name) && !positions.has(Number(name))) yield* removeSnapshot(backup, Number(name))
    }
  })
}
