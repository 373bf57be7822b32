import { Effect } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Journal, MemoryDisk, Snapshots } from "../src/index.ts"
import { appendBlocks, drain, exitOf, onDisk, payloadOf, range, readAll, sequencesIn } from "./scene.ts"

const bytes = 9000

/** Work that goes over several segments, releases some and takes snapshots; `told` hears of what was answered. */
const work = (told: { durable: number; snapshot: number }) =>
  Effect.gen(function* () {
    const journal = yield* Journal
    const snapshots = yield* Snapshots
    const start = journal.last
    for (let n = start + 1; n <= start + 30; n += 2) {
      // Two at a time, so that one is always sealed while the other is on its way.
      const pair = [n, n + 1].map((first) =>
        journal.append({ first, count: 1, time: 0, parts: [payloadOf(first, bytes)] }).pipe(
          Effect.tap(() =>
            Effect.sync(() => {
              told.durable = first
            }),
          ),
        ),
      )
      yield* Effect.all(pair, { concurrency: 2 })
      if (n % 10 === 1) {
        const position = journal.last
        yield* snapshots.write(position, [{ name: "part", next: once(payloadOf(position, 3000)) }])
        told.snapshot = position
        yield* snapshots.prune(2)
        yield* journal.release(position - 8)
      }
    }
  })

const once = (piece: Uint8Array) => {
  const pieces = [piece]
  return () => pieces.pop() ?? null
}

const check = Effect.fnUntraced(function* (told: { durable: number; snapshot: number }) {
  const journal = yield* Journal
  const snapshots = yield* Snapshots
  assert.isAtLeast(journal.last, told.durable, "an append that had returned is gone")
  const sequences = sequencesIn(yield* readAll, bytes)
  assert.deepEqual(sequences, journal.last === 0 ? [] : range(journal.first, journal.last))
  const latest = yield* snapshots.latest
  assert.isAtLeast(latest?.position ?? 0, told.snapshot, "a snapshot that had been written is gone")
  if (latest !== null) {
    const pieces = yield* Effect.flatMap(snapshots.read(latest.position, "part"), drain)
    assert.deepEqual(
      pieces.map((piece) => Buffer.from(piece)),
      [Buffer.from(payloadOf(latest.position, 3000))],
    )
    assert.isAtMost(journal.first, latest.position + 1)
  }
})

/** Runs `work` until the power goes at operation `stop`; unsynced sectors survive as `keep` says. */
const crashAt = async (disk: MemoryDisk, stop: number, keep: (n: number) => boolean) => {
  const told = { durable: 0, snapshot: 0 }
  const before = { ...told }
  let operations = 0
  let sectors = 0
  let left: MemoryDisk | undefined
  disk.fault = (operation) => {
    if (operation === "read" || operation === "open" || operation === "list") return left && "EIO"
    if (operations++ < stop) return undefined
    if (left === undefined) {
      left = disk.crash(() => keep(sectors++))
      Object.assign(before, told)
    }
    return "EIO"
  }
  await exitOf(disk, work(told))
  return { left: left ?? disk.crash(() => keep(sectors++)), told: left === undefined ? told : before }
}

describe("after a power cut everything that was answered is there", () => {
  it("at any operation, whatever unsynced sectors reached the disk", () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(400),
        fc.infiniteStream(fc.boolean()),
        fc.nat(400),
        async (stop, chance, secondStop) => {
          const keep = () => chance.next().value!
          const first = await crashAt(new MemoryDisk({ crashable: true }), stop, keep)
          await onDisk(first.left.crash(), check(first.told), { verify: "all" })
          const second = await crashAt(first.left, secondStop, keep)
          const told = {
            durable: Math.max(first.told.durable, second.told.durable),
            snapshot: Math.max(first.told.snapshot, second.told.snapshot),
          }
          await onDisk(second.left, check(told), { verify: "all" })
        },
      ),
      { numRuns: 40 },
    ))

  it("at each of the first operations, with nothing unsynced kept and with all of it", async () => {
    for (let stop = 0; stop < 120; stop += 3) {
      for (const kept of [false, true]) {
        const { left, told } = await crashAt(new MemoryDisk({ crashable: true }), stop, () => kept)
        await onDisk(left, check(told), { verify: "all" })
      }
    }
  })
})

it("a disk that keeps nothing shows that the test above can fail", async () => {
  const disk = new MemoryDisk({ crashable: true })
  const told = { durable: 0, snapshot: 0 }
  const crashed = await onDisk(
    disk,
    Effect.gen(function* () {
      yield* appendBlocks(1, 3, bytes)
      told.durable = 3
      return disk.crash()
    }),
  )
  const newest = [...crashed.files().keys()].find((path) => path.endsWith("1.seg"))!
  crashed.put(newest, crashed.files().get(newest)!.slice(0, 30_000))
  const exit = await exitOf(crashed, check(told))
  assert.equal(exit._tag, "Failure")
})
