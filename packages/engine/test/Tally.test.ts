import { MemoryDisk } from "@millrace/journal"
import { Effect, Exit } from "effect"
import { expect, it } from "vitest"
import { provision, start } from "./lab.ts"

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
