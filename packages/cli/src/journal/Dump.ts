// `millrace journal dump`: one line for each entry, out of the blocks that a range of sequences or times covers.
import { once } from "node:events"
import { Effect } from "effect"
import { ExitCode, type Stop, stop } from "../Stop.ts"
import { type Bound, parseBound } from "./Bound.ts"
import { openToLook } from "./Open.ts"
import { type EntryFilter, entriesOf, entryJson, entryLine } from "./Slots.ts"
import { forEachBlock } from "./Walk.ts"

export interface DumpCommand {
  readonly dir: string
  readonly json: boolean
  readonly card: string | undefined
  readonly terminal: number | undefined
  readonly kind: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
}

export const dump = Effect.fnUntraced(function* (command: DumpCommand) {
  const from = yield* boundOf("--from", command.from)
  const to = yield* boundOf("--to", command.to)
  const filter = yield* filterOf(command)
  const { journal } = yield* openToLook(command.dir, "tail")
  const first =
    from !== undefined && "sequence" in from ? Math.max(from.sequence, journal.first) : journal.first
  const last = to !== undefined && "sequence" in to ? Math.min(to.sequence, journal.last) : journal.last
  const fromMs = from !== undefined && "ms" in from ? from.ms : Number.NEGATIVE_INFINITY
  const toMs = to !== undefined && "ms" in to ? to.ms : Number.POSITIVE_INFINITY
  yield* forEachBlock(journal, first, last, (block) => {
    if (block.time < fromMs || block.time > toMs) return Effect.void
    let text = ""
    for (const entry of entriesOf(block, filter)) {
      if (entry.sequence < first || entry.sequence > last) continue
      text += `${command.json ? entryJson(entry) : entryLine(entry)}\n`
    }
    return write(text)
  })
}, Effect.scoped)

/** Waits for the reader of stdout: a dump is larger than memory should be. */
const write = (text: string): Effect.Effect<void> =>
  Effect.suspend(() =>
    text === "" || process.stdout.write(text)
      ? Effect.void
      : Effect.promise(() => once(process.stdout, "drain")),
  )

const boundOf = (flag: string, text: string | undefined): Effect.Effect<Bound | undefined, Stop> => {
  if (text === undefined) return Effect.undefined
  const bound = parseBound(text)
  return bound === undefined
    ? stop(`${flag}: "${text}" is neither a sequence nor a time such as 2026-01-31T12:00:00Z`, ExitCode.usage)
    : Effect.succeed(bound)
}

const filterOf = (command: DumpCommand): Effect.Effect<EntryFilter, Stop> => {
  const { card, terminal, kind } = command
  if (card !== undefined && !/^\d{1,19}$/.test(card)) {
    return stop(`--card: "${card}" is not a card number of up to 19 digits`, ExitCode.usage)
  }
  return Effect.succeed({ card: card === undefined ? undefined : BigInt(card), terminal, kind })
}
