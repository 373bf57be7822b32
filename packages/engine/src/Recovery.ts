/** From what is on disk to a lane's ledger: the newest snapshot, the memory's window, then the journal's tail. */
import {
  type Block,
  type JournalShape,
  type MissingSequences,
  makeReadAhead,
  missingSequences,
  missingText,
  neededFrom,
  nextSteps,
  type ReadAhead,
  readAheadFromBytes,
  type SnapshotInfo,
  type SnapshotsShape,
} from "@millrace/journal"
import { type Ledger, SLOT_BYTES } from "@millrace/ledger"
import { Effect, Schema } from "effect"
import { noPages, type Pages } from "./Pages.ts"

/** The journal and what it must lead to disagree. The start stops here: nothing is guessed. */
export class RecoveryRefused extends Schema.TaggedError<RecoveryRefused>()("RecoveryRefused", {
  message: Schema.String,
}) {}

export interface Recovered {
  /** Slots up to here came from the snapshot; 0 without one. */
  readonly snapshot: number
  /** Slots decided again from the journal. */
  readonly replayed: number
  /** Slots that only refilled the memory. */
  readonly remembered: number
  /** Batch time of the last block, ms; 0 for an empty journal. */
  readonly time: number
}

/**
 * Fills `ledger`, which must be new. Slots up to the snapshot's position refill the memory; every later one is
 * decided again, and a decision that differs from the journaled one refuses the start. `pages` is told of the memory that is
 * about to be written.
 */
export const recover = Effect.fnUntraced(function* (
  ledger: Ledger,
  journal: JournalShape,
  snapshots: SnapshotsShape,
  pages: Pages = noPages,
) {
  const latest = yield* snapshots.latest
  const position = latest?.position ?? 0
  const positions = latest === null ? [] : [position]
  const [missing] = missingSequences(journal, positions, ledger.memory.rememberedMax)
  if (missing !== undefined && position > journal.last) return yield* refusedFor(missing, journal)
  const from = neededFrom(position, ledger.memory.rememberedMax)
  const bytes = (latest?.bytes ?? 0) + Math.max(0, journal.last + 1 - from) * SLOT_BYTES
  const ahead = bytes < readAheadFromBytes ? undefined : yield* makeReadAhead
  for (const name of latest?.names ?? []) {
    yield* restorePart(snapshots, position, name, (piece) => ledger.restore(name, piece), ahead)
  }
  if (journal.last === 0) return { snapshot: 0, replayed: 0, remembered: 0, time: 0 } satisfies Recovered
  yield* attempt(() => ledger.resume(from))
  // After the parts had their say: a directory that was made for another memory is told of that.
  if (missing !== undefined) return yield* refusedFor(missing, journal)
  let time = 0
  let replayed = 0
  let remembered = 0
  const apply = (block: Slots): void => {
    time = block.time
    if (block.first <= position && position < block.first + block.count) checkOrigin(latest, block.tag)
    const known = Math.min(block.count, Math.max(0, position + 1 - block.first))
    if (known > 0) ledger.remember(block.payload.subarray(0, known * SLOT_BYTES), block.first)
    if (known < block.count) {
      ledger.replay(block.time, block.payload.subarray(known * SLOT_BYTES), block.first + known)
    }
    remembered += known
    replayed += block.count - known
    pages.advance()
  }
  yield* forEachBlock(journal, from, journal.last, apply, ahead)
  return { snapshot: position, replayed, remembered, time } satisfies Recovered
}, Effect.scoped)

const refusedFor = (missing: MissingSequences, { first, last }: JournalShape) =>
  new RecoveryRefused({
    message: `${missingText(missing, { first, last })}. Nothing was answered. ${nextSteps}`,
  })

/** A snapshot of another history, put back beside this journal, would give balances that nobody ever had. */
const checkOrigin = (snapshot: SnapshotInfo | null, tag: Uint8Array): void => {
  if (snapshot?.block === undefined || snapshot.block === Buffer.from(tag).toString("hex")) return
  throw new Error(
    `the snapshot at ${snapshot.position} was not taken of this journal: their files come from two directories`,
  )
}

/** The ledger throws when bytes that are whole and authentic make no sense to it: the start is refused with its words. */
const attempt = (step: () => void) =>
  Effect.try({
    try: step,
    catch: (error) =>
      new RecoveryRefused({
        message:
          `${error instanceof Error ? error.message : String(error)}. Nothing was answered. Start the program that wrote ` +
          `this directory, if it was another one. ${nextSteps}`,
      }),
  })

/** Pulls one part of a snapshot, piece by piece, into `restore`. */
export const restorePart = Effect.fnUntraced(function* (
  snapshots: SnapshotsShape,
  position: number,
  name: string,
  restore: (piece: Uint8Array) => void,
  ahead?: ReadAhead,
) {
  const pull = yield* snapshots.read(position, name, ahead)
  for (let piece = yield* pull; piece !== null; piece = yield* pull) {
    const bytes = piece
    yield* attempt(() => restore(bytes))
  }
})

/** What a block has of the slots that are wanted. */
type Slots = Pick<Block, "first" | "count" | "time" | "payload" | "tag">

/** Hands every slot from `from` to `to` to `apply`, whole blocks but for the first and last, which are cut. */
export const forEachBlock = Effect.fnUntraced(function* (
  journal: JournalShape,
  from: number,
  to: number,
  apply: (block: Slots) => void,
  ahead?: ReadAhead,
) {
  if (from > to) return
  const pull = yield* journal.read(from, to, ahead)
  for (let block = yield* pull; block !== null; block = yield* pull) {
    const first = Math.max(block.first, from)
    const count = Math.min(block.first + block.count, to + 1) - first
    const skip = first - block.first
    const payload = block.payload.subarray(skip * SLOT_BYTES, (skip + count) * SLOT_BYTES)
    const { time, tag } = block
    yield* attempt(() => apply({ first, count, time, payload, tag }))
  }
})
