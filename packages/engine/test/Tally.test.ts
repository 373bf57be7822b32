import { MemoryDisk } from "@millrace/journal"
import { Effect, Exit } from "effect"
import { expect, it } from "vitest"
import { Caller, firstCard, provision, purchase, start } from "./lab.ts"

it("snapshots are counted, and those that fail; a start knows where the newest ends", async () => {
  const disk = new MemoryDisk({ crashable: true })
  const lab = await start(disk)
  await provision(lab)
  const { tally } = lab.engine.lane
  const wasRunning: Array<boolean> = []
  disk.fault = (operation, path) => {
    if (operation !== "write" || !path.startsWith("snapshots/")) return undefined
    wasRunning.push(tally.snapshotRunning)
    return "ENOSPC"
  }
  expect(Exit.isFailure(await Effect.runPromiseExit(lab.engine.snapshot))).toBe(true)
  expect(wasRunning[0]).toBe(true)
  expect(tally).toMatchObject({
    snapshots: 0,
    snapshotFailures: 1,
    snapshotPosition: 0,
    snapshotRunning: false,
  })
  disk.fault = undefined
  const position = await Effect.runPromise(lab.engine.snapshot)
  // Nothing was journaled since: it is there already.
  expect(await Effect.runPromise(lab.engine.snapshot)).toBe(position)
  expect(tally).toMatchObject({ snapshots: 1, snapshotFailures: 1, snapshotPosition: position })
  expect(tally.snapshotSeconds).toBeGreaterThan(0)
  await lab.stop()
  const next = await start(disk)
  expect(next.engine.lane.tally).toMatchObject({ snapshots: 0, snapshotPosition: position })
  await next.stop()
})

it("a snapshot that is whole counts, whatever becomes of the older ones; a defect counts as a failure and is not for ever", async () => {
  const disk = new MemoryDisk({ crashable: true })
  const lab = await start(disk)
  await provision(lab)
  const { tally, ledger } = lab.engine.lane
  const shard = ledger.shards[2]
  const { freeze } = shard
  shard.freeze = () => {
    throw new Error("a defect, planted")
  }
  expect(Exit.isFailure(await Effect.runPromiseExit(lab.engine.snapshot))).toBe(true)
  expect(tally).toMatchObject({ snapshots: 0, snapshotFailures: 1, snapshotRunning: false })
  shard.freeze = freeze
  const caller = new Caller(lab)
  const positions: Array<number> = []
  for (let reference = 1n; reference <= 3n; reference++) {
    await caller.ask([purchase(reference, firstCard, 1)])
    // The third makes the first too many.
    if (reference === 3n) disk.fault = (operation) => (operation === "remove" ? "EIO" : undefined)
    const exit = await Effect.runPromiseExit(lab.engine.snapshot)
    expect(Exit.isSuccess(exit)).toBe(reference < 3n)
    positions.push(tally.snapshotPosition)
  }
  disk.fault = undefined
  expect(positions[2]).toBeGreaterThan(positions[1])
  expect(tally).toMatchObject({ snapshots: 3, snapshotFailures: 2 })
  await lab.stop()
})
