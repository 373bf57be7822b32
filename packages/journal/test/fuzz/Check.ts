/** One changed directory opened and read: refused with the place and a remedy, or giving back what was written, and nothing else. */
import { Cause, Effect, Exit, Result } from "effect"
import {
  DirectoryRefused,
  Journal,
  JournalDamaged,
  KeyMissing,
  KeyWrong,
  type MemoryDisk,
  openDirectory,
  Snapshots,
  Storage,
  VersionUnsupported,
} from "../../src/index.ts"
import { appendBlocks, drain, readAll, roomOf } from "../scene.ts"
import type { History } from "./Bases.ts"

const refusals = [JournalDamaged, KeyMissing, KeyWrong, DirectoryRefused, VersionUnsupported] as const

/** All that a start reads, and all that `verify` does. */
const everything = Effect.gen(function* () {
  const blocks = yield* readAll
  const snapshots = yield* Snapshots
  const pieces = new Map<string, ReadonlyArray<Uint8Array>>()
  for (const { position, names } of yield* snapshots.list) {
    for (const name of names) {
      pieces.set(`${position} ${name}`, yield* Effect.flatMap(snapshots.read(position, name), drain))
    }
  }
  const { last } = yield* Journal
  return { blocks, pieces, last }
})

const opened = <A, E>(
  disk: MemoryDisk,
  verify: "tail" | "all",
  work: Effect.Effect<A, E, Journal | Snapshots>,
) =>
  Effect.runPromiseExit(
    Effect.scoped(
      Effect.andThen(
        Effect.provide(openDirectory(), Storage.disk(disk)),
        Effect.provide(work, roomOf(Storage.disk(disk), { verify })),
      ),
    ),
  )

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

type Read = Effect.Success<typeof everything>

/** Whether all blocks that were read are of this history, without a gap. */
const isOf = (history: History, { blocks, last }: Read): boolean => {
  let expected = blocks[0]?.first
  for (const block of blocks) {
    const written = history.blocks.get(block.first)
    if (block.first !== expected || written === undefined || !same(block.payload, written)) return false
    expected = block.first + block.count
  }
  return blocks.length === 0 || expected === last + 1
}

/** Whether each part is whole. Which history's a snapshot is, the engine sees: it says which block it was taken at. */
const areWhole = (histories: ReadonlyArray<History>, { pieces }: Read): boolean =>
  [...pieces].every(([key, read]) =>
    histories.some(({ snapshots }) => {
      const written = snapshots.get(key)
      return (
        written?.length === read.length &&
        read.every((piece, n) => same(piece, written[n] ?? new Uint8Array(0)))
      )
    }),
  )

/** As Map's entries: an opening that refuses says that nothing was changed, so nothing may be. */
const contents = (disk: MemoryDisk): ReadonlyMap<string, Buffer> =>
  new Map([...disk.files()].map(([path, bytes]) => [path, Buffer.from(bytes)]))

const isUnchanged = (disk: MemoryDisk, before: ReadonlyMap<string, Buffer>): boolean => {
  const files = disk.files()
  if (files.size !== before.size) return false
  for (const [path, bytes] of before) if (!same(files.get(path) ?? new Uint8Array(0), bytes)) return false
  return true
}

export type Verdict = "refused" | "whole" | "prefix"

const refusalProblem = (exit: Exit.Failure<unknown, unknown>): string | undefined => {
  const found = Cause.findError(exit.cause)
  if (Result.isFailure(found)) return `a defect: ${String(Cause.squash(exit.cause))}`
  const error = found.success
  if (!refusals.some((kind) => error instanceof kind)) return `an untold error: ${String(error)}`
  const { message, remedy } = error as InstanceType<(typeof refusals)[number]>
  return remedy.length > 10 && message.includes(remedy) ? undefined : `no remedy: ${message}`
}

/** Gives the verdict; throws with the reason when neither holds. */
export const check = async (
  disk: MemoryDisk,
  histories: ReadonlyArray<History>,
  verify: "tail" | "all",
): Promise<Verdict> => {
  const before = contents(disk)
  let open = false
  const look = Effect.sync(() => {
    open = true
  })
  const first = await opened(disk, verify, Effect.andThen(look, everything))
  if (Exit.isFailure(first)) {
    const problem = refusalProblem(first)
    if (!open && !isUnchanged(disk, before))
      throw new Error(`it was changed: ${String(Cause.squash(first.cause))}`)
    if (problem !== undefined) throw new Error(problem)
    return "refused"
  }
  const history = histories.find((one) => isOf(one, first.value))
  if (history === undefined || !areWhole(histories, first.value))
    throw new Error("something was read that was never written")
  // What was cut is cut for good, what is there stays, and it can be written on.
  const { last } = first.value
  const again = await opened(disk, "all", Effect.andThen(appendBlocks(last + 1, last + 1), everything))
  if (Exit.isFailure(again)) {
    const problem = refusalProblem(again)
    // Opening looked at the end alone; what it did not read may be damaged.
    if (problem === undefined && verify === "tail") return "refused"
    throw new Error(problem ?? `opened once, and refused then: ${String(Cause.squash(again.cause))}`)
  }
  if (again.value.last !== last + 1) throw new Error("what was appended isn't there")
  return first.value.blocks.length === history.blocks.size ? "whole" : "prefix"
}
