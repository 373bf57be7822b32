/** `npm run k6 -- SCENARIO`: an engine, the scenario's bundle, k6, a summary, and whether both counted the same. */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { Schema } from "effect"
import { aboutOf, bundle, type Scenario, scenarios } from "./bundle.ts"
import { differences, Summary, valueOf } from "./compare.ts"
import { type Address, countsOf, population, provision, startEngine } from "./Engine.ts"
import { findK6, installK6, installLines } from "./K6.ts"

const usage = `npm run k6 -- SCENARIO [--k6 FILE | --install] [--rate N] [--seconds N] [--transactions N] [--think-ms N] [--p99-ms N]
                 [--lose SHARE] [--terminals N] [--cards N] [--json FILE]
                 [--url ws://HOST:PORT --http http://HOST:PORT --credentials FILE [--no-provision]]
npm run k6 -- bundle

Starts an engine with a data directory of its own, makes terminals and cards, runs k6 against it over WebSocket, and
compares what k6 counted with what the engine counted. With --url it uses an engine that runs already; with --install it
builds k6 with Go when there is none.

${scenarios.map((scenario) => `  ${scenario.padEnd(8)}${aboutOf(scenario)}`).join("\n")}
  bundle  Only writes bench/k6/dist/*.js, for k6 elsewhere.

  npm run k6 -- smoke
  npm run k6 -- peak --rate 5 --seconds 120 --p99-ms 100
  npm run k6 -- steady --url ws://pos.example:7101 --http http://pos.example:7103 --credentials ./acquirer.json`

function fail(code: number, ...lines: ReadonlyArray<string>): never {
  for (const line of lines) console.error(line)
  process.exit(code)
}

const parsed = () => {
  const text = { type: "string" } as const
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        k6: text,
        install: { type: "boolean", default: false },
        rate: text,
        seconds: text,
        transactions: text,
        "think-ms": text,
        "p99-ms": text,
        lose: text,
        terminals: { type: "string", default: "2000" },
        cards: { type: "string", default: "100000" },
        json: text,
        url: text,
        http: text,
        credentials: text,
        "no-provision": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    })
  } catch (error) {
    return fail(2, error instanceof Error ? error.message : String(error), "", usage)
  }
}

const { values, positionals } = parsed()
const [asked] = positionals
if (values.help || asked === undefined) fail(values.help ? 0 : 2, usage)
if (asked === "bundle") {
  for (const scenario of scenarios) console.log(await bundle(scenario))
  process.exit(0)
}
const scenario: Scenario =
  scenarios.find((known) => known === asked) ??
  fail(2, `no scenario is called ${asked}; there are: ${scenarios.join(", ")}`)

const terminals = Number(values.terminals)
const cards = Number(values.cards)
if (![terminals, cards].every((count) => Number.isSafeInteger(count) && count > 0)) {
  fail(2, "--terminals and --cards are numbers from 1")
}

const elsewhere = (): Address | undefined => {
  const { url, http, credentials } = values
  if (url === undefined) return undefined
  if (http !== undefined && credentials !== undefined) return { url, http, credentials: resolve(credentials) }
  return fail(2, "an engine elsewhere needs --url, --http (its metrics are compared) and --credentials")
}

/** Until k6 runs, the end. Then k6 is told: it ends its sessions, says what it has counted, and that is compared. */
let interrupted = (): void => process.exit(130)
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => interrupted())

/** k6's exit code when it was told to stop. */
const INTERRUPTED = 105

/** k6's exit code: 0, 99 where a threshold was broken, or another. */
const runK6 = (program: string, file: string, address: Address, summary: string): Promise<number> => {
  const environment = {
    URL: address.url,
    CREDENTIALS: address.credentials,
    TERMINAL_FIRST: population.terminalFirst,
    TERMINALS: terminals,
    CARD_FIRST: population.cardFirst,
    CARDS: cards,
    CURRENCY: population.currency,
    SUMMARY: summary,
    RATE: values.rate,
    SECONDS: values.seconds,
    TRANSACTIONS: values.transactions,
    THINK_MS: values["think-ms"],
    P99_MS: values["p99-ms"],
    LOSE: values.lose,
  }
  const told = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : ["-e", `${name}=${value}`],
  )
  const quiet = process.stdout.isTTY ? [] : ["--quiet"]
  const flags = ["run", "--no-usage-report", "--address", "", ...quiet, ...told, file]
  // Not in our group: Ctrl-C would reach it twice, which means to k6 that it must not say anything any more.
  const child = spawn(program, flags, { stdio: "inherit", detached: true })
  interrupted = () => child.kill("SIGINT")
  return new Promise((done, failed) => {
    child.once("error", failed)
    child.once("exit", (code) => done(code ?? 1))
  })
}

/** What a person wants to know first. */
const told = (summary: Summary): ReadonlyArray<string> => {
  const count = (name: string): number => valueOf(summary, name, "count")
  const ms = (stat: string): string => `${valueOf(summary, "millrace_latency", stat).toFixed(1)} ms`
  const answered = Object.keys(summary.metrics)
    .filter((name) => name.startsWith("millrace_answers_"))
    .map((name) => [name.slice(-2), count(name)] as const)
  const all = answered.reduce((sum, [, n]) => sum + n, 0)
  const declined = answered.filter(([code]) => code !== "00").map(([code, n]) => `${code}: ${n}`)
  return [
    `  transactions     ${all.toLocaleString("en")} in ${count("iterations").toLocaleString("en")} sessions, ${Math.round((all * 1_000) / summary.state.testRunDurationMs)} a second`,
    `  declined         ${declined.join(", ") || "none"}`,
    `  answered within  ${ms("med")} (median), ${ms("p(99)")} (p99), ${ms("p(99.9)")} (p99.9), ${ms("max")} (all)`,
    `  lines            ${count("millrace_cuts")} cut here, ${count("millrace_lines_lost")} lost; ${count("millrace_repeats")} requests sent again, ${count("millrace_duplicates")} first answers given again`,
  ]
}

const program =
  values.k6 === undefined ? (findK6() ?? (values.install ? installK6() : undefined)) : resolve(values.k6)
if (program === undefined) fail(69, "k6 was not found. Install it and run this again:", ...installLines)
if (!existsSync(program)) fail(66, `there is no ${program}`)
const file = await bundle(scenario)
const folder = mkdtempSync(join(tmpdir(), "millrace-k6-summary-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
const summaryFile = values.json === undefined ? join(folder, "summary.json") : resolve(values.json)
const address = elsewhere()
const own = address === undefined ? await startEngine() : undefined
const engine = address ?? own ?? fail(1, "no engine")
let code = 1
try {
  if (!values["no-provision"]) await provision(engine, terminals, cards)
  const before = await countsOf(engine)
  console.log(`${scenario}: ${aboutOf(scenario)}\n${engine.url}, ${terminals} terminals, ${cards} cards`)
  code = await runK6(program, file, engine, summaryFile)
  if (existsSync(summaryFile)) {
    const summary = Schema.decodeSync(Summary)(readFileSync(summaryFile, "utf8"))
    for (const line of told(summary)) console.log(line)
    const different = code === INTERRUPTED ? [] : differences(summary, before, await countsOf(engine))
    for (const { what, k6, engine: counted } of different) {
      console.error(`  DIFFERENT        ${what}: k6 counted ${k6}, the engine ${counted}`)
    }
    if (different.length === 0)
      console.log("  k6 and the engine counted the same: answers by code, repeats, money")
    else code ||= 1
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
} finally {
  await own?.stop()
}
process.exitCode = code
