/** What a newer program wrote is refused with the version that is needed, and nothing is changed. */
import { crc32 } from "node:zlib"
import { Effect, Layer } from "effect"
import { assert, beforeAll, describe, it } from "vitest"
import {
  type ContentVersions,
  Journal,
  KeyRing,
  MemoryDisk,
  openDirectory,
  Snapshots,
  Storage,
  VersionUnsupported,
} from "../src/index.ts"
import { appendBlocks, changed, errorOf, onDisk, readAll, roomOf } from "./scene.ts"

const slots = (writes: number, oldest = 1): ContentVersions => ({ name: "slot", writes, oldest })

/** Not closed: opening would cut nothing, but it would put an end mark there. */
let killed: MemoryDisk
let segment: string

const piecesOf = () => {
  const pieces = [Buffer.alloc(300, 7)]
  return () => pieces.shift() ?? null
}

const fresh = async () => {
  const disk = new MemoryDisk({ crashable: true })
  await Effect.runPromise(Effect.provide(Effect.scoped(openDirectory()), Storage.disk(disk)))
  return disk
}

beforeAll(async () => {
  const disk = await fresh()
  killed = await onDisk(
    disk,
    Effect.gen(function* () {
      yield* appendBlocks(1, 9, 5000)
      const snapshots = yield* Snapshots
      yield* snapshots.write(4, [{ name: "scheme", next: piecesOf() }])
      return disk.crash()
    }),
  )
  const written = [...killed.files()].filter(([, bytes]) => bytes.some((byte) => byte !== 0))
  segment = written.map(([path]) => path).findLast((path) => path.endsWith(".seg"))!
})

const refusalOf = async (disk: MemoryDisk, content?: ContentVersions) => {
  const before = new Map([...disk.files()].map(([path, bytes]) => [path, Buffer.from(bytes)]))
  const open = Effect.scoped(
    Effect.gen(function* () {
      yield* Effect.provide(openDirectory(), Storage.disk(disk))
      yield* Effect.provide(Effect.void, roomOf(Storage.disk(disk), content === undefined ? {} : { content }))
    }),
  )
  const error = await Effect.runPromise(Effect.flip(open))
  assert.deepEqual(new Map([...disk.files()].map(([path, bytes]) => [path, Buffer.from(bytes)])), before)
  assert.instanceOf(error, VersionUnsupported)
  return (error as VersionUnsupported).message
}

const segmentOf = (version: number) =>
  changed(killed, segment, (bytes) => {
    bytes.writeUInt16LE(version, 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(16, 128), crc32(bytes.subarray(0, 12))), 12)
    return bytes
  })

const blockOf = (version: number) =>
  changed(killed, segment, (bytes) => {
    bytes.writeUInt32LE(version, 4096 + 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(4096 + 8, 4096 + 64)), 4096 + 4)
    return bytes
  })

const documentOf = (path: string, version: number) =>
  changed(killed, path, (bytes) =>
    Buffer.from(bytes.toString().replace(/"version": \d+/, `"version": ${version}`)),
  )

const snapshot = "snapshots/00000000000000000004/manifest.json"

describe("refused before anything is changed is", () => {
  const cases: ReadonlyArray<readonly [string, () => MemoryDisk, RegExp]> = [
    ["a newer segment", () => segmentOf(3), /\.seg has format version 3, this program reads version 2/],
    ["a newer block", () => blockOf(3), /\.seg has format version 3, this program reads version 2/],
    [
      "a newer snapshot",
      () => documentOf(snapshot, 3),
      /manifest.json has format version 3, .* reads version 2/,
    ],
    [
      "a newer key ring",
      () => documentOf("keyring.json", 2),
      /keyring.json has format version 2, .* version 1/,
    ],
    ["a newer directory", () => documentOf("manifest.json", 2), /^manifest.json has format version 2/],
  ]
  for (const [what, make, words] of cases) {
    it(what, async () => {
      const message = await refusalOf(make())
      assert.match(message, words)
      assert.match(message, /Nothing was changed. Start a program that reads version \d/)
    })
  }

  it("a newer key ring though its master key is named in another way", async () => {
    const newer = changed(documentOf("keyring.json", 2), "keyring.json", (bytes) =>
      Buffer.from(bytes.toString().replace('"masterKeyId"', '"master"')),
    )
    assert.match(await refusalOf(newer), /keyring.json has format version 2/)
  })
})

describe("what the caller keeps", () => {
  const written = async () => {
    const disk = await fresh()
    await onDisk(disk, appendBlocks(1, 9, 5000), { content: slots(2) })
    return disk
  }

  it("says its version in every segment, and in each block that is read", async () => {
    const disk = await written()
    await onDisk(disk, appendBlocks(10, 12, 5000), { content: slots(3) })
    const blocks = await onDisk(disk, readAll, { content: slots(3) })
    assert.deepEqual(
      blocks.map((block) => [block.first, block.content]),
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [n, 2]).concat([10, 11, 12].map((n) => [n, 3])),
    )
    const { segments } = await onDisk(
      disk,
      Effect.flatMap(Journal, (journal) => journal.stat),
      {
        content: slots(3),
      },
    )
    assert.deepEqual([...new Set(segments.map(({ content }) => content))], [2, 3])
  })

  it("is refused by a program that doesn't know it, before anything is changed", async () => {
    assert.match(
      await refusalOf(await written(), slots(1)),
      /has slot version 2, this program reads version 1/,
    )
    assert.match(
      await refusalOf(await written(), slots(4, 3)),
      /has slot version 2, this program reads version 4. Nothing was changed. Start it once with a program that reads both/,
    )
  })

  it("is refused in a snapshot too", async () => {
    const disk = new MemoryDisk()
    const withContent = (writes: number) => ({
      ...slots(writes),
      name: "image",
    })
    const at = (writes: number) =>
      Snapshots.layer({ content: withContent(writes) }).pipe(
        Layer.provide(KeyRing.layer()),
        Layer.provide(Storage.disk(disk)),
      )
    const write = Effect.flatMap(Snapshots, (snapshots) =>
      snapshots.write(4, [{ name: "scheme", next: piecesOf() }]),
    )
    await Effect.runPromise(Effect.provide(write, at(4)))
    const list = Effect.flatMap(Snapshots, (snapshots) => snapshots.list)
    const error = await Effect.runPromise(Effect.flip(Effect.provide(list, at(3))))
    assert.match(error.message, /has image version 4, this program reads version 3/)
  })
})

it("a block of another format than its segment's is damage", async () => {
  const error = await errorOf(blockOf(1), readAll)
  assert.match(error.message, /the block has format 1 in a segment of format 2/)
})
