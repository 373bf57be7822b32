// Where a backup can be brought back to, for people and for scripts.
import { type Catalogue, chaptersOf, gapsOf } from "@millrace/journal"
import { SLOTS_PER_REQUEST_MAX } from "@millrace/ledger"
import { grouped } from "../load/Report.ts"
import { complain } from "../Output.ts"
import type { Fixed } from "../serve/Store.ts"

/** Slots up to a snapshot's position that its start remembers: what the memory holds at most. */
export const windowOf = ({ rememberedTransactions }: Fixed): number =>
  rememberedTransactions - SLOTS_PER_REQUEST_MAX

export interface Reach {
  readonly earliest: number
  readonly last: number
  /** The earliest moment and that of the last block, ISO 8601. */
  readonly from: string
  readonly to: string
}

/** Sequences that the backup doesn't hold, between some that it holds. */
export interface Missing {
  readonly first: number
  readonly last: number
  /** The first sequence after them that can be restored to. */
  readonly next: number
  /** Between these nothing can be restored to, ISO 8601. */
  readonly from: string
  readonly to: string
}

const iso = (ms: number): string => new Date(ms).toISOString()

export const reachOf = (catalogue: Catalogue, window: number): ReadonlyArray<Reach> =>
  chaptersOf(catalogue, window).flatMap(({ earliest, earliestTime, last, segments }) => {
    if (earliest === undefined) return []
    // Where the catalogue of an earlier program doesn't say when, by the end of the segment at the latest.
    const holds = segments.find((segment) => segment.last >= earliest) ?? segments[0]
    return [
      { earliest, last, from: iso(earliestTime ?? holds.to), to: iso(segments[segments.length - 1].to) },
    ]
  })

export const missingOf = (catalogue: Catalogue, window: number): ReadonlyArray<Missing> =>
  gapsOf(chaptersOf(catalogue, window)).map((gap) => ({ ...gap, from: iso(gap.from), to: iso(gap.to) }))

export const reachLines = (reach: ReadonlyArray<Reach>): ReadonlyArray<string> =>
  reach.length === 0
    ? ["restores   nothing: the journal is empty"]
    : reach.map(
        ({ earliest, last, from, to }) =>
          `restores   sequence ${grouped(earliest)} (${from}) to ${grouped(last)} (${to})`,
      )

/** Each run says it again for as long as it is so: what is missing doesn't come back. */
export const warnOfMissing = (missing: ReadonlyArray<Missing>): void => {
  for (const { first, last, next, from, to } of missing) {
    complain(
      `WARNING: sequences ${grouped(first)} to ${grouped(last)} are missing: the engine let go of them before a backup came. ` +
        `Nothing from ${grouped(first)} to ${grouped(next - 1)}, between ${from} and ${to}, can be restored. ` +
        "Back up more often: `millrace journal stat` has the rate",
    )
  }
}
