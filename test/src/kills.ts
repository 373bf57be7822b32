// `npm run kills`: SIGKILL again and again under full load, and after each one the proof that no money was lost.
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Campaign } from "./kills/Campaign.ts"
import { KillLog, linesIn, summaryOf } from "./kills/Log.ts"
import { keepDirectory, removeDirectory, temporaryDirectory } from "./Server.ts"

const usage = `npm run kills -- [--kills 200] [--seed N] [--connections 4] [--load-ms 700] [--round 50] [--shipped-every 10]
                 [--log FILE [--resume]] [--data DIR]
npm run kills -- --summary FILE`

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    connections: { type: "string", default: "4" },
    "load-ms": { type: "string", default: "700" },
    round: { type: "string", default: "50" },
    "shipped-every": { type: "string", default: "10" },
    log: { type: "string" },
    resume: { type: "boolean", default: false },
    summary: { type: "string" },
    data: { type: "string" },
    help: { type: "boolean", default: false },
  },
})

type Numeric = "kills" | "seed" | "connections" | "load-ms" | "round" | "shipped-every"

const whole = (name: Numeric, max: number): number => {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  console.error(`--${name} is a whole number from 1 to ${max}, not ${values[name]}\n${usage}`)
  process.exit(2)
}

if (values.help) {
  console.log(usage)
  process.exit(0)
}
if (values.summary !== undefined) {
  console.log(summaryOf(linesIn(values.summary)))
  process.exit(0)
}

const kills = whole("kills", 100_000)
const seed = whole("seed", 2 ** 31)
const connections = whole("connections", 64)
const loadMsMax = whole("load-ms", 60_000)
const killsARound = whole("round", 10_000)
const shippedEvery = whole("shipped-every", 100_000)

const log = new KillLog(values.log, values.resume)
const say = (line: string) => console.log(line)
say(`${kills} kills, seed ${seed}, ${connections} connections`)
if (log.kills > 0) say(`${log.kills} are in the log already`)

let violations = 0
for (let round = log.roundsDone + 1; log.kills < kills && violations === 0; round++) {
  const configuration = round % shippedEvery === 0 ? "shipped" : "small"
  const data = values.data === undefined ? temporaryDirectory() : join(values.data, `round-${round}`)
  say(`round ${round}, configuration ${configuration}`)
  const campaign = new Campaign({
    kills: Math.min(killsARound, kills - log.kills),
    // Each round has requests and moments of its own; a round that is done again has the same ones.
    seed: (seed + (round - 1) * 7_919) % 2 ** 31,
    connections,
    loadMsMax,
    data,
    say,
    configuration,
    rememberedTransactions: 2 ** 17,
    round,
    log,
  })
  await campaign.run()
  violations += campaign.violations.length
  if (violations > 0) {
    keepDirectory(data)
    say(`the data directory stays: ${data}`)
  } else if (values.data === undefined) removeDirectory(data)
}
say(summaryOf(log.lines))
process.exit(violations === 0 ? 0 : 1)
