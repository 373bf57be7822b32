// Walking a journal's blocks in order, with the journal's own errors as the line that names the place.
import type { Block, JournalError, JournalShape } from "@millrace/journal"
import { ImageRefused, JournalGap, ReplayDiverged } from "@millrace/ledger"
import { Effect } from "effect"
import { type Stop, stop } from "../Stop.ts"
import { letGoOf } from "./Open.ts"

/** Hands every block that holds a sequence from `from` to `to` to `each`, whole. */
export const forEachBlock = Effect.fnUntraced(function* <E, R>(
  journal: JournalShape,
  from: number,
  to: number,
  each: (block: Block) => Effect.Effect<void, E, R>,
) {
  if (from > to) return
  const pull = yield* Effect.mapError(journal.read(from, to), told)
  const next = Effect.mapError(pull, told)
  for (let block = yield* next; block !== null; block = yield* next) yield* each(block)
})

const told = (error: JournalError): Stop => stop(letGoOf(error) ?? error.message)

/** What the ledger throws when a journal contradicts it becomes a line with the place; anything else is a defect. */
export const attempt = <A>(place: string, run: () => A): Effect.Effect<A, Stop> =>
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
