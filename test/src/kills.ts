// `npm run kills`: SIGKILL again and again under full load, and after each one the proof that no money was lost.
import { appendFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Campaign, median, type Report } from "./kills/Campaign.ts"
import { removeDirectory, temporaryDirectory } from "./Server.ts"

const usage =
  "npm run kills -- [--kills 200] [--seed N] [--connections 4] [--load-ms 700] [--log FILE] [--data DIR]"

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    connections: { type: "string", default: "4" },
    "load-ms": { type: "string", default: "700" },
    log: { type: "string" },
    data: { type: "string" },
    help: { type: "boolean", default: false },
  },
})

const whole = (name: "kills" | "seed" | "connections" | "load-ms", max: number): number => {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  console.error(`--${name} is a whole number from 1 to ${max}, not ${values[name]}\n${usage}`)
  process.exit(2)
}

const say = (line: string): void => {
  console.log(line)
  if (values.log !== undefined) appendFileSync(values.log, `${line}\n`)
}

const summary = (report: Report): string =>
  [
    `kills ${report.kills} (and ${report.cleanStops} clean stops in between)`,
    `transactions answered ${report.answered}`,
    `in doubt ${report.inDoubt}, of which ${report.doneInDoubt} had been done; all sent again, applied once`,
    `rechecked ${report.rechecked}, of which ${report.forgotten} were forgotten and refused with 68`,
    `restart median ${Math.round(median(report.restartMs))} ms, max ${Math.round(Math.max(...report.restartMs))} ms`,
    `violations ${report.violations.length}`,
  ].join("\n")

if (values.help) {
  console.log(usage)
  process.exit(0)
}
const kills = whole("kills", 100_000)
const seed = whole("seed", 2 ** 31)
const connections = whole("connections", 64)
const loadMsMax = whole("load-ms", 60_000)
if (values.log !== undefined) writeFileSync(values.log, "")

const data = values.data ?? temporaryDirectory()
say(`${kills} kills, seed ${seed}, ${connections} connections`)
const options = { kills, seed, connections, loadMsMax, data, say, rememberedTransactions: 2 ** 17 }
const report = await new Campaign(options).run()
say(summary(report))
if (values.data === undefined) removeDirectory(data)
process.exit(report.violations.length === 0 ? 0 : 1)
