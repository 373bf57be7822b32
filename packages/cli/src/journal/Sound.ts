// A journal and its snapshots decided again from their beginning: by `journal verify`, and before a backup, restore or repair is believed.
import { type Block, missingSequences, neededFrom, type SnapshotInfo } from "@millrace/journal"
import { Ledger, SLOT_BYTES } from "@millrace/ledger"
import { Effect } from "effect"
import { windowOf } from "../backup/Reach.ts"
import { type Stop, stop } from "../Stop.ts"
import { type Compared, compareImages, differs, restorePieces } from "./Images.ts"
import { missingLines } from "./Missing.ts"
import type { Look } from "./Open.ts"
import type { Progress } from "./Progress.ts"
import { attempt, forEachBlock } from "./Walk.ts"

export interface Sound {
  readonly first: number
  readonly last: number
  /** Position of the snapshot that it was decided from; 0 for the beginning. */
  readonly base: number
  /** Decided again. */
  readonly slots: number
  readonly blocks: number
  readonly snapshots: ReadonlyArray<{
    readonly position: number
    readonly parts: number
    readonly bytes: number
    readonly compared: Compared
  }>
}

/** Fails with the place at the first thing that is not as it was journaled. */
export const verifyWhole = Effect.fnUntraced(function* (look: Look, progress: Progress) {
  const { journal, snapshots, fixed } = look
  const kept = yield* snapshots.list
  const ledger = new Ledger({ shards: fixed.shards, transactions: fixed.rememberedTransactions })
  yield* refuseMissing(look, kept)
  const base = yield* restoreBase(look, kept, ledger)
  const walk = new Walk(look, ledger, base, kept, progress)
  yield* walk.run().pipe(Effect.ensuring(Effect.sync(() => progress.end())))
  yield* auditPurses(ledger)
  const sound: Sound = {
    first: journal.first,
    last: journal.last,
    base,
    slots: walk.slots,
    blocks: walk.blocks,
    snapshots: kept.map(({ position, names, bytes }) => ({
      position,
      parts: names.length,
      bytes,
      compared: walk.compared.get(position) ?? "base",
    })),
  }
  return sound
})

const refuseMissing = Effect.fnUntraced(function* (
  { journal, fixed }: Look,
  kept: ReadonlyArray<SnapshotInfo>,
) {
  const positions = kept.map(({ position }) => position)
  const missing = missingSequences(journal, positions, windowOf(fixed))
  if (missing.length > 0) return yield* stop(missingLines(missing, journal, positions).join("\n"))
})

/** From the beginning when the journal still has it, otherwise from the oldest snapshot. Returns its position. */
const restoreBase = Effect.fnUntraced(function* (
  { journal, snapshots }: Look,
  kept: ReadonlyArray<SnapshotInfo>,
  ledger: Ledger,
) {
  if (journal.first <= 1) {
    ledger.resume(1)
    return 0
  }
  const [oldest] = kept
  // Without any nothing is there to begin from, and that was refused.
  if (oldest === undefined) return 0
  yield* restorePieces(snapshots, oldest, ledger)
  const from = neededFrom(oldest.position, ledger.memory.rememberedMax)
  yield* attempt(`the snapshot at ${oldest.position}`, () => ledger.resume(from))
  return oldest.position
})

class Walk {
  slots = 0
  blocks = 0
  readonly compared = new Map<number, Compared>()
  readonly #look: Look
  readonly #ledger: Ledger
  readonly #base: number
  readonly #kept: ReadonlyArray<SnapshotInfo>
  readonly #progress: Progress

  constructor(
    look: Look,
    ledger: Ledger,
    base: number,
    kept: ReadonlyArray<SnapshotInfo>,
    progress: Progress,
  ) {
    this.#look = look
    this.#ledger = ledger
    this.#base = base
    this.#kept = kept
    this.#progress = progress
  }

  /** Every block, from the first that is there: also those that are older than the memory needs. */
  run = Effect.fnUntraced(function* (this: Walk) {
    const { journal } = this.#look
    yield* forEachBlock(journal, journal.first, journal.last, (block) => this.#block(block))
  })

  #block = Effect.fnUntraced(function* (this: Walk, block: Block) {
    const end = block.first + block.count
    let from = Math.max(block.first, Math.min(end, this.#ledger.next))
    // A snapshot is taken between two decisions, and a block may go on after it.
    for (const snapshot of this.#kept) {
      if (snapshot.position < from - 1 || snapshot.position >= end) continue
      yield* this.#decide(block, from, snapshot.position + 1)
      from = snapshot.position + 1
      if (snapshot.position > this.#base) yield* this.#compare(snapshot)
    }
    yield* this.#decide(block, from, end)
    this.blocks++
    this.#progress.slots(
      "deciding again",
      end - this.#look.journal.first,
      this.#look.journal.last + 1 - this.#look.journal.first,
    )
    if (this.#ledger.next <= this.#base) return
    const problem = moneyProblem(this.#ledger)
    if (problem !== undefined) return yield* stop(`${placeOf(block)}: ${problem}`)
  })

  /** Slots up to the base only fill the memory. */
  #decide(block: Block, from: number, to: number): Effect.Effect<void, Stop> {
    if (from >= to) return Effect.void
    return attempt(placeOf(block), () => {
      const payload = block.payload.subarray(
        (from - block.first) * SLOT_BYTES,
        (to - block.first) * SLOT_BYTES,
      )
      const known = Math.min(to - from, Math.max(0, this.#base + 1 - from))
      if (known > 0) this.#ledger.remember(payload.subarray(0, known * SLOT_BYTES), from)
      if (from + known < to) {
        this.#ledger.replay(block.time, payload.subarray(known * SLOT_BYTES), from + known)
        this.slots += to - from - known
      }
    })
  }

  #compare = Effect.fnUntraced(function* (this: Walk, snapshot: SnapshotInfo) {
    const { snapshots, fixed } = this.#look
    const result = yield* compareImages(snapshots, snapshot, this.#ledger, fixed)
    if (typeof result !== "string") return yield* stop(differs(snapshot.position, result))
    this.compared.set(snapshot.position, result)
  })
}

/** Each shard's books are even, and what one shard sent another has taken: a transfer is whole in one block. */
const moneyProblem = (ledger: Ledger): string | undefined => {
  for (let shard = 0; shard < ledger.shards.length; shard++) {
    const imbalance = ledger.imbalance(shard)
    if (imbalance !== 0) return `the accounts of shard ${shard} are ${imbalance} away from adding up to 0`
  }
  for (const [account, amount] of Object.entries(ledger.totals().accounts)) {
    if (account.startsWith("inTransit.") && amount !== 0n)
      return `${amount} of ${account} are lost between shards`
  }
  return undefined
}

const placeOf = (block: Block): string =>
  `${block.segment} at byte ${block.at}, sequences ${block.first} to ${block.first + block.count - 1}`

const auditPurses = Effect.fnUntraced(function* (ledger: Ledger) {
  for (let shard = 0; shard < ledger.shards.length; shard++) {
    for (const { currency, purses, cards } of ledger.audit(shard)) {
      if (purses === cards) continue
      return yield* stop(
        `shard ${shard}: the cards of currency ${currency} hold ${cards} together, their account says ${purses}`,
      )
    }
  }
})
