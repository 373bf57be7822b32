// One flipped bit: is it seen, by whom, and if not, is all that is read still what was written?
import { Engine } from "@millrace/engine"
import { Journal, KeyRing, type MemoryDisk, openDirectory, Snapshots } from "@millrace/journal"
import { Cause, Effect, Exit, Result } from "effect"
import { engineOn, readPart, readSegment, rooms, stateOf, type Written } from "./Directory.ts"

/**
 * start: the next start is refused. verify: a start doesn't read this place, because a newer snapshot stands for it;
 * `journal verify`, and whoever reads there, is refused. harmless: all that is read is what was written. wrong: other
 * bytes were read as if they were right.
 */
export type Seen = "start" | "verify" | "harmless" | "wrong"

export interface Place {
  readonly path: string
  readonly at: number
  readonly bit: number
}

const pageBytes = 4096
const blockHeaderBytes = 64
const tagBytes = 16

/** What is written at a place. */
export const regionOf = ({ segments, parts }: Written, { path, at }: Place): string => {
  if (parts.has(path)) return "snapshot part"
  const segment = segments.get(path)
  if (segment === undefined)
    return path.endsWith(".seg") ? "segment only prepared" : path.replace(/^.*\//, "")
  if (at < pageBytes) return "segment header"
  const block = segment.blocks.findLast((one) => one.at <= at)
  if (block === undefined) return "segment header"
  const inside = at - block.at
  const end = blockHeaderBytes + block.payload
  if (inside < blockHeaderBytes) return "block header"
  if (inside < end) return "block payload"
  if (inside < end + tagBytes) return "block tag"
  return inside < Math.ceil((end + tagBytes + 1) / pageBytes) * pageBytes
    ? "block padding"
    : "after the last block"
}

/** The bytes are changed where they lie; twice is not at all. */
const flip = (disk: MemoryDisk, { path, at, bit }: Place): void => {
  const bytes = disk.files().get(path)
  if (bytes === undefined || at >= bytes.length) throw new Error(`${path} has no byte ${at}`)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
}

/** Whether what a start reads of the place's file is what was written; true where it reads none of it. */
const readByStart = (written: Written, { path }: Place) =>
  Effect.gen(function* () {
    const segment = written.segments.get(path)
    const part = written.parts.get(path)
    if (segment !== undefined) {
      const from = Math.max(segment.first, written.startFrom)
      if (from <= segment.last) yield* readOn(yield* Journal, from, segment.last)
    }
    return part?.newest !== true || (yield* readPart(yield* Snapshots, part, part.name)) === part.digest
  })

/** The same of all that is in the file, as `journal verify` does. */
const readByVerify = (written: Written, { path }: Place) =>
  Effect.gen(function* () {
    const segment = written.segments.get(path)
    const part = written.parts.get(path)
    if (segment !== undefined) {
      return (yield* readOn(yield* Journal, segment.first, segment.last)) === segment.digest
    }
    return part === undefined || (yield* readPart(yield* Snapshots, part, part.name)) === part.digest
  })

/** A segment's sequences, and the first block of the next, which must follow. */
const readOn = Effect.fnUntraced(function* (journal: Journal["Service"], first: number, last: number) {
  const { digest } = yield* readSegment(journal, first, last)
  if (last < journal.last) yield* readSegment(journal, last, last + 1)
  return digest
})

/** Everything that is small, in one value. */
const smallOf = Effect.gen(function* () {
  const ring = yield* KeyRing
  const journal = yield* Journal
  const snapshots = yield* Snapshots
  const manifest = yield* openDirectory({ readOnly: true })
  const keys = ring.ids.map((id) => Buffer.from(ring.byId(id)?.key ?? []).toString("hex"))
  const scheme = Buffer.from(ring.schemeKey).toString("hex")
  return JSON.stringify([manifest, keys, scheme, journal.first, journal.last, yield* snapshots.list])
}).pipe(Effect.scoped)

const look = (written: Written, place: Place, small: string) =>
  Effect.runPromiseExit(
    Effect.gen(function* () {
      if ((yield* smallOf) !== small || !(yield* readByStart(written, place))) return "wrong" as const
      const read = yield* Effect.exit(readByVerify(written, place))
      if (Exit.isSuccess(read)) return read.value ? ("harmless" as const) : ("wrong" as const)
      if (Result.isFailure(Cause.findError(read.cause))) return yield* Effect.failCause(read.cause)
      return "verify" as const
    }).pipe(Effect.provide(rooms(written.disk, true))),
  )

export const smallestOf = (written: Written): Promise<string> =>
  Effect.runPromise(Effect.provide(smallOf, rooms(written.disk, true)))

/** Throws when the program does: that is neither. */
export const tryPlace = async (written: Written, place: Place, small: string): Promise<Seen> => {
  flip(written.disk, place)
  try {
    const exit = await look(written, place, small)
    if (Exit.isSuccess(exit)) return exit.value
    if (Result.isFailure(Cause.findError(exit.cause))) throw Cause.squash(exit.cause)
    return "start"
  } finally {
    flip(written.disk, place)
  }
}

/** A whole start on a copy: gives the state that it comes to, or undefined when it is refused. */
export const startedState = async (written: Written, place: Place): Promise<string | undefined> => {
  const disk = written.disk.copy()
  flip(disk, place)
  const started = Effect.map(Engine, ({ lane }) => stateOf(lane.ledger))
  const exit = await Effect.runPromiseExit(Effect.provide(started, engineOn(disk)))
  if (Exit.isSuccess(exit)) return exit.value
  if (Result.isFailure(Cause.findError(exit.cause))) throw Cause.squash(exit.cause)
  return undefined
}
