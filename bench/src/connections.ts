/** Many connections: 10,000 that are idle beside 512 that are busy, and logons with wrong keys beside them. */
import { join } from "node:path"
import { type LoadResult, type Target, Wire } from "@millrace/cli"
import { makeCredential, readCredential } from "@millrace/client"
import { Effect } from "effect"
import { load, withServer } from "./Processes.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const BUSY = 512
/** Transactions a second of the busy ones while their latency is compared: well below what a machine can do. */
const RATE = 3_000
const STORM_PER_SECOND = 1_000
/** Connections opened at a time. */
const OPENING_MAX = 256
/** How long closed connections are waited for. */
const CLOSING_MS = 2_000

/** Opens connections that are logged on and then say nothing. */
const openIdle = async (target: Target, data: string, count: number): Promise<ReadonlyArray<Wire>> => {
  const credential = await Effect.runPromise(readCredential(join(data, "credentials.json")))
  const wires: Array<Wire> = []
  const open = () =>
    new Promise<Wire>((resolve, reject) => {
      const wire: Wire = new Wire(target, credential, {
        opened: () => resolve(wire),
        outcomes: () => {},
        read: () => {},
        lost: ({ message }) => reject(new Error(message)),
      })
    })
  for (let from = 0; from < count; from += OPENING_MAX) {
    wires.push(...(await Promise.all(Array.from({ length: Math.min(OPENING_MAX, count - from) }, open))))
  }
  return wires
}

/** Logons with wrong keys, `STORM_PER_SECOND` of them, until it is stopped. */
const storm = (target: Target): (() => void) => {
  const open = new Set<Wire>()
  let count = 0
  const timer = setInterval(() => {
    for (let n = 0; n < STORM_PER_SECOND / 100; n++) {
      const credential = makeCredential({ terminal: 1 + (count++ % 5_000) }, new Uint8Array(32))
      const wire: Wire = new Wire(target, credential, {
        opened: () => {},
        outcomes: () => {},
        read: () => {},
        lost: () => open.delete(wire),
      })
      open.add(wire)
    }
  }, 10)
  return () => {
    clearInterval(timer)
    for (const wire of open) wire.close()
  }
}

/** On a server that has done nothing else: a heap with room in it would hide them. */
const idleBytes = (scheme: "tcp" | "ws", count: number): Promise<number> =>
  withServer(async (server) => {
    const before = server.residentBytes()
    const idle = await openIdle(server.target(scheme), server.data, count)
    const each = (server.residentBytes() - before) / idle.length
    for (const wire of idle) wire.close()
    return each
  })

export const benchmark: Benchmark = {
  title: "Many connections",
  measures: `${BUSY} busy connections at ${RATE.toLocaleString("en-US")}/s in an open loop, alone and beside others`,
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const count = quick ? 500 : 10_000
    const paced = `--mode terminals --connections ${BUSY} --rate ${RATE} --in-flight 8 --duration ${quick ? 1 : 6}`
    const take = (id: string, name: string, { latencyMs }: LoadResult, alone?: LoadResult) => {
      for (const point of ["p50", "p99"] as const) {
        samplers.add(
          { id: `${id}-${point}`, group: point, name, unit: "ms", better: "lower" },
          latencyMs[point],
        )
        if (alone !== undefined)
          samplers.limit(`${id}-${point}`, "alone, in the same round", alone.latencyMs[point])
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const scheme of ["tcp", "ws"] as const) {
        const name = `over ${scheme === "tcp" ? "TCP" : "WebSocket"}, logged on`
        samplers.add(
          { id: `idle-${scheme}`, group: "an idle connection", name, unit: "B", better: "lower" },
          await idleBytes(scheme, count),
        )
      }
    }
    await withServer(async (server) => {
      // Makes cards and warms up.
      await load(server, paced)
      for (let round = 0; round < rounds; round++) {
        const alone = await load(server, paced)
        take("alone", "alone", alone)
        for (const scheme of ["tcp", "ws"] as const) {
          const idle = await openIdle(server.target(scheme), server.data, count)
          const name = `beside ${count.toLocaleString("en-US")} idle over ${scheme === "tcp" ? "TCP" : "WebSocket"}`
          take(`idle-${scheme}`, name, await load(server, paced), alone)
          for (const wire of idle) wire.close()
          await new Promise((resolve) => setTimeout(resolve, CLOSING_MS))
        }
        // From another address, as strangers come: who shares theirs waits with them.
        const end = storm({ ...server.target("tcp"), from: "127.0.0.2" })
        const name = `under ${STORM_PER_SECOND.toLocaleString("en-US")} wrong logons a second`
        take("storm", name, await load(server, paced), alone)
        end()
      }
    })
    return { figures: samplers.figures }
  },
}
