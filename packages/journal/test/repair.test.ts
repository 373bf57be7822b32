import { Effect, Exit, Layer } from "effect"
import { describe, expect, it } from "vitest"
import {
  applyRepair,
  type DiskOperation,
  forEachLost,
  KeyRing,
  MemoryDisk,
  manifestAside,
  openDirectory,
  planRepair,
  type RepairPlan,
  Snapshots,
  Storage,
  surveyDirectory,
} from "../src/index.ts"
import { appendBlocks, changed, onDisk, payloadOf, range, readAll, sequencesIn } from "./scene.ts"

const window = 5

/** 50 blocks in four segments (15 in each), snapshots at 20 and 48. */
const whole = async (): Promise<MemoryDisk> => {
  const disk = new MemoryDisk({ crashable: true })
  await Effect.runPromise(Effect.scoped(Effect.provide(openDirectory(), Storage.disk(disk))))
  await onDisk(
    disk,
    Effect.gen(function* () {
      const snapshots = yield* Snapshots
      for (const [from, to, position] of [
        [1, 20, 20],
        [21, 48, 48],
        [49, 50, 0],
      ] as const) {
        yield* appendBlocks(from, to)
        const left = [payloadOf(position, 200)]
        if (position > 0)
          yield* snapshots.write(position, [{ name: "state", next: () => left.shift() ?? null }])
      }
    }),
  )
  return disk
}

const keysOf = (disk: MemoryDisk) =>
  Effect.provide(
    Effect.service(KeyRing),
    KeyRing.layer({ readOnly: true }).pipe(Layer.provide(Storage.disk(disk))),
  )

const planOf = async (disk: MemoryDisk): Promise<RepairPlan> => {
  const planned = await Effect.runPromise(
    Effect.gen(function* () {
      return planRepair(yield* surveyDirectory(disk.storage, yield* keysOf(disk)), window)
    }),
  )
  if (planned.kind !== "plan") throw new Error(`there is no plan: ${planned.kind}`)
  return planned.plan
}

const apply = (disk: MemoryDisk, plan: RepairPlan | undefined) =>
  Effect.gen(function* () {
    yield* applyRepair(disk.storage, yield* keysOf(disk), plan)
  })

/** Opens it as a start does, with everything authenticated. */
const sequencesOf = (disk: MemoryDisk) =>
  onDisk(
    disk,
    Effect.map(readAll, (blocks) => sequencesIn(blocks)),
    { verify: "all", readOnly: true },
  )

const segment = (n: number): string => `journal/${String(n).padStart(20, "0")}.seg`
const damagedAt = (disk: MemoryDisk, n: number, at: number): MemoryDisk =>
  changed(disk, segment(n), (bytes) => {
    bytes[at]! ^= 1
    return bytes
  })

describe("a repair", () => {
  it("of any one damaged block keeps what the newest sound start leads to, and tells the lost ones that it can read", async () => {
    const disk = await whole()
    for (const lost of range(1, 50)) {
      const n = Math.ceil(lost / 15)
      const damaged = damagedAt(disk, n, 4_096 * (lost - (n - 1) * 15) + 100)
      const plan = await planOf(damaged)
      const read: Array<number> = []
      await Effect.runPromise(forEachLost(damaged.storage, plan, ({ first }) => void read.push(first)))
      await Effect.runPromise(apply(damaged, plan))
      const kept = await sequencesOf(damaged)
      if (lost <= 30) {
        // A start from 48 reads from 44 on, in the third segment: only history is lost.
        expect([plan.base, plan.lost, read]).toEqual([48, undefined, []])
        expect(kept).toEqual(range(n * 15 + 1, 50))
      } else {
        expect(plan.base).toBe(lost > 48 ? 48 : 20)
        expect(plan.lost).toEqual({ first: lost, last: 50 })
        expect(kept).toEqual(range(1, lost - 1))
        expect(read).toEqual(range(lost + 1, 50))
      }
    }
  })

  it("writes the padding behind whole blocks as it was, and loses nothing with it", async () => {
    const original = await whole()
    const before = original.files()
    const changedAt: ReadonlyArray<readonly [number, number]> = [
      [1, 4_096 * 4 - 3],
      [1, 4_096 * 6 - 700],
      [2, 4_096 * 3 - 1],
      // The journal's last block: what follows it is its end mark.
      [4, 4_096 * 6 - 2],
    ]
    let disk = original
    for (const [n, at] of changedAt) disk = damagedAt(disk, n, at)
    const plan = await planOf(disk)
    expect(plan.damages.map(({ reason }) => reason)).toEqual(
      changedAt.map(() => expect.stringContaining("padding")),
    )
    expect([plan.first, plan.last, plan.lost, plan.lostHistory]).toEqual([1, 50, undefined, undefined])
    expect([plan.cuts.size, plan.droppedSegments, plan.droppedSnapshots]).toEqual([0, [], []])
    await Effect.runPromise(apply(disk, plan))
    for (const [name, bytes] of before) {
      if (name.startsWith("journal/"))
        expect(Buffer.compare(disk.files().get(name) ?? Buffer.alloc(0), bytes)).toBe(0)
    }
    expect(await sequencesOf(disk)).toEqual(range(1, 50))
  })

  it("cut short at any operation leaves what no engine starts on, or what is repaired; run again it is repaired", async () => {
    const operations: ReadonlySet<DiskOperation> = new Set([
      "write",
      "sync",
      "truncate",
      "rename",
      "remove",
      "syncDirectory",
    ])
    for (const [n, at, expected] of [
      [3, 4_096 * 4 + 70, range(1, 33)],
      [2, 4_096 * 3 + 70, range(31, 50)],
    ] as const) {
      const original = damagedAt(await whole(), n, at)
      let failed = 0
      for (let after = 0; ; after++) {
        const disk = original.copy()
        let left = after
        const plan = await planOf(disk)
        disk.fault = (operation) => (operations.has(operation) && left-- <= 0 ? "EIO" : undefined)
        const exit = await Effect.runPromiseExit(apply(disk, plan))
        disk.fault = undefined
        if (Exit.isSuccess(exit)) break
        failed++
        const crashed = disk.crash(() => after % 2 === 0)
        const starts = crashed.files().has("manifest.json")
        if (!starts) expect(crashed.files().has(manifestAside)).toBe(true)
        const again = await Effect.runPromise(
          Effect.gen(function* () {
            return planRepair(yield* surveyDirectory(crashed.storage, yield* keysOf(crashed)), window)
          }),
        )
        if (starts && again.kind === "sound") expect(await sequencesOf(crashed)).toEqual(expected)
        else {
          await Effect.runPromise(apply(crashed, again.kind === "plan" ? again.plan : undefined))
          expect(await sequencesOf(crashed)).toEqual(expected)
          expect(crashed.files().has("manifest.json")).toBe(true)
        }
      }
      expect(failed).toBeGreaterThan(10)
    }
  })
})
