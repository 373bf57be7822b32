import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Cause, Effect, Exit } from "effect"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { Stop } from "../src/Stop.ts"
import { configureServe, serveUntilHalted } from "../src/serve/Serve.ts"
import { cleanUp, type Ended, run, runLimited, type Server, serve, temporaryDirectory } from "./program.ts"

// One server that runs, and the directory of one that was stopped; tests only read the first and copy the second.
let live: Server
let stopped: string

beforeAll(async () => {
  stopped = temporaryDirectory()
  const [one, other] = await Promise.all([serve(temporaryDirectory()), serve(stopped)])
  live = one
  await other.running.signal("SIGTERM")
})
afterAll(cleanUp)
afterEach(() => vi.unstubAllEnvs())

const copy = (): string => {
  const data = temporaryDirectory()
  cpSync(stopped, data, { recursive: true })
  return data
}

/** Why a start in this process is refused: the lines that the program would end with. */
const refusalOf = async (data: string, env: { readonly [name: string]: string } = {}): Promise<string> => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const command = {
    data,
    config: undefined,
    ephemeral: false,
    tcp: 0,
    http: 0,
    ws: undefined,
    iso: undefined,
  }
  const silent = { say: () => {}, complain: () => {} }
  const started = Effect.flatMap(configureServe(command), (configured) =>
    // A start that is not refused fails the test, rather than hang.
    serveUntilHalted(configured, () => {}, silent).pipe(Effect.timeout("20 seconds")),
  )
  const exit = await Effect.runPromiseExit(Effect.scoped(started))
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  if (!(error instanceof Stop)) throw new Error(`not refused: ${String(error)}`)
  expect(error.exitCode).toBe(1)
  return error.message
}

/** The one line that the program ended with. */
const lastLine = ({ code, stdout, stderr }: Ended): string => {
  expect(stdout).toBe("")
  expect(code).toBe(1)
  const lines = stderr.trimEnd().split("\n")
  const complaints = lines.filter((line) => line.startsWith("millrace: ") && !line.includes("WARNING"))
  expect(complaints).toEqual([lines.at(-1)])
  expect(stderr).not.toMatch(/^\s+at /m)
  return complaints[0].slice("millrace: ".length)
}

describe("the program ends with one line and exit code 1 for", () => {
  it("a port in use, a setting that is not known, another version, a file as directory", async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const address = other.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const directory = temporaryDirectory()
    const config = join(directory, "millrace.json")
    writeFileSync(config, '{"tcp":{"prot":7100}}')
    const newer = copy()
    const manifest = readFileSync(join(newer, "manifest.json"), "utf8")
    writeFileSync(join(newer, "manifest.json"), manifest.replace(/"version": ?1/, '"version": 9'))
    const ports = ["--tcp", "0", "--http", "0"]
    const [tcp, http, unknown, version, file] = await Promise.all([
      run(["serve", "--data", temporaryDirectory(), "--tcp", String(port), "--http", "0"]),
      run(["serve", "--data", temporaryDirectory(), "--tcp", "0", "--http", String(port)]),
      run(["serve", "--config", config]),
      run(["serve", "--data", newer, ...ports]),
      run(["serve", "--data", config, ...ports]),
    ])
    other.close()
    const inUse = "is in use by another program: stop it, or choose another port with"
    expect(lastLine(tcp)).toBe(`port ${port} on 127.0.0.1 ${inUse} --tcp`)
    expect(lastLine(http)).toBe(`port ${port} on 127.0.0.1 (HTTP) ${inUse} --http`)
    expect(lastLine(unknown)).toBe(
      `tcp.prot in file ${config}: there is no such key (did you mean "tcp.port"?)`,
    )
    expect(lastLine(version)).toMatch(/^manifest\.json has format version 9, this program reads version 1\. /)
    expect(lastLine(file)).toMatch(/is a file\. Give the path of a directory\.$/)
  })

  it("nobody there, no credential, a wrong credential, a wrong line of a file", async () => {
    const directory = temporaryDirectory()
    const csv = join(directory, "m.csv")
    writeFileSync(csv, "account,date,side,amount_minor\n1,1993-01-01,credit,5\n1,1993-01-01,loan,5\n")
    const other = join(directory, "other.json")
    writeFileSync(other, JSON.stringify({ host: "dev", key: "ab".repeat(32) }), { mode: 0o600 })
    const [nobody, none, wrong, line, nowhere] = await Promise.all([
      run(["load", "--url", "tcp://127.0.0.1:1", "--data", live.data]),
      run(["load", "--url", live.url, "--data", directory]),
      run(["load", "--url", live.url, "--credentials", other]),
      run(["replay", csv, "--data", live.data]),
      run(["journal", "verify", "/nowhere"]),
    ])
    expect(lastLine(nobody)).toMatch(/127\.0\.0\.1:1.*is `millrace serve` running there\?$/)
    expect(lastLine(none)).toMatch(
      /^there is no credentials file at .*credentials\.json: `millrace serve` writes/,
    )
    expect(lastLine(wrong)).toMatch(/refused/)
    expect(wrong.stderr).not.toContain("abab")
    expect(lastLine(line)).toBe(`${csv}:3: side must be credit or debit, not "loan"`)
    expect(lastLine(nowhere)).toBe("there is no directory /nowhere: give the path of a data directory")
  })
})

it("a journal that cannot be written ends the engine with one line and a code of its own", async () => {
  // A file may be 40 MiB at most, a segment wants to be more: its first write beyond fails with EFBIG.
  const ended = await runLimited("ulimit -f 40960", [
    "serve",
    "--data",
    temporaryDirectory(),
    "--tcp",
    "0",
    "--http",
    "0",
  ])
  expect(ended.code).toBe(74)
  expect(ended.stderr.trimEnd().split("\n").at(-1)).toMatch(
    /^millrace: the journal could not be written, so the engine stopped .*EFBIG.* Mend the storage and start again/,
  )
})

describe("a start is refused in", () => {
  it("a directory that another process uses", async () => {
    expect(await refusalOf(live.data)).toMatch(/is refused: process \d+ is using it\. Stop process \d+ first/)
  })

  it("a directory with what is not ours", async () => {
    const foreign = temporaryDirectory()
    writeFileSync(join(foreign, "thesis.txt"), "x")
    expect(await refusalOf(foreign)).toMatch(/holds files that aren't Millrace's: thesis\.txt\. Use an empty/)
  })

  // Root may write nearly everywhere, but nobody makes a directory in sysfs.
  it.skipIf(process.platform !== "linux")("a directory that may not be written", async () => {
    expect(await refusalOf("/sys/millrace")).toMatch(
      /it can't be written \((EPERM|EACCES|EROFS)\)\. Give its owner/,
    )
  })

  it("a directory that was made with another number of shards", async () => {
    const refusal = await refusalOf(copy(), { MILLRACE_ENGINE_SHARDS: "8" })
    expect(refusal).toMatch(/^engine\.shards is 8, but .* was made with 4: the number is fixed for life/)
  })

  it("a directory whose master key is another, malformed, unreadable or missing", async () => {
    const other = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    const wrong = await refusalOf(copy(), { MILLRACE_MASTER_KEY: other })
    expect(wrong).toMatch(/^the given master key is wrong: .*Give the master key that/)
    const malformed = await refusalOf(copy(), { MILLRACE_MASTER_KEY: "hush" })
    expect(malformed).toMatch(/^the given master key is wrong: it isn't 32 bytes/)
    expect(malformed).not.toContain("hush")
    vi.unstubAllEnvs()
    expect(await refusalOf(copy(), { MILLRACE_MASTER_KEY_FILE: "/nowhere/key" })).toBe(
      "the master key's file /nowhere/key (MILLRACE_MASTER_KEY_FILE) cannot be read",
    )
    vi.unstubAllEnvs()
    const missing = copy()
    writeFileSync(join(missing, "master.key"), "")
    expect(await refusalOf(missing)).toMatch(/^master\.key is wrong: /)
  })

  it("plain text beyond this machine unless that is asked for, and half of a TLS", async () => {
    const data = temporaryDirectory()
    expect(await refusalOf(data, { MILLRACE_HOST: "0.0.0.0" })).toMatch(
      /^listening on 0\.0\.0\.0 without TLS .* set tls\.cert and tls\.key, .* allowPlain \(--allow-plain\)/,
    )
    vi.unstubAllEnvs()
    expect(await refusalOf(data, { MILLRACE_TLS_CERT: "a.pem" })).toMatch(
      /^tls\.cert and tls\.key go together/,
    )
    vi.unstubAllEnvs()
    const nowhere = { MILLRACE_TLS_CERT: "/nowhere/a.pem", MILLRACE_TLS_KEY: "/nowhere/b.pem" }
    expect(await refusalOf(data, nowhere)).toBe("tls.cert: /nowhere/a.pem can't be read (ENOENT)")
    vi.unstubAllEnvs()
    expect(await refusalOf(data, { MILLRACE_TLS_REQUIRE_CLIENT_CERT: "true" })).toMatch(
      /need tls\.cert and tls\.key/,
    )
  })

  it("ISO 8583, of hosts that can't be, or without a port", async () => {
    const data = temporaryDirectory()
    const hosts = (text: string) => ({ MILLRACE_ISO_PORT: "7102", MILLRACE_ISO_HOSTS: text })
    expect(await refusalOf(data, hosts('[{"id":"a","mac":"sha1"}]'))).toMatch(/^iso\.hosts\.0\.mac: Expected/)
    expect(await refusalOf(data, hosts('[{"id":"a","dialect":"none.yaml"}]'))).toMatch(
      /^iso\.hosts\.0\.dialect: none\.yaml: there is no such file/,
    )
    expect(await refusalOf(data, hosts('[{"id":"a"},{"id":"b"}]'))).toMatch(
      /^iso\.hosts: hosts a and b both connect from any address on port 7102/,
    )
    vi.unstubAllEnvs()
    expect(await refusalOf(data, { MILLRACE_ISO_HOSTS: '[{"id":"a"}]' })).toMatch(
      /^iso\.hosts needs iso\.port/,
    )
  })

  it("settings that contradict each other", async () => {
    const data = temporaryDirectory()
    expect(await refusalOf(data, { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: "4096" })).toMatch(
      /^rememberedTransactions is 4096, but/,
    )
  })

  it("names the numbers that don't go together before a directory keeps them for life", async () => {
    const data = join(temporaryDirectory(), "new")
    const message = await refusalOf(data, { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: "65536" })
    expect(message).toMatch(/need at least 524288: raise it .* Nothing was made$/)
    expect(existsSync(data)).toBe(false)
  })
})
