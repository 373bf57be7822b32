/** Many connections: 10,000 that are idle beside 512 that are busy, and WebSocket 512 × 1 beside a bare echo of its library. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { openChannel, type Target, Wire } from "@millrace/cli"
import { makeCredential, readCredential } from "@millrace/client"
import { batchFrame, RECORD_BYTES } from "@millrace/protocol"
import { Effect } from "effect"

const program = fileURLToPath(new URL("../../packages/cli/bin/millrace", import.meta.url))
const echo = fileURLToPath(new URL("./echo.ts", import.meta.url))
const rounds = Number(process.env["BENCH_ROUNDS"] ?? 3)
const seconds = 6
const idleConnections = 10_000
const busyConnections = 512
/** Transactions a second of the busy ones while their latency is compared: well below what the machine can do. */
const rate = Number(process.env["BENCH_RATE"] ?? 8_000)
const stormPerSecond = 1_000
/** Connections opened at a time. */
const openingMax = 256

interface Report {
  readonly throughput: number
  readonly errors: number
  readonly latencyMs: { readonly p50: number; readonly p99: number }
}

/** Starts a program and waits for its line `ready …`. */
const started = (command: string, args: ReadonlyArray<string>): Promise<readonly [ChildProcess, string]> => {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] })
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(`${command} ended before it was ready`)))
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("ready ")) resolve([child, line])
    })
  })
}

const stopped = (child: ChildProcess): Promise<unknown> => {
  const exited = new Promise((resolve) => child.once("exit", resolve))
  child.kill("SIGTERM")
  return exited
}

const targetOf = (scheme: Target["scheme"], ready: string): Target => {
  const address = new RegExp(`${scheme}=(\\S+):(\\d+)`).exec(ready)
  return { scheme, host: address?.[1] ?? "", port: Number(address?.[2]) }
}

/** `spawn` and not `spawnSync`: this process must go on answering pings. */
const load = async (target: Target, data: string, flags: ReadonlyArray<string>): Promise<Report> => {
  const url = `${target.scheme}://${target.host}:${target.port}`
  const common = ["--url", url, "--data", data, "--json", "--duration", String(seconds)]
  const child = spawn(
    program,
    ["load", ...common, "--mode", "terminals", "--connections", String(busyConnections), ...flags],
    { stdio: ["ignore", "pipe", "pipe"] },
  )
  let stdout = ""
  let stderr = ""
  child.stderr.on("data", (chunk) => {
    stderr += chunk
  })
  child.stdout.on("data", (chunk) => {
    stdout += chunk
  })
  await new Promise((resolve) => child.once("close", resolve))
  if (stdout === "") throw new Error(`load failed: ${stderr.trim()}`)
  // The one line of the contract.
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Report
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

const several = async (work: () => Promise<Report>): Promise<ReadonlyArray<Report>> => {
  const reports = []
  for (let round = 0; round < rounds; round++) reports.push(await work())
  return reports
}

/** What a process keeps in memory, bytes. Linux tells. */
const residentBytes = ({ pid }: ChildProcess): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024

/** Opens connections that are logged on and then say nothing. */
const openIdle = async (target: Target, data: string, count: number): Promise<ReadonlyArray<Wire>> => {
  const credential = await Effect.runPromise(readCredential(join(data, "credentials.json")))
  const wires: Array<Wire> = []
  for (let from = 0; from < count; from += openingMax) {
    const opening = Array.from(
      { length: Math.min(openingMax, count - from) },
      () =>
        new Promise<Wire>((resolve, reject) => {
          const wire: Wire = new Wire(target, credential, {
            opened: () => resolve(wire),
            outcomes: () => {},
            read: () => {},
            lost: ({ message }) => reject(new Error(message)),
          })
        }),
    )
    wires.push(...(await Promise.all(opening)))
  }
  return wires
}

/** Logons with wrong keys, `stormPerSecond` of them, until it is stopped. Gives how many there were. */
const storm = (target: Target): (() => number) => {
  const open = new Set<Wire>()
  let count = 0
  const timer = setInterval(() => {
    for (let n = 0; n < stormPerSecond / 100; n++) {
      const credential = makeCredential({ terminal: 1 + (count++ % 5_000) }, new Uint8Array(32))
      const wire: Wire = new Wire(target, credential, {
        opened: () => {},
        outcomes: () => {},
        read: () => {},
        lost: () => open.delete(wire),
      })
      open.add(wire)
    }
  }, 10)
  return () => {
    clearInterval(timer)
    for (const wire of open) wire.close()
    return count
  }
}

/** Messages of a record's size, one in flight on each connection, said again by the bare library: a second's worth. */
const echoed = (target: Target): Promise<number> =>
  new Promise((resolve) => {
    const frame = batchFrame(new Uint8Array(RECORD_BYTES), RECORD_BYTES, 0)
    let count = 0
    let pending = busyConnections
    const channels = Array.from({ length: busyConnections }, () => {
      let bytes = 0
      const channel = openChannel(
        target,
        {},
        {
          opened: () => {
            if (--pending === 0) begin()
          },
          bytes: (chunk) => {
            bytes += chunk.length
          },
          read: () => {
            if (bytes < frame.length) return
            bytes = 0
            count++
            channel.write(frame)
          },
          error: () => {},
          closed: () => {},
        },
      )
      return channel
    })
    const begin = () => {
      const began = performance.now()
      for (const channel of channels) channel.write(frame)
      setTimeout(() => {
        const perSecond = (count * 1_000) / (performance.now() - began)
        for (const channel of channels) channel.destroy()
        resolve(perSecond)
      }, seconds * 1_000)
    }
  })

const serveArguments = (data: string) => ["serve", "--data", data, "--tcp", "0", "--http", "0", "--ws", "0"]

/** On a server that has done nothing else: a heap with room in it would hide them. */
const idleBytes = async (scheme: "tcp" | "ws"): Promise<number> => {
  const data = mkdtempSync(join(tmpdir(), "millrace-bench-"))
  const [server, ready] = await started(program, serveArguments(data))
  try {
    const before = residentBytes(server)
    const idle = await openIdle(targetOf(scheme, ready), data, idleConnections)
    const each = (residentBytes(server) - before) / idle.length
    for (const wire of idle) wire.close()
    return each
  } finally {
    await stopped(server)
    rmSync(data, { recursive: true, force: true })
  }
}

const text = (value: number) => Math.round(value).toLocaleString("en")
const row = (name: string, reports: ReadonlyArray<Report>): string => {
  const of = (read: (report: Report) => number) => median(reports.map(read))
  const errors = reports.reduce((sum, report) => sum + report.errors, 0)
  return `| ${name} | ${text(of((r) => r.throughput))} | ${of((r) => r.latencyMs.p50)} | ${of((r) => r.latencyMs.p99)} | ${errors} |`
}

for (const scheme of ["tcp", "ws"] as const) {
  // With what the logons left in the heap: a collector that did not run yet shows as more.
  const each = []
  for (let round = 0; round < rounds; round++) each.push(await idleBytes(scheme))
  const sorted = each.toSorted((a, b) => a - b).map(text)
  console.log(
    `an idle connection over ${scheme}, one of ${text(idleConnections)}: ${sorted.join(" / ")} bytes`,
  )
}
console.log("")
const data = mkdtempSync(join(tmpdir(), "millrace-bench-"))
const [server, ready] = await started(program, serveArguments(data))
const [bare, bareReady] = await started(process.execPath, [echo])
try {
  const tcp = targetOf("tcp", ready)
  const ws = targetOf("ws", ready)
  const paced = ["--rate", String(rate), "--in-flight", "8"]
  // The first run makes cards and warms up.
  await load(tcp, data, paced)
  console.log("| case | a second | p50 ms | p99 ms | errors |\n|---|---|---|---|---|")
  const alone = await several(() => load(tcp, data, paced))
  console.log(row(`${busyConnections} busy over TCP at ${text(rate)}/s, alone`, alone))
  for (const target of [tcp, ws]) {
    const idle = await openIdle(target, data, idleConnections)
    const beside = await several(() => load(tcp, data, paced))
    console.log(row(`the same beside ${text(idle.length)} idle over ${target.scheme}`, beside))
    for (const wire of idle) wire.close()
    await new Promise((resolve) => setTimeout(resolve, 2_000))
  }
  // From another address, as strangers come: who shares theirs waits with them.
  const end = storm({ ...tcp, from: "127.0.0.2" })
  const stormed = await several(() => load(tcp, data, paced))
  console.log(
    row(`the same under ${text(stormPerSecond)} logons a second with wrong keys (${text(end())})`, stormed),
  )
  const closed = await several(() => load(ws, data, ["--in-flight", "1"]))
  console.log(row(`${busyConnections} × 1 in flight over WebSocket`, closed))
  const echoes = []
  for (let round = 0; round < rounds; round++) echoes.push(await echoed(targetOf("ws", bareReady)))
  console.log(
    `| ${busyConnections} × 1, bare echo of uWebSockets.js, same client | ${text(median(echoes))} | | | |`,
  )
} finally {
  await Promise.all([stopped(server), stopped(bare)])
  rmSync(data, { recursive: true, force: true })
}
process.exit(0)
