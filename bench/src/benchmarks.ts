/** The benchmarks by name, each in the file of its name. */
import type { Benchmark } from "./Report.ts"

interface Entry {
  readonly what: string
  readonly load: () => Promise<{ readonly benchmark: Benchmark }>
}

const entries = {
  memory: {
    what: "resident memory with 1,000,000 and 10,000,000 cards; random reads, with and without huge pages",
    load: () => import("./memory.ts"),
  },
  record: {
    what: "the codec: records and outcomes written and read, frames split",
    load: () => import("./record.ts"),
  },
  ledger: {
    what: "one decision, by kind, at 1,000,000 cards; bytes per card and per remembered transaction",
    load: () => import("./ledger.ts"),
  },
  journal: { what: "a group commit by block size", load: () => import("./journal.ts") },
  engine: {
    what: "lane, ledger and journal in one process, without sockets; garbage of a transaction",
    load: () => import("./engine.ts"),
  },
  endToEnd: {
    what: "serve and load: batches at 1,000,000 and 10,000,000 cards",
    load: () => import("./endToEnd.ts"),
  },
  terminals: {
    what: "serve and load: 512 × 1 and 64 × 64 in flight, TCP and WebSocket",
    load: () => import("./terminals.ts"),
  },
  latency: {
    what: "open loop at 20,000 a second and at half of the maximum",
    load: () => import("./latency.ts"),
  },
  recovery: {
    what: "a start from 10,000,000 journaled transactions, and from a snapshot of 1,000,000 cards",
    load: () => import("./recovery.ts"),
  },
  snapshot: {
    what: "what clients see while snapshots are taken and while tables grow",
    load: () => import("./snapshot.ts"),
  },
  peers: {
    what: "the same debits on PostgreSQL, Redis and TigerBeetle, where they are installed",
    load: () => import("./peers.ts"),
  },
  connections: {
    what: "10,000 idle connections beside 512 busy ones, and a storm of wrong logons",
    load: () => import("./connections.ts"),
  },
} as const satisfies { readonly [name: string]: Entry }

export type BenchmarkName = keyof typeof entries

export const isBenchmark = (name: string): name is BenchmarkName => Object.hasOwn(entries, name)

/** Names and what each measures. */
export const benchmarks: ReadonlyArray<readonly [BenchmarkName, string]> = Object.entries(entries).flatMap(
  ([name, { what }]) => (isBenchmark(name) ? [[name, what] as const] : []),
)

/** Throws when there is none. */
export const byName = async (name: string): Promise<Benchmark> => {
  if (!isBenchmark(name)) throw new Error(`no benchmark is called ${name}`)
  return (await entries[name].load()).benchmark
}
