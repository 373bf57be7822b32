import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { chaptersOf, gapsOf, MemoryDisk, readCatalogue } from "../src/index.ts"
import { back, contentsOf, directory, letGo, restored, snapshot, window, withoutTimes } from "./backups.ts"
import { appendBlocks, range } from "./scene.ts"

describe("what a backup can be brought back to", () => {
  it("says what its earliest moment is, also of a snapshot that an earlier program put there without a time", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(
      source,
      Effect.gen(function* () {
        yield* appendBlocks(1, 48)
        yield* snapshot(48)
        yield* appendBlocks(49, 58)
        yield* letGo(44)
        yield* back(source, target)
      }),
    )
    const earliest = Effect.map(readCatalogue(target.storage), (catalogue) => {
      const [chapter] = chaptersOf(catalogue, window)
      return [chapter?.earliest, chapter?.earliestTime]
    })
    expect(await Effect.runPromise(earliest)).toEqual([48, 1_048])
    expect((await restored(target, source, { ms: 1_048 })).plan.last).toBe(48)
    await expect(restored(target, source, { ms: 1_047 })).rejects.toThrow(
      /it reaches from sequence 48 \(1970-01-01T00:00:01\.048Z\) to 58 /,
    )
    await Effect.runPromise(withoutTimes(target))
    expect(await Effect.runPromise(earliest)).toEqual([48, undefined])
    await expect(restored(target, source, { ms: 1_047 })).rejects.toThrow(/from sequence 48 \(1970-.*048Z\)/)
    await Effect.runPromise(back(source, target))
    expect(await Effect.runPromise(earliest)).toEqual([48, 1_048])
  })

  it("is as far as before where an earlier program said no times and the backup lost a file that nobody needs", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(
      source,
      Effect.gen(function* () {
        yield* appendBlocks(1, 30)
        yield* snapshot(30)
        yield* back(source, target)
        yield* appendBlocks(31, 66)
        yield* snapshot(66)
        yield* appendBlocks(67, 70)
        yield* back(source, target)
      }),
    )
    await Effect.runPromise(withoutTimes(target))
    await Effect.runPromise(target.storage.remove("journal/00000000000000000002.seg"))
    expect((await restored(target, source)).plan.last).toBe(70)
    expect((await restored(target, source, { ms: 1_068 })).plan.last).toBe(68)
  })

  it("keeps what the engine lets go of, and goes on after a gap with a chapter of its own", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(
      source,
      Effect.gen(function* () {
        yield* appendBlocks(1, 20)
        yield* back(source, target)
        yield* appendBlocks(21, 70)
        yield* snapshot(65)
        expect(yield* letGo(60)).toBeGreaterThan(21)
        yield* back(source, target)
      }),
    )
    const catalogue = await Effect.runPromise(readCatalogue(target.storage))
    expect(chaptersOf(catalogue, window).map(({ earliest, last }) => [earliest, last])).toEqual([
      [1, 20],
      [65, 70],
    ])
    const early = await restored(target, source, { sequence: 13 })
    expect((await contentsOf(early.target)).sequences).toEqual(range(1, 13))
    const late = await restored(target, source, { sequence: 67 })
    expect((await contentsOf(late.target)).snapshots).toEqual([65])
    const between = restored(target, source, { sequence: 40 })
    await expect(between).rejects.toThrow(
      /sequences 21 to 45 are missing in it, and nothing from 21 to 64, .*: it reaches from sequence 1 \(.*\) to 20 \(.*\), 65 \(.*\) to 70 /,
    )
    expect(gapsOf(chaptersOf(catalogue, window))).toEqual([
      { first: 21, last: 45, next: 65, from: 1_020, to: 1_065 },
    ])
    // Of what was decided in between it doesn't know when: from the end of the one to the earliest of the other there is nothing.
    for (const [ms, last] of [
      [1_020, 20],
      [1_065, 65],
    ] as const) {
      expect((await restored(target, source, { ms })).plan.last).toBe(last)
    }
    for (const ms of [1_020.5, 1_040, 1_062, 1_064]) {
      await expect(restored(target, source, { ms })).rejects.toThrow(/sequences 21 to 45 are missing in it/)
    }
  })

  it("knows a gap from another history where the rest of a segment went before it was copied", async () => {
    const source = new MemoryDisk()
    const target = new MemoryDisk()
    await directory(
      source,
      Effect.gen(function* () {
        yield* appendBlocks(1, 7)
        yield* back(source, target)
        yield* appendBlocks(8, 30)
        yield* snapshot(28)
        yield* letGo(16)
        yield* back(source, target)
      }),
    )
    const catalogue = await Effect.runPromise(readCatalogue(target.storage))
    expect(catalogue.segments.map(({ number }) => number)).toEqual([1, 2])
    expect(chaptersOf(catalogue, window).map(({ earliest, last }) => [earliest, last])).toEqual([
      [1, 7],
      [28, 30],
    ])
    expect((await contentsOf((await restored(target, source)).target)).sequences).toEqual(range(16, 30))
  })
})
