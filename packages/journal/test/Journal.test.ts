import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Fiber, type Layer } from "effect"
import fc from "fast-check"
import { afterAll, assert, describe, it } from "vitest"
import {
  type Block,
  type BlockInput,
  Journal,
  MemoryDisk,
  payloadBytesMax,
  Storage,
  StorageFailed,
} from "../src/index.ts"
import {
  appendBlocks,
  drain,
  onDisk,
  payloadOf,
  range,
  readAll,
  roomOf,
  segmentBytes,
  sequencesIn,
} from "./scene.ts"

const directory = mkdtempSync(join(tmpdir(), "millrace-journal-"))
afterAll(() => rmSync(directory, { recursive: true }))

type Commit = Pick<BlockInput, "count" | "time" | "parts">

const blocksArbitrary: fc.Arbitrary<Array<Commit>> = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 1000 }),
    time: fc.double({ noNaN: true, noDefaultInfinity: true }),
    parts: fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 25 },
)

const plain = ({ first, count, time, payload }: Pick<Block, "first" | "count" | "time" | "payload">) => ({
  first,
  count,
  time,
  payload: Buffer.from(payload).toString("hex"),
})

describe("what was appended comes back", () => {
  const roundTrip = async (storage: Layer.Layer<Storage>, blocks: ReadonlyArray<Commit>) => {
    const expected: Array<ReturnType<typeof plain>> = []
    const write = Effect.gen(function* () {
      const journal = yield* Journal
      for (const { count, time, parts } of blocks) {
        const first = journal.last + 1
        yield* journal.append({ first, count, time, parts })
        expected.push(plain({ first, count, time, payload: Buffer.concat(parts) }))
        assert.equal(journal.last, first + count - 1)
      }
      return (yield* readAll).map(plain)
    })
    const live = await Effect.runPromise(Effect.provide(write, roomOf(storage)))
    const reopened = await Effect.runPromise(Effect.provide(readAll, roomOf(storage, { verify: "all" })))
    assert.deepEqual(live, expected)
    assert.deepEqual(reopened.map(plain), expected)
  }

  it("from memory, over segments", () =>
    fc.assert(
      fc.asyncProperty(blocksArbitrary, (blocks) => roundTrip(Storage.disk(new MemoryDisk()), blocks)),
      { numRuns: 40 },
    ))

  it("from files, over segments", () => {
    let run = 0
    return fc.assert(
      fc.asyncProperty(blocksArbitrary, async (blocks) => {
        const storage = Storage.file(join(directory, `round-${run++}`))
        await Effect.runPromise(
          Effect.provide(
            Effect.flatMap(Storage, (s) => s.makeDirectory("")),
            storage,
          ),
        )
        await roundTrip(storage, blocks)
      }),
      { numRuns: 10 },
    )
  })

  it("from the block that holds the sequence that is asked for, up to the one that is asked for", async () => {
    const disk = new MemoryDisk()
    const found = await onDisk(
      disk,
      Effect.gen(function* () {
        const journal = yield* Journal
        for (let n = 0; n < 30; n++) {
          yield* journal.append({ first: n * 10 + 1, count: 10, time: n, parts: [payloadOf(n, 5000)] })
        }
        const firsts = []
        for (const [from, to] of [
          [1, 1],
          [95, 121],
          [300, 300],
          [301, 300],
        ] as const) {
          firsts.push((yield* Effect.flatMap(journal.read(from, to), drain)).map(({ first }) => first))
        }
        return firsts
      }),
    )
    assert.deepEqual(found, [[1], [91, 101, 111, 121], [291], []])
  })

  it("with large blocks", async () => {
    const disk = new MemoryDisk()
    const big = Buffer.alloc(payloadBytesMax, 9)
    const lengths = await onDisk(
      disk,
      Effect.gen(function* () {
        const journal = yield* Journal
        yield* journal.append({ first: 1, count: 1, time: 0, parts: [big] })
        yield* journal.append({ first: 2, count: 1, time: 0, parts: [big.subarray(0, 1 << 20)] })
        return (yield* readAll).map(({ payload }) => payload.length)
      }),
      { segmentBytes: 16 << 20 },
    )
    assert.deepEqual(lengths, [payloadBytesMax, 1 << 20])
  })

  it("while more is being appended", async () => {
    const disk = new MemoryDisk()
    const reads = await onDisk(
      disk,
      Effect.gen(function* () {
        const journal = yield* Journal
        yield* appendBlocks(1, 5, 3000)
        const writing = yield* Effect.forkChild(appendBlocks(6, 120, 3000))
        const reads: Array<[number, Array<number>]> = []
        while (journal.last < 120) {
          const { last } = journal
          const blocks = yield* Effect.flatMap(journal.read(1, last), drain)
          reads.push([last, sequencesIn(blocks, 3000)])
          yield* Effect.yieldNow
        }
        yield* Fiber.join(writing)
        return reads
      }),
    )
    assert.isAbove(reads.length, 3)
    for (const [last, sequences] of reads) assert.deepEqual(sequences, range(1, last))
  })

  it("though its buffers are used again as soon as append began", async () => {
    const payloads = await onDisk(
      new MemoryDisk(),
      Effect.gen(function* () {
        const journal = yield* Journal
        const buffer = Buffer.alloc(64)
        for (let n = 1; n <= 10; n++) {
          buffer.fill(n)
          const appending = yield* Effect.forkChild(
            journal.append({ first: n, count: 1, time: 0, parts: [buffer] }),
            { startImmediately: true },
          )
          buffer.fill(0xff)
          yield* Fiber.join(appending)
        }
        return (yield* readAll).map(({ payload }) => payload[63])
      }),
    )
    assert.deepEqual(payloads, range(1, 10))
  })
})

describe("appending", () => {
  it("takes a second block while the first is on its way, and keeps their order", async () => {
    const ended: Array<number> = []
    const sequences = await onDisk(
      new MemoryDisk(),
      Effect.gen(function* () {
        const journal = yield* Journal
        for (let n = 1; n <= 40; n += 2) {
          const both = [n, n + 1].map((first) =>
            journal
              .append({ first, count: 1, time: 0, parts: [payloadOf(first, 4000)] })
              .pipe(Effect.tap(() => Effect.sync(() => ended.push(first)))),
          )
          yield* Effect.all(both, { concurrency: 2 })
        }
        return sequencesIn(yield* readAll, 4000)
      }),
    )
    assert.deepEqual(sequences, range(1, 40))
    assert.deepEqual(ended, range(1, 40))
  })

  it("takes the second also while the first waits for its segment's file", async () => {
    const storage = Storage.file(join(directory, "pairs"))
    await Effect.runPromise(
      Effect.provide(
        Effect.flatMap(Storage, (s) => s.makeDirectory("")),
        storage,
      ),
    )
    const pairs = Effect.gen(function* () {
      const journal = yield* Journal
      for (let n = 1; n <= 30; n += 2) {
        const both = [n, n + 1].map((first) =>
          journal.append({ first, count: 1, time: 0, parts: [payloadOf(first, 100_000)] }),
        )
        yield* Effect.all(both, { concurrency: 2 })
      }
      return sequencesIn(yield* readAll, 100_000)
    })
    const options = { segmentBytes: 128 << 10 }
    assert.deepEqual(await Effect.runPromise(Effect.provide(pairs, roomOf(storage, options))), range(1, 30))
  })

  it("fails both of two blocks when the first one's write fails", async () => {
    const disk = new MemoryDisk()
    const errors = await onDisk(
      disk,
      Effect.gen(function* () {
        const journal = yield* Journal
        yield* appendBlocks(1, 1)
        disk.fault = (operation) => (operation === "write" ? "EIO" : undefined)
        const both = [2, 3].map((first) =>
          Effect.flip(journal.append({ first, count: 1, time: 0, parts: [payloadOf(first, 10)] })),
        )
        return yield* Effect.all(both, { concurrency: 2 })
      }),
    )
    for (const error of errors) assert.include(error, { _tag: "StorageFailed", code: "EIO" })
  })

  it("can be closed after the disk failed in two places at once", async () => {
    const disk = new MemoryDisk()
    const errors = await onDisk(
      disk,
      Effect.gen(function* () {
        const journal = yield* Journal
        // The first block makes the next segment be prepared: that fails while the second block is on its way.
        disk.fault = (operation, path) =>
          (operation === "write" && path.endsWith("2.seg")) || (operation === "sync" && journal.last === 1)
            ? "EIO"
            : undefined
        yield* appendBlocks(1, 1)
        const error = yield* Effect.flip(appendBlocks(2, 2))
        yield* journal.close
        return [error]
      }),
    )
    assert.include(errors[0], { _tag: "StorageFailed", code: "EIO" })
  })

  it("calls a gap, an empty block, an oversized one and one after close the caller's mistakes", async () => {
    const append = (first: number, count: number, bytes: number) =>
      Effect.flatMap(Journal, (journal) =>
        Effect.exit(journal.append({ first, count, time: 0, parts: [Buffer.alloc(bytes)] })),
      )
    const exits = await onDisk(
      new MemoryDisk(),
      Effect.gen(function* () {
        yield* appendBlocks(1, 3)
        const exits = [
          yield* append(5, 1, 10),
          yield* append(3, 1, 10),
          yield* append(4, 0, 10),
          yield* append(4, 1, segmentBytes),
        ]
        yield* Effect.flatMap(Journal, (journal) => journal.close)
        return [...exits, yield* append(4, 1, 10)]
      }),
    )
    for (const exit of exits) assert.isTrue(Exit.hasDies(exit))
  })

  it("begins where the first block says when the journal is empty", async () => {
    const disk = new MemoryDisk()
    await onDisk(disk, appendBlocks(700, 702))
    const [first, last] = await onDisk(
      disk,
      Effect.map(Journal, ({ first, last }) => [first, last]),
    )
    assert.deepEqual([first, last], [700, 702])
  })

  it.each([
    ["write", "ENOSPC"],
    ["sync", "EIO"],
  ] as const)("fails for good after a %s failed with %s", async (failing, code) => {
    const disk = new MemoryDisk({ crashable: true })
    const errors = await onDisk(
      disk,
      Effect.gen(function* () {
        yield* appendBlocks(1, 5)
        disk.fault = (operation) => (operation === failing ? code : undefined)
        const first = yield* Effect.flip(appendBlocks(6, 6))
        disk.fault = undefined
        const later = [yield* Effect.flip(appendBlocks(6, 6)), yield* Effect.flip(appendBlocks(7, 7))]
        return [first, ...later]
      }),
    )
    for (const error of errors) {
      assert.instanceOf(error, StorageFailed)
      assert.include(error, { code, operation: failing })
    }
    const sequences = await onDisk(disk.crash(), Effect.map(readAll, sequencesIn))
    assert.deepEqual(sequences, range(1, 5))
  })

  it("fails when the next segment can't be prepared", async () => {
    const disk = new MemoryDisk()
    const error = await onDisk(
      disk,
      Effect.gen(function* () {
        disk.fault = (operation, path) =>
          operation === "write" && path.endsWith("2.seg") ? "ENOSPC" : undefined
        yield* appendBlocks(1, 1)
        return yield* Effect.flip(appendBlocks(2, 50, 4000))
      }),
    )
    assert.include(error, { _tag: "StorageFailed", code: "ENOSPC" })
  })

  it("says that a segment can't be prepared though nobody appends", async () => {
    const disk = new MemoryDisk()
    disk.fault = (operation, path) => (operation === "write" && path.endsWith("1.seg") ? "ENOSPC" : undefined)
    const error = await onDisk(
      disk,
      Effect.flatMap(Journal, (journal) => Effect.flip(journal.failed)),
    )
    assert.include(error, { _tag: "StorageFailed", code: "ENOSPC" })
  })
})
