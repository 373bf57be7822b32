// A run's figures as the JSON line that scripts read, and as lines and a table for people.
import { responseDigits, responseText } from "@millrace/protocol"
import type { LoadFigures, LoadTick } from "./LoadRun.ts"

/** One line; its keys are a contract. */
export interface LoadResult {
  readonly transactions: number
  readonly seconds: number
  readonly throughput: number
  readonly approved: number
  readonly declined: { readonly [response: string]: number }
  readonly errors: number
  readonly latencyMs: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly p999: number
    readonly max: number
  }
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000

export const declinedOf = (responses: Float64Array): { [response: string]: number } => {
  const declined: { [response: string]: number } = {}
  for (let code = 1; code < responses.length; code++) {
    if (responses[code] > 0) declined[responseDigits(code)] = responses[code]
  }
  return declined
}

export const loadResult = (figures: LoadFigures): LoadResult => {
  const ms = (fraction: number) => rounded(figures.latency.percentile(fraction) / 1_000)
  return {
    transactions: figures.transactions,
    seconds: rounded(figures.seconds),
    throughput: figures.seconds > 0 ? Math.round(figures.transactions / figures.seconds) : 0,
    approved: figures.responses[0],
    declined: declinedOf(figures.responses),
    errors: figures.errors,
    latencyMs: {
      p50: ms(0.5),
      p90: ms(0.9),
      p99: ms(0.99),
      p999: ms(0.999),
      max: rounded(figures.latency.max / 1_000),
    },
  }
}

export const grouped = (value: number): string => Math.round(value).toLocaleString("en-US")

/** `1 block`, `2,345 blocks`. */
export const counted = (value: number, thing: string): string =>
  `${grouped(value)} ${thing}${Math.round(value) === 1 ? "" : "s"}`

const BAR_CELLS = 24

/** `███░░░  3/10 s   1,034,221/s   p50 1.2 ms   p99 4.5 ms` */
export const tickLine = (tick: LoadTick, ofSeconds: number): string => {
  const done = Math.min(1, tick.seconds / ofSeconds)
  const cells = Math.round(done * BAR_CELLS)
  const bar = "█".repeat(cells) + "░".repeat(BAR_CELLS - cells)
  const errors = tick.errors > 0 ? `   errors ${grouped(tick.errors)}` : ""
  const when = `${bar} ${Math.round(tick.seconds).toString().padStart(4)}/${ofSeconds} s`
  if (tick.throughput === 0) {
    return `${when}   no answer${tick.gone ? ": reconnecting" : " in this second"}${errors}`
  }
  return `${when}${grouped(tick.throughput).padStart(12)}/s   p50 ${tick.p50Ms.toFixed(2)} ms   p99 ${tick.p99Ms.toFixed(2)} ms${errors}`
}

export const table = (figures: LoadFigures): ReadonlyArray<string> => {
  const result = loadResult(figures)
  const { p50, p90, p99, p999, max } = result.latencyMs
  const rows: Array<readonly [string, string]> = [
    ["transactions", `${grouped(result.transactions)} in ${result.seconds} s`],
    ["throughput", `${grouped(result.throughput)}/s`],
    ["latency", `p50 ${p50}   p90 ${p90}   p99 ${p99}   p99.9 ${p999}   max ${max}  ms`],
    ["approved", grouped(result.approved)],
    ...Object.entries(result.declined).map(
      ([code, count]) => [`declined ${code}`, `${grouped(count)}   ${responseText(Number(code))}`] as const,
    ),
    ["errors", grouped(result.errors)],
    ["this program", `${Math.round(figures.cpuShare * 100)} % of one core`],
  ]
  if (figures.duplicates > 0) rows.splice(-2, 0, ["given again", grouped(figures.duplicates)])
  return rows.map(([name, value]) => `  ${name.padEnd(14)}${value}`)
}

const CPU_LIMIT_SHARE = 0.9
const LATE_LIMIT_SHARE = 0.01

/** What the figures alone do not say: when this program was the limit, what was not answered or not sent. */
export const remarks = (figures: LoadFigures, openLoop: boolean): ReadonlyArray<string> => {
  const lines: Array<string> = []
  // An open loop turns the event loop while it waits, so its processor time says nothing; being late does.
  if (!openLoop && figures.cpuShare > CPU_LIMIT_SHARE) {
    lines.push(
      `this program used ${Math.round(figures.cpuShare * 100)} % of a core: it was the limit itself; run a second one beside it`,
    )
  }
  if (figures.lateShare > LATE_LIMIT_SHARE) {
    lines.push(
      `${(figures.lateShare * 100).toFixed(1)} % of the requests were sent over 1 ms late by this program: it was the limit itself; lower --rate or run a second one beside it`,
    )
  }
  if (figures.unsent > 0) {
    lines.push(
      `${grouped(figures.unsent)} transactions were due but found all --in-flight places taken until the end: the server did not keep up with --rate`,
    )
  }
  if (figures.unanswered > 0) {
    lines.push(
      `${grouped(figures.unanswered)} transactions had no answer within 10 s of the end: their fate is not known`,
    )
  }
  if (figures.transactions > 0 && figures.responses[0] === 0 && figures.duplicates === 0) {
    lines.push(
      "nothing was approved: see the responses above; 58 is a terminal that this credential may not speak for",
    )
  }
  if (figures.gone !== undefined) lines.push(`the server was gone for 10 s: ${figures.gone}`)
  return lines
}
