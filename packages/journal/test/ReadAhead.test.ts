import { Cause, Effect, Exit } from "effect"
import fc from "fast-check"
import { assert, beforeAll, describe, it } from "vitest"
import { Journal, MemoryDisk, makeReadAhead, type Pull, type ReadAhead, Snapshots } from "../src/index.ts"
import { appendBlocks, changed, onDisk, range } from "./scene.ts"

const bytes = 5000
const last = 40
const oldSegments = range(1, 4).map((n) => `journal/${String(n).padStart(20, "0")}.seg`)
const parts = ["scheme", "shard-0"].map((name) => `snapshots/${"20".padStart(20, "0")}/${name}`)

/** Segments and a snapshot, cleanly closed. */
const closed = new MemoryDisk()

beforeAll(() =>
  onDisk(
    closed,
    Effect.gen(function* () {
      yield* appendBlocks(1, last, bytes)
      const pieces = () => {
        const left = range(1, 9).map((n) => Buffer.alloc(n === 4 ? 0 : 100_000 * n, n))
        return () => left.shift() ?? null
      }
      const snapshots = yield* Snapshots
      yield* snapshots.write(20, [
        { name: "scheme", next: pieces() },
        { name: "shard-0", next: pieces() },
      ])
    }),
  ),
)

/** All that is given, and what it ends with: whatever is reused afterwards is copied. */
const told = Effect.fnUntraced(function* <A, E>(
  opening: Effect.Effect<Pull<A>, E>,
  bytesOf: (item: A) => Uint8Array,
) {
  const given: Array<string> = []
  const exit = yield* Effect.exit(
    Effect.gen(function* () {
      const pull = yield* opening
      for (let next = yield* pull; next !== null; next = yield* pull)
        given.push(Buffer.from(bytesOf(next)).toString("base64"))
    }),
  )
  return { given, end: Exit.isSuccess(exit) ? "whole" : String(Cause.squash(exit.cause)) }
})

const everything = Effect.fnUntraced(function* (ahead: ReadAhead | undefined, from: number) {
  const journal = yield* Journal
  const snapshots = yield* Snapshots
  const part = (name: string) => told(snapshots.read(20, name, ahead), (piece) => piece)
  return {
    journal: yield* told(journal.read(from, last, ahead), ({ payload }) => payload),
    scheme: yield* part("scheme"),
    shard: yield* part("shard-0"),
  }
})

/** What is read as it comes, ahead on this thread, and ahead with the other thread at work. */
const threeWays = (disk: MemoryDisk, from = 1) =>
  onDisk(
    disk,
    Effect.gen(function* () {
      const plain = yield* everything(undefined, from)
      const ahead = yield* makeReadAhead
      const here = yield* everything(ahead, from)
      yield* ahead.begun
      return { plain, here, there: yield* everything(ahead, from) }
    }).pipe(Effect.scoped),
    { readOnly: true },
  )

describe("reading ahead", () => {
  it("gives what is there, from any sequence", async () => {
    for (const from of [1, 2, 17, last]) {
      const { plain, here, there } = await threeWays(closed.copy(), from)
      assert.equal(plain.journal.given.length, last + 1 - from)
      assert.equal(plain.journal.end, "whole")
      assert.equal(plain.shard.given.length, 9)
      assert.equal(plain.shard.end, "whole")
      assert.deepEqual(here, plain)
      assert.deepEqual(there, plain)
    }
  })

  it("gives and refuses the same as reading where a bit was flipped or a file cut", async () => {
    let refused = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...oldSegments, ...parts),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat(7),
        fc.boolean(),
        async (path, share, bit, isCut) => {
          const disk = changed(closed, path, (all) => {
            // Behind a segment's header page: that is looked at before anything is read.
            const first = path.startsWith("journal") ? 4096 : 0
            const at = first + Math.floor(share * (all.length - first))
            if (isCut) return all.subarray(0, at)
            all[at] = all[at]! ^ (1 << bit)
            return all
          })
          const { plain, here, there } = await threeWays(disk)
          assert.deepEqual(here, plain)
          assert.deepEqual(there, plain)
          if (Object.values(plain).some(({ end }) => end !== "whole")) refused++
        },
      ),
      { numRuns: 12 },
    )
    assert.isAbove(refused, 0)
  })
})
