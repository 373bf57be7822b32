/**
 * Simulation for a night: one `millrace simulate` for each core, each with seeds of its own, until the time is up or one fails.
 * `node test/src/night.ts [--minutes 480] [--seed N]`; ends with exit code 1 when a seed violates anything.
 */
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"

/** Seeds of one process: more than a night has time for. */
const seedsEach = 10_000_000

const { values } = parseArgs({
  options: {
    help: { type: "boolean" },
    minutes: { type: "string", default: "480" },
    seed: { type: "string", default: String(Math.floor(Date.now() / 1_000)) },
  },
})
if (values.help) {
  console.log(
    "npm run simulate:night -- [--minutes 480] [--seed N]: on each core simulated runs, each from a seed of its own",
  )
  process.exit()
}
const first = Number(values.seed)
const minutes = Number(values.minutes)
if (!Number.isSafeInteger(first) || !(minutes > 0)) throw new Error("--seed and --minutes must be numbers")

const millrace = new URL("../../packages/cli/bin/millrace", import.meta.url).pathname

const run = (core: number) => {
  const seed = first + core * seedsEach
  const args = ["simulate", "--seed", String(seed), "--seeds", "0", "--minutes", String(minutes), "--shrink"]
  console.log(`core ${core}: millrace ${args.join(" ")}`)
  const child = spawn(millrace, args, { stdio: "inherit" })
  const ended = new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1)))
  return { child, ended }
}

const runs = Array.from({ length: availableParallelism() }, (_, core) => run(core))
const stop = () => {
  for (const { child } of runs) child.kill()
}
process.on("SIGINT", stop)
process.on("SIGTERM", stop)
const codes = await Promise.all(runs.map(({ ended }) => ended))
process.exitCode = Math.max(...codes)
