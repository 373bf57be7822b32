/** What clients see while a snapshot is taken, and while a table grows: latency of an open loop with and without. */
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import type { LoadResult } from "@millrace/cli"
import { Client, readCredential } from "@millrace/client"
import { Effect } from "effect"
import { load, type Server, withServer } from "./Processes.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const RATE = 20_000
const common = `--mode terminals --connections 64 --in-flight 64 --rate ${RATE}`

/** Cards that no load uses. */
const cardFirst = 5_980_000_000_000_000n
/** ISO 4217's code for tests. */
const currency = 963

/** In this process, which has long begun: one that begins takes from the machine what no table's growth does. */
const makeCards = (server: Server, from: number, count: number): Promise<unknown> => {
  const { host, port } = server.target("tcp")
  return readCredential(join(server.data, "credentials.json")).pipe(
    Effect.flatMap((credential) =>
      Client.connect({ url: `tcp://${host}:${port}`, credential, deadlineMs: 120_000 }),
    ),
    Effect.flatMap((client) =>
      client.cards({ first: cardFirst + BigInt(from), count, currency, openingBalance: 0 }),
    ),
    Effect.scoped,
    Effect.runPromise,
  )
}

export const benchmark: Benchmark = {
  title: "Snapshots and growing tables",
  measures: `what 64 terminals see at ${RATE.toLocaleString("en-US")}/s, from when a request was due`,
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const cards = quick ? 10_000 : 1_000_000
    const duration = quick ? 2 : 20
    const warmUp = quick ? 0.5 : 3
    const flags = `${common} --cards ${cards} --warm-up ${warmUp} --duration ${duration}`
    const take = (id: string, name: string, { latencyMs }: LoadResult) => {
      const about = (point: string) =>
        ({ id: `${id}-${point}`, group: point, name, unit: "ms", better: "lower" }) as const
      samplers.add(about("p99"), latencyMs.p99)
      samplers.add(about("p99.9"), latencyMs.p999)
      samplers.add(about("longest"), latencyMs.max)
    }
    // One in each round, which takes half of it: it is spread over as many slots as half of those up to the next.
    const often = { MILLRACE_ENGINE_SNAPSHOT_EVERY_SLOTS: String(RATE * duration) }
    await withServer((plain) =>
      withServer(async (snapshotting) => {
        const warm = (server: Server) => load(server, `${common} --cards ${cards} --duration ${duration / 2}`)
        await warm(plain)
        await makeCards(plain, 0, cards / 10)
        await warm(snapshotting)
        for (let round = 1; round <= rounds; round++) {
          const alone = await load(plain, flags)
          take("alone", "neither", alone)
          take("snapshot", "while snapshots are taken", await load(snapshotting, flags))
          const [beside] = await Promise.all([
            load(plain, flags),
            // Once its figures count.
            setTimeout((warmUp + 0.5) * 1_000).then(() => makeCards(plain, round * cards, cards)),
          ])
          take("growth", "while as many cards are made and tables grow", beside)
          for (const id of ["snapshot", "growth"]) {
            samplers.limit(`${id}-p99`, "neither, in the same round", alone.latencyMs.p99)
            samplers.limit(`${id}-p99.9`, "neither, in the same round", alone.latencyMs.p999)
            samplers.limit(`${id}-longest`, "neither, in the same round", alone.latencyMs.max)
          }
        }
      }, often),
    )
    return { figures: samplers.figures }
  },
}
