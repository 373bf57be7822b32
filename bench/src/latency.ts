/** Latency in an open loop, from when a request was due: at a fixed rate, and at half of what the machine can do. */
import type { LoadResult } from "@millrace/cli"
import { openLoopSyncMs, quantile } from "./Machine.ts"
import { load, withServer } from "./Processes.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const RATE = 20_000
const terminals = "--mode terminals --connections 64 --in-flight 64"
const points = [
  ["p50", 0.5],
  ["p99", 0.99],
  ["p999", 0.999],
] as const

export const benchmark: Benchmark = {
  title: "Latency, open loop",
  measures: "64 terminals over TCP, 1,000,000 cards; each request counted from when it was due",
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const common = `${terminals} --cards ${quick ? 10_000 : 1_000_000}`
    const seconds = quick ? 1 : 8
    const warm = `--warm-up ${quick ? 0.5 : 3}`
    const rates: Array<number> = []
    const limited = { fixed: 0, half: 0 }
    const take = (
      id: keyof typeof limited,
      name: string,
      { latencyMs, client }: LoadResult,
      syncs: ReadonlyArray<number>,
    ) => {
      if (client.limit) limited[id]++
      for (const [point, fraction] of points) {
        const said = point === "p999" ? "p99.9" : point
        samplers.add(
          { id: `${id}-${point}`, group: name, name: said, unit: "ms", better: "lower" },
          latencyMs[point],
        )
        samplers.limit(
          `${id}-${point}`,
          "the same requests, if each waited for a bare write of 4 KiB and fdatasync alone",
          quantile(syncs, fraction),
        )
      }
    }
    await withServer(async (server) => {
      await load(server, `${common} --duration ${quick ? 1 : 3}`)
      // One rate after the other: code that was compiled for a flood is compiled anew for a trickle, beside it, for some seconds.
      await load(server, `${common} --rate ${RATE} --duration ${quick ? 1 : 15}`)
      for (let round = 0; round < rounds; round++) {
        const syncs = openLoopSyncMs(4_096, RATE, quick ? 0.3 : seconds)
        const result = await load(server, `${common} --rate ${RATE} ${warm} --duration ${seconds}`)
        take("fixed", `at ${RATE.toLocaleString("en-US")}/s`, result, syncs)
      }
      for (let round = 0; round < rounds; round++) {
        const most = await load(server, `${common} --duration ${quick ? 1 : 4}`)
        const half = Math.max(1, Math.round(most.throughput / 2))
        rates.push(half)
        const syncs = openLoopSyncMs(4_096, half, quick ? 0.3 : seconds)
        const result = await load(server, `${common} --rate ${half} ${warm} --duration ${seconds}`)
        take("half", "at half of the maximum", result, syncs)
      }
    })
    const halves = rates.map((rate) => rate.toLocaleString("en-US")).join(", ")
    const { fixed, half } = limited
    return {
      figures: samplers.figures,
      notes: [
        `half of the maximum was, round by round, ${halves}/s`,
        `the client sent late for want of a processor, so that it was the limit itself, in ${fixed} of ${rounds} rounds at ` +
          `${RATE.toLocaleString("en-US")}/s and in ${half} of ${rounds} at half of the maximum`,
      ],
    }
  },
}
