import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { ResponseCode, responseDigits } from "@millrace/protocol"
import { afterAll, describe, expect, it } from "vitest"
import { cleanUp, Running, run, type Server, serve, temporaryDirectory } from "./program.ts"

afterAll(cleanUp)

const load = (server: { readonly url: string; readonly data: string }, ...more: ReadonlyArray<string>) =>
  run([
    "load",
    "--url",
    server.url,
    "--data",
    server.data,
    "--duration",
    "0.3",
    "--cards",
    "500",
    "--json",
    ...more,
  ])

const recovered = async (server: Awaited<ReturnType<typeof serve>>) => {
  const [, snapshot, replayed] = await server.running.until(/recovered: (.*?), ([\d,]+) slots replayed/)
  return { snapshot, replayed: Number(replayed.replaceAll(",", "")) }
}

const metrics = async (server: Server): Promise<string> => (await fetch(`${server.http}/metrics`)).text()

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe("the first start", () => {
  it("makes a private directory and a development credential, says so, and prints one line on stdout", async () => {
    const data = join(temporaryDirectory(), "data")
    const server = await serve(data)
    expect(server.running.stdout).toMatch(
      new RegExp(`^ready tcp=127\\.0\\.0\\.1:\\d+ http=127\\.0\\.0\\.1:\\d+ data=${data}\n$`),
    )
    expect(server.running.stderr).toContain("nothing to recover: a new journal")
    expect(server.running.stderr).toMatch(/WARNING: .*credentials\.json was written for DEVELOPMENT/)
    const mode = (path: string) => statSync(path).mode & 0o777
    expect(mode(data)).toBe(0o700)
    for (const file of ["credentials.json", "master.key", "keyring.json"])
      expect(mode(join(data, file))).toBe(0o600)
    const credential = JSON.parse(readFileSync(join(data, "credentials.json"), "utf8"))
    expect(credential).toEqual({
      host: "dev",
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
      note: expect.stringMatching(/^for development/),
    })
  })
})

describe("a clean stop", () => {
  it("answers what is in flight, takes a snapshot, ends with 0, and the next start replays nothing", async () => {
    const data = temporaryDirectory()
    const first = await serve(data)
    const { stdout } = await load(first)
    expect(JSON.parse(stdout).errors).toBe(0)
    writeFileSync(join(data, "credentials.json"), '{"mine":true}')
    const stopped = await first.running.signal("SIGTERM")
    expect(stopped.code).toBe(0)
    expect(stopped.stderr).toMatch(/stopped: snapshot at [\d,]+\n$/)
    const second = await serve(data)
    const { snapshot, replayed } = await recovered(second)
    expect(snapshot).toMatch(/^snapshot at [\d,]+$/)
    expect(replayed).toBe(0)
    expect(readFileSync(join(data, "credentials.json"), "utf8")).toBe('{"mine":true}')
    expect((await second.running.signal("SIGINT")).code).toBe(0)
  })

  it("comes under traffic too: what was taken is answered", async () => {
    const server = await serve(temporaryDirectory())
    const flags = ["--duration", "60", "--connections", "2", "--in-flight", "2", "--batch", "16"]
    const loading = new Running([
      "load",
      "--url",
      server.url,
      "--data",
      server.data,
      "--cards",
      "500",
      ...flags,
    ])
    await loading.until(/1\/60 s/)
    const stopped = await server.running.signal("SIGTERM")
    expect(stopped.code).toBe(0)
    expect(stopped.stderr).toMatch(/stopped: snapshot at [\d,]+\n$/)
    expect(stopped.stderr).not.toContain("not everything was answered")
    await loading.signal("SIGKILL")
  })
})

describe("a reader that leaves", () => {
  it("neither ends the engine nor spoils its end, on stdout and stderr", async () => {
    const data = temporaryDirectory()
    const server = await serve(data)
    server.running.child.stdout?.destroy()
    server.running.child.stderr?.destroy()
    const { errors, transactions } = JSON.parse((await load(server)).stdout)
    expect(errors).toBe(0)
    expect(transactions).toBeGreaterThan(0)
    // The end has lines to say that nobody reads.
    expect((await server.running.signal("SIGTERM")).code).toBe(0)
    const second = await serve(data)
    const { snapshot, replayed } = await recovered(second)
    expect(snapshot).toMatch(/^snapshot at [\d,]+$/)
    expect(replayed).toBe(0)
  })
})

describe("another number of remembered transactions", () => {
  it("is refused with a line that says what the directory was made with", async () => {
    const data = temporaryDirectory()
    await (await serve(data)).running.signal("SIGTERM")
    const args = ["serve", "--data", data, "--tcp", "0", "--http", "0"]
    const changed = new Running(args, { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: "8388608" })
    await changed.until(
      /engine\.rememberedTransactions is 8388608, but .* was made with 16777216: .*leave the key out/,
    )
    expect((await changed.ended).code).toBe(1)
  })

  it("is the directory's when nothing is set", async () => {
    const data = temporaryDirectory()
    const args = ["serve", "--data", data, "--tcp", "0", "--http", "0"]
    const first = new Running(args, { MILLRACE_ENGINE_REMEMBERED_TRANSACTIONS: "8388608" })
    await first.until(/^ready /m)
    await first.signal("SIGTERM")
    const again = new Running(args)
    await again.until(/^ready /m)
    expect(again.stderr).not.toContain("rememberedTransactions")
    await again.signal("SIGKILL")
  })
})

describe("a crash", () => {
  it("is recovered from: everything since the last snapshot is replayed", async () => {
    const data = temporaryDirectory()
    const first = await serve(data)
    await load(first)
    expect((await first.running.signal("SIGKILL")).code).toBeNull()
    const second = await serve(data)
    const { snapshot, replayed } = await recovered(second)
    expect(snapshot).toBe("no snapshot")
    expect(replayed).toBeGreaterThan(100)
  })

  it("is no end for a load: it reconnects, asks again what was not answered, and counts each once", async () => {
    const data = temporaryDirectory()
    const first = await serve(data)
    const flags = ["--duration", "5", "--connections", "2", "--in-flight", "2", "--batch", "16", "--json"]
    const loading = new Running(["load", "--url", first.url, "--data", data, "--cards", "500", ...flags])
    await until(async () => /^millrace_transactions_total\{response="00"\} [1-9]/m.test(await metrics(first)))
    await first.running.signal("SIGKILL")
    const second = await serve(data, { tcp: new URL(first.url).port })
    const { code, stdout } = await loading.ended
    expect(code).toBe(0)
    const { errors, transactions } = JSON.parse(stdout)
    expect(errors).toBeGreaterThanOrEqual(2)
    expect(transactions % 16).toBe(0)
    // Whether the first server had done what it did not answer is chance; that the second was asked is not.
    expect(await metrics(second)).toMatch(
      /^millrace_(transactions_total\{response="00"\}|duplicates_total) [1-9]/m,
    )
  })
})

describe("a second signal", () => {
  it("ends the program at once, whatever the first is still waiting for", async () => {
    const server = await serve(temporaryDirectory(), { ephemeral: true })
    const flags = ["--duration", "60", "--connections", "1", "--cards", "500"]
    const loading = new Running(["load", "--url", server.url, "--data", server.data, ...flags])
    await loading.until(/1\/60 s/)
    server.running.child.kill("SIGSTOP")
    loading.child.kill("SIGINT")
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await loading.signal("SIGTERM")).code).toBe(143)
    // The first signal alone would have waited ten seconds for the stopped server, then told the figures.
    expect(loading.stderr).not.toContain("throughput")
  })
})

describe("ephemeral", () => {
  it("keeps nothing but a credential while it runs, and none of it stays", async () => {
    const data = join(temporaryDirectory(), "none")
    const server = await serve(data, { ephemeral: true })
    expect(server.running.stdout).toMatch(/ data=memory\n$/)
    expect(JSON.parse((await load(server)).stdout).errors).toBe(0)
    expect((await server.running.signal("SIGTERM")).code).toBe(0)
    expect(existsSync(join(data, "credentials.json"))).toBe(false)
    expect(existsSync(join(data, "journal"))).toBe(false)
    rmSync(data, { recursive: true })
  })
})

describe("what to try next", () => {
  const hints = ({ running }: Server) => running.until(/Ctrl-C stops it cleanly/).then(() => running.stderr)

  it("stands in two columns, and leaves out what a foreign credential could not do", async () => {
    const foreign = temporaryDirectory()
    writeFileSync(join(foreign, "credentials.json"), JSON.stringify({ host: "dev", key: "ab".repeat(32) }))
    const [one, other] = await Promise.all([
      serve(temporaryDirectory(), { ephemeral: true }),
      serve(foreign, { ephemeral: true }),
    ])
    const text = await hints(one)
    const columns = text.split("\n").flatMap((line) => /^ {2}(?:npx|curl) .*? {3,}(?=\S)/.exec(line) ?? [])
    expect(columns).toHaveLength(5)
    expect(new Set(columns.map((column) => column.length)).size).toBe(1)
    expect(await hints(other)).not.toContain("millrace load")
  })
})

describe("ISO 8583", () => {
  it("listens when it is asked to, says for whom, and counts", async () => {
    const data = temporaryDirectory()
    const args = ["serve", "--ephemeral", "--data", data, "--tcp", "0", "--http", "0", "--iso", "0"]
    const running = new Running(args)
    const [, iso, http] = await running.until(
      /^ready tcp=\S+ iso=127\.0\.0\.1:(\d+) http=(\S+) data=memory$/m,
    )
    expect(running.stderr).toContain("the development host dev may connect (iso1987, binary2, x919)")
    const closed = new Promise((resolve) =>
      connect(Number(iso), "127.0.0.1").end("no frame").on("close", resolve),
    )
    await closed
    await until(async () => {
      const text = await (await fetch(`http://${http}/metrics`)).text()
      return text.includes('millrace_iso_faults_total{code="bad-frame"} 1')
    })
    expect((await running.signal("SIGTERM")).code).toBe(0)
  })
})

describe("HTTP", () => {
  it("tells health and what was counted, and what this is", async () => {
    const server = await serve(temporaryDirectory(), { ephemeral: true })
    const { transactions } = JSON.parse((await load(server)).stdout)
    const [root, health, metrics, nowhere] = await Promise.all(
      ["/", "/health", "/metrics", "/nowhere"].map((path) => fetch(server.http + path)),
    )
    expect(await root.text()).toMatch(/^Millrace: .*\/metrics/s)
    expect([health.status, await health.json()]).toEqual([200, expect.objectContaining({ status: "ok" })])
    expect(nowhere.status).toBe(404)
    const text = await metrics.text()
    const value = (line: string) => Number(new RegExp(`^${line} (\\S+)$`, "m").exec(text)?.[1])
    expect(metrics.headers.get("content-type")).toMatch(/^text\/plain/)
    expect(value('millrace_transactions_total\\{response="00"\\}')).toBeGreaterThan(0)
    expect(value('millrace_transactions_total\\{response="00"\\}')).toBeLessThanOrEqual(transactions)
    expect(value("millrace_commit_seconds_count")).toBe(value("millrace_journal_blocks_total"))
    expect(value('millrace_commit_seconds_bucket\\{le="\\+Inf"\\}')).toBe(
      value("millrace_journal_blocks_total"),
    )
    for (const name of [
      "millrace_sessions",
      "millrace_duplicates_total",
      "millrace_shard_restarts_total",
      "millrace_snapshots_total",
      "millrace_snapshot_failures_total",
      "millrace_snapshot_running",
      "millrace_snapshot_position",
      "millrace_snapshot_seconds",
      "process_resident_memory_bytes",
      "nodejs_eventloop_lag_seconds",
    ]) {
      expect(value(name), name).toBeGreaterThanOrEqual(0)
    }
    expect(value('millrace_mailbox_records\\{shard="0"\\}')).toBe(0)
    // A series that began with its first event would hide it from increase().
    for (const code of Object.values(ResponseCode)) {
      expect(
        value(`millrace_transactions_total\\{response="${responseDigits(code)}"\\}`),
      ).toBeGreaterThanOrEqual(0)
    }
    expect(value("millrace_gateway_refused_records_total")).toBe(0)
    expect(value("millrace_commands_pending")).toBe(0)
  })
})
