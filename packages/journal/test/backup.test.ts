import { Effect, Exit, Layer, Redacted } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  checkFiles,
  type DiskOperation,
  Journal,
  KeyRing,
  MemoryDisk,
  readCatalogue,
  rotateMasterKey,
  Storage,
  type StorageShape,
  takeBackup,
} from "../src/index.ts"
import { back, contentsOf, directory, keysOf, restored, snapshot, window } from "./backups.ts"
import { appendBlocks, drain, flipBit, onDisk, payloadOf, range } from "./scene.ts"

describe("a backup", () => {
  it("taken while the journal is written holds whole blocks; taken again it copies only what is new", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(
      source,
      Effect.gen(function* () {
        yield* appendBlocks(1, 20)
        yield* snapshot(20)
        yield* appendBlocks(21, 23)
        const first = yield* back(source, target)
        expect(first.catalogue.segments.map(({ sealed }) => sealed)).toEqual([true, false])
        yield* appendBlocks(24, 40)
        const second = yield* back(source, target)
        expect(second.copiedSnapshots).toBe(0)
        expect(second.copiedBytes).toBe(17 * 4_096 + 4_096)
      }),
    )
    const { target: whole, plan } = await restored(target, source)
    expect(plan.last).toBe(40)
    // From the segment on that a start from the snapshot needs.
    expect(await contentsOf(whole)).toEqual({ sequences: range(16, 40), snapshots: [20] })
  })

  it("can be brought back to every sequence and every moment of it", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(
      source,
      Effect.gen(function* () {
        const journal = yield* Journal
        yield* appendBlocks(1, 18)
        yield* snapshot(18)
        yield* journal.append({ first: 19, count: 6, time: 1_019, parts: [payloadOf(19, 600)] })
        yield* back(source, target)
      }),
    )
    const taken = Date.parse((await Effect.runPromise(readCatalogue(target.storage))).taken)
    for (const sequence of range(1, 24)) {
      const { target: cut, plan } = await restored(target, source, { sequence })
      expect(plan.last).toBe(sequence)
      const found = await onDisk(
        cut,
        Effect.gen(function* () {
          const journal = yield* Journal
          const blocks = yield* Effect.flatMap(journal.read(journal.first), drain)
          return { last: journal.last, bytes: blocks.at(-1)?.payload.length }
        }),
        { verify: "all" },
      )
      expect(found).toEqual({ last: sequence, bytes: sequence < 19 ? 100 : (sequence - 18) * 100 })
    }
    for (const [ms, last] of [
      [1_001, 1],
      [1_007.5, 7],
      [1_018, 18],
      [1_018.9, 18],
      [1_019, 24],
      [taken, 24],
    ] as const) {
      expect((await restored(target, source, { ms })).plan.last).toBe(last)
    }
    await expect(restored(target, source, { ms: taken + 1 })).rejects.toThrow(/before that moment/)
    await expect(restored(target, source, { ms: 1_000 })).rejects.toThrow(
      /it reaches from sequence 1 \(.*\) to 24/,
    )
    await expect(restored(target, source, { sequence: 25 })).rejects.toThrow(
      /it reaches from sequence 1 \(.*\) to 24/,
    )
  })

  it("lets go, when asked to, of what only serves moments before", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(
      source,
      Effect.gen(function* () {
        for (const n of range(1, 6)) {
          yield* appendBlocks(n * 20 - 19, n * 20)
          yield* snapshot(n * 20)
          yield* back(source, target)
        }
        const report = yield* back(source, target, { keepFrom: 1_000 + 95 })
        expect(report.catalogue.snapshots.map(({ position }) => position)).toEqual([80, 100, 120])
        expect(report.removedSegments).toBeGreaterThan(0)
      }),
    )
    expect((await restored(target, source, { sequence: 81 })).plan.snapshot?.position).toBe(80)
    expect([...target.files().keys()].filter((path) => path.includes("snapshots/"))).toHaveLength(6)
  })

  it("says where it was changed, whatever bit it was, and restores nothing of it", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(
      source,
      Effect.gen(function* () {
        yield* appendBlocks(1, 20)
        yield* snapshot(20)
        yield* back(source, target)
      }),
    )
    const paths = [...target.files().keys()].filter((path) => /journal\/|snapshots\//.test(path))
    const keys = await Effect.runPromise(keysOf(source))
    const catalogue = await Effect.runPromise(readCatalogue(target.storage))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.nat(), async (path, bit) => {
        const copy = target.copy()
        const bytes = Buffer.from(copy.files().get(path)!)
        bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7)
        copy.put(path, bytes)
        for (const ring of [keys, undefined]) {
          const error = await Effect.runPromise(Effect.flip(checkFiles(copy.storage, catalogue, ring)))
          expect(error.message).toContain(`${path} is damaged`)
        }
        // A restore that doesn't need the file may go well.
        const result = await restored(copy, source).catch((error: unknown) => String(error))
        if (typeof result === "string") expect(result).toContain(`${path} is damaged`)
        else expect((await contentsOf(result.target)).sequences.at(-1)).toBe(20)
      }),
      { numRuns: 60 },
    )
  })

  it("looks again at a block that is just being written, and refuses one that stays damaged", async () => {
    const source = new MemoryDisk()
    await directory(source, appendBlocks(1, 5))
    const file = "journal/00000000000000000001.seg"
    const sound = source.copy()
    // What a reader may meet: the fourth block half there, and the fifth whole when it comes to that.
    const torn = flipBit(source, file, (4 * 4_096 + 80) * 8)
    let looks = 0
    const racing: StorageShape = {
      ...sound.storage,
      open: (path, options) => (path === file && ++looks === 2 ? torn : sound).storage.open(path, options),
    }
    const taken = await Effect.runPromise(
      Effect.gen(function* () {
        return yield* takeBackup(racing, new MemoryDisk().storage, yield* keysOf(sound), { window })
      }),
    )
    expect(taken.catalogue.segments.at(-1)?.last).toBe(5)
    expect(looks).toBeGreaterThan(2)
    const refused = await Effect.runPromise(Effect.flip(back(torn, new MemoryDisk())))
    expect(refused.message).toMatch(/seg is damaged at byte 16384, where sequence 4 was expected/)
  })

  it("of another directory, or of one that was cut back since, is refused and left as it is", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    const early = await directory(
      source,
      Effect.gen(function* () {
        yield* appendBlocks(1, 10)
        return source.copy()
      }),
    )
    await directory(source, appendBlocks(11, 30))
    await Effect.runPromise(back(source, target))
    const before = [...target.files()].map(([path, bytes]) => [path, Buffer.from(bytes).toString("hex")])
    await directory(early, appendBlocks(11, 60))
    const cutBack = await Effect.runPromise(Effect.flip(back(early, target)))
    expect(cutBack.message).toMatch(/its journal is another one now/)
    const other = new MemoryDisk()
    await directory(other, appendBlocks(1, 3))
    const stranger = await Effect.runPromise(Effect.flip(back(other, target)))
    expect(stranger.message).toMatch(/it is the backup of another data directory/)
    const after = [...target.files()].map(([path, bytes]) => [path, Buffer.from(bytes).toString("hex")])
    expect(after).toEqual(before)
  })

  it("keeps its own keys when a directory of one origin, with a data key of the same number, is refused", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    const early = await directory(source, Effect.as(appendBlocks(1, 10), undefined)).then(() => source.copy())
    const goOn = Effect.gen(function* () {
      const keys = yield* KeyRing
      yield* keys.rotate
      yield* appendBlocks(11, 30)
      yield* snapshot(30)
    })
    await directory(source, goOn)
    await Effect.runPromise(back(source, target))
    const before = new Map(target.files())
    await directory(early, Effect.andThen(goOn, appendBlocks(31, 60)))
    const error = await Effect.runPromise(Effect.flip(back(early, target)))
    expect(error.message).toMatch(/under data key 2 doesn't open with the directory's keyring\.json/)
    expect(target.files().get("keyring.json")).toEqual(before.get("keyring.json"))
    expect((await restored(target, source)).plan.last).toBe(30)
    const alone = target.copy()
    alone.put("master.key", source.files().get("master.key"))
    expect((await contentsOf(alone)).sequences).toEqual(range(1, 30))
  })
})

describe("the master key in a backup", () => {
  const rotateMaster = (disk: MemoryDisk) =>
    Effect.runPromise(rotateMasterKey({}).pipe(Effect.provide(Storage.disk(disk))))

  it("is the one that opens the ring, also where its rotation was cut before it had its name", async () => {
    const source = new MemoryDisk()
    await directory(source, appendBlocks(1, 5))
    let saved = false
    source.fault = (operation, path) => {
      if (operation !== "rename") return undefined
      if (saved && path === "master.key.new") return "EIO"
      if (path === "keyring.json.tmp") saved = true
      return undefined
    }
    await expect(rotateMaster(source)).rejects.toThrow(/EIO/)
    source.fault = undefined
    expect([...source.files().keys()]).toContain("master.key.new")
    const target = new MemoryDisk()
    const report = await Effect.runPromise(back(source, target, { withMasterKey: true }))
    expect(report.holdsMasterKey).toBe(true)
    expect(target.files().get("master.key")).toEqual(source.files().get("master.key.new"))
    expect((await restored(target, target)).plan.last).toBe(5)
  })

  it("goes when a later run brings a ring under another one, and stays as long as it opens it", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(source, appendBlocks(1, 5))
    await Effect.runPromise(back(source, target, { withMasterKey: true }))
    const again = await Effect.runPromise(back(source, target))
    expect([again.holdsMasterKey, target.files().has("master.key")]).toEqual([true, true])
    await rotateMaster(source)
    const later = await Effect.runPromise(back(source, target))
    expect([later.holdsMasterKey, target.files().has("master.key")]).toEqual([false, false])
    const renewed = await Effect.runPromise(back(source, target, { withMasterKey: true }))
    expect(renewed.holdsMasterKey).toBe(true)
    expect((await restored(target, target)).plan.last).toBe(5)
  })

  it("is refused, before anything is copied, where no file of the directory opens the ring", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(source, appendBlocks(1, 5))
    const stale = source.files().get("master.key")
    const masterKey = Redacted.make("5a".repeat(32))
    await Effect.runPromise(
      rotateMasterKey({ newMasterKey: masterKey }).pipe(Effect.provide(Storage.disk(source))),
    )
    source.put("master.key", stale)
    const refused = await Effect.runPromise(
      Effect.gen(function* () {
        const layer = KeyRing.layer({ masterKey, readOnly: true }).pipe(Layer.provide(Storage.disk(source)))
        const keys = yield* Effect.provide(Effect.service(KeyRing), layer)
        const options = { window, masterKey, withMasterKey: true }
        return yield* Effect.flip(takeBackup(source.storage, target.storage, keys, options))
      }),
    )
    expect(refused.message).toMatch(/its master key was given from outside/)
    expect([...target.files().keys()]).toEqual([])
  })
})

describe("a backup that is cut short", () => {
  const operations: ReadonlySet<DiskOperation> = new Set([
    "write",
    "sync",
    "truncate",
    "rename",
    "remove",
    "syncDirectory",
  ])

  it("at any operation leaves the earlier one whole, and the next run finishes it", async () => {
    const source = new MemoryDisk()
    const first = new MemoryDisk({ crashable: true })
    await directory(
      source,
      Effect.gen(function* () {
        yield* appendBlocks(1, 20)
        yield* snapshot(20)
        yield* back(source, first)
        yield* appendBlocks(21, 40)
        yield* snapshot(40)
        yield* appendBlocks(41, 43)
      }),
    )
    let failedAt = 0
    for (let after = 0; ; after++) {
      const target = first.copy()
      let left = after
      target.fault = (operation) => (operations.has(operation) && left-- <= 0 ? "EIO" : undefined)
      const exit = await Effect.runPromiseExit(back(source, target))
      target.fault = undefined
      if (Exit.isSuccess(exit)) break
      failedAt = after
      // What was not synced is lost or kept, in turn.
      const crashed = target.crash(() => after % 2 === 0)
      const { plan, target: whole } = await restored(crashed, source)
      expect([20, 43]).toContain(plan.last)
      expect((await contentsOf(whole)).sequences.at(-1)).toBe(plan.last)
      await Effect.runPromise(back(source, crashed))
      expect((await restored(crashed, source)).plan.last).toBe(43)
    }
    expect(failedAt).toBeGreaterThan(20)
  })
})
