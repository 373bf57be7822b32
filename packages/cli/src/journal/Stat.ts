// `millrace journal stat`: what lies in a data directory.
import { Effect } from "effect"
import { counted, grouped } from "../load/Report.ts"
import { print } from "../Output.ts"
import { openToLook } from "./Open.ts"
import { forEachBlock } from "./Walk.ts"

export interface StatCommand {
  readonly dir: string
  readonly json: boolean
}

export const stat = Effect.fnUntraced(function* (command: StatCommand) {
  const { journal, snapshots, manifest } = yield* openToLook(command.dir, "tail")
  const found = yield* journal.stat
  const kept = yield* snapshots.list
  let blocks = 0
  let firstMs = 0
  let lastMs = 0
  yield* forEachBlock(journal, found.first, found.last, (block) =>
    Effect.sync(() => {
      blocks++
      if (firstMs === 0) firstMs = block.time
      lastMs = block.time
    }),
  )
  const time = (ms: number) => (ms === 0 ? null : new Date(ms).toISOString())
  const result = {
    created: manifest.created,
    shards: manifest["shards"],
    first: found.first,
    last: found.last,
    blocks,
    bytes: found.bytes,
    firstTime: time(firstMs),
    lastTime: time(lastMs),
    keyIds: found.keyIds,
    cut: found.cut ?? null,
    segments: found.segments,
    snapshots: kept.map(({ position, bytes }) => ({ position, bytes })),
  }
  if (command.json) print(JSON.stringify(result))
  else for (const line of lines(result)) print(line)
}, Effect.scoped)

const lines = (result: {
  readonly created: string
  readonly shards: unknown
  readonly first: number
  readonly last: number
  readonly blocks: number
  readonly bytes: number
  readonly firstTime: string | null
  readonly lastTime: string | null
  readonly keyIds: ReadonlyArray<number>
  readonly cut: unknown
  readonly segments: ReadonlyArray<{
    name: string
    first: number
    last: number
    bytes: number
    keyId: number
  }>
  readonly snapshots: ReadonlyArray<{ position: number; bytes: number }>
}): ReadonlyArray<string> => [
  `made       ${result.created}, ${result.shards === 1 ? "1 shard" : `${String(result.shards)} shards`}`,
  result.last < result.first
    ? "sequences  none: the journal is empty"
    : `sequences  ${grouped(result.first)} to ${grouped(result.last)}, in ${counted(result.blocks, "block")} and ${grouped(result.bytes)} bytes`,
  `times      ${result.firstTime ?? "–"} to ${result.lastTime ?? "–"}`,
  `data keys  ${result.keyIds.join(", ") || "–"}`,
  ...(result.cut === null
    ? []
    : [`torn tail  ${JSON.stringify(result.cut)}: a write that was cut, or is being made just now`]),
  ...result.segments.map(
    ({ name, first, last, bytes, keyId }) =>
      `segment    ${name}  ${grouped(first)} to ${grouped(last)}, ${grouped(bytes)} bytes, key ${keyId}`,
  ),
  ...result.snapshots.map(
    ({ position, bytes }) => `snapshot   at ${grouped(position)}, ${grouped(bytes)} bytes`,
  ),
]
