/** What a backup can be brought back to: rows of segments without a gap, each with the snapshots that a start can begin from. */
import { neededFrom } from "../missing.ts"
import type { Catalogue, CatalogueSegment, CatalogueSnapshot } from "./Catalogue.ts"

export interface Chapter {
  readonly segments: ReadonlyArray<CatalogueSegment>
  readonly first: number
  readonly last: number
  /** Those that lie in it with all that a start from them needs, oldest first. */
  readonly snapshots: ReadonlyArray<CatalogueSnapshot>
  /** The earliest sequence that it can be brought back to; undefined when a start needs more than is there. */
  readonly earliest: number | undefined
  /** The earliest moment, ms since the epoch: time of the block that holds `earliest`; undefined when the catalogue can't tell. */
  readonly earliestTime: number | undefined
}

/** @param window sequences up to a snapshot's position that a start from it reads too */
export const chaptersOf = (catalogue: Catalogue, window: number): ReadonlyArray<Chapter> => {
  const rows: Array<Array<CatalogueSegment>> = []
  for (const segment of catalogue.segments) {
    const row = rows[rows.length - 1]
    const before = row?.[row.length - 1]
    // The end of a segment may have been let go of before it was backed up.
    const joins = before?.number === segment.number - 1 && before.last + 1 === segment.first
    if (row !== undefined && joins) row.push(segment)
    else rows.push([segment])
  }
  return rows.map((segments) => {
    const first = segments[0]!.first
    const last = segments[segments.length - 1]!.last
    const snapshots = catalogue.snapshots.filter(
      ({ position }) => position <= last && neededFrom(position, window) >= first,
    )
    const isWhole = first <= 1
    const earliest = isWhole ? 1 : snapshots[0]?.position
    const earliestTime = isWhole ? segments[0]!.from : snapshots[0]?.time
    return { segments, first, last, snapshots, earliest, earliestTime }
  })
}

/** What lies between two chapters: the engine let go of it before a run came to copy it. */
export interface Gap {
  /** Sequences that the backup doesn't hold. */
  readonly first: number
  readonly last: number
  /** The first sequence after them that can be restored to. */
  readonly next: number
  /** No moment after the one and before the other can be restored to, ms since the epoch. */
  readonly from: number
  readonly to: number
}

export const gapsOf = (chapters: ReadonlyArray<Chapter>): ReadonlyArray<Gap> => {
  const restorable = chapters.filter(({ earliest }) => earliest !== undefined)
  return restorable.slice(1).map((chapter, n) => {
    const before = restorable[n]!
    const next = chapter.earliest!
    return {
      first: before.last + 1,
      last: chapter.first - 1,
      next,
      from: before.segments.at(-1)!.to,
      to: chapter.earliestTime ?? timeBy(chapter, next)!,
    }
  })
}

/** When a sequence was, as well as the catalogue knows it: the end of its segment. */
export const timeBy = ({ segments }: Chapter, sequence: number): number | undefined =>
  segments.find(({ last }) => last >= sequence)?.to

/** What all that can be restored from a moment on needs; what is older may go. */
export const since = (catalogue: Catalogue, window: number, ms: number): Catalogue => {
  const base = chaptersOf(catalogue, window)
    .flatMap((chapter) =>
      chapter.snapshots.filter(({ position, time }) => (time ?? timeBy(chapter, position) ?? ms) < ms),
    )
    .at(-1)
  if (base === undefined) return catalogue
  const from = neededFrom(base.position, window)
  return {
    ...catalogue,
    segments: catalogue.segments.filter(({ last }) => last >= from),
    snapshots: catalogue.snapshots.filter(({ position }) => position >= base.position),
  }
}

/** Without what no restore can begin from: left by a run during which the engine let go of segments. */
export const restorable = (catalogue: Catalogue, window: number): Catalogue => {
  const chapters = chaptersOf(catalogue, window).filter(({ earliest }) => earliest !== undefined)
  return {
    ...catalogue,
    segments: chapters.flatMap(({ segments }) => segments),
    snapshots: chapters.flatMap(({ snapshots }) => snapshots),
  }
}
