/** A flipped bit anywhere in a data directory is seen, or changes nothing. `npm run flips` does it 10,000 times in 100 MB. */
import { expect, it, vi } from "vitest"
import { tryMany } from "./src/flips/Campaign.ts"
import { writeDirectory } from "./src/flips/Directory.ts"
import { type Place, smallestOf, tryPlace } from "./src/flips/Flip.ts"
import { Random } from "./src/Random.ts"

// A machine that is busy with other things takes its time.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

it.each(["closed", "killed"])("in a directory that was %s", async (end) => {
  const random = new Random(2_026)
  const written = await writeDirectory(9_000_000, random, end === "closed")
  const { totals, wrong, starts } = await tryMany(written, random, { positions: 110, starts: 2 })
  expect(wrong).toEqual([])
  expect(starts.wrong).toBe(0)
  expect(totals.start + totals.verify).toBeGreaterThan(100)
  expect(totals.start).toBeGreaterThan(20)
})

it("what is read is compared, so that a change that nobody refuses would show", async () => {
  const written = await writeDirectory(5_000_000, new Random(5), true)
  const [segment] = written.segments.values()
  if (segment === undefined) throw new Error("there is no segment")
  const place: Place = { path: segment.path, at: segment.blocks[0].at + 70, bit: 3 }
  const small = await smallestOf(written)
  expect(["start", "verify"]).toContain(await tryPlace(written, place, small))
  // A newline at the end of master.key that becomes a vertical tab is the same key.
  const at = (written.disk.files().get("master.key")?.length ?? 1) - 1
  expect(await tryPlace(written, { path: "master.key", at, bit: 0 }, small)).toBe("harmless")
  // Were other bytes taken for right, the digest tells.
  const segments = new Map(written.segments).set(segment.path, { ...segment, digest: "other" })
  expect(await tryPlace({ ...written, segments }, { path: "master.key", at, bit: 0 }, `${small} `)).toBe(
    "wrong",
  )
})
