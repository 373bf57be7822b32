/** How long a start takes: from a journal alone, and from a snapshot. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { load, type Server, serve, withData } from "./Processes.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const TRANSACTIONS = 10_000_000
const batches = "--mode batch --connections 8 --in-flight 4 --batch 512"
/** So many slots are not reached: no snapshot is taken. */
const never = { MILLRACE_ENGINE_SNAPSHOT_EVERY_SLOTS: String(2 ** 40) }

/** Seconds to read every file of a folder, and what is below it: what a start can't be faster than. */
const readSeconds = (folder: string): number => {
  const began = performance.now()
  const read = (at: string): void => {
    for (const name of readdirSync(at)) {
      const path = join(at, name)
      if (statSync(path).isDirectory()) read(path)
      else readFileSync(path)
    }
  }
  read(folder)
  return (performance.now() - began) / 1_000
}

/** Starts it `rounds` times, each ended by SIGKILL, so that the next finds the same. */
const starts = async (
  data: string,
  rounds: number,
  took: (server: Server, readSeconds: number) => void,
): Promise<void> => {
  for (let round = 0; round < rounds; round++) {
    const raw = readSeconds(data)
    const server = await serve(data, never)
    await server.kill()
    took(server, raw)
  }
}

const seconds = (id: string, name: string) =>
  ({ id, group: "seconds to ready", name, unit: "s", better: "lower" }) as const
const reading = "reading the directory's files"

const fromJournal = (samplers: Samplers, rounds: number, quick: boolean): Promise<number> =>
  withData(async (data) => {
    const cards = quick ? 10_000 : 1_000_000
    const wanted = quick ? 200_000 : TRANSACTIONS
    const server = await serve(data, never)
    let journaled = 0
    while (journaled < wanted) {
      const result = await load(server, `${batches} --cards ${cards} --duration ${quick ? 1 : 8}`)
      journaled += result.transactions
    }
    await server.kill()
    const scale = wanted / journaled
    await starts(data, rounds, ({ readyMs }, raw) => {
      const about = seconds("journal", `${wanted.toLocaleString("en-US")} transactions from the journal`)
      samplers.add(about, (readyMs / 1_000) * scale)
      samplers.limit("journal", reading, raw * scale)
    })
    return journaled
  })

const fromSnapshot = (samplers: Samplers, rounds: number, quick: boolean): Promise<void> =>
  withData(async (data) => {
    const cards = quick ? 10_000 : 1_000_000
    const server = await serve(data)
    await load(server, `${batches} --cards ${cards} --duration 1`)
    await server.stop()
    await starts(data, rounds, ({ readyMs }, raw) => {
      const about = seconds("snapshot", `${cards.toLocaleString("en-US")} cards from a snapshot`)
      samplers.add(about, readyMs / 1_000)
      samplers.limit("snapshot", reading, raw)
    })
  })

export const benchmark: Benchmark = {
  title: "Recovery",
  measures: "from the start of the process to its line ready, every decision decided again and compared",
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const journaled = await fromJournal(samplers, rounds, quick)
    await fromSnapshot(samplers, rounds, quick)
    const said = journaled.toLocaleString("en-US")
    return {
      figures: samplers.figures,
      notes: [`the journal had ${said} transactions; its time is given in proportion`],
    }
  },
}
