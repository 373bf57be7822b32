// A snapshot against the state that the journal leads to at its position.
import type { SnapshotInfo, SnapshotsShape } from "@millrace/journal"
import { Ledger } from "@millrace/ledger"
import { Effect } from "effect"
import type { Stop } from "../Stop.ts"
import type { Fixed } from "../serve/Store.ts"
import { explained } from "./Open.ts"
import { attempt } from "./Walk.ts"

/** `base` is what a walk began from, so that there is nothing to compare it with. */
export type Compared = "bytes" | "accounts" | "base"

export interface Difference {
  readonly part: string
  readonly what: string
}

export const differs = (position: number, { part, what }: Difference): string =>
  `the snapshot at ${position} is not what the journal leads to: part ${part}, ${what}. ` +
  "A snapshot is written from the state that decided, so this is a defect, or memory that failed: keep the directory, " +
  "report it, and restore a backup to before this position"

/** Every piece of a snapshot, into a ledger. */
export const restorePieces = Effect.fnUntraced(function* (
  snapshots: SnapshotsShape,
  { position, names }: SnapshotInfo,
  ledger: Ledger,
) {
  for (const name of names) {
    const pull = yield* snapshots.read(position, name)
    for (let piece = yield* pull; piece !== null; piece = yield* pull) {
      const bytes = piece
      yield* attempt(`the snapshot at ${position}`, () => ledger.restore(name, bytes))
    }
  }
}, explained)

const VERSION_AT = 2

/** An image of another layout can't be the same bytes. */
const isOfAnotherLayout = (one: Uint8Array, other: Uint8Array): boolean =>
  one[VERSION_AT] !== other[VERSION_AT] || one[VERSION_AT + 1] !== other[VERSION_AT + 1]

/** The ledger stands at the snapshot's position. */
export const compareImages = Effect.fnUntraced(function* (
  snapshots: SnapshotsShape,
  snapshot: SnapshotInfo,
  ledger: Ledger,
  fixed: Fixed,
): Effect.fn.Return<Compared | Difference, Stop> {
  const found = yield* comparePieces(snapshots, snapshot, ledger).pipe(
    Effect.ensuring(Effect.sync(() => ledger.thaw())),
  )
  return found === "layout" ? yield* compareAccounts(snapshots, snapshot, ledger, fixed) : found
})

const comparePieces = Effect.fnUntraced(function* (
  snapshots: SnapshotsShape,
  { position, names }: SnapshotInfo,
  ledger: Ledger,
): Effect.fn.Return<"bytes" | "layout" | Difference, Stop> {
  const images = ledger.freeze()
  const missing = images.find(({ name }) => !names.includes(name))
  if (missing !== undefined) return { part: missing.name, what: "which is missing" }
  for (const image of images) {
    const pull = yield* explained(snapshots.read(position, image.name))
    for (let number = 1; ; number++) {
      const kept = yield* explained(pull)
      const made = image.next()
      if (kept === null && made === null) break
      if (kept !== null && made !== null && isOfAnotherLayout(kept, made)) return "layout"
      if (
        kept === null ||
        made === null ||
        !Buffer.from(kept.buffer, kept.byteOffset, kept.length).equals(made)
      ) {
        return { part: image.name, what: `piece ${number}` }
      }
    }
  }
  return "bytes"
}, explained)

const compareAccounts = Effect.fnUntraced(function* (
  snapshots: SnapshotsShape,
  snapshot: SnapshotInfo,
  ledger: Ledger,
  { shards, rememberedTransactions }: Fixed,
): Effect.fn.Return<"accounts" | Difference, Stop> {
  const twin = new Ledger({ shards, transactions: rememberedTransactions })
  yield* restorePieces(snapshots, snapshot, twin)
  const from = Math.max(1, snapshot.position + 1 - twin.memory.rememberedMax)
  yield* attempt(`the snapshot at ${snapshot.position}`, () => twin.resume(from))
  for (let shard = 0; shard < shards; shard++) {
    if (booksOf(twin, shard) !== booksOf(ledger, shard))
      return { part: `shard-${shard}`, what: "its accounts" }
  }
  return "accounts"
})

const booksOf = (ledger: Ledger, shard: number): string =>
  JSON.stringify([ledger.totals().shards[shard], ledger.audit(shard)], (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  )
