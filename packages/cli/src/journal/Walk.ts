// Walking a journal's blocks in order, with the journal's own errors as the line that names the place.
import type { Block, JournalShape } from "@millrace/journal"
import { Effect } from "effect"
import { stop } from "../Stop.ts"

/** Hands every block that holds a sequence from `from` to `to` to `each`, whole. */
export const forEachBlock = Effect.fnUntraced(function* <E, R>(
  journal: JournalShape,
  from: number,
  to: number,
  each: (block: Block) => Effect.Effect<void, E, R>,
) {
  if (from > to) return
  const pull = yield* Effect.mapError(journal.read(from, to), (error) => stop(error.message))
  const next = Effect.mapError(pull, (error) => stop(error.message))
  for (let block = yield* next; block !== null; block = yield* next) yield* each(block)
})
