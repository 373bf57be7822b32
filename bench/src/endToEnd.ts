/** The whole path with batches: `serve` and `load` as two processes of this machine, fdatasync before every answer. */
import { batchFrame, RECORD_BYTES } from "@millrace/protocol"
import { echoPerSecond, load, type Server, withEcho, withServer } from "./Processes.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const BATCH = 512
const CONNECTIONS = 8
const IN_FLIGHT = 4
const shape = `--mode batch --connections ${CONNECTIONS} --in-flight ${IN_FLIGHT} --batch ${BATCH} --mix purchase=80,recharge=15,balance=5`

const group = "transactions a second"
const throughput = (id: string, name: string) =>
  ({ id, group, name, unit: "tx/s", better: "higher" }) as const
const latency = (id: string, name: string) =>
  ({ id, group: "latency, closed loop", name, unit: "ms", better: "lower" }) as const

export const benchmark: Benchmark = {
  title: "End to end, batches",
  measures: `serve and load on one machine: ${CONNECTIONS} connections, ${IN_FLIGHT} × ${BATCH} in flight, durable before the answer`,
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const seconds = quick ? 2 : 8
    const frame = batchFrame(new Uint8Array(BATCH * RECORD_BYTES), RECORD_BYTES, 0)
    const measure = async (server: Server, cards: number, id: string, name: string) => {
      const result = await load(server, `${shape} --cards ${cards} --duration ${seconds}`)
      if (result.errors > 0) throw new Error(`${name}: ${result.errors} errors`)
      samplers.add(throughput(id, name), result.throughput)
      samplers.add(latency(`${id}-p50`, `${name}, p50`), result.latencyMs.p50)
      samplers.add(latency(`${id}-p99`, `${name}, p99`), result.latencyMs.p99)
      samplers.add(
        { id: `${id}-client`, group: "the client's own cost", name, unit: "ns/tx", better: "lower" },
        result.client.cpuNsPerTransaction,
      )
    }
    const sizes = quick ? [100_000] : [1_000_000, 10_000_000]
    for (const cards of sizes) {
      const millions = `${cards.toLocaleString("en-US")} cards`
      await withServer(async (server) => {
        // Makes the cards, and warms up.
        await load(server, `${shape} --cards ${cards} --duration ${quick ? 1 : 3}`)
        for (let round = 0; round < rounds; round++) {
          const id = cards === 10_000_000 ? "batch-10m" : "batch"
          await measure(server, cards, id, millions)
          const echo = await withEcho("tcp", (target) =>
            echoPerSecond(target, {
              connections: CONNECTIONS,
              inFlight: IN_FLIGHT,
              frame,
              seconds: quick ? 1 : 3,
            }),
          )
          samplers.limit(id, "a bare echo of node:net to the same channels, as many bytes back", echo * BATCH)
        }
      })
    }
    return { figures: samplers.figures }
  },
}
