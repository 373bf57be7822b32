// `millrace journal verify`: every block and snapshot read, every decision made again, money counted after every block.
import type { Block } from "@millrace/journal"
import { ImageRefused, JournalGap, Ledger, ReplayDiverged, SLOT_BYTES } from "@millrace/ledger"
import { Effect } from "effect"
import { counted, grouped } from "../load/Report.ts"
import { print, progress } from "../Output.ts"
import { type Stop, stop } from "../Stop.ts"
import { type Opened, openToLook } from "./Open.ts"
import { forEachBlock } from "./Walk.ts"

export interface VerifyCommand {
  readonly dir: string
}

const PROGRESS_MS = 1_000

export const verify = Effect.fnUntraced(function* (command: VerifyCommand) {
  // Opening it so checks every block's tag and its link to the block before.
  const opened = yield* openToLook(command.dir, "all")
  const { journal } = opened
  const found = yield* journal.stat
  print(
    `journal    ${counted(found.segments.length, "segment")}, ${grouped(found.bytes)} bytes: every block is authentic and in order`,
  )
  if (found.cut !== undefined) {
    print(
      "journal    its last write was cut, or is being made just now: a start cuts it off, no answer went out for it",
    )
  }
  yield* readSnapshots(opened)
  const ledger = new Ledger({
    shards: opened.fixed.shards,
    transactions: opened.fixed.rememberedTransactions,
  })
  const base = yield* restoreBase(opened, ledger)
  const replayed = yield* replayAll(opened, ledger, base)
  yield* auditPurses(ledger)
  const since = base === 0 ? "the beginning" : `the snapshot at ${grouped(base)}`
  print(
    `replay     ${counted(replayed.slots, "slot")} in ${counted(replayed.blocks, "block")} from ${since}: every decision came out the same`,
  )
  print(
    "money      all accounts of every shard add up to 0 after every block; the cards' purses add up to their account",
  )
  print(`sound      up to sequence ${grouped(journal.last)}`)
}, Effect.scoped)

/** Every piece of every snapshot. */
const readSnapshots = Effect.fnUntraced(function* ({ snapshots }: Opened) {
  for (const { position, names, bytes } of yield* snapshots.list) {
    for (const name of names) yield* forEachPiece(snapshots, position, name, () => {})
    print(
      `snapshot   at ${grouped(position)}: ${counted(names.length, "part")}, ${grouped(bytes)} bytes, readable`,
    )
  }
})

const forEachPiece = Effect.fnUntraced(
  function* (
    snapshots: Opened["snapshots"],
    position: number,
    name: string,
    each: (piece: Uint8Array) => void,
  ) {
    const place = `the snapshot at ${position}`
    const pull = yield* snapshots.read(position, name)
    for (let piece = yield* pull; piece !== null; piece = yield* pull) {
      const found = piece
      yield* attempt(place, () => each(found))
    }
  },
  Effect.mapError((error) => (error._tag === "Stop" ? error : stop(error.message))),
)

/** From the beginning when the journal still has it, otherwise from the oldest snapshot. Returns its position. */
const restoreBase = Effect.fnUntraced(function* ({ journal, snapshots }: Opened, ledger: Ledger) {
  if (journal.first <= 1) {
    ledger.resume(1)
    return 0
  }
  const oldest = (yield* snapshots.list)[0]
  if (oldest === undefined) {
    return yield* stop(
      `the journal begins at ${journal.first} and there is no snapshot: what was before is missing`,
    )
  }
  for (const name of oldest.names) {
    yield* forEachPiece(snapshots, oldest.position, name, (piece) => ledger.restore(name, piece))
  }
  yield* attempt(`the snapshot at ${oldest.position}`, () => ledger.resume(journal.first))
  return oldest.position
})

const replayAll = Effect.fnUntraced(function* ({ journal }: Opened, ledger: Ledger, base: number) {
  let slots = 0
  let blocks = 0
  let toldAt = performance.now()
  yield* forEachBlock(journal, journal.first, journal.last, (block) =>
    Effect.gen(function* () {
      slots += yield* attempt(placeOf(block), () => replayBlock(ledger, block, base))
      blocks++
      const problem = moneyProblem(ledger)
      if (problem !== undefined) return yield* stop(`${placeOf(block)}: ${problem}`)
      if (process.stderr.isTTY === true && performance.now() - toldAt > PROGRESS_MS) {
        toldAt = performance.now()
        progress(`replayed up to ${grouped(block.first)} of ${grouped(journal.last)}`)
      }
    }),
  )
  if (process.stderr.isTTY) progress("")
  return { slots, blocks }
})

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

/** Slots up to the base only fill the memory. Returns how many were decided again. */
const replayBlock = (ledger: Ledger, block: Block, base: number): number => {
  const known = Math.min(block.count, Math.max(0, base + 1 - block.first))
  if (known > 0) ledger.remember(block.payload.subarray(0, known * SLOT_BYTES), block.first)
  if (known < block.count) {
    ledger.replay(block.time, block.payload.subarray(known * SLOT_BYTES), block.first + known)
  }
  return block.count - known
}

const placeOf = (block: Block): string =>
  `${block.segment} at byte ${block.at}, sequences ${block.first} to ${block.first + block.count - 1}`

/** What the ledger throws when a journal contradicts it becomes a line with the place; anything else is a defect. */
const attempt = <A>(place: string, run: () => A): Effect.Effect<A, Stop> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (error instanceof ReplayDiverged || error instanceof ImageRefused || error instanceof JournalGap) {
        return stop(`${place}: ${error.message}`)
      }
      throw error
    }
  })

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
