/** What the tests of this room share: a journal on a disk in memory, opened, filled, read and changed. */
import { Effect, type Exit, Layer } from "effect"
import {
  type Block,
  Journal,
  type JournalError,
  type JournalOptions,
  KeyRing,
  type KeyRingOptions,
  MemoryDisk,
  type Pull,
  Snapshots,
  Storage,
} from "../src/index.ts"

/** Small, so that a few blocks fill a segment. */
export const segmentBytes = 64 << 10

export type Room = Journal | Snapshots | KeyRing | Storage

export const roomOf = (
  storage: Layer.Layer<Storage>,
  options: JournalOptions & KeyRingOptions = {},
): Layer.Layer<Room, JournalError> => {
  const readOnly = options.readOnly ?? false
  return Journal.layer({ segmentBytes, ...options }).pipe(
    // The journal last: whatever is refused before, nothing was changed.
    Layer.provideMerge(Snapshots.layer({ readOnly })),
    Layer.provideMerge(KeyRing.layer(options)),
    Layer.provideMerge(storage),
  )
}

/** Opens all on the disk, runs, closes cleanly. */
export const onDisk = <A, E>(
  disk: MemoryDisk,
  effect: Effect.Effect<A, E, Room>,
  options?: JournalOptions & KeyRingOptions,
): Promise<A> => Effect.runPromise(Effect.provide(effect, roomOf(Storage.disk(disk), options)))

/** The error that opening or running fails with; a defect or a success is a failed test. */
export const errorOf = async <A, E>(
  disk: MemoryDisk,
  effect: Effect.Effect<A, E, Room>,
  options?: JournalOptions & KeyRingOptions,
): Promise<E | JournalError> =>
  Effect.runPromise(Effect.flip(Effect.provide(effect, roomOf(Storage.disk(disk), options))))

export const exitOf = <A, E>(
  disk: MemoryDisk,
  effect: Effect.Effect<A, E, Room>,
  options?: JournalOptions & KeyRingOptions,
): Promise<Exit.Exit<A, E | JournalError>> =>
  Effect.runPromiseExit(Effect.provide(effect, roomOf(Storage.disk(disk), options)))

/** Payload of block `n`: told apart from every other, and as long as asked. */
export const payloadOf = (n: number, bytes: number): Uint8Array => {
  const payload = Buffer.alloc(bytes, (n * 37) & 0xff)
  if (bytes >= 4) payload.writeUInt32LE(n, 0)
  return payload
}

/** Appends blocks number `from` to `to`, one sequence each, so that block n holds sequence n. */
export const appendBlocks = Effect.fnUntraced(function* (from: number, to: number, bytes = 100) {
  const journal = yield* Journal
  for (let n = from; n <= to; n++) {
    yield* journal.append({ first: n, count: 1, time: 1000 + n, parts: [payloadOf(n, bytes)] })
  }
})

export const drain = Effect.fnUntraced(function* <A>(pull: Pull<A>) {
  const all: Array<A> = []
  for (let next = yield* pull; next !== null; next = yield* pull) all.push(next)
  return all
})

export const readAll: Effect.Effect<Array<Block>, JournalError, Journal> = Effect.gen(function* () {
  const journal = yield* Journal
  return yield* Effect.flatMap(journal.read(journal.first), drain)
})

/** Sequences and payload numbers that are in the journal; throws where a payload isn't its block's. */
export const sequencesIn = (blocks: ReadonlyArray<Block>, bytes = 100): Array<number> =>
  blocks.map(({ first, payload }) => {
    if (!Buffer.from(payload).equals(Buffer.from(payloadOf(first, bytes)))) {
      throw new Error(`block ${first} came back with other bytes`)
    }
    return first
  })

export const range = (from: number, to: number): Array<number> =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n)

/**
 * What a process leaves that was killed when block `last` had been written: no end mark, and the next segment
 * prepared. `at` is where that block begins in `path`.
 */
export const killedAfter = async (last: number, bytes = 100) => {
  const disk = new MemoryDisk({ crashable: true })
  return await onDisk(
    disk,
    Effect.gen(function* () {
      yield* appendBlocks(1, last, bytes)
      const blocks = yield* readAll
      const newest = blocks[blocks.length - 1]!
      return { disk: disk.crash(), path: `journal/${newest.segment}`, at: newest.at }
    }),
  )
}

/** A copy of the disk with one file changed. */
export const changed = (
  disk: MemoryDisk,
  path: string,
  change: (bytes: Buffer) => Uint8Array,
): MemoryDisk => {
  const copy = disk.copy()
  const bytes = Buffer.from(copy.files().get(path)!)
  copy.put(path, change(bytes))
  return copy
}

export const flipBit = (disk: MemoryDisk, path: string, bit: number): MemoryDisk =>
  changed(disk, path, (bytes) => {
    bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7))
    return bytes
  })
