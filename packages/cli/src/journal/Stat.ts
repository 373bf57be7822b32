// `millrace journal stat`: what lies in a data directory, since when, how fast it grows, and what of it is still needed.
import { missingSequences } from "@millrace/journal"
import { Effect } from "effect"
import { windowOf } from "../backup/Reach.ts"
import { counted, grouped } from "../load/Report.ts"
import { complain, print } from "../Output.ts"
import { stop } from "../Stop.ts"
import { hindersStart, missingLines } from "./Missing.ts"
import { type Opened, openToLook } from "./Open.ts"
import { Progress } from "./Progress.ts"
import { forEachBlock } from "./Walk.ts"

export interface StatCommand {
  readonly dir: string
  readonly json: boolean
}

export const stat = Effect.fnUntraced(function* (command: StatCommand) {
  const { opened, missing } = yield* openSettled(command.dir)
  const figures = yield* figuresOf(opened)
  const positions = figures.snapshots.map(({ position }) => position)
  const isRefused = missing.some((one) => hindersStart(one, positions))
  if (command.json) print(JSON.stringify({ ...figures, missing, reaches: !isRefused }))
  else for (const line of lines(figures, isRefused)) print(line)
  if (missing.length === 0) return
  const told = missingLines(missing, figures, positions)
  if (isRefused) return yield* stop(told.join("\n"))
  for (const line of told) complain(line)
}, Effect.scoped)

/** A server that lets go of a snapshot and its segments is met in the middle of it: what is missing stays missing. */
const looksMax = 3
const betweenLooks = "25 millis"

const openSettled = Effect.fnUntraced(function* (dir: string) {
  for (let look = 1; ; look++) {
    const opened = yield* openToLook(dir, "tail")
    const positions = (yield* opened.snapshots.list).map(({ position }) => position)
    const missing = missingSequences(opened.journal, positions, windowOf(opened.fixed))
    if (missing.length === 0 || look === looksMax) return { opened, missing }
    yield* Effect.sleep(betweenLooks)
  }
})

/** Blocks by segment, and when the sequences that matter were. */
class Times {
  readonly segments = new Map<string, { blocks: number; from: number; to: number }>()
  blocks = 0
  #first = 0
  #last = 0
  readonly #wanted: ReadonlyArray<number>
  readonly #at = new Map<number, number>()

  constructor(wanted: ReadonlyArray<number>) {
    this.#wanted = wanted
  }

  add(block: {
    readonly first: number
    readonly count: number
    readonly time: number
    readonly segment: string
  }): void {
    const segment = this.segments.get(block.segment) ?? { blocks: 0, from: block.time, to: block.time }
    segment.blocks++
    segment.to = block.time
    this.segments.set(block.segment, segment)
    if (this.blocks++ === 0) this.#first = block.time
    this.#last = block.time
    for (const sequence of this.#wanted) {
      if (sequence >= block.first && sequence < block.first + block.count) this.#at.set(sequence, block.time)
    }
  }

  get spanSeconds(): number {
    return (this.#last - this.#first) / 1_000
  }

  get first(): string | null {
    return this.blocks === 0 ? null : iso(this.#first)
  }

  get last(): string | null {
    return this.blocks === 0 ? null : iso(this.#last)
  }

  at(sequence: number): string | null {
    const ms = this.#at.get(sequence)
    return ms === undefined ? null : iso(ms)
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()

const figuresOf = Effect.fnUntraced(function* ({ journal, snapshots, manifest, fixed }: Opened) {
  const found = yield* journal.stat
  const kept = yield* snapshots.list
  const times = new Times(kept.map(({ position }) => position))
  const progress = new Progress()
  yield* forEachBlock(journal, found.first, found.last, (block) =>
    Effect.sync(() => {
      times.add(block)
      progress.slots("reading", block.first - found.first, found.last + 1 - found.first)
    }),
  ).pipe(Effect.ensuring(Effect.sync(() => progress.end())))
  const oldest = kept[0]
  // What an engine with two snapshots lets go of when it takes the next one.
  const needed = kept.length < 2 || oldest === undefined ? 1 : oldest.position + 1 - windowOf(fixed)
  const unneeded = found.segments.slice(0, -1).filter(({ last }) => last < needed)
  const slots = found.last + 1 - found.first
  const newest = kept[kept.length - 1]
  return {
    created: manifest.created,
    shards: fixed.shards,
    rememberedTransactions: fixed.rememberedTransactions,
    first: found.first,
    last: found.last,
    blocks: times.blocks,
    bytes: found.bytes,
    firstTime: times.first,
    lastTime: times.last,
    slotsPerSecond: times.spanSeconds > 0 ? Math.round((slots / times.spanSeconds) * 10) / 10 : null,
    bytesPerDay: times.spanSeconds > 0 ? Math.round((found.bytes / times.spanSeconds) * 86_400) : null,
    slotsPerBlock: times.blocks > 0 ? Math.round((slots / times.blocks) * 10) / 10 : null,
    keyIds: found.keyIds,
    cut: found.cut ?? null,
    replayedAtStart: Math.max(0, found.last - (newest?.position ?? 0)),
    releasable: {
      segments: unneeded.length,
      bytes: unneeded.reduce((sum, { bytes }) => sum + bytes, 0),
      below: unneeded.at(-1)?.last ?? null,
    },
    segments: found.segments.map((segment) => {
      const seen = times.segments.get(segment.name)
      return {
        ...segment,
        blocks: seen?.blocks ?? 0,
        firstTime: seen === undefined ? null : iso(seen.from),
        lastTime: seen === undefined ? null : iso(seen.to),
      }
    }),
    snapshots: kept.map(({ position, bytes, keyId }) => ({
      position,
      bytes,
      keyId,
      time: times.at(position),
    })),
  }
})
type Figures = Effect.Success<ReturnType<typeof figuresOf>>

const lines = (result: Figures, isRefused: boolean): ReadonlyArray<string> => [
  `made       ${result.created}, ${counted(result.shards, "shard")}, ${grouped(result.rememberedTransactions)} transactions remembered`,
  result.last < result.first
    ? "sequences  none: the journal is empty"
    : `sequences  ${grouped(result.first)} to ${grouped(result.last)}, in ${counted(result.blocks, "block")} and ${grouped(result.bytes)} bytes`,
  `times      ${result.firstTime ?? "–"} to ${result.lastTime ?? "–"}`,
  ...(result.slotsPerSecond === null
    ? []
    : [
        `rates      ${grouped(result.slotsPerSecond)} slots a second, ${grouped(result.slotsPerBlock ?? 0)} in a block, ${grouped((result.bytesPerDay ?? 0) / 2 ** 20)} MiB a day, over that time`,
      ]),
  isRefused
    ? "start      is refused: segments are missing"
    : `start      decides ${counted(result.replayedAtStart, "slot")} again`,
  `data keys  ${result.keyIds.join(", ") || "–"}`,
  `release    ${
    result.releasable.segments === 0
      ? "nothing now"
      : `${counted(result.releasable.segments, "segment")}, ${grouped(result.releasable.bytes)} bytes, go with the next snapshot`
  }`,
  ...(result.cut === null
    ? []
    : [`torn tail  ${JSON.stringify(result.cut)}: a write that was cut, or is being made just now`]),
  ...result.segments.map(
    ({ name, first, last, bytes, keyId, firstTime, lastTime }) =>
      `segment    ${name}  ${grouped(first)} to ${grouped(last)}, ${firstTime ?? "–"} to ${lastTime ?? "–"}, ${grouped(bytes)} bytes, key ${keyId}`,
  ),
  ...result.snapshots.map(
    ({ position, bytes, time, keyId }) =>
      `snapshot   at ${grouped(position)}, ${time ?? `${position > result.last ? "after" : "before"} what the journal has`}, ${grouped(bytes)} bytes, key ${keyId}`,
  ),
]
