import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { fileStorage, remembered, Scribe } from "../directory.ts"
import { runHere } from "../here.ts"
import { cleanUp, temporaryDirectory } from "../program.ts"

let home: string
/** Two snapshots, and the journal from what the older one needs. */
let data: string
let snapshots: ReadonlyArray<number>
/** Without a snapshot, and from the first decision on. */
let young: string

beforeAll(async () => {
  home = temporaryDirectory()
  data = join(home, "data")
  const made = await Scribe.withSnapshots(fileStorage(data))
  const { scribe } = made
  snapshots = made.snapshots
  await scribe.write(12)
  await scribe.close()
  young = join(home, "young")
  const other = await Scribe.begin(fileStorage(young))
  await other.write(12)
  await other.close()
})
afterAll(cleanUp)

let copies = 0
const without = (of: string, which: (names: ReadonlyArray<string>) => ReadonlyArray<string>): string => {
  const copy = join(home, `copy-${++copies}`)
  cpSync(of, copy, { recursive: true })
  for (const name of which(readdirSync(join(copy, "journal")).sort())) rmSync(join(copy, "journal", name))
  return copy
}
const stat = async (directory: string) => {
  const { code, stdout, stderr } = await runHere(["journal", "stat", directory, "--json"])
  return { code, stderr, found: JSON.parse(stdout) }
}
/** What a start from a snapshot needs before it, by the memory of these directories. */
const needed = (position: number): number => position + 1 - (remembered - 3)
const nextSteps =
  /`millrace serve` refuses to start on it: restore a backup \(`millrace restore`\), or see with `millrace journal repair`/

describe("segments that are missing", () => {
  it("before what any snapshot needs are not", async () => {
    expect(await stat(data)).toMatchObject({ code: 0, stderr: "", found: { missing: [], reaches: true } })
    expect(await stat(young)).toMatchObject({ code: 0, stderr: "", found: { missing: [], reaches: true } })
  })

  it("at the beginning, that a start needs: stat, verify and backup name them and what to do", async () => {
    const cut = without(data, (names) => names.slice(0, -2))
    const { code, stderr, found } = await stat(cut)
    expect(found).toMatchObject({
      reaches: false,
      missing: snapshots.map((neededBy) => ({ first: needed(neededBy), last: found.first - 1, neededBy })),
    })
    const named = `sequences ${needed(snapshots[1])} to ${found.first - 1} are missing from the journal: a start from the snapshot at ${snapshots[1]} reads them`
    expect([code, stderr]).toEqual([1, expect.stringContaining(named)])
    expect(stderr).toMatch(nextSteps)
    expect((await runHere(["journal", "stat", cut])).stdout).toMatch(
      /^start {6}is refused: segments are missing$/m,
    )
    const verified = await runHere(["journal", "verify", cut])
    expect([verified.code, verified.stderr]).toEqual([1, expect.stringContaining(named)])
    expect(verified.stderr).toMatch(nextSteps)
    const backup = await runHere(["backup", "--data", cut, "--to", `${cut}-backup`])
    expect([backup.code, backup.stderr]).toEqual([1, expect.stringContaining(named)])
    expect(backup.stderr).toMatch(
      /with `millrace journal verify` .*`millrace restore`.* `millrace journal repair`/,
    )
  })

  it("at the end, that the newest snapshot is ahead of: a backup is refused, too, and keeps nothing for whole", async () => {
    const whole = join(home, "whole")
    const scribe = await Scribe.begin(fileStorage(whole))
    await scribe.write(9)
    await scribe.snapshot()
    await scribe.write(10)
    const newest = await scribe.snapshot()
    await scribe.write(3)
    await scribe.close()
    const cut = without(whole, (names) => names.slice(-2))
    const { code, stderr, found } = await stat(cut)
    expect(found.last).toBeLessThan(newest)
    const named = `the snapshot at ${newest} is ahead of it, and it ends at ${found.last}`
    expect([code, stderr]).toEqual([1, expect.stringContaining(named)])
    const backup = await runHere(["backup", "--data", cut, "--to", `${cut}-backup`])
    expect([backup.code, backup.stderr]).toEqual([1, expect.stringContaining(named)])
  })

  it("are not taken for missing where the journal can't be looked into: the opening says why", async () => {
    const cut = without(data, (names) => names)
    rmSync(join(cut, "journal"), { recursive: true })
    writeFileSync(join(cut, "journal"), "")
    writeFileSync(join(cut, "begun"), "")
    for (const command of ["stat", "verify", "repair"]) {
      const { code, stderr } = await runHere(["journal", command, cut])
      expect([command, code, stderr]).toEqual([command, 1, expect.stringMatching(/journal.*ENOTDIR/)])
    }
  })

  it("at the beginning, that only the older snapshot needs: a start does not, and repair takes that snapshot away", async () => {
    const cut = without(data, (names) => names.slice(0, 1))
    const { code, stderr, found } = await stat(cut)
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/a start doesn't need them.*: take a backup now/),
    ])
    expect(found).toMatchObject({ reaches: true, missing: [{ neededBy: snapshots[0] }] })
    expect((await runHere(["journal", "verify", cut])).code).toBe(1)
    expect((await runHere(["backup", "--data", cut, "--to", `${cut}-backup`])).code).toBe(0)
    const told = JSON.parse((await runHere(["journal", "repair", cut, "--json"])).stdout)
    expect(told).toMatchObject({ droppedSnapshots: [snapshots[0]], lost: null, droppedSegments: [] })
    const yes = ["--yes", "--from-sequence", String(told.fromSequence)]
    expect((await runHere(["journal", "repair", cut, ...yes])).code).toBe(0)
    expect((await runHere(["journal", "verify", cut])).code).toBe(0)
    expect(await stat(cut)).toMatchObject({ code: 0, stderr: "" })
  })

  it("at the beginning, without a snapshot: nothing leads to the balances", async () => {
    const cut = without(young, (names) => names.slice(0, 1))
    const { code, stderr, found } = await stat(cut)
    expect(found.missing).toEqual([{ first: 1, last: found.first - 1, neededBy: 0 }])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^millrace: sequences 1 to \d+ are missing from the journal: .*there is no snapshot/,
      ),
    ])
  })

  it("in the middle are named by their numbers", async () => {
    const one = without(data, (names) => names.slice(1, 2))
    const two = without(data, (names) => names.slice(1, 3))
    for (const [directory, which] of [
      [one, /segment \d+, the one before it, is missing\. .*`millrace restore`.*`millrace journal repair`/],
      [two, /segments \d+ to \d+, before it, are missing\. .*`millrace restore`/],
    ] as const) {
      for (const args of [
        ["journal", "stat", directory],
        ["journal", "verify", directory],
      ]) {
        expect(await runHere(args)).toMatchObject({
          code: 1,
          stdout: "",
          stderr: expect.stringMatching(which),
        })
      }
    }
  })

  it("at the end, that a snapshot shows to have been", async () => {
    const cut = without(data, (names) => names.slice(1))
    const { code, stderr, found } = await stat(cut)
    expect(found.missing).toEqual([{ first: found.last + 1, last: snapshots[1], neededBy: snapshots[1] }])
    const ahead = `the snapshot at ${snapshots[1]} is ahead of it, and it ends at ${found.last}`
    expect([code, stderr]).toEqual([1, expect.stringContaining(ahead)])
    expect((await runHere(["journal", "stat", cut])).stdout).toMatch(
      /^snapshot .*, after what the journal has/m,
    )
  })

  it("all of them: nothing is taken for a new journal or for a whole backup", async () => {
    const none = without(data, (names) => names)
    expect((await stat(none)).stderr).toMatch(/is ahead of it, and it is empty/)
    const target = `${none}-backup`
    const taken = await runHere(["backup", "--data", none, "--to", target])
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringMatching(/is ahead of it, and it is empty/)])
    const begun = without(young, (names) => names)
    writeFileSync(join(begun, "begun"), "")
    for (const args of [
      ["journal", "stat", begun],
      ["journal", "verify", begun],
      ["journal", "repair", begun],
      ["backup", "--data", begun, "--to", `${begun}-backup`],
    ]) {
      expect(await runHere(args)).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(/^millrace: the journal of .* is gone: .* Restore a backup/),
      })
    }
  })
})

it("what lies in the journal's directory and can't be read as a segment is named", async () => {
  const begun = without(young, (names) => names)
  writeFileSync(join(begun, "begun"), "")
  mkdirSync(join(begun, "journal", "copies"))
  expect(await runHere(["journal", "stat", begun])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/it holds copies, which isn't a segment\. Move that file away/),
  })
})

it("a directory that lost its manifest is told from one that never was a data directory", async () => {
  const lost = without(data, () => [])
  rmSync(join(lost, "manifest.json"))
  expect((await runHere(["journal", "verify", lost])).stderr).toMatch(
    /there is no manifest\.json in it\. Copy manifest\.json from a backup of it; `millrace journal repair` makes it anew/,
  )
  expect((await runHere(["journal", "verify", home])).stderr).toMatch(
    /there is no manifest\.json in it\. Give the path of a data directory/,
  )
})
