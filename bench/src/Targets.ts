/** What the engine is meant to reach on two cores with the client on the same machine, and what a run made of it. */
import type { BenchmarkName } from "./benchmarks.ts"
import { shown } from "./Numbers.ts"
import { type Figure, type Report, ratioOf, spreadOf } from "./Report.ts"
import { columns } from "./Table.ts"

export interface Target {
  readonly what: string
  readonly bench: BenchmarkName
  readonly figure: string
  /** The figure's median; its share of its limit; or its share of another figure of the same run. */
  readonly by: "median" | "limit" | { readonly figure: string }
  readonly bound: "least" | "most"
  readonly value: number
  readonly unit: string
}

const least = (bench: BenchmarkName, figure: string, by: Target["by"], value: number, unit = "") =>
  ({ bench, figure, by, bound: "least", value, unit }) as const
const most = (bench: BenchmarkName, figure: string, value: number, unit: string) =>
  ({ bench, figure, by: "median", bound: "most", value, unit }) as const

export const targets: ReadonlyArray<Target> = [
  {
    what: "batches, 8 connections, 1,000,000 cards",
    ...least("endToEnd", "batch", "median", 1_200_000, "/s"),
  },
  {
    what: "the same with 10,000,000 cards, of that",
    ...least("endToEnd", "batch-10m", { figure: "batch" }, 0.75),
  },
  { what: "512 × 1 over TCP, of a bare echo", ...least("terminals", "tcp-512x1", "limit", 0.65) },
  { what: "512 × 1 over WebSocket, of a bare echo", ...least("terminals", "ws-512x1", "limit", 0.65) },
  { what: "open loop 20,000/s, p50", ...most("latency", "fixed-p50", 1, "ms") },
  { what: "open loop 20,000/s, p99", ...most("latency", "fixed-p99", 5, "ms") },
  { what: "open loop 20,000/s, p99.9", ...most("latency", "fixed-p999", 20, "ms") },
  { what: "recovery of 10,000,000 transactions", ...most("recovery", "journal", 10, "s") },
  { what: "start from a snapshot of 1,000,000 cards", ...most("recovery", "snapshot", 2, "s") },
  { what: "p99.9 while snapshots are taken", ...most("snapshot", "snapshot-p99.9", 10, "ms") },
  { what: "p99.9 while tables grow", ...most("snapshot", "growth-p99.9", 10, "ms") },
  { what: "resident with 10,000,000 cards", ...most("memory", "resident-10000000", 4_000, "MB") },
]

export interface Verdict {
  readonly target: Target
  /** Undefined when the run has no such figure. */
  readonly measured: number | undefined
  readonly met: boolean
}

const measuredOf = ({ bench, figure, by }: Target, reports: ReadonlyArray<Report>): number | undefined => {
  const figures = reports.find((report) => report.bench === bench)?.figures ?? []
  const find = (id: string): Figure | undefined => figures.find((one) => one.id === id)
  const own = find(figure)
  if (own === undefined) return undefined
  if (by === "median") return spreadOf(own.samples).median
  if (by === "limit") return ratioOf(own)
  const other = find(by.figure)
  return other && spreadOf(own.samples).median / spreadOf(other.samples).median
}

export const judge = (reports: ReadonlyArray<Report>): ReadonlyArray<Verdict> =>
  targets.map((target) => {
    const measured = measuredOf(target, reports)
    const met =
      measured !== undefined &&
      (target.bound === "least" ? measured >= target.value : measured <= target.value)
    return { target, measured, met }
  })

export const targetLines = (reports: ReadonlyArray<Report>): ReadonlyArray<string> => [
  ...columns([
    ["", "target", "measured", "met"],
    ...judge(reports).map(({ target, measured, met }) => [
      target.what,
      `${target.bound === "least" ? "≥" : "≤"} ${shown(target.value)} ${target.unit}`.trimEnd(),
      measured === undefined ? "–" : `${shown(measured)} ${target.unit}`.trimEnd(),
      measured === undefined ? "not measured" : met ? "yes" : "no",
    ]),
  ]),
  "against PostgreSQL, Redis and TigerBeetle (80, 6 and 2 times): npm run bench -- peers",
]
