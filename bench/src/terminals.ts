/** The whole path with one record a frame: many terminals, over TCP and WebSocket, beside bare echoes of the same libraries. */
import { batchFrame, RECORD_BYTES } from "@millrace/protocol"
import { type EchoKind, echoPerSecond, load, withEcho, withServer } from "./Processes.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const shapes = [
  { connections: 512, inFlight: 1 },
  { connections: 64, inFlight: 64 },
] as const
const library = { tcp: "node:net", ws: "uWebSockets.js" } as const

export const benchmark: Benchmark = {
  title: "End to end, terminals",
  measures: "serve and load on one machine: one record a frame, 1,000,000 cards, durable before the answer",
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const cards = quick ? 10_000 : 1_000_000
    const seconds = quick ? 1 : 6
    const frame = batchFrame(new Uint8Array(RECORD_BYTES), RECORD_BYTES, 0)
    await withServer(async (server) => {
      for (const scheme of ["tcp", "ws"] as const satisfies ReadonlyArray<EchoKind>) {
        for (const { connections, inFlight } of shapes) {
          const flags = `--mode terminals --connections ${connections} --in-flight ${inFlight} --cards ${cards}`
          const id = `${scheme}-${connections}x${inFlight}`
          const name = `${connections} × ${inFlight}, ${scheme === "tcp" ? "TCP" : "WebSocket"}`
          // Makes what is missing, and warms up.
          await load(server, `${flags} --duration ${quick ? 1 : 2}`, scheme)
          for (let round = 0; round < rounds; round++) {
            const result = await load(server, `${flags} --duration ${seconds}`, scheme)
            if (result.errors > 0) throw new Error(`${name}: ${result.errors} errors`)
            samplers.add(
              { id, group: "transactions a second", name, unit: "tx/s", better: "higher" },
              result.throughput,
            )
            samplers.add(
              { id: `${id}-p99`, group: "p99, closed loop", name, unit: "ms", better: "lower" },
              result.latencyMs.p99,
            )
            samplers.add(
              {
                id: `${id}-client`,
                group: "the client's own cost",
                name,
                unit: "ns/tx",
                better: "lower",
              },
              result.client.cpuNsPerTransaction,
            )
            const echo = await withEcho(scheme, (target) =>
              echoPerSecond(target, { connections, inFlight, frame, seconds: quick ? 1 : 3 }),
            )
            samplers.limit(id, `a bare echo of ${library[scheme]} to the same channels`, echo)
          }
        }
      }
    })
    return { figures: samplers.figures }
  },
}
