import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { Progress } from "../../src/journal/Progress.ts"
import { blockSlots, fileStorage, recoveredState, Scribe, stateOf, time } from "../directory.ts"
import { runHere } from "../here.ts"
import { cleanUp, runLimited, temporaryDirectory } from "../program.ts"

/** A directory and a backup of it, taken three times while it was written. */
let home: string
let data: string
let taken: string
let last: number
/** Image of the ledger at some positions, as the directory's own engine had it there. */
const states = new Map<number, string>()

beforeAll(async () => {
  home = temporaryDirectory()
  data = join(home, "data")
  taken = join(home, "backup")
  const scribe = await Scribe.begin(fileStorage(data))
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 5; n++) {
      await scribe.write(2)
      states.set(scribe.last, stateOf(scribe.ledger))
    }
    await scribe.snapshot()
    const { code, stderr } = await runHere(["backup", "--data", data, "--to", taken])
    expect([code, stderr]).toEqual([0, expect.stringMatching(/WARNING: the master key is NOT in the backup/)])
    // As an engine does: what the older snapshots needed is let go of.
    await scribe.release(1)
  }
  last = scribe.last
  await scribe.close()
  process.env["MILLRACE_MASTER_KEY_FILE"] = join(data, "master.key")
})
afterAll(cleanUp)
afterAll(() => {
  delete process.env["MILLRACE_MASTER_KEY_FILE"]
})

const masterKey = (): string => readFileSync(join(data, "master.key"), "utf8")
let made = 0
const place = (): string => join(home, `restored-${++made}`)
const restore = (to: string, ...more: ReadonlyArray<string>) =>
  runHere(["restore", "--from", taken, "--to", to, "--json", ...more])
const listing = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()

describe("restore", () => {
  it("gives at every position the state that the directory had there, byte for byte", async () => {
    for (const [position, state] of states) {
      const to = place()
      const { code, stdout, stderr } = await restore(to, "--at", String(position))
      expect([code, stderr]).toEqual([0, expect.stringMatching(/has no master\.key: give the engine/)])
      expect(JSON.parse(stdout)).toMatchObject({ restoredTo: position, last: position })
      expect((await recoveredState(fileStorage(to), masterKey())) === state).toBe(true)
      expect(await runHere(["journal", "verify", to])).toMatchObject({ code: 0, stderr: "" })
    }
  })

  it("goes to a moment: everything up to it and nothing after", async () => {
    const to = place()
    // Block n is of n seconds after noon; the first holds the commands.
    const at = new Date(time + 13_400).toISOString()
    const { stdout } = await restore(to, "--at", at)
    expect(JSON.parse(stdout)).toMatchObject({ restoredTo: last - (30 - 13) * blockSlots })
    expect(JSON.parse(stdout).time).toBe(new Date(time + 13_000).toISOString())
  })

  it("writes into a segment of its own what a start would add, so that no nonce comes again", async () => {
    const to = place()
    const inside = last - 2 * blockSlots - 4
    expect((await restore(to, "--at", String(inside))).code).toBe(0)
    const names = readdirSync(join(to, "journal"))
    const salts = names.map((name) =>
      readFileSync(join(to, "journal", name))
        .subarray(48, 80)
        .toString("hex"),
    )
    const before = readdirSync(join(taken, "journal")).map((name) =>
      readFileSync(join(taken, "journal", name))
        .subarray(48, 80)
        .toString("hex"),
    )
    expect(before).not.toContain(salts.at(-1))
    expect(await runHere(["journal", "verify", to])).toMatchObject({ code: 0 })
  })

  it("restores over nothing, and not to where the backup does not reach", async () => {
    const to = place()
    mkdirSync(to)
    writeFileSync(join(to, "mine"), "")
    expect((await restore(to)).stderr).toMatch(
      /is not empty \(mine\): nothing is ever restored over something/,
    )
    expect(listing(to)).toEqual(["mine"])
    for (const [at, why] of [
      [String(last + 1), /it reaches from sequence 1 \(.*\) to/],
      ["2020-01-01T00:00:00Z", /it reaches from sequence 1 \(.*\) to/],
      ["2999-01-01T00:00:00Z", /before that moment/],
    ] as const) {
      const refused = await restore(place(), "--at", at)
      expect(refused).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(why) })
    }
    expect((await restore(place(), "--at", "noon")).code).toBe(2)
  })

  it("says so when a position lies inside of a command, and leaves nothing", async () => {
    const to = place()
    const { code, stderr } = await restore(to, "--at", "2")
    expect(code).toBe(1)
    expect(stderr).toMatch(/--at 2 may lie inside of a decision/)
    expect(existsSync(to)).toBe(false)
  })

  it("refuses another master key, and none, before it writes anything", async () => {
    const to = place()
    const mine = process.env["MILLRACE_MASTER_KEY_FILE"]
    try {
      const wrong = join(home, "wrong.key")
      writeFileSync(wrong, "ab".repeat(32))
      process.env["MILLRACE_MASTER_KEY_FILE"] = wrong
      expect((await restore(to)).stderr).toMatch(/the given master key is wrong: keyring\.json was made with/)
      delete process.env["MILLRACE_MASTER_KEY_FILE"]
      expect((await restore(to)).stderr).toMatch(/the master key is missing/)
    } finally {
      process.env["MILLRACE_MASTER_KEY_FILE"] = mine
    }
    expect(existsSync(to)).toBe(false)
  })

  it("onto a disk that is full leaves it as it was", async () => {
    const empty = place()
    mkdirSync(empty)
    // The second file is larger than what is left.
    const { code, stderr } = await runLimited("ulimit -f 8", ["restore", "--from", taken, "--to", empty])
    expect(code).toBe(1)
    expect(stderr).toMatch(/write of \S+ failed: EFBIG.*\n.*nothing was restored, and .* is as it was/)
    expect(listing(empty)).toEqual([])
  })

  it("to where an engine has begun leaves the engine its directory", async () => {
    const to = place()
    mkdirSync(to)
    const live = Scope.makeUnsafe()
    // It has the lock and nothing else yet.
    await Effect.runPromise(fileStorage(to).lock("lock").pipe(Scope.provide(live)))
    const { code, stderr } = await restore(to)
    expect(code).toBe(1)
    expect(stderr).toMatch(/process \d+ is using it/)
    expect(listing(to)).toEqual(["lock"])
    await Effect.runPromise(Scope.close(live, Exit.void))
    expect((await restore(to)).code).toBe(0)
    expect(listing(to)).not.toContain("lock")
  })

  it("holds the lock that an engine takes until it is done", async () => {
    const to = place()
    const take = Effect.scoped(fileStorage(to).lock("lock"))
    const takes: Array<Exit.Exit<void, unknown>> = []
    const copying = vi.spyOn(Progress.prototype, "end")
    copying.mockImplementation(() => {
      takes.push(Effect.runSyncExit(take))
    })
    expect((await restore(to).finally(() => copying.mockRestore())).code).toBe(0)
    expect(takes.map(Exit.isFailure)).toEqual(takes.map(() => true))
    expect(takes.length).toBeGreaterThan(0)
    await Effect.runPromise(take)
  })

  it("leaves what somebody puts there meanwhile, and refuses to go on over it", async () => {
    for (const isThere of [false, true]) {
      const to = place()
      if (isThere) mkdirSync(to)
      // Told when all is copied.
      const copying = vi.spyOn(Progress.prototype, "end")
      copying.mockImplementation(() => writeFileSync(join(to, "theirs"), "mine"))
      const { code, stderr } = await restore(to)
      expect(code).toBe(1)
      expect(stderr).toMatch(/is not empty \(theirs\)/)
      expect(listing(to)).toEqual(["theirs"])
      // The same where the restore fails by itself.
      const inside = place()
      if (isThere) mkdirSync(inside)
      copying.mockImplementation(() => writeFileSync(join(inside, "theirs"), "mine"))
      const failed = await restore(inside, "--at", "2").finally(() => copying.mockRestore())
      expect(failed.stderr).toMatch(/may lie inside of a decision/)
      expect(listing(inside)).toEqual(["theirs"])
    }
  })

  it("of a damaged backup is refused with the place", async () => {
    const damaged = join(home, "damaged")
    cpSync(taken, damaged, { recursive: true })
    const segment = join(damaged, "journal", readdirSync(join(damaged, "journal")).at(-1) ?? "")
    const bytes = readFileSync(segment)
    bytes[4_096 + 99] ^= 4
    writeFileSync(segment, bytes)
    const to = place()
    const refused = await runHere(["restore", "--from", damaged, "--to", to])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(
      /backup .*: journal\/\d+\.seg is damaged at byte 4096, after sequence \d+: the block isn't authentic/,
    )
    expect(existsSync(to)).toBe(false)
    const verified = await runHere(["backup", "verify", damaged])
    expect([verified.code, verified.stdout]).toEqual([1, ""])
    expect(verified.stderr).toMatch(/\d\.seg is damaged at byte 4096/)
  })
})

describe("backup", () => {
  it("verify makes every decision again; without the master key it compares sums and says so", async () => {
    const { code, stdout, stderr } = await runHere(["backup", "verify", taken, "--json"])
    expect([code, stderr]).toEqual([0, ""])
    const found = JSON.parse(stdout)
    expect(found).toMatchObject({ sound: true, restorable: [{ earliest: 1, last }] })
    expect(found.replayed).toMatchObject([{ base: 0, last, snapshots: [{}, {}, {}] }])
    for (const { compared } of found.replayed[0].snapshots) expect(compared).toBe("bytes")
    const mine = process.env["MILLRACE_MASTER_KEY_FILE"]
    delete process.env["MILLRACE_MASTER_KEY_FILE"]
    const blind = await runHere(["backup", "verify", taken])
    process.env["MILLRACE_MASTER_KEY_FILE"] = mine
    expect(blind.code).toBe(0)
    expect(blind.stdout).not.toMatch(/replay/)
    expect(blind.stderr).toMatch(/sums were checked and nothing was decrypted/)
  })

  it("holds the master key only when it is asked to, and says either loudly", async () => {
    expect(existsSync(join(taken, "master.key"))).toBe(false)
    const whole = join(home, "whole")
    const made = await runHere(["backup", "--data", data, "--to", whole, "--with-master-key"])
    expect([made.code, made.stderr]).toEqual([
      0,
      expect.stringMatching(/WARNING: .*whole\/master\.key opens/),
    ])
    const mine = process.env["MILLRACE_MASTER_KEY_FILE"]
    delete process.env["MILLRACE_MASTER_KEY_FILE"]
    const to = place()
    const restored = await runHere(["restore", "--from", whole, "--to", to])
    process.env["MILLRACE_MASTER_KEY_FILE"] = mine
    expect([restored.code, restored.stderr]).toEqual([0, ""])
    expect(existsSync(join(to, "master.key"))).toBe(true)
  })

  it("says of the master key what is so: it goes with a rotation, and comes when it is asked for", async () => {
    const own = join(home, "data-rotated")
    const whole = join(home, "whole-rotated")
    cpSync(data, own, { recursive: true })
    const mine = process.env["MILLRACE_MASTER_KEY_FILE"]
    delete process.env["MILLRACE_MASTER_KEY_FILE"]
    try {
      const run = (...more: ReadonlyArray<string>) =>
        runHere(["backup", "--data", own, "--to", whole, ...more])
      expect((await run("--with-master-key")).stderr).toMatch(/master\.key opens this backup/)
      expect((await run()).stderr).toMatch(/master\.key opens this backup/)
      expect((await runHere(["keys", "rotate-master", own])).code).toBe(0)
      expect((await run()).stderr).toMatch(/the master key is NOT in the backup/)
      expect(existsSync(join(whole, "master.key"))).toBe(false)
      expect((await run("--with-master-key")).stderr).toMatch(/master\.key opens this backup/)
      const to = place()
      expect((await runHere(["restore", "--from", whole, "--to", to])).code).toBe(0)
      expect(readFileSync(join(to, "master.key"))).toEqual(readFileSync(join(own, "master.key")))
    } finally {
      process.env["MILLRACE_MASTER_KEY_FILE"] = mine
    }
  })

  it("refuses a directory that is not one of its own, and one inside of the data", async () => {
    const other = place()
    mkdirSync(other)
    writeFileSync(join(other, "mine"), "")
    expect((await runHere(["backup", "--data", data, "--to", other])).stderr).toMatch(
      /the directory holds mine and no catalogue\.json/,
    )
    expect((await runHere(["backup", "--data", data, "--to", join(data, "b")])).stderr).toMatch(
      /belongs on another disk/,
    )
    expect((await runHere(["backup", "--data", data])).code).toBe(2)
  })

  it("is told from a data directory, and from what is neither, in one sentence", async () => {
    const nothing = place()
    mkdirSync(nothing)
    const file = place()
    writeFileSync(file, "")
    const told = (await runHere(["backup", "verify", nothing])).stderr
    expect(told).toMatch(/^millrace: .* is no backup: it has no catalogue\.json\. Give the directory that/)
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [["backup", "verify", data], /is a data directory and no backup\. Give the directory that/],
      [["restore", "--from", data, "--to", place()], /is a data directory and no backup/],
      [["restore", "--from", nothing, "--to", place()], /is no backup/],
      [["restore", "--from", file, "--to", place()], /is a file: give the path of a backup/],
      [
        ["restore", "--from", taken, "--to", join(file, "x")],
        /a part of its path is a file\. Give a directory/,
      ],
      [["backup", "--data", data, "--to", file], /it, or a part of its path, is a file\. Give the path of/],
      [["backup", "--data", data, "--to", join(file, "x")], /a part of its path, is a file/],
      [
        ["backup", "--data", taken, "--to", place()],
        /is a backup: `millrace backup verify .*` looks into it/,
      ],
      [["journal", "stat", file], /is a file: give the path of a data directory/],
      ...[["verify"], ["stat"], ["dump"], ["repair"]].map(
        ([name]) => [["journal", name, taken], /is a backup: .* `millrace restore --from/] as const,
      ),
      [["keys", "status", taken], /is a backup/],
      [["keys", "rotate-data", taken], /is a backup/],
      [
        ["serve", "--data", taken, "--tcp", "0", "--http", "0"],
        /it is a backup\. Make a data directory of it/,
      ],
    ]
    const before = listing(taken)
    for (const [args, why] of cases) {
      const { code, stdout, stderr } = await runHere(args)
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(why)])
      expect(stderr.trimEnd().split("\n")).toHaveLength(1)
      expect(stderr).not.toMatch(/ENOENT|ENOTDIR|EEXIST/)
    }
    expect(listing(taken)).toEqual(before)
    expect((await runHere(["backup", "verify", taken])).code).toBe(0)
  })

  it("warns of sequences that were let go of between two runs, and restores to nowhere in between", async () => {
    const own = join(home, "data-gap")
    const target = join(home, "of-gap")
    const scribe = await Scribe.begin(fileStorage(own))
    const mine = process.env["MILLRACE_MASTER_KEY_FILE"]
    process.env["MILLRACE_MASTER_KEY_FILE"] = join(own, "master.key")
    try {
      await scribe.write(3)
      const before = scribe.last
      const whole = await runHere(["backup", "--data", own, "--to", target, "--json"])
      expect(JSON.parse(whole.stdout).missing).toEqual([])
      expect(whole.stderr).not.toMatch(/missing/)
      await scribe.write(20)
      const next = await scribe.snapshot()
      await scribe.release(1)
      await scribe.write(2)
      await scribe.close()
      const { code, stdout, stderr } = await runHere(["backup", "--data", own, "--to", target, "--json"])
      expect(code).toBe(0)
      const { missing, restorable } = JSON.parse(stdout)
      // Block n is of n seconds after noon.
      const noMoment = {
        from: new Date(time + 3_000).toISOString(),
        to: new Date(time + 23_000).toISOString(),
      }
      expect(missing).toEqual([{ first: before + 1, last: expect.any(Number), next, ...noMoment }])
      expect(restorable[1]).toMatchObject({ earliest: next, from: noMoment.to })
      const warning = new RegExp(`WARNING: sequences ${before + 1} to ${missing[0].last} are missing: `)
      expect(stderr).toMatch(warning)
      const verified = await runHere(["backup", "verify", target, "--json"])
      expect([verified.code, verified.stderr]).toEqual([0, expect.stringMatching(warning)])
      expect(JSON.parse(verified.stdout).missing).toEqual(missing)
      for (const at of [String(before + 1), String(next - 1), new Date(time + 4_000).toISOString()]) {
        const refused = await runHere(["restore", "--from", target, "--to", place(), "--at", at])
        expect([refused.code, refused.stderr]).toEqual([
          1,
          expect.stringMatching(`sequences ${before + 1} to ${missing[0].last} are missing in it`),
        ])
      }
    } finally {
      process.env["MILLRACE_MASTER_KEY_FILE"] = mine
    }
  })

  it("copies the journal although the newest snapshot is damaged, and fails with its place", async () => {
    const damaged = join(home, "data-damaged")
    const scribe = await Scribe.begin(fileStorage(damaged))
    await scribe.write(3)
    const position = await scribe.snapshot()
    await scribe.write(3)
    await scribe.close()
    const part = join(damaged, "snapshots", String(position).padStart(20, "0"), "shard-1")
    const bytes = readFileSync(part)
    bytes[500] ^= 1
    writeFileSync(part, bytes)
    const mine = process.env["MILLRACE_MASTER_KEY_FILE"]
    process.env["MILLRACE_MASTER_KEY_FILE"] = join(damaged, "master.key")
    try {
      const target = join(home, "of-damaged")
      const { code, stderr } = await runHere(["backup", "--data", damaged, "--to", target])
      expect(code).toBe(1)
      expect(stderr).toMatch(/snapshots\/\d+\/shard-1 is damaged at byte .*\n.*whole without that snapshot/)
      const restored = await runHere(["restore", "--from", target, "--to", place(), "--json"])
      expect(JSON.parse(restored.stdout).last).toBe(scribe.last)
    } finally {
      process.env["MILLRACE_MASTER_KEY_FILE"] = mine
    }
  })
})
