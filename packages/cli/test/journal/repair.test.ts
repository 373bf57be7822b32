import {
  appendFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { blockSlots, fileStorage, Scribe } from "../directory.ts"
import { runHere } from "../here.ts"
import { cleanUp, temporaryDirectory } from "../program.ts"

/** 28 blocks in six segments, snapshots in the second and fifth, closed as a stop closes it. */
let original: string
let snapshots: ReadonlyArray<number>
let last: number
let home: string

beforeAll(async () => {
  home = temporaryDirectory()
  original = join(home, "original")
  const scribe = await Scribe.begin(fileStorage(original))
  await scribe.write(8)
  const older = await scribe.snapshot()
  await scribe.write(15)
  const newer = await scribe.snapshot()
  await scribe.write(4)
  snapshots = [older, newer]
  last = scribe.last
  await scribe.close()
})
afterAll(cleanUp)

let copies = 0
const copy = (): string => {
  const data = join(home, `copy-${++copies}`)
  cpSync(original, data, { recursive: true })
  return data
}

const segments = (data: string): ReadonlyArray<string> => readdirSync(join(data, "journal"))
const segment = (data: string, n: number): string => join(data, "journal", segments(data)[n])
const flip = (file: string, at: number): void => {
  const bytes = readFileSync(file)
  bytes[at] ^= 0x10
  writeFileSync(file, bytes)
}

/** What a run without --yes says: it changes nothing. */
const look = async (data: string) => {
  const before = listing(data)
  const { code, stdout, stderr } = await runHere(["journal", "repair", data, "--json"])
  expect(listing(data)).toEqual(before)
  return { code, told: stdout === "" ? undefined : JSON.parse(stdout), stderr }
}

const listing = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(directory, name)).isFile())
    .map((name) => `${name} ${readFileSync(join(directory, name)).toString("base64")}`)
    .sort()

/** Repairs with the sequence that the look gave, and expects a directory that verifies and the original beside it. */
const mend = async (data: string) => {
  const damaged = listing(data)
  const { code, told } = await look(data)
  expect(code).toBe(1)
  const n = String(told.fromSequence)
  const done = await runHere(["journal", "repair", data, "--json", "--yes", "--from-sequence", n])
  expect([done.code, done.stderr]).toEqual([0, ""])
  const result = JSON.parse(done.stdout)
  expect(listing(result.original)).toEqual(damaged)
  const verified = await runHere(["journal", "verify", data, "--json"])
  expect([verified.code, verified.stderr]).toEqual([0, ""])
  expect(JSON.parse(verified.stdout)).toMatchObject({ sound: true, last: told.fromSequence - 1 })
  const again = await runHere(["journal", "repair", data, "--json"])
  expect(again).toMatchObject({ code: 0, stdout: '{"damages":[],"repaired":false}\n' })
  return told
}

describe("journal repair", () => {
  it("says of a sound directory that there is nothing to do", async () => {
    expect(await look(original)).toMatchObject({ code: 0, told: { damages: [], repaired: false } })
  })

  it("cuts before a damaged block in the last segment, and says what is lost by sequence, terminal and masked card", async () => {
    const data = copy()
    const n = segments(data).length - 1
    flip(segment(data, n), 4_096 + 300)
    const told = await mend(data)
    const { lost } = told
    expect(told.damages).toMatchObject([{ file: `journal/${segments(original)[n]}`, at: 4_096 }])
    expect(lost.to).toBe(last)
    expect(lost.from).toBe(told.fromSequence)
    expect(lost.unreadable).toEqual([[lost.from, lost.from + blockSlots - 1]])
    expect(lost.readable).toBe(last - lost.from + 1 - blockSlots)
    expect(told.droppedSnapshots).toEqual(snapshots.filter((position) => position >= lost.from))
  })

  it("keeps what a link leads to, too: segments on another disk", async () => {
    const data = copy()
    const disk = join(home, `disk-${copies}`)
    renameSync(join(data, "journal"), disk)
    symlinkSync(disk, join(data, "journal"))
    flip(segment(data, segments(data).length - 1), 4_096 + 300)
    const damaged = listing(disk)
    const { told } = await look(data)
    const n = String(told.fromSequence)
    const done = await runHere(["journal", "repair", data, "--json", "--yes", "--from-sequence", n])
    expect([done.code, done.stderr]).toEqual([0, ""])
    expect(listing(join(JSON.parse(done.stdout).original, "journal"))).toEqual(damaged)
    expect(await runHere(["journal", "verify", data])).toMatchObject({ code: 0 })
  })

  it("loses no state to damage that is older than what the newest snapshot needs", async () => {
    const data = copy()
    flip(segment(data, 1), 4_096 + 70)
    const told = await mend(data)
    expect(told).toMatchObject({ lost: null, fromSequence: last + 1, base: snapshots[1] })
    expect(told.droppedSegments).toEqual(segments(original).slice(0, 2))
    expect(told.lostHistory.first).toBe(1)
    const lookup = await runHere(["journal", "dump", data, "--json"])
    expect(JSON.parse(lookup.stdout.split("\n")[0]).sequence).toBe(told.lostHistory.last + 1)
  })

  it("goes back to before a missing segment when nothing later can be begun from", async () => {
    const data = copy()
    rmSync(join(data, "snapshots"), { recursive: true })
    rmSync(segment(data, 2))
    const told = await mend(data)
    expect(told.droppedSegments).toEqual(segments(original).slice(3))
    expect(told.lost).toMatchObject({ from: told.fromSequence, to: last })
    expect(told.lost.unreadable).toHaveLength(1)
    expect(told.lost.kinds.purchase).toBe(told.lost.readable)
    expect(told.lost.cards.every((card: string) => /^\d{6}\*{6}\d{4}$/.test(card))).toBe(true)
    expect(told.lost.terminals).toEqual([1001])
  })

  it("takes a damaged snapshot away where the journal is whole: nothing is lost", async () => {
    const data = copy()
    const directory = join(data, "snapshots", String(snapshots[1]).padStart(20, "0"))
    flip(join(directory, "shard-0"), 100)
    const told = await mend(data)
    expect(told).toMatchObject({
      lost: null,
      lostHistory: null,
      fromSequence: last + 1,
      droppedSnapshots: [snapshots[1]],
      droppedSegments: [],
    })
  })

  it("marks the end anew where only the mark was damaged", async () => {
    const data = copy()
    const file = segment(data, segments(data).length - 1)
    flip(file, statSync(file).size - 4_096 + 30)
    expect(await mend(data)).toMatchObject({ lost: null, droppedSegments: [], fromSequence: last + 1 })
  })

  it("writes the padding behind a whole block as it was: nothing is lost", async () => {
    const data = copy()
    // In the middle of the journal, of which the newest snapshot needs what follows; and behind the last block.
    const newest = segments(data).length - 1
    flip(segment(data, 1), 2 * 4_096 - 1)
    flip(segment(data, newest), statSync(segment(data, newest)).size - 4_096 - 1)
    const told = await mend(data)
    expect(told).toMatchObject({ lost: null, lostHistory: null, droppedSegments: [], droppedSnapshots: [] })
    expect(told).toMatchObject({ cuts: {}, fromSequence: last + 1 })
    expect(told.mends).toEqual([segments(original)[1], segments(original)[newest]])
    expect(listing(join(data, "journal"))).toEqual(listing(join(original, "journal")))
  })

  it("takes away what was put behind the last block of an older segment: nothing is lost", async () => {
    const data = copy()
    const file = segment(data, 2)
    appendFileSync(file, Buffer.alloc(4_096, 0x11))
    const told = await mend(data)
    expect(told).toMatchObject({ lost: null, lostHistory: null, droppedSegments: [], fromSequence: last + 1 })
    expect(Object.keys(told.cuts)).toEqual([segments(original)[2]])
  })

  it("makes a damaged manifest anew from what a snapshot says, and refuses to guess it without one", async () => {
    const data = copy()
    flip(join(data, "manifest.json"), 40)
    const before = JSON.parse(readFileSync(join(original, "manifest.json"), "utf8"))
    expect((await mend(data)).lost).toBeNull()
    const after = JSON.parse(readFileSync(join(data, "manifest.json"), "utf8"))
    expect([after.shards, after.rememberedTransactions]).toEqual([
      before.shards,
      before.rememberedTransactions,
    ])
    const bare = copy()
    rmSync(join(bare, "snapshots"), { recursive: true })
    rmSync(join(bare, "manifest.json"))
    const refused = await runHere(["journal", "repair", bare])
    expect([refused.code, refused.stdout]).toEqual([1, ""])
    expect(refused.stderr).toMatch(/manifest\.json can't be used \(it is missing\).*from a backup/)
  })

  it("can do nothing about a key ring, and names the backup", async () => {
    const data = copy()
    flip(join(data, "keyring.json"), 200)
    const { code, stderr } = await look(data)
    expect(code).toBe(1)
    expect(stderr).toMatch(/keyring\.json is damaged .*Copy keyring\.json from a backup/)
  })

  it("refuses where nothing is left to begin from", async () => {
    const data = copy()
    rmSync(join(data, "snapshots"), { recursive: true })
    rmSync(segment(data, 0))
    const { code, stderr } = await look(data)
    expect(code).toBe(1)
    expect(stderr).toMatch(/can't be repaired: what can be read is .* there is no sound snapshot/)
  })

  it("drops a snapshot that is ahead of a journal whose newest segments are gone", async () => {
    const data = copy()
    const names = segments(data)
    for (const name of names.slice(3)) rmSync(join(data, "journal", name))
    const told = await mend(data)
    expect(told.droppedSnapshots).toEqual([snapshots[1]])
    expect(told.lost).toMatchObject({ to: snapshots[1], readable: 0 })
  })

  it("finishes one that was cut short, without which nothing starts", async () => {
    const data = copy()
    renameSync(join(data, "manifest.json"), join(data, "manifest.json.repairing"))
    const started = await runHere(["serve", "--data", data, "--tcp", "0", "--http", "0"])
    expect(started.code).toBe(1)
    expect(started.stderr).toMatch(/a repair of it was cut short\. Run `millrace journal repair` on it again/)
    const finished = await runHere(["journal", "repair", data, "--json"])
    expect(finished).toMatchObject({ code: 0, stdout: '{"damages":[],"repaired":true}\n' })
    expect(await runHere(["journal", "verify", data])).toMatchObject({ code: 0 })
  })

  it("is not talked into it: --yes alone, --from-sequence alone and another sequence are refused", async () => {
    const data = copy()
    flip(segment(data, 5), 4_096 + 300)
    const before = listing(data)
    for (const more of [["--yes"], ["--from-sequence", "5"]]) {
      expect((await runHere(["journal", "repair", data, ...more])).code).toBe(2)
    }
    const other = await runHere(["journal", "repair", data, "--yes", "--from-sequence", "5"])
    expect(other.code).toBe(1)
    expect(other.stderr).toMatch(/this repair goes on with \d+\. Nothing was changed/)
    const unasked = await runHere(["journal", "repair", data])
    expect(unasked.code).toBe(1)
    expect(unasked.stderr).toMatch(/nothing was changed\. To repair: .* --yes --from-sequence \d+/)
    expect(listing(data)).toEqual(before)
    expect(readdirSync(home).filter((name) => join(home, name).startsWith(`${data}.`))).toEqual([])
  })

  it("writes what is lost and can be read to a file of its own, once", async () => {
    const data = copy()
    flip(segment(data, 5), 4_096 + 300)
    const file = join(home, "lost.jsonl")
    const first = await runHere(["journal", "repair", data, "--lost", file, "--json"])
    const lines = readFileSync(file, "utf8").trim().split("\n")
    expect(lines).toHaveLength(JSON.parse(first.stdout).lost.readable)
    expect(lines.map((line) => JSON.parse(line).sequence)).toContain(last)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect((await runHere(["journal", "repair", data, "--lost", file])).stderr).toMatch(/EEXIST/)
  })
})
