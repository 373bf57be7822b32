// Where one segment ends and the next begins, and which are let go.
import { Effect, Exit } from "effect"
import { assert, describe, it } from "vitest"
import { type Block, Journal, KeyRing, MemoryDisk, PositionUnavailable } from "../src/index.ts"
import {
  appendBlocks,
  changed,
  drain,
  errorOf,
  exitOf,
  killedAfter,
  onDisk,
  range,
  readAll,
  sequencesIn,
} from "./scene.ts"

describe("segments", () => {
  it("are released whole, and the newest stays", async () => {
    const disk = new MemoryDisk({ crashable: true })
    const seen = await onDisk(
      disk,
      Effect.gen(function* () {
        const journal = yield* Journal
        yield* appendBlocks(1, 40, 5000)
        const before = yield* journal.stat
        yield* journal.release(20)
        const first = journal.first
        const gone = yield* Effect.flip(Effect.flatMap(journal.read(first - 1), drain))
        yield* journal.release(1000)
        return { before, first, gone, left: yield* journal.stat }
      }),
    )
    assert.isAtMost(seen.first, 20)
    assert.isAbove(seen.first + 8, 20)
    assert.instanceOf(seen.gone, PositionUnavailable)
    assert.equal(seen.left.segments.length, 1)
    assert.equal(seen.left.last, 40)
    const sequences = await onDisk(
      disk.crash(),
      Effect.map(readAll, (blocks) => sequencesIn(blocks, 5000)),
    )
    assert.deepEqual(sequences, range(seen.left.first, 40))
  })

  it("are begun anew at each opening, and no key is ever used with a nonce twice", async () => {
    const sealed = new Map<string, string>()
    const remember = (disk: MemoryDisk, blocks: ReadonlyArray<Block>) => {
      for (const { segment, at, payload } of blocks) {
        const bytes = Buffer.from(disk.files().get(`journal/${segment}`)!)
        const use = `salt ${bytes.toString("hex", 48, 80)} nonce ${bytes.readUInt32LE(at + 12)}`
        const block = bytes.toString("hex", at, at + 64 + payload.length + 16)
        assert.equal(sealed.get(use) ?? block, block, use)
        sealed.set(use, block)
      }
    }
    let disk = new MemoryDisk({ crashable: true })
    for (let run = 0; run < 6; run++) {
      const left = await onDisk(
        disk,
        Effect.gen(function* () {
          const { last } = yield* Journal
          yield* appendBlocks(last + 1, last + 12, 7000)
          const blocks = yield* readAll
          return { blocks, disk: disk.crash() }
        }),
      )
      remember(left.disk, left.blocks)
      const newest = left.blocks[left.blocks.length - 1]!
      const cutAt = newest.at + 60 + run * 1000
      disk = changed(left.disk, `journal/${newest.segment}`, (bytes) => bytes.subarray(0, cutAt))
      const { last } = await onDisk(
        disk,
        Effect.map(Journal, ({ last }) => ({ last })),
        { readOnly: true },
      )
      assert.equal(last, newest.first - 1)
    }
    assert.isAbove(sealed.size, 60)
  })

  it("leave no empty file behind when nothing was appended", async () => {
    const disk = new MemoryDisk()
    await onDisk(disk, appendBlocks(1, 2))
    const before = [...disk.files().keys()]
    for (let n = 0; n < 3; n++) await onDisk(disk, Effect.void)
    assert.deepEqual([...disk.files().keys()], before)
  })

  it("are encrypted with the newest data key, and read with the one they were written with", async () => {
    const disk = new MemoryDisk()
    await onDisk(disk, appendBlocks(1, 3))
    await onDisk(
      disk,
      Effect.gen(function* () {
        yield* Effect.flatMap(KeyRing, (keys) => keys.rotate)
        yield* appendBlocks(4, 6)
      }),
    )
    const { sequences, keyIds } = await onDisk(
      disk,
      Effect.gen(function* () {
        const { keyIds } = yield* Effect.flatMap(Journal, (journal) => journal.stat)
        return { keyIds, sequences: sequencesIn(yield* readAll) }
      }),
    )
    assert.deepEqual(sequences, range(1, 6))
    assert.deepEqual(keyIds, [1, 2])
  })

  it("have their files made while the one before fills, whole before it is full, and no further at the end", async () => {
    const disk = new MemoryDisk()
    const large = { segmentBytes: 4 << 20 }
    const made = () =>
      [...disk.files()].filter(([path]) => path.startsWith("journal/")).map(([, { length }]) => length)
    const settled = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
    const seen: Array<ReadonlyArray<number>> = []
    await onDisk(
      disk,
      Effect.gen(function* () {
        const journal = yield* Journal
        for (let n = 1; n <= 5; n++) {
          yield* journal.append({ first: n, count: 1, time: n, parts: [Buffer.alloc(1 << 19)] })
          for (let round = 0; round < 20; round++) yield* settled
          seen.push(made())
        }
      }),
      large,
    )
    const [whole, next] = [large.segmentBytes, (sizes: ReadonlyArray<number>) => sizes[1]]
    assert.isTrue(seen.every(([first]) => first === whole))
    assert.isBelow(next(seen[0]!)!, whole / 2)
    assert.isAbove(next(seen[1]!)!, next(seen[0]!)!)
    assert.equal(next(seen[4]!), whole)

    const short = new MemoryDisk()
    let writes = 0
    short.fault = (operation) => {
      if (operation === "write") writes++
      return undefined
    }
    await onDisk(short, appendBlocks(1, 1), { segmentBytes: 16 << 20 })
    assert.isBelow(writes, 16 + 10)
  })

  it("hold nothing in clear", async () => {
    const disk = new MemoryDisk()
    const secret = Buffer.from("a card number of sixteen digits 4000123412341234")
    await onDisk(
      disk,
      Effect.flatMap(Journal, (journal) => journal.append({ first: 1, count: 1, time: 0, parts: [secret] })),
    )
    for (const bytes of disk.files().values())
      assert.isFalse(Buffer.from(bytes).includes(secret.subarray(0, 8)))
  })
})

it("a journal that is opened to be read only can't be appended to, and changes nothing", async () => {
  const { disk } = await killedAfter(3)
  const before = [...disk.files()].map(([path, bytes]) => [path, Buffer.from(bytes).toString("base64")])
  const exit = await exitOf(disk, appendBlocks(4, 4), { readOnly: true })
  assert.isTrue(Exit.hasDies(exit))
  const after = [...disk.files()].map(([path, bytes]) => [path, Buffer.from(bytes).toString("base64")])
  assert.deepEqual(after, before)
})

it("a sequence beyond the end can't be read", async () => {
  const { disk } = await killedAfter(3)
  const error = await errorOf(
    disk,
    Effect.flatMap(Journal, (journal) => Effect.flatMap(journal.read(5), drain)),
  )
  assert.instanceOf(error, PositionUnavailable)
})
