/** The whole path: `serve` and `load` as two processes of this machine, fdatasync before every answer. */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("../../packages/cli/bin/millrace", import.meta.url))
const rounds = 5
const seconds = 8

interface Report {
  readonly throughput: number
  readonly errors: number
  readonly latencyMs: { readonly p50: number; readonly p99: number }
}

const cases: ReadonlyArray<readonly [name: string, flags: string]> = [
  ["batch, 8 connections", "--mode batch --connections 8 --in-flight 4 --batch 512 --cards 1000000"],
  ["terminals, 512 × 1 in flight", "--mode terminals --connections 512 --in-flight 1 --cards 1000000"],
  ["terminals, 64 × 64 in flight", "--mode terminals --connections 64 --in-flight 64 --cards 1000000"],
]

const data = mkdtempSync(join(tmpdir(), "millrace-bench-"))
const server = spawn(program, ["serve", "--data", data, "--tcp", "0", "--http", "0"], {
  stdio: ["ignore", "pipe", "inherit"],
})
try {
  const ready = await new Promise<string>((resolve, reject) => {
    server.once("exit", () => reject(new Error("serve ended before it was ready")))
    createInterface({ input: server.stdout }).on("line", (line) => {
      if (line.startsWith("ready ")) resolve(line)
    })
  })
  const url = `tcp://${/tcp=(\S+)/.exec(ready)?.[1]}`
  console.log(
    "| case | transactions/s: min / median / max | p50 ms | p99 ms | errors |\n|---|---|---|---|---|",
  )
  for (const [name, flags] of cases) {
    const reports = Array.from({ length: rounds }, () => {
      const args = [
        "load",
        "--url",
        url,
        "--data",
        data,
        "--json",
        "--duration",
        String(seconds),
        ...flags.split(" "),
      ]
      const { stdout } = spawnSync(program, args, { encoding: "utf8" })
      // The one line of the contract.
      return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Report
    }).sort((a, b) => a.throughput - b.throughput)
    const median = reports[Math.floor(rounds / 2)]
    const errors = reports.reduce((sum, report) => sum + report.errors, 0)
    const throughputs = [reports[0], median, reports[rounds - 1]].map((report) =>
      report.throughput.toLocaleString("en"),
    )
    console.log(
      `| ${name} | ${throughputs.join(" / ")} | ${median.latencyMs.p50} | ${median.latencyMs.p99} | ${errors} |`,
    )
  }
} finally {
  server.kill("SIGTERM")
  await new Promise((resolve) => server.once("exit", resolve))
  rmSync(data, { recursive: true, force: true })
}
