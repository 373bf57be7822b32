import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { runHere } from "../here.ts"
import { cleanUp, run, serve, temporaryDirectory } from "../program.ts"

// Servers are started and stopped; a machine that is busy with other things takes its time.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

// One directory through all of these, in order, as an operator has one.
let data: string
afterAll(async () => {
  for (const name of Object.keys(small)) delete process.env[name]
  await cleanUp()
})
afterEach(() => vi.unstubAllEnvs())

const keys = (command: string, ...more: ReadonlyArray<string>) => runHere(["keys", command, data, ...more])
const statusOf = async () => JSON.parse((await keys("status", "--json")).stdout) as Status // what it prints, read back
interface Status {
  readonly masterKey: string
  readonly masterKeyFrom: string
  readonly masterKeysKept: ReadonlyArray<string>
  readonly dataKeys: ReadonlyArray<{
    readonly id: number
    readonly current: boolean
    readonly retirable: boolean
    readonly segments: ReadonlyArray<string>
    readonly snapshots: ReadonlyArray<number>
  }>
}
const ring = () => readFileSync(join(data, "keyring.json"), "utf8")
const idsOf = ({ dataKeys }: Status) => dataKeys.map(({ id }) => id)

/** Small, so that a start and a verification are quick; fixed with the directory. */
const small = { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: "65536", MILLRACE_ENGINE_MAILBOX_RECORDS_MAX: "256" }

beforeAll(async () => {
  Object.assign(process.env, small)
  data = temporaryDirectory()
  const server = await serve(data)
  expect((await server.running.signal("SIGTERM")).code).toBe(0)
})

it("are shown with what needs them, and none of them itself", async () => {
  const { code, stdout } = await keys("status")
  expect(code).toBe(0)
  expect(stdout).toMatch(/^master key {2}[0-9a-f]{16}, from master.key$/m)
  expect(stdout).toMatch(/^data key 1 {2}written with; needed by 1 segment, the snapshot at \d+$/m)
  expect(stdout).not.toContain(readFileSync(join(data, "master.key"), "utf8").trim())
})

describe("a data key", () => {
  it("is added while no server has the directory, for the next start", async () => {
    expect(await keys("rotate-data", "--json")).toMatchObject({ code: 0, stdout: '{"keyId":2,"before":1}\n' })
    expect((await keys("rotate-data")).stdout).toMatch(/^data key 3 is written with from the next start on/)
    expect(idsOf(await statusOf())).toEqual([1, 2, 3])
  })

  it("is retired only when nothing needs it, and when it is said that no backup does", async () => {
    const before = ring()
    const refusals = [
      await keys("retire", "--key", "1"),
      await keys("retire", "--key", "3", "--no-backup-needs-it"),
      await keys("retire", "--key", "2"),
      await keys("retire", "--key", "7", "--no-backup-needs-it"),
    ]
    expect(refusals.map(({ code }) => code)).toEqual([1, 1, 1, 1])
    expect(refusals[0]?.stderr).toMatch(
      /data key 1 can't be retired: it is needed by 1 segment, the snapshot at/,
    )
    expect(refusals[1]?.stderr).toMatch(/data key 3 can't be retired: it is written with/)
    expect(refusals[2]?.stderr).toMatch(/needed by nothing in .*Give --no-backup-needs-it/)
    expect(refusals[3]?.stderr).toMatch(/there is no data key 7/)
    expect((await keys("retire")).code).toBe(2)
    expect(ring()).toBe(before)
    expect((await keys("retire", "--key", "2", "--no-backup-needs-it")).stdout).toBe("data key 2 is gone\n")
    expect(idsOf(await statusOf())).toEqual([1, 3])
  })

  it("is changed under a running server, which goes on with it; and only by the server itself", async () => {
    const server = await serve(data)
    const refused = await keys("rotate-data")
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toMatch(/process \d+ is using it. Stop process/)
    expect((await keys("rotate-master")).stderr).toMatch(/process \d+ is using it/)
    expect((await keys("rotate-data", "--url", server.url)).stdout).toMatch(
      /^data key 4 is written with from the next block on/,
    )
    const traffic = [
      "load",
      "--url",
      server.url,
      "--data",
      data,
      "--duration",
      "1",
      "--cards",
      "50",
      "--connections",
      "1",
    ]
    expect((await run(traffic)).code).toBe(0)
    expect((await server.running.signal("SIGTERM")).code).toBe(0)
    const { dataKeys } = await statusOf()
    const [current] = dataKeys.filter((key) => key.current)
    expect(current).toMatchObject({ id: 4, segments: [expect.any(String)], snapshots: [expect.any(Number)] })
    const verified = await runHere(["journal", "verify", data])
    expect(verified).toMatchObject({ code: 0 })
  })
})

describe("the master key", () => {
  it("is changed to one that is made, and the old one is kept for the backups", async () => {
    const old = readFileSync(join(data, "master.key"), "utf8")
    const before = await statusOf()
    const { code, stdout, stderr } = await keys("rotate-master")
    expect(code).toBe(0)
    const kept = `master.key.${before.masterKey.slice(0, 8)}`
    expect(readFileSync(join(data, kept), "utf8")).toBe(old)
    expect(stderr).toContain(`backups from before need the old master key, which ${kept} holds`)
    const after = await statusOf()
    expect(after).toMatchObject({ masterKeysKept: [kept], dataKeys: before.dataKeys })
    expect(after.masterKey).not.toBe(before.masterKey)
    const fresh = readFileSync(join(data, "master.key"), "utf8")
    for (const key of [old, fresh]) expect(stdout + stderr).not.toContain(key.trim())
    expect(await runHere(["journal", "verify", data])).toMatchObject({ code: 0 })
  })

  it("moves out of the directory, and is needed from then on", async () => {
    const key = randomBytes(32).toString("hex")
    vi.stubEnv("MILLRACE_NEW_MASTER_KEY", key)
    const { code, stdout, stderr } = await keys("rotate-master")
    expect(code).toBe(0)
    expect(stdout + stderr).not.toContain(key)
    expect(stderr).toContain("give the new key to `serve` from now on")
    expect(existsSync(join(data, "master.key"))).toBe(false)
    vi.unstubAllEnvs()
    expect((await keys("status")).stderr).toMatch(/the master key is missing/)
    vi.stubEnv("MILLRACE_MASTER_KEY", key)
    expect(await statusOf()).toMatchObject({ masterKeyFrom: "configuration" })

    const other = randomBytes(32).toString("base64")
    vi.stubEnv("MILLRACE_NEW_MASTER_KEY", other)
    expect((await keys("rotate-master", "--json")).code).toBe(0)
    const old = await keys("status")
    expect(old.stderr).toMatch(/the given master key is wrong: keyring.json was made with master key/)
    expect(JSON.parse((await keys("rotate-master", "--json")).stdout)).toMatchObject({ already: true })
    vi.stubEnv("MILLRACE_MASTER_KEY", other)
    expect((await keys("status")).code).toBe(0)
    const server = await serve(data)
    expect((await server.running.signal("SIGTERM")).code).toBe(0)
  })

  it("is not guessed: what is no key, no data directory, or no new key changes nothing", async () => {
    const before = ring()
    vi.stubEnv("MILLRACE_MASTER_KEY", "0".repeat(64))
    expect((await keys("rotate-master")).stderr).toMatch(/the new master key is wrong: none was given/)
    vi.stubEnv("MILLRACE_NEW_MASTER_KEY", "hush-hush")
    const { stderr } = await keys("rotate-master")
    expect(stderr).toMatch(/the new master key is wrong: it isn't 32 bytes/)
    expect(stderr).not.toContain("hush")
    vi.stubEnv("MILLRACE_NEW_MASTER_KEY", "")
    vi.stubEnv("MILLRACE_NEW_MASTER_KEY_FILE", "/nowhere/key")
    expect((await keys("rotate-master")).stderr).toMatch(/the new master key's file \/nowhere\/key/)
    expect(ring()).toBe(before)
    const empty = temporaryDirectory()
    for (const command of ["status", "rotate-data", "rotate-master"]) {
      expect((await runHere(["keys", command, empty])).code).toBe(1)
    }
    expect(readdirSync(empty)).toEqual([])
  })
})
