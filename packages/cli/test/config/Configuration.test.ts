import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Result } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { configure, type Sources } from "../../src/config/Configuration.ts"
import { leavesOf } from "../../src/config/Leaves.ts"
import { defaultSettings, Settings } from "../../src/config/Settings.ts"

const directory = mkdtempSync(join(tmpdir(), "millrace-config-"))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
const file = (content: unknown): string => {
  const path = join(directory, `${files++}.json`)
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
  return path
}

const sources = (change: Partial<Sources>): Sources => ({ environment: {}, flags: {}, ...change })
const configured = (change: Partial<Sources>) => Result.getOrThrow(configure(sources(change)))
const errors = (change: Partial<Sources>) => {
  const result = configure(sources(change))
  return Result.isFailure(result) ? result.failure : []
}

describe("layers", () => {
  it("are the defaults when nothing is said", () => {
    expect(configured({}).settings).toEqual(defaultSettings)
    expect(configured({}).given.size).toBe(0)
  })

  it("go file < environment < flags, key by key", () => {
    const layered = {
      file: file({ data: "a", host: "::1", tcp: { port: 1 }, http: { port: 1 } }),
      environment: { MILLRACE_TCP_PORT: "2", MILLRACE_HTTP_PORT: "2", MILLRACE_EPHEMERAL: "true" },
      flags: { "tcp.port": { flag: "--tcp", value: 3 } },
    }
    expect(configured(layered).settings).toMatchObject({
      data: "a",
      host: "::1",
      ephemeral: true,
      http: { port: 2 },
      tcp: { port: 3 },
    })
    expect([...configured(layered).given].sort()).toEqual([
      "data",
      "ephemeral",
      "host",
      "http.port",
      "tcp.port",
    ])
  })

  it("take every key from file and environment under one name each", () => {
    const leaves = leavesOf(Settings)
    expect(new Set(leaves.map((leaf) => leaf.variable)).size).toBe(leaves.length)
    expect(leaves.find((leaf) => leaf.key === "engine.turnRecordsMax")?.variable).toBe(
      "MILLRACE_ENGINE_TURN_RECORDS_MAX",
    )
    for (const leaf of leaves) {
      expect(leaf.description, leaf.key).not.toBe("")
      const wrong = leaf.type === "text" ? " " : "?"
      const found = JSON.stringify(leaf.type === "list" ? [wrong] : wrong)
      expect(errors({ environment: { [leaf.variable]: wrong } })).toEqual([
        `${leaf.key} from environment ${leaf.variable}: expected ${leaf.expected}, found ${found}`,
      ])
    }
  })

  it("take an empty variable as none", () => {
    expect(configured({ environment: { MILLRACE_TCP_PORT: "" } }).settings.tcp.port).toBe(7100)
  })
})

describe("errors", () => {
  it("name the key, its source, what was found and what is expected, all at once", () => {
    const path = file({ engine: { shards: 3 }, tcp: { port: "7100" } })
    expect(
      errors({ file: path, flags: { "http.port": { flag: "--http", value: 70_000 } } }).toSorted(),
    ).toEqual([
      `engine.shards from file ${path}: expected a power of two from 1 to 64, found 3`,
      "http.port from flag --http: expected a whole number from 0 to 65535, found 70000",
      `tcp.port from file ${path}: expected a whole number from 0 to 65535, found "7100"`,
    ])
  })

  it("tell of unknown keys with what may have been meant", () => {
    const path = file({ tcp: { prot: 1 }, sessionsMax: 5, limits: { sessionMax: 5 }, colour: "red" })
    expect(errors({ file: path })).toEqual([
      `tcp.prot in file ${path}: there is no such key (did you mean "tcp.port"?)`,
      `sessionsMax in file ${path}: there is no such key (did you mean "limits.sessionsMax"?)`,
      `limits.sessionMax in file ${path}: there is no such key (did you mean "limits.sessionsMax"?)`,
      `colour in file ${path}: there is no such key`,
    ])
  })

  it("tell of a value where a group is expected, and of the reverse", () => {
    const path = file({ limits: 5 })
    expect(errors({ file: path })).toEqual([`limits in file ${path}: expected a group of keys, found 5`])
    const reverse = file({ host: { name: "x" } })
    expect(errors({ file: reverse })).toEqual([
      `host from file ${reverse}: expected an address of this machine, found {"name":"x"}`,
    ])
  })

  it("tell of a file that is not there, is not JSON, is YAML, or is no object", () => {
    expect(errors({ file: "/nowhere.json" })).toEqual(["file /nowhere.json: there is no such file"])
    expect(errors({ file: file("{") })[0]).toMatch(/cannot be read as JSON: /)
    expect(errors({ file: "a.yaml" })[0]).toMatch(/reads JSON only/)
    expect(errors({ file: file([1]) })[0]).toMatch(/expected an object of settings, found \[1\]$/)
  })
})

describe("warnings", () => {
  it("tell of variables that look like settings, and let others be", () => {
    const environment = {
      MILLRACE_TPC_PORT: "1",
      MILLRACE_PORT_7100_TCP_ADDR: "10.0.0.1",
      MILLRACE_MASTER_KEY: "x",
    }
    expect(configured({ environment }).warnings).toEqual([
      "environment MILLRACE_TPC_PORT is not a setting; did you mean MILLRACE_TCP_PORT?",
    ])
  })
})
