/** A snapshot belongs to one journal: of another history, though of the same keys and positions, it is refused. */
import { MemoryDisk } from "@millrace/journal"
import { Effect } from "effect"
import { expect, it } from "vitest"
import { Caller, firstCard, type Lab, provision, purchase, start } from "./lab.ts"

const buy = async (lab: Lab, from: bigint, amount: number) => {
  const caller = new Caller(lab)
  await caller.ask([1n, 2n, 3n].map((n) => purchase(from + n, firstCard + n, amount)))
  return lab.engine.lane.ledger.next
}

const snapshotAndStop = async (lab: Lab) => {
  await Effect.runPromise(lab.engine.snapshot)
  await lab.stop()
}

/** Two histories that part after the same beginning, each with a snapshot at the same position and nothing after it. */
const fork = async () => {
  const one = new MemoryDisk()
  const begun = await start(one)
  await provision(begun)
  await buy(begun, 10n, 100)
  await begun.stop()
  const two = one.copy()
  const [first, second] = [await start(one), await start(two)]
  expect(await buy(first, 20n, 700)).toBe(await buy(second, 30n, 5))
  await snapshotAndStop(first)
  await snapshotAndStop(second)
  return { one, two }
}

it("a snapshot beside the journal of another history is refused", async () => {
  const { one, two } = await fork()
  for (const [path, bytes] of two.files()) if (path.startsWith("journal/")) one.put(path, bytes)
  await expect(start(one)).rejects.toThrow(
    /the snapshot at \d+ was not taken of this journal: their files come from two directories. Nothing was answered/,
  )
})

it("a snapshot beside its own journal is not", async () => {
  const { one } = await fork()
  const lab = await start(one)
  expect(lab.engine.recovered.snapshot).toBeGreaterThan(0)
  expect(lab.engine.recovered.replayed).toBe(0)
  await lab.stop()
})
