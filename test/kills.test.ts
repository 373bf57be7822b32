// A short run of the kills, with each way to die in it; `npm run kills` is the long one.
import { afterAll, expect, it } from "vitest"
import { Campaign } from "./src/kills/Campaign.ts"
import { KillLog } from "./src/kills/Log.ts"
import { endAll, temporaryDirectory } from "./src/Server.ts"

afterAll(endAll)

it("after SIGKILL at any moment every answered transaction is there, and none twice", async () => {
  const data = temporaryDirectory()
  const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}: npm run kills -- --kills 6 --connections 2 --seed ${seed}`)
  const lines: Array<string> = []
  const say = (line: string) => void lines.push(line)
  const log = new KillLog(undefined, false)
  const options = {
    kills: 6,
    seed,
    connections: 2,
    loadMsMax: 700,
    data,
    say,
    configuration: "small" as const,
    rememberedTransactions: 2 ** 16,
    round: 1,
    log,
  }
  const campaign = new Campaign(options)
  await campaign.run()
  expect(campaign.violations, lines.join("\n")).toEqual([])
  expect(log.kills).toBe(6)
  expect(log.roundsDone).toBe(1)
  const lives = log.lines.filter((line) => "kill" in line)
  expect(lives.reduce((sum, life) => sum + life.answered, 0)).toBeGreaterThan(1_000)
  expect(lives.reduce((sum, life) => sum + life.rechecked, 0)).toBeGreaterThan(1_000)
}, 600_000)
