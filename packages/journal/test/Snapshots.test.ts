import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import {
  JournalDamaged,
  MemoryDisk,
  Snapshots,
  Storage,
  StorageFailed,
  snapshotPieceBytesMax,
} from "../src/index.ts"
import { changed, drain, errorOf, exitOf, flipBit, onDisk, roomOf } from "./scene.ts"

const partOf = (name: string, pieces: ReadonlyArray<Uint8Array>) => {
  let n = 0
  return { name, next: () => pieces[n++] ?? null }
}

const write = (position: number, parts: ReadonlyArray<readonly [string, ReadonlyArray<Uint8Array>]>) =>
  Effect.flatMap(Snapshots, (snapshots) =>
    snapshots.write(
      position,
      parts.map(([name, pieces]) => partOf(name, pieces)),
    ),
  )

const read = (position: number, name: string) =>
  Effect.flatMap(Snapshots, (snapshots) => Effect.flatMap(snapshots.read(position, name), drain))

const positions = Effect.flatMap(Snapshots, (snapshots) =>
  Effect.map(snapshots.list, (list) => list.map(({ position }) => position)),
)

const some = [Buffer.alloc(5000, 1), Buffer.alloc(0), Buffer.alloc(300_000, 2)]

describe("a snapshot", () => {
  it("gives back the pieces that were written, after reopening", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 6 }), { maxLength: 4 }),
        async (parts) => {
          const disk = new MemoryDisk({ crashable: true })
          await onDisk(
            disk,
            write(
              7,
              parts.map((pieces, n) => [`part-${n}`, pieces] as const),
            ),
          )
          const crashed = disk.crash()
          for (const [n, pieces] of parts.entries()) {
            const found = await onDisk(crashed, read(7, `part-${n}`))
            assert.deepEqual(
              found.map((piece) => [...piece]),
              pieces.map((piece) => [...piece]),
            )
          }
        },
      ),
      { numRuns: 30 },
    ))

  it("of many large pieces too", async () => {
    const pieces = [1, 2, 3, 4, 5].map((n) => Buffer.alloc(snapshotPieceBytesMax - n, n))
    const found = await onDisk(new MemoryDisk(), Effect.andThen(write(1, [["big", pieces]]), read(1, "big")))
    assert.isTrue(Buffer.concat(found).equals(Buffer.concat(pieces)))
  })

  it("of pieces of any length, on files: whole pages, what is left over, nothing", async () => {
    const root = mkdtempSync(join(tmpdir(), "millrace-snapshots-"))
    // A piece has 24 bytes around it.
    const lengths = fc.oneof(
      fc.constantFrom(0, 1, 4_072, 4_096, 8_168, 65_512, 262_120, 262_144, snapshotPieceBytesMax),
      fc.nat(400_000),
    )
    const storage = Storage.file(root)
    const room = roomOf(storage)
    let position = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(lengths, { maxLength: 6 }), { maxLength: 3 }), async (parts) => {
        position++
        const written = parts.map(
          (pieces, n) =>
            [`part-${n}`, pieces.map((length, i) => Buffer.alloc(length, position + n * 7 + i))] as const,
        )
        await Effect.runPromise(Effect.provide(write(position, written), room))
        for (const [name, pieces] of written) {
          const found = await Effect.runPromise(Effect.provide(read(position, name), room))
          assert.deepEqual(
            found.map((piece) => piece.length),
            pieces.map((piece) => piece.length),
          )
          assert.isTrue(Buffer.concat(found).equals(Buffer.concat(pieces)))
        }
      }),
      { numRuns: 15 },
    )
    rmSync(root, { recursive: true })
  })

  it("is the latest when its position is the highest; the others are pruned oldest first", async () => {
    const disk = new MemoryDisk({ crashable: true })
    const seen = await onDisk(
      disk,
      Effect.gen(function* () {
        const snapshots = yield* Snapshots
        assert.isNull(yield* snapshots.latest)
        for (const position of [10, 30, 20]) yield* write(position, [["part", some]])
        const latest = yield* snapshots.latest
        yield* snapshots.prune(2)
        return { latest, left: yield* positions }
      }),
    )
    assert.deepEqual(seen.latest?.position, 30)
    assert.deepEqual(seen.latest?.names, ["part"])
    assert.deepEqual(seen.left, [20, 30])
    assert.deepEqual(await onDisk(disk.crash(), positions), [20, 30])
  })

  it("that is let go of while somebody reads it is not told as damaged, one that lost a file is", async () => {
    const disk = new MemoryDisk()
    const readOn = Effect.gen(function* () {
      const snapshots = yield* Snapshots
      const pull = yield* snapshots.read(10, "part")
      yield* snapshots.prune(0)
      return yield* Effect.flip(pull)
    })
    const gone = await onDisk(disk, Effect.andThen(write(10, [["part", some]]), readOn))
    assert.instanceOf(gone, StorageFailed)
    assert.include(gone, { code: "ENOENT" })
    const lost = await onDisk(
      disk,
      Effect.gen(function* () {
        yield* write(20, [["part", some]])
        const path = [...disk.files().keys()].find((name) => name.endsWith("/part"))!
        yield* disk.storage.remove(path)
        return yield* Effect.flip(read(20, "part"))
      }),
    )
    assert.instanceOf(lost, JournalDamaged)
    assert.include(lost.message, "the file is missing")
  })

  it("is not written twice while it is sound, and anew when it is not", async () => {
    const disk = new MemoryDisk()
    const again = [Buffer.from("again")]
    await onDisk(disk, write(5, [["part", some]]))
    const kept = await onDisk(disk, Effect.andThen(write(5, [["part", again]]), read(5, "part")))
    assert.equal(kept.length, some.length)
    const path = [...disk.files().keys()].find((name) => name.endsWith("/part"))!
    const rotten = flipBit(disk, path, 4000)
    const renewed = await onDisk(rotten, Effect.andThen(write(5, [["part", again]]), read(5, "part")))
    assert.deepEqual(Buffer.from(renewed[0]!).toString(), "again")
  })

  it("lets the event loop go round while it is written", async () => {
    let turns = 0
    const ticking = setInterval(() => turns++, 0)
    const pieces = Array.from({ length: 40 }, () => Buffer.alloc(256 << 10))
    await onDisk(new MemoryDisk(), write(1, [["part", pieces]]))
    clearInterval(ticking)
    assert.isAbove(turns, 2)
  })

  it("holds nothing in clear", async () => {
    const disk = new MemoryDisk()
    await onDisk(disk, write(1, [["part", [Buffer.from("card 4000123412341234")]]]))
    for (const bytes of disk.files().values()) assert.isFalse(Buffer.from(bytes).includes("4000123412341234"))
  })

  it("with a name or a piece that can't be is the caller's mistake", async () => {
    for (const parts of [
      [["../up", some]],
      [["manifest.json", some]],
      [
        ["a", some],
        ["a", some],
      ],
      [["big", [Buffer.alloc(snapshotPieceBytesMax + 1)]]],
    ] as const) {
      const disk = new MemoryDisk()
      const exit = await exitOf(disk, write(1, parts))
      assert.equal(exit._tag, "Failure")
      assert.deepEqual(await onDisk(disk, positions), [])
    }
  })
})

describe("a half-written snapshot", () => {
  it("is never seen, and is gone after the next one, wherever it was cut short", async () => {
    for (let stop = 0; stop < 40; stop++) {
      const disk = new MemoryDisk({ crashable: true })
      await onDisk(disk, write(10, [["part", some]]))
      let left: MemoryDisk | undefined
      let operations = 0
      const written = await onDisk(
        disk,
        Effect.gen(function* () {
          disk.fault = (operation, path) => {
            if (!path.startsWith("snapshots") || operation === "read" || operations++ < stop) return undefined
            left ??= disk.crash((_, sector) => sector % 3 !== 0)
            return "EIO"
          }
          const exit = yield* Effect.exit(
            write(20, [
              ["one", some],
              ["two", some],
            ]),
          )
          disk.fault = undefined
          return exit._tag === "Success"
        }),
      )
      const after = left ?? disk.crash()
      const seen = await onDisk(after, positions, { verify: "all" })
      assert.deepEqual(
        seen.filter((position) => position !== 20),
        [10],
      )
      if (written) assert.deepEqual(seen, [10, 20])
      // The next snapshot takes away what was left of it.
      if (!seen.includes(20)) await onDisk(after, write(30, [["one", some]]))
      const directories = new Set(
        [...after.files().keys()].filter((p) => p.startsWith("snapshots")).map((p) => p.split("/")[1]),
      )
      assert.deepEqual([...directories].map(Number).sort(), seen.includes(20) ? [10, 20] : [10, 30])
      if (seen.includes(20)) assert.equal((await onDisk(after, read(20, "two"))).length, some.length)
    }
  })

  it("gives its space back when the disk is full, and the journal is not touched by it", async () => {
    const disk = new MemoryDisk()
    const { error, files } = await onDisk(
      disk,
      Effect.gen(function* () {
        disk.fault = (operation, path) =>
          operation === "write" && path.endsWith("two") ? "ENOSPC" : undefined
        const error = yield* Effect.flip(
          write(20, [
            ["one", some],
            ["two", some],
          ]),
        )
        return { error, files: [...disk.files().keys()].filter((path) => path.startsWith("snapshots")) }
      }),
    )
    assert.instanceOf(error, StorageFailed)
    assert.deepEqual(files, [])
  })
})

describe("a part that was changed is refused with its file", () => {
  const disk = new MemoryDisk()
  const name = "snapshots/00000000000000000003/part"
  const pieces = [Buffer.alloc(700, 1), Buffer.alloc(900, 2)]
  const written = onDisk(
    disk,
    write(3, [
      ["part", pieces],
      ["other", pieces],
    ]),
  )
  const refusal = async (change: (bytes: Buffer) => Uint8Array) => {
    await written
    const error = await errorOf(changed(disk, name, change), read(3, "part"))
    assert.instanceOf(error, JournalDamaged)
    assert.equal((error as JournalDamaged).file, name)
  }

  it("in any bit", async () => {
    await written
    const bits = disk.files().get(name)!.length * 8
    for (let bit = 0; bit < bits; bit += 67) {
      const error = await errorOf(flipBit(disk, name, bit), read(3, "part"))
      assert.instanceOf(error, JournalDamaged, `bit ${bit}`)
    }
  })

  it("cut short, at a piece's end too", async () => {
    await refusal((bytes) => bytes.subarray(0, 8 + 700 + 16))
    await refusal((bytes) => bytes.subarray(0, bytes.length - 1))
    await refusal(() => Buffer.alloc(0))
  })

  it("exchanged for another part with the same contents", () =>
    refusal(() => Buffer.from(disk.files().get(name.replace("part", "other"))!)))

  it("with its pieces exchanged", () =>
    refusal((bytes) => Buffer.concat([bytes.subarray(8 + 700 + 16), bytes.subarray(0, 8 + 700 + 16)])))
})
