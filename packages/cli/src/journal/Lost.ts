// What a repair gives up, as far as it can still be read: for people, who must settle it with those who were answered.
import { closeSync, openSync, writeSync } from "node:fs"
import { type Block, forEachLost, type RepairPlan, type StorageShape } from "@millrace/journal"
import { ResponseCode, responseDigits } from "@millrace/protocol"
import { Effect } from "effect"
import { counted, grouped } from "../load/Report.ts"
import { stop } from "../Stop.ts"
import { entriesOf, entryJson } from "./Slots.ts"

export interface Lost {
  /** First and last sequence that will be missing. */
  readonly from: number
  readonly to: number
  /** Where the journal ended is told by something authentic; else there may be more. */
  readonly isEndKnown: boolean
  /** Sequences of these that can still be read. */
  readonly readable: number
  /** Rows of sequences that can't: nobody knows what was in them. */
  readonly unreadable: ReadonlyArray<readonly [number, number]>
  /** Of the first and last that can be read, ISO 8601. */
  readonly times: readonly [string, string] | null
  /** Entries that can be read, by kind. */
  readonly kinds: { readonly [kind: string]: number }
  /** Of these: transactions that were approved. */
  readonly approved: number
  readonly terminals: ReadonlyArray<number>
  /** Masked, so that two cards may look like one. */
  readonly cards: ReadonlyArray<string>
}

const everything = { card: undefined, terminal: undefined, kind: undefined }
const good = new Set([responseDigits(ResponseCode.approved), responseDigits(ResponseCode.partiallyApproved)])

/** @param file gets every entry that can be read as a line of JSON; it must not be there yet */
export const readLost = Effect.fnUntraced(function* (
  storage: StorageShape,
  plan: RepairPlan,
  file: string | undefined,
) {
  const span = plan.lost
  if (span === undefined) return undefined
  const fd =
    file === undefined
      ? undefined
      : yield* Effect.try({
          try: () => openSync(file, "wx", 0o600),
          catch: (error) => stop(`--lost: ${error instanceof Error ? error.message : String(error)}`),
        })
  const tally = new Tally((line) => {
    if (fd !== undefined) writeSync(fd, line)
  })
  yield* forEachLost(storage, plan, (block) => tally.add(block)).pipe(
    Effect.ensuring(Effect.sync(() => fd !== undefined && closeSync(fd))),
  )
  return tally.of(span.first, span.last, plan.isEndKnown)
})

class Tally {
  readonly #write: (line: string) => void
  readonly #spans: Array<readonly [number, number]> = []
  readonly #kinds = new Map<string, number>()
  readonly #terminals = new Set<number>()
  readonly #cards = new Set<string>()
  #approved = 0
  #times: [number, number] | null = null

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  add(block: Block): void {
    this.#spans.push([block.first, block.first + block.count - 1])
    this.#times = [this.#times?.[0] ?? block.time, block.time]
    let text = ""
    for (const entry of entriesOf(block, everything)) {
      this.#kinds.set(entry.kind, (this.#kinds.get(entry.kind) ?? 0) + 1)
      if (entry.terminal !== undefined) this.#terminals.add(entry.terminal)
      if (entry.card !== undefined) this.#cards.add(entry.card)
      if (typeof entry["response"] === "string" && good.has(entry["response"])) this.#approved++
      text += `${entryJson(entry)}\n`
    }
    this.#write(text)
  }

  of(from: number, to: number, isEndKnown: boolean): Lost {
    const unreadable: Array<readonly [number, number]> = []
    let next = from
    let readable = 0
    for (const [first, last] of this.#spans.sort(([a], [b]) => a - b)) {
      if (first > next) unreadable.push([next, first - 1])
      readable += last - first + 1
      next = Math.max(next, last + 1)
    }
    if (next <= to) unreadable.push([next, to])
    const iso = (ms: number) => new Date(ms).toISOString()
    return {
      from,
      to,
      isEndKnown,
      readable,
      unreadable,
      times: this.#times === null ? null : [iso(this.#times[0]), iso(this.#times[1])],
      kinds: Object.fromEntries([...this.#kinds].sort(([, a], [, b]) => b - a)),
      approved: this.#approved,
      terminals: [...this.#terminals].sort((a, b) => a - b),
      cards: [...this.#cards].sort(),
    }
  }
}

const SHOWN_MAX = 12

const some = (all: ReadonlyArray<string | number>): string =>
  all.length <= SHOWN_MAX
    ? all.join(", ")
    : `${all.slice(0, SHOWN_MAX).join(", ")} and ${grouped(all.length - SHOWN_MAX)} more`

export const lostLines = (lost: Lost): ReadonlyArray<string> => {
  const row = ([first, last]: readonly [number, number]) =>
    first === last ? grouped(first) : `${grouped(first)} to ${grouped(last)}`
  const kinds = Object.entries(lost.kinds).map(([kind, count]) => `${grouped(count)} ${kind}`)
  return [
    `lost       sequences ${row([lost.from, lost.to])}${lost.isEndKnown ? "" : ", and perhaps more"}: what was answered for them will not have been`,
    ...(lost.readable === 0
      ? []
      : [
          `readable   ${counted(lost.readable, "slot")} of these, ${lost.times?.join(" to ")}: ${kinds.join(", ")}; ${grouped(lost.approved)} approved`,
          `terminals  ${some(lost.terminals) || "none"}`,
          `cards      ${some(lost.cards) || "none"}`,
        ]),
    ...(lost.unreadable.length === 0
      ? []
      : [`unknown    sequences ${some(lost.unreadable.map(row))}: what was in them can't be read any more`]),
  ]
}
