// Where a backup can be brought back to, for people and for scripts.
import { type Catalogue, chaptersOf } from "@millrace/journal"
import { SLOTS_PER_REQUEST_MAX } from "@millrace/ledger"
import { grouped } from "../load/Report.ts"
import type { Fixed } from "../serve/Store.ts"

/** Slots up to a snapshot's position that its start remembers: what the memory holds at most. */
export const windowOf = ({ rememberedTransactions }: Fixed): number =>
  rememberedTransactions - SLOTS_PER_REQUEST_MAX

export interface Reach {
  readonly earliest: number
  readonly last: number
  /** Of the earliest segment and of the last block, ISO 8601. */
  readonly from: string
  readonly to: string
}

export const reachOf = (catalogue: Catalogue, window: number): ReadonlyArray<Reach> =>
  chaptersOf(catalogue, window).flatMap(({ earliest, last, segments }) => {
    if (earliest === undefined) return []
    // A segment's first block may be before the earliest position; its last one is not.
    const holds = segments.find((segment) => segment.last >= earliest)
    return [
      {
        earliest,
        last,
        from: new Date(earliest <= 1 ? segments[0].from : (holds ?? segments[0]).to).toISOString(),
        to: new Date(segments[segments.length - 1].to).toISOString(),
      },
    ]
  })

export const reachLines = (reach: ReadonlyArray<Reach>): ReadonlyArray<string> =>
  reach.length === 0
    ? ["restores   nothing: the journal is empty"]
    : reach.map(
        ({ earliest, last, from, to }) =>
          `restores   sequence ${grouped(earliest)} (by ${from}) to ${grouped(last)} (${to})`,
      )
