/** `npm run bench [-- NAME …]`: see `--help`. */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { makeOneModule } from "@millrace/cli/one-module"
import { type Arguments, parseArguments, usage } from "./Arguments.ts"
import { chart } from "./Chart.ts"
import { comparisonLines } from "./Compare.ts"
import { type Report, readReports } from "./Report.ts"
import { machineLine, tableOf } from "./Table.ts"
import { targetLines } from "./Targets.ts"

// As bin/millrace does: what is measured runs as it is served.
const env = { ...process.env, GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" }
const flags = [
  "--max-inlined-bytecode-size=1000",
  "--max-inlined-bytecode-size-cumulative=4000",
  "--expose-gc",
]

const folder = fileURLToPath(new URL("../results", import.meta.url))
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))
/** One module, as the program is. */
const measured = here("../dist/run.mjs")

const say = (lines: ReadonlyArray<string>): void => {
  for (const line of lines) console.log(line)
}

const spawned = (args: ReadonlyArray<string>): boolean =>
  spawnSync(process.execPath, [...flags, ...args], { stdio: "inherit", env }).status === 0

/** Undefined when it failed, of which it has said why. */
const measure = (name: string, { rounds, quick }: Arguments): Report | undefined => {
  const place = mkdtempSync(join(tmpdir(), "millrace-bench-report-"))
  const file = join(place, "report.json")
  try {
    if (!spawned([measured, name, file, String(rounds), String(quick)])) return undefined
    return readReports(readFileSync(file, "utf8"))[0]
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

const save = (file: string, value: unknown): void =>
  writeFileSync(file, `${JSON.stringify(value, null, 1)}\n`)

/** What was saved, or a text that says why it can't be read. */
const saved = (file: string): ReadonlyArray<Report> | string => {
  try {
    return readReports(readFileSync(file, "utf8"))
  } catch (error) {
    return `${file} is no saved run (see --save): ${error instanceof Error ? error.message : String(error)}`
  }
}

const runAll = (wanted: Arguments): number => {
  const before = wanted.compare === undefined ? [] : saved(wanted.compare)
  if (typeof before === "string") {
    console.error(before)
    return 1
  }
  mkdirSync(folder, { recursive: true })
  const reports: Array<Report> = []
  let failed = false
  for (const name of wanted.names) {
    const report = measure(name, wanted)
    if (report === undefined) {
      failed = true
      continue
    }
    if (reports.length === 0) console.log(machineLine(report.machine))
    reports.push(report)
    console.log(`\n## ${name}: ${report.measures}\n`)
    say(tableOf(report))
    save(join(folder, `${name}.json`), report)
    writeFileSync(join(folder, `${name}.svg`), chart(report))
  }
  if (wanted.json !== undefined) save(wanted.json, reports)
  if (wanted.save !== undefined) save(join(folder, `${wanted.save}.run.json`), reports)
  if (before.length > 0) {
    console.log(`\n## beside ${wanted.compare}\n`)
    say(comparisonLines(before, reports))
  }
  if (wanted.targets) {
    console.log("\n## targets\n")
    say(targetLines(reports))
    if (wanted.quick)
      say(["--quick: short rounds over small tables, whatever the lines say: not to be quoted"])
  }
  return failed ? 1 : 0
}

const parsed = parseArguments(process.argv.slice(2))
if ("help" in parsed) {
  console.log(usage)
  process.exit(0)
}
if ("wrong" in parsed) {
  console.error(parsed.wrong)
  process.exit(2)
}
await makeOneModule(here("./run.ts"), measured)
process.exit(runAll(parsed))
