/** A start on a directory that lost segments: refused with what is missing and what to do, in this order. */
import { MemoryDisk } from "@millrace/journal"
import { Effect } from "effect"
import { expect, it } from "vitest"
import { Caller, firstCard, type Lab, provision, purchase, start } from "./lab.ts"

const segmentBytes = 64 << 10
/** The smallest that these mailboxes allow. */
const options = { shards: 1, rememberedTransactions: 2 ** 12, mailboxRecordsMax: 256 }

const buy = async (lab: Lab, from: number, count: number) => {
  const caller = new Caller(lab)
  for (let n = from; n < from + count; n += 200) {
    const batch = Array.from({ length: Math.min(200, from + count - n) }, (_, i) => BigInt(n + i))
    await caller.ask(batch.map((reference) => purchase(reference, firstCard + (reference % 64n), 1)))
  }
}

const segmentsOf = (disk: MemoryDisk): ReadonlyArray<string> =>
  [...disk.files().keys()].filter((path) => path.endsWith(".seg")).sort()

const without = (disk: MemoryDisk, paths: ReadonlyArray<string>): MemoryDisk => {
  const copy = disk.copy()
  for (const path of paths) copy.put(path, undefined)
  return copy
}

it("names the sequences that are missing before the snapshot, or up to it, and the next steps", async () => {
  const disk = new MemoryDisk()
  const lab = await start(disk, options, segmentBytes)
  await provision(lab)
  await buy(lab, 1, 9_000)
  await Effect.runPromise(lab.engine.snapshot)
  const position = lab.engine.lane.durable - 1
  await lab.stop()
  const segments = segmentsOf(disk)
  const needed = position + 1 - lab.engine.lane.ledger.memory.rememberedMax
  const steps =
    "Nothing was answered\\. See with `millrace journal verify` .*`millrace restore`.*; `millrace journal repair` says"
  const begins = new RegExp(
    `^sequences ${needed} to \\d+ are missing from the journal: a start from the snapshot at ${position} reads them, and it begins at \\d+\\. ${steps}`,
  )
  await expect(start(without(disk, segments.slice(0, -2)), options, segmentBytes)).rejects.toThrow(begins)
  const ends = new RegExp(
    `^sequences \\d+ to ${position} are missing from the journal: the snapshot at ${position} is ahead of it, and it ends at \\d+\\. ${steps}`,
  )
  await expect(start(without(disk, segments.slice(1)), options, segmentBytes)).rejects.toThrow(ends)
  const snapshots = [...disk.files().keys()].filter((path) => path.startsWith("snapshots/"))
  const nothing = without(disk, [...snapshots, ...segments.slice(0, 1)])
  const first = new RegExp(
    `^sequences 1 to \\d+ are missing from the journal: it begins at \\d+, and there is no snapshot\\. ${steps}`,
  )
  await expect(start(nothing, options, segmentBytes)).rejects.toThrow(first)
  // What no start reads may be gone.
  const whole = await start(disk, options, segmentBytes)
  expect(whole.engine.recovered.snapshot).toBe(position)
  await whole.stop()
})
