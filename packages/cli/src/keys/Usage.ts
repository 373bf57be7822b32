// Which data keys a directory needs: every segment and snapshot has one.
import type { JournalShape, KeyRingShape, SnapshotsShape } from "@millrace/journal"
import { Effect } from "effect"

export interface KeyUsage {
  readonly id: number
  /** The one that is written with. */
  readonly current: boolean
  readonly segments: ReadonlyArray<string>
  /** Positions. */
  readonly snapshots: ReadonlyArray<number>
}

export const usageOf = Effect.fnUntraced(function* (
  ring: KeyRingShape,
  { journal, snapshots }: { readonly journal: JournalShape; readonly snapshots: SnapshotsShape },
) {
  const { segments } = yield* journal.stat
  const kept = yield* snapshots.list
  return ring.ids.map(
    (id): KeyUsage => ({
      id,
      current: id === ring.current.id,
      segments: segments.filter(({ keyId }) => keyId === id).map(({ name }) => name),
      snapshots: kept.filter(({ keyId }) => keyId === id).map(({ position }) => position),
    }),
  )
})

export const isNeeded = ({ current, segments, snapshots }: KeyUsage): boolean =>
  current || segments.length + snapshots.length > 0
