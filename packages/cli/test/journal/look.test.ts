import { join } from "node:path"
import { MemoryDisk } from "@millrace/journal"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { blockSlots, fileStorage, firstCard, Scribe, terminal, time } from "../directory.ts"
import { runHere } from "../here.ts"
import { cleanUp, temporaryDirectory } from "../program.ts"

let data: string
let last: number
let first: number
let snapshots: ReadonlyArray<number>

beforeAll(async () => {
  data = join(temporaryDirectory(), "data")
  const made = await Scribe.withSnapshots(fileStorage(data))
  const { scribe } = made
  await scribe.write(2)
  snapshots = made.snapshots
  last = scribe.last
  await scribe.close()
})
afterAll(cleanUp)

const lines = async (...args: ReadonlyArray<string>) => {
  const { code, stdout, stderr } = await runHere(["journal", "dump", data, "--json", ...args])
  expect([code, stderr]).toEqual([0, ""])
  return stdout === ""
    ? []
    : stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line))
}
const at = (seconds: number): string => new Date(time + seconds * 1_000).toISOString()

describe("journal verify", () => {
  it("compares every snapshot that the journal leads up to with the state there, byte for byte", async () => {
    const { code, stdout } = await runHere(["journal", "verify", data, "--json"])
    expect(code).toBe(0)
    const found = JSON.parse(stdout)
    first = found.first
    expect(found).toMatchObject({ sound: true, base: snapshots[0], last })
    expect(found.snapshots).toMatchObject([
      { position: snapshots[0], compared: "base" },
      { position: snapshots[1], compared: "bytes" },
    ])
  })

  it("finds a snapshot that is whole and authentic and not what the journal leads to", async () => {
    const directory = join(temporaryDirectory(), "other")
    const scribe = await Scribe.begin(fileStorage(directory))
    const other = await Scribe.begin(new MemoryDisk().storage)
    await scribe.write(3)
    await other.write(2)
    await other.write(1, 101)
    const position = await scribe.snapshot(other.ledger)
    await scribe.write(1)
    await scribe.close()
    await other.close()
    const { code, stdout, stderr } = await runHere(["journal", "verify", directory])
    expect([code, stdout]).toEqual([1, ""])
    expect(stderr).toMatch(
      new RegExp(`the snapshot at ${position} is not what the journal leads to: part \\S+, piece \\d`),
    )
  })
})

describe("journal dump", () => {
  it("chooses by time, by sequence, by card, by terminal and by kind", async () => {
    expect(await lines("--from", String(last), "--until", String(last))).toMatchObject([{ sequence: last }])
    const second = await lines("--from", at(20), "--until", at(20))
    expect(second).toHaveLength(blockSlots)
    expect(new Set(second.map((entry) => entry.time))).toEqual(new Set([at(20)]))
    const { card } = second[0]
    expect(card).toMatch(/^600000\*{6}\d{4}$/)
    const wanted = String(firstCard + BigInt(Number(card.slice(-4)) - 1))
    const ofCard = await lines("--card", wanted, "--from", at(20), "--to", at(20))
    expect(ofCard).toEqual([second[0]])
    expect(await lines("--terminal", String(terminal + 1))).toEqual([])
    expect((await lines("--kind", "purchase")).length).toBe(last - first + 1)
    expect(await lines("--kind", "control")).toEqual([])
  })
})

describe("journal stat", () => {
  it("says since when, how fast, what a start decides again and what is no longer needed", async () => {
    const { stdout } = await runHere(["journal", "stat", data, "--json"])
    const found = JSON.parse(stdout)
    expect(found).toMatchObject({
      first,
      last,
      replayedAtStart: last - snapshots[1],
      slotsPerBlock: blockSlots,
      keyIds: [1],
      releasable: { segments: 0, bytes: 0, below: null },
    })
    expect(found.lastTime).toBe(at(23))
    expect(found.snapshots.map((one: { time: string }) => one.time)).toEqual([at(14), at(21)])
    const { segments } = found
    expect(segments[0]).toMatchObject({ firstTime: found.firstTime, keyId: 1 })
    expect(segments.reduce((sum: number, one: { blocks: number }) => sum + one.blocks, 0)).toBe(found.blocks)
  })
})
