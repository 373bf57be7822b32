/** What a damaged journal can be brought back to without guessing, and what that gives up. */

import { headerOf, type Walked } from "../backup/SegmentWalk.ts"
import type { Selection } from "../backup/Selection.ts"
import { segmentPath } from "../cursor.ts"
import { missingSequences, missingText, neededFrom } from "../missing.ts"
import { snapshotDirectory } from "../snapshotDirectory.ts"
import type { Paddings } from "./padding.ts"
import type { Damage, Survey, SurveyedSegment } from "./Survey.ts"

/** Sequences that are given up, or that nobody knows. */
export interface Span {
  readonly first: number
  readonly last: number
}

/** A row of blocks that is whole in itself and is given up: it can still be read. */
export interface LostRow {
  readonly name: string
  readonly info: NonNullable<SurveyedSegment["info"]>
  readonly walked: Walked
}

export interface RepairPlan {
  readonly damages: ReadonlyArray<Damage>
  /** What stays: segments to where they are used, and snapshots. */
  readonly kept: Selection
  /** Position of the snapshot that a start begins from; 0 when it begins with the first decision. */
  readonly base: number
  readonly first: number
  readonly last: number
  /** What is written as it was, in the segments that stay. */
  readonly paddings: Paddings
  /** Segments that stay and are shortened, by name, with the bytes that stay. */
  readonly cuts: ReadonlyMap<string, number>
  readonly droppedSegments: ReadonlyArray<string>
  readonly droppedSnapshots: ReadonlyArray<number>
  /** Before what stays: no state is lost with it, only the record of how it came about. */
  readonly lostHistory: Span | undefined
  /** After what stays, up to the last sequence that anything shows. Answered transactions that won't have been. */
  readonly lost: Span | undefined
  /** Nothing authentic says where the journal ended: more than `lost` may be. */
  readonly isEndKnown: boolean
  /** Of the lost ones, what can be read. */
  readonly rows: ReadonlyArray<LostRow>
}

export type Planned =
  | { readonly kind: "sound" }
  | { readonly kind: "plan"; readonly plan: RepairPlan }
  | { readonly kind: "impossible"; readonly damages: ReadonlyArray<Damage>; readonly reason: string }

/** A row of segments that join, the last as far as it is whole. */
interface Run {
  readonly segments: ReadonlyArray<SurveyedSegment>
  readonly first: number
  readonly last: number
}

const runsOf = ({ segments, broken, harmless }: Survey): ReadonlyArray<Run> => {
  const rows: Array<Array<SurveyedSegment>> = []
  let isOpen = false
  for (const segment of segments) {
    const isUsable = segment.walked !== undefined && segment.walked.blocks > 0
    if (isUsable && isOpen && !broken.has(segment.name)) rows[rows.length - 1]!.push(segment)
    else if (isUsable) rows.push([segment])
    isOpen = isUsable && (segment.damage === undefined || harmless.has(segment.name))
  }
  return rows.map((row) => ({
    segments: row,
    first: row[0]!.info!.header.first,
    last: row[row.length - 1]!.walked!.last,
  }))
}

/** The newest sound snapshot that a run can be started from; 0 where it needs none, undefined where there is none. */
const baseOf = ({ snapshots }: Survey, { first, last }: Run, window: number): number | undefined => {
  const usable = snapshots.filter(
    ({ position, damage }) =>
      damage === undefined && position <= last && neededFrom(position, window) >= first,
  )
  return usable.at(-1)?.position ?? (first <= 1 ? 0 : undefined)
}

const damagesOf = (survey: Survey, window: number): ReadonlyArray<Damage> => {
  const held = { first: firstShown(survey), last: lastShown(survey, false) }
  const sound = survey.snapshots.filter(({ damage }) => damage === undefined)
  const positions = sound.map(({ position }) => position)
  const missing = positions.length === 0 ? [] : missingSequences(held, positions, window)
  return [
    ...survey.segments.flatMap(({ name, paddings }) =>
      paddings.map(({ from }) => ({
        file: segmentPath(name),
        at: from,
        reason: "the padding behind a whole block was changed",
      })),
    ),
    ...survey.segments.flatMap(({ name, damage }) => [survey.broken.get(name), damage]),
    ...survey.snapshots.map(({ damage }) => damage),
    ...missing.map((one) => ({
      file: snapshotDirectory(one.neededBy),
      at: 0,
      reason: missingText(one, held),
    })),
    ...survey.foreign.map((name) => ({
      file: segmentPath(name),
      at: 0,
      reason: "it is no segment",
    })),
  ].filter((damage) => damage !== undefined)
}

/** @param window sequences up to a snapshot's position that a start from it reads too */
export const planRepair = (survey: Survey, window: number): Planned => {
  const runs = runsOf(survey)
  const damages = damagesOf(survey, window)
  if (damages.length === 0) {
    const newest = runs.at(-1)
    if (newest === undefined || baseOf(survey, newest, window) !== undefined) return { kind: "sound" }
    return { kind: "impossible", damages, reason: whyImpossible(survey, runs) }
  }
  if (survey.foreign.length > 0) {
    const names = survey.foreign.map(segmentPath).join(", ")
    return { kind: "impossible", damages, reason: `move ${names} away yourself: what it is isn't known here` }
  }
  // The latest that a start can begin from: what comes after a gap can't be used, since what is missing moved balances.
  const run = runs.findLast((candidate) => baseOf(survey, candidate, window) !== undefined)
  if (run === undefined) return { kind: "impossible", damages, reason: whyImpossible(survey, runs) }
  return { kind: "plan", plan: planOf(survey, run, window, damages) }
}

const whyImpossible = (survey: Survey, runs: ReadonlyArray<Run>): string => {
  if (runs.length === 0) return "no segment holds a block that can be read"
  const sound = survey.snapshots.filter(({ damage }) => damage === undefined)
  const rows = runs.map(({ first, last }) => `${first} to ${last}`).join(" and ")
  return (
    `what can be read is ${rows}, and nothing is there to begin from: ` +
    (sound.length === 0
      ? "there is no sound snapshot, and the first decision is not in it"
      : `the sound snapshots are at ${sound.map(({ position }) => position).join(", ")}, and each needs what is damaged or missing`)
  )
}

const planOf = (survey: Survey, run: Run, window: number, damages: ReadonlyArray<Damage>): RepairPlan => {
  const { first, last } = run
  const lastSegment = run.segments[run.segments.length - 1]!
  const names = new Set(run.segments.map(({ name }) => name))
  const snapshots = survey.snapshots.filter(
    ({ position, damage }) =>
      damage === undefined && position <= last && (first <= 1 || neededFrom(position, window) >= first),
  )
  const kept: Selection = {
    segments: new Map(
      run.segments.map(({ name, walked, info }) => [
        name,
        name === lastSegment.name || survey.harmless.has(name) ? walked!.end : info!.end,
      ]),
    ),
    snapshots: new Set(snapshots.map(({ position }) => position)),
  }
  const newest = lastShown(survey, true)
  return {
    damages,
    kept,
    base: baseOf(survey, run, window) ?? 0,
    first,
    last,
    paddings: new Map(
      survey.segments.flatMap(({ name, paddings }) => (paddings.length > 0 ? [[name, paddings]] : [])),
    ),
    cuts: new Map(run.segments.flatMap(({ name, damage, walked }) => (damage ? [[name, walked!.end]] : []))),
    droppedSegments: survey.segments.filter(({ name }) => !names.has(name)).map(({ name }) => name),
    droppedSnapshots: survey.snapshots
      .map(({ position }) => position)
      .filter((position) => !kept.snapshots.has(position)),
    lostHistory:
      first > 1 && isPrefixLost(survey, run) ? { first: firstShown(survey), last: first - 1 } : undefined,
    lost: newest > last ? { first: last + 1, last: newest } : undefined,
    isEndKnown: isEndKnown(survey),
    rows: rowsAfter(survey, last),
  }
}

/** Where the last segment is sound, or has an end mark beyond its damage. */
const isEndKnown = ({ segments, harmless }: Survey): boolean => {
  const segment = segments[segments.length - 1]
  if (segment?.damage === undefined || harmless.has(segment.name)) return true
  return segment.beyond.at(-1)?.ending.kind === "mark"
}

const isPrefixLost = (survey: Survey, run: Run): boolean => survey.segments[0]?.name !== run.segments[0]!.name

const firstShown = ({ segments }: Survey): number =>
  segments.find(({ info }) => info !== undefined)?.info?.header.first ?? 1

/** The last sequence that anything speaks of: a block, an end mark, the beginning of a segment, a snapshot, or what is damaged. */
const lastShown = ({ segments, snapshots, harmless }: Survey, withSnapshots: boolean): number => {
  let newest = 0
  for (const { name, info, walked, damage, beyond } of segments) {
    // Of a segment without a header it is only known that it held something.
    newest = info === undefined ? newest + 1 : Math.max(newest, info.header.first - 1)
    if (walked !== undefined) {
      newest = Math.max(newest, walked.last, ...beyond.map(({ last }) => last))
      if (damage !== undefined && !harmless.has(name)) newest = Math.max(newest, damagedUpTo(walked))
    }
  }
  if (!withSnapshots) return newest
  const sound = snapshots.filter(({ damage }) => damage === undefined)
  return Math.max(newest, ...sound.map(({ position }) => position))
}

/** Its header may be sound where its body isn't. */
const damagedUpTo = ({ ending, cursor }: Walked): number => {
  const header = headerOf(ending)
  const isNext = header !== undefined && !header.end && header.first === cursor.first
  return isNext ? header.first + header.count - 1 : cursor.first
}

const rowsAfter = ({ segments }: Survey, last: number): ReadonlyArray<LostRow> =>
  segments.flatMap(({ name, info, walked, beyond }) =>
    info === undefined
      ? []
      : [walked, ...beyond].flatMap((row) =>
          row !== undefined && row.blocks > 0 && row.last > last ? [{ name, info, walked: row }] : [],
        ),
  )
