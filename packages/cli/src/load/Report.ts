// A run's figures as the JSON line that scripts read, and as lines and a table for people.
import { responseDigits, responseText } from "@millrace/protocol"
import type { Histogram } from "./Histogram.ts"
import type { LoadFigures, LoadTick } from "./LoadRun.ts"

export interface LatencyMs {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** One line; its keys are a contract. */
export interface LoadResult {
  readonly transactions: number
  readonly seconds: number
  readonly throughput: number
  readonly approved: number
  readonly declined: { readonly [response: string]: number }
  readonly errors: number
  readonly latencyMs: LatencyMs
  /** open: the latencies count from when a transaction was due; closed: from when it was sent, after another's answer. */
  readonly loop: "open" | "closed"
  /** In a closed loop the same with what waiting for answers left out; see Histogram.corrected. */
  readonly correctedMs?: LatencyMs
  /** What this program took itself. */
  readonly client: {
    readonly cpuSeconds: number
    /** Of one core. */
    readonly cpuShare: number
    readonly cpuNsPerTransaction: number
    readonly eventLoopShare: number
    /** It was itself what limited the figures. */
    readonly limit: boolean
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

const latencyMs = (latency: Histogram): LatencyMs => {
  const ms = (fraction: number) => rounded(latency.percentile(fraction) / 1_000)
  return { p50: ms(0.5), p90: ms(0.9), p99: ms(0.99), p999: ms(0.999), max: rounded(latency.max / 1_000) }
}

/** @param open transactions were due by the clock, not when others were answered */
export const loadResult = (figures: LoadFigures, open: boolean): LoadResult => {
  const { transactions, seconds, latency, cost } = figures
  return {
    transactions,
    seconds: rounded(seconds),
    throughput: seconds > 0 ? Math.round(transactions / seconds) : 0,
    approved: figures.responses[0],
    declined: declinedOf(figures.responses),
    errors: figures.errors,
    latencyMs: latencyMs(latency),
    loop: open ? "open" : "closed",
    // By Little's law the mean is also how often one of the places in flight would have sent.
    ...(open ? {} : { correctedMs: latencyMs(latency.corrected(latency.mean)) }),
    client: {
      cpuSeconds: rounded(cost.cpuSeconds),
      cpuShare: rounded(cost.cpuShare),
      cpuNsPerTransaction: transactions > 0 ? Math.round((cost.cpuSeconds * 1e9) / transactions) : 0,
      eventLoopShare: rounded(cost.loopShare),
      limit: limits(figures, open),
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

const latencyText = ({ p50, p90, p99, p999, max }: LatencyMs): string =>
  `p50 ${p50}   p90 ${p90}   p99 ${p99}   p99.9 ${p999}   max ${max}  ms`

export const table = (figures: LoadFigures, open: boolean): ReadonlyArray<string> => {
  const result = loadResult(figures, open)
  const { client, correctedMs } = result
  const rows: Array<readonly [string, string]> = [
    ["transactions", `${grouped(result.transactions)} in ${result.seconds} s`],
    ["throughput", `${grouped(result.throughput)}/s`],
    ["latency", `${latencyText(result.latencyMs)}, ${open ? "from when due" : "closed loop"}`],
    ...(correctedMs === undefined
      ? []
      : [["corrected", `${latencyText(correctedMs)}, with what waited unsent`] as const]),
    ["approved", grouped(result.approved)],
    ...Object.entries(result.declined).map(
      ([code, count]) => [`declined ${code}`, `${grouped(count)}   ${responseText(Number(code))}`] as const,
    ),
    ...(figures.duplicates > 0 ? [["given again", grouped(figures.duplicates)] as const] : []),
    ["errors", grouped(result.errors)],
    [
      "this client",
      `${percent(client.cpuShare)} of one core, ${grouped(client.cpuNsPerTransaction)} ns a transaction` +
        (open ? "" : `; its event loop was busy ${percent(client.eventLoopShare)} of the time`),
    ],
  ]
  return rows.map(([name, value]) => `  ${name.padEnd(14)}${value}`)
}

const percent = (share: number): string => `${Math.round(share * 100)} %`

const CPU_LIMIT_SHARE = 0.9
/** With less of a core than that it had no time to wait, and yet did not get the core: others had it. */
const LOOP_LIMIT_SHARE = 0.95
const LATE_LIMIT_SHARE = 0.01

/** An open loop turns the event loop while it waits, so its processor time says nothing; being late does. */
const limits = ({ cost, lateShare }: LoadFigures, open: boolean): boolean =>
  open ? lateShare > LATE_LIMIT_SHARE : cost.cpuShare > CPU_LIMIT_SHARE || cost.loopShare > LOOP_LIMIT_SHARE

/** What the figures alone do not say: when this program was the limit, what was not answered or not sent. */
export const remarks = (figures: LoadFigures, open: boolean): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const { cpuShare, loopShare } = figures.cost
  if (!open && cpuShare > CPU_LIMIT_SHARE) {
    lines.push(
      `this client is at ${percent(cpuShare)} of a core: the engine may be faster; run a second one beside it`,
    )
  } else if (limits(figures, open) && !open) {
    lines.push(
      `this client's event loop was busy ${percent(loopShare)} of the time, with ${percent(cpuShare)} of a core: ` +
        "it waited for a processor, which others had; the engine may be faster with the client on another machine",
    )
  }
  if (figures.lateShare > LATE_LIMIT_SHARE) {
    lines.push(
      `${(figures.lateShare * 100).toFixed(1)} % of the requests were sent over 1 ms late: this client had no processor in time and was the limit; ` +
        "give it one of its own, lower --rate, or run a second one beside it",
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
