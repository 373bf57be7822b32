/** `npm run bench [-- NAME …]`: runs the benchmarks one after the other, each in a process of its own. */
import { spawnSync } from "node:child_process"
import { cpus, totalmem } from "node:os"
import { fileURLToPath } from "node:url"

const benchmarks: ReadonlyArray<readonly [name: string, what: string]> = [
  ["memory", "random reads over a large table, with and without huge pages: what a decision waits for"],
  ["record", "the codec: records and outcomes written and read, frames split"],
  ["ledger", "one decision, by kind, at 1,000,000 cards; bytes per card and per remembered transaction"],
  ["journal", "a group commit by block size, beside bare write and fdatasync"],
  [
    "connections",
    "10,000 idle connections beside 512 busy ones: memory and latency; WebSocket 512 × 1 beside a bare echo",
  ],
  ["endToEnd", "serve and load on this machine: batches, and 512 connections with one in flight"],
]

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !benchmarks.some(([known]) => known === name))
if (unknown.length > 0) {
  console.error(
    `no benchmark is called ${unknown.join(", ")}; there are: ${benchmarks.map(([name]) => name).join(", ")}`,
  )
  process.exit(1)
}

const [cpu] = cpus()
console.log(
  `${cpu?.model ?? "unknown processor"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
)
// As bin/millrace does: what is measured runs as it is served.
const env = { ...process.env, GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" }
const inline = ["--max-inlined-bytecode-size=1000", "--max-inlined-bytecode-size-cumulative=4000"]
let failed = false
for (const [name, what] of benchmarks) {
  if (asked.length > 0 && !asked.includes(name)) continue
  console.log(`\n## ${name}: ${what}\n`)
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
  failed = spawnSync(process.execPath, [...inline, file], { stdio: "inherit", env }).status !== 0 || failed
}
process.exit(failed ? 1 : 0)
