import { Effect } from "effect"
import fc from "fast-check"
import { assert, beforeAll, describe, it } from "vitest"
import { JournalDamaged, MemoryDisk, Snapshots, VersionUnsupported } from "../src/index.ts"
import {
  appendBlocks,
  changed,
  drain,
  errorOf,
  exitOf,
  flipBit,
  onDisk,
  range,
  readAll,
  sequencesIn,
} from "./scene.ts"

const bytes = 5000
const last = 24
const segments = range(1, 4).map((n) => `journal/${String(n).padStart(20, "0")}.seg`)

/** Four segments, cleanly closed, and a snapshot of two parts. */
const closed = new MemoryDisk()

const piecesOf = (seed: number) => {
  const pieces = range(1, 3).map((n) => Buffer.alloc(40_000 * n, seed * n))
  return () => pieces.shift() ?? null
}

beforeAll(() =>
  onDisk(
    closed,
    Effect.gen(function* () {
      yield* appendBlocks(1, last, bytes)
      const snapshots = yield* Snapshots
      yield* snapshots.write(20, [
        { name: "scheme", next: piecesOf(3) },
        { name: "shard-0", next: piecesOf(5) },
      ])
    }),
  ),
)

/** Everything that a start reads. */
const everything = Effect.gen(function* () {
  const snapshots = yield* Snapshots
  for (const { position, names } of yield* snapshots.list) {
    for (const name of names) yield* Effect.flatMap(snapshots.read(position, name), drain)
  }
  return sequencesIn(yield* readAll, bytes)
})

const startError = (disk: MemoryDisk) => errorOf(disk, everything, { verify: "all" })

it("what is not changed starts", async () => {
  assert.deepEqual(await onDisk(closed.copy(), everything, { verify: "all" }), range(1, last))
})

describe("one flipped bit refuses the start with the file", () => {
  /** Region of a segment: bit offset of its first byte and its length in bytes, in a segment of 8 KiB blocks. */
  const regions: ReadonlyArray<readonly [string, number, number]> = [
    ["segment header", 0, 128],
    ["segment header padding", 128, 3968],
    ["first block header", 4096, 64],
    ["first block ciphertext", 4160, bytes],
    ["first block tag", 4160 + bytes, 16],
    ["first block padding", 4176 + bytes, 8192 - 80 - bytes],
    ["second block header", 12_288, 64],
    ["second block ciphertext", 12_352, bytes],
  ]
  for (const [name, from, length] of regions) {
    it(`in a ${name}`, async () => {
      for (const path of segments) {
        for (let n = 0; n < 12; n++) {
          const bit = from * 8 + Math.floor(((n + 0.5) * length * 8) / 12)
          const error = await startError(flipBit(closed, path, bit))
          assert.instanceOf(error, JournalDamaged, `${path} bit ${bit}`)
          // The chain tells of some changes where they are joined to what follows.
          assert.include([path, segments[segments.indexOf(path) + 1]], (error as JournalDamaged).file)
        }
      }
    })
  }

  it("anywhere at all in the data directory, master key included", async () => {
    const files = [...closed.files()]
    const total = files.reduce((sum, [, content]) => sum + content.length, 0)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: total * 8 - 1 }), async (bit) => {
        let left = bit
        for (const [path, content] of files) {
          if (left >= content.length * 8) {
            left -= content.length * 8
            continue
          }
          const exit = await exitOf(flipBit(closed, path, left), everything, { verify: "all" })
          // A hex digit of the master key in upper case is the same key.
          if (path === "master.key" && exit._tag === "Success") return
          assert.equal(exit._tag, "Failure", `${path} bit ${left}`)
          return
        }
      }),
      { numRuns: 120 },
    )
  })

  it("anywhere in keyring.json", async () => {
    const length = closed.files().get("keyring.json")!.length * 8
    for (let bit = 0; bit < length; bit += 7) {
      const error = (await startError(flipBit(closed, "keyring.json", bit))) as { readonly _tag: string }
      assert.include(["JournalDamaged", "KeyWrong", "VersionUnsupported"], error._tag, `bit ${bit}`)
    }
  })

  it("anywhere in a snapshot's manifest", async () => {
    const path = [...closed.files().keys()].find((name) => name.endsWith("0020/manifest.json"))!
    const length = closed.files().get(path)!.length * 8
    for (let bit = 0; bit < length; bit += 37) {
      const error = (await startError(flipBit(closed, path, bit))) as { readonly _tag: string }
      assert.include(["JournalDamaged", "KeyMissing", "VersionUnsupported"], error._tag, `bit ${bit}`)
    }
  })
})

describe("refused is also", () => {
  it("a segment that is missing in the middle", async () => {
    const disk = closed.copy()
    disk.put(segments[1]!, undefined)
    const error = await startError(disk)
    assert.instanceOf(error, JournalDamaged)
    assert.match((error as JournalDamaged).message, /segment 2, the one before it, is missing/)
  })

  it("a segment under another's name", async () => {
    const disk = closed.copy()
    const [one, two] = [segments[1]!, segments[2]!].map((path) => closed.files().get(path)!)
    disk.put(segments[1]!, two)
    disk.put(segments[2]!, one)
    assert.instanceOf(await startError(disk), JournalDamaged)
  })

  it("blocks that changed places", async () => {
    const disk = changed(closed, segments[0]!, (all) => {
      const second = Buffer.from(all.subarray(12_288, 20_480))
      all.copyWithin(12_288, 20_480, 28_672)
      all.set(second, 20_480)
      return all
    })
    const error = await startError(disk)
    assert.include(error, { _tag: "JournalDamaged", file: segments[0], at: 12_288, expected: 2 })
  })

  it("a middle segment cut at a block's end, which only the chain can tell", async () => {
    const disk = changed(closed, segments[1]!, (all) => all.subarray(0, all.length - 8192))
    const error = await startError(disk)
    assert.include(error, { _tag: "JournalDamaged", file: segments[2] })
  })

  it("a middle segment's damage when it is read, though opening looked at the end only", async () => {
    const error = await errorOf(flipBit(closed, segments[1]!, 5000 * 8), everything)
    assert.include(error, { _tag: "JournalDamaged", file: segments[1], at: 4096 })
  })

  it("a newer version, by name and number", async () => {
    const path = "manifest.json"
    assert.isUndefined(closed.files().get(path))
    const newer = changed(closed, "keyring.json", (all) =>
      Buffer.from(all.toString().replace('"version": 1', '"version": 2')),
    )
    const error = await startError(newer)
    assert.instanceOf(error, VersionUnsupported)
    assert.include(error, { file: "keyring.json", found: 2, supported: 1 })
  })

  it("a file that isn't a segment", async () => {
    const disk = closed.copy()
    disk.put("journal/notes.txt", Buffer.from("hello"))
    assert.include(await startError(disk), { _tag: "DirectoryRefused" })
  })
})

describe("any bytes in a segment file", () => {
  const start = (disk: MemoryDisk) => exitOf(disk, everything)

  /** A clean refusal, or what was appended up to some place: never a defect, never other bytes (sequencesIn checks). */
  const refusedOrPrefix = async (disk: MemoryDisk) => {
    const exit = await start(disk)
    if (exit._tag === "Success") {
      assert.deepEqual(exit.value, range(1, exit.value.length))
      return
    }
    const error = (await errorOf(disk, everything)) as { readonly _tag: string }
    assert.include(["JournalDamaged", "VersionUnsupported", "KeyMissing"], error._tag)
  }

  const change = fc.oneof(
    fc.record({ kind: fc.constant("fill" as const), at: fc.nat(), length: fc.nat(9000), value: fc.nat(255) }),
    fc.record({ kind: fc.constant("write" as const), at: fc.nat(), bytes: fc.uint8Array({ minLength: 1 }) }),
    fc.record({ kind: fc.constant("cut" as const), at: fc.nat() }),
    fc.record({ kind: fc.constant("copy" as const), at: fc.nat(), to: fc.nat(), length: fc.nat(9000) }),
  )

  it("in place of some that were written", () =>
    fc.assert(
      fc.asyncProperty(fc.nat(3), fc.array(change, { minLength: 1, maxLength: 3 }), async (n, changes) => {
        const disk = changed(closed, segments[n]!, (all) => {
          let content = all
          for (const one of changes) {
            const at = one.at % Math.max(1, content.length)
            if (one.kind === "fill") content.fill(one.value, at, Math.min(content.length, at + one.length))
            if (one.kind === "write") content.set(one.bytes.subarray(0, content.length - at), at)
            if (one.kind === "cut") content = content.subarray(0, at)
            if (one.kind === "copy")
              content.copyWithin(one.to % Math.max(1, content.length), at, at + one.length)
          }
          return content
        })
        await refusedOrPrefix(disk)
      }),
      { numRuns: 150 },
    ))

  it("instead of all of them", () =>
    fc.assert(
      fc.asyncProperty(fc.nat(3), fc.uint8Array({ maxLength: 10_000, size: "max" }), async (n, content) => {
        const disk = closed.copy()
        disk.put(segments[n]!, content)
        await refusedOrPrefix(disk)
      }),
      { numRuns: 100 },
    ))
})
