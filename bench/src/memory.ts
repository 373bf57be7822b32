/** What the process keeps in memory with many cards, and what a random read of such a table costs, by the kernel's pages. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { load, withServer } from "./Processes.ts"
import type { RandomReads } from "./RandomReads.ts"
import { type Benchmark, Samplers } from "./Report.ts"

const file = fileURLToPath(new URL("./randomReadsAlone.ts", import.meta.url))
/** Past some size a virtual machine's page walks are in no near cache themselves: that is what a table's size costs. */
const tables = [
  { id: "plain", name: "512 MiB, pages as they come", tunables: "", mebibytes: 512 },
  ...[128, 256, 512, 1_024, 2_048].map((mebibytes) => ({
    id: mebibytes === 512 ? "huge" : `huge-${mebibytes}`,
    name: `${mebibytes} MiB, huge pages`,
    tunables: "glibc.malloc.hugetlb=1",
    mebibytes,
  })),
]

const readsWith = (tunables: string, mebibytes: number): RandomReads => {
  const child = spawnSync(process.execPath, [file, String(mebibytes)], {
    encoding: "utf8",
    env: { ...process.env, GLIBC_TUNABLES: tunables },
  })
  if (child.status !== 0) {
    throw new Error(`random reads over ${mebibytes} MiB: ${child.signal ?? child.stderr}`)
  }
  // The line that the file prints.
  return JSON.parse(child.stdout) as RandomReads
}

const residentWith = (cards: number): Promise<number> =>
  withServer(async (server) => {
    await load(server, `--mode batch --connections 8 --in-flight 4 --batch 512 --cards ${cards} --duration 1`)
    return server.residentBytes()
  })

export const benchmark: Benchmark = {
  title: "Memory",
  measures: "resident bytes of serve with all its cards made, and random reads by the size of the table",
  run: async ({ rounds, quick }) => {
    const samplers = new Samplers()
    const [few, many] = quick ? [10_000, 100_000] : [1_000_000, 10_000_000]
    for (let round = 0; round < rounds; round++) {
      const resident: Array<number> = []
      for (const cards of [few, many]) {
        const bytes = await residentWith(cards)
        resident.push(bytes)
        const name = `${cards.toLocaleString("en-US")} cards`
        samplers.add(
          { id: `resident-${cards}`, group: "resident", name, unit: "MB", better: "lower" },
          bytes / 1e6,
        )
      }
      samplers.add(
        {
          id: "resident-card",
          group: "a card",
          name: `from ${few.toLocaleString("en-US")} on`,
          unit: "B",
          better: "lower",
        },
        (resident[1] - resident[0]) / (many - few),
      )
      for (const { id, name, tunables, mebibytes } of quick ? tables.slice(1, 2) : tables) {
        const reads = readsWith(tunables, mebibytes)
        for (const kind of ["independent", "dependent"] as const) {
          const group = `random reads, ${kind}`
          samplers.add({ id: `${kind}-${id}`, group, name, unit: "ns", better: "lower" }, reads[`${kind}Ns`])
        }
      }
    }
    return {
      figures: samplers.figures,
      notes: ["bytes of a remembered transaction: `ledger`; garbage of a transaction: `engine`"],
    }
  },
}
