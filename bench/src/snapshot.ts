/** What clients see while a snapshot is taken, and while a table grows: latency of an open loop with and without. */
import { setTimeout } from "node:timers/promises"
import type { LoadResult } from "@millrace/cli"
import { load, type Server, withServer } from "./Processes.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const RATE = 20_000
const common = `--mode terminals --connections 64 --in-flight 64 --rate ${RATE}`

export const benchmark: Benchmark = {
  title: "Snapshots and growing tables",
  measures: `what 64 terminals see at ${RATE.toLocaleString("en-US")}/s, from when a request was due`,
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const cards = quick ? 10_000 : 1_000_000
    const duration = quick ? 2 : 8
    const flags = `${common} --cards ${cards} --warm-up ${quick ? 0.5 : 3} --duration ${duration}`
    const take = (id: string, name: string, { latencyMs }: LoadResult) => {
      const about = (point: string) =>
        ({ id: `${id}-${point}`, group: point, name, unit: "ms", better: "lower" }) as const
      samplers.add(about("p99.9"), latencyMs.p999)
      samplers.add(about("longest"), latencyMs.max)
    }
    // A snapshot after about every second of this rate: several in each round.
    const often = { MILLRACE_ENGINE_SNAPSHOT_EVERY_SLOTS: String(RATE) }
    await withServer((plain) =>
      withServer(async (snapshotting) => {
        const warm = (server: Server) =>
          load(server, `${common} --cards ${cards} --duration ${quick ? 1 : 3}`)
        await warm(plain)
        await warm(snapshotting)
        let made = cards
        for (let round = 0; round < rounds; round++) {
          const alone = await load(plain, flags)
          take("alone", "neither", alone)
          take("snapshot", "while snapshots are taken", await load(snapshotting, flags))
          made += cards
          const [beside] = await Promise.all([
            load(plain, flags),
            // Makes as many cards again, in another process, once the first one's figures count.
            setTimeout(quick ? 500 : 3_500).then(() =>
              load(
                plain,
                `--mode batch --connections 1 --in-flight 1 --batch 1 --cards ${made} --duration 1`,
              ),
            ),
          ])
          take("growth", "while cards are made and tables grow", beside)
          for (const id of ["snapshot", "growth"]) {
            samplers.limit(`${id}-p99.9`, "neither, in the same round", alone.latencyMs.p999)
            samplers.limit(`${id}-longest`, "neither, in the same round", alone.latencyMs.max)
          }
        }
      }, often),
    )
    return { figures: samplers.figures }
  },
}
