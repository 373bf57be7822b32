// What all scenarios have in common: limits that fail a run, and what is told at its end.
import { settings } from "./settings.ts"

export const thresholds = {
  millrace_errors: ["rate==0"],
  millrace_latency: [`p(99)<${settings.p99Ms}`],
  /** Sessions that were due and that k6 had no terminal for: then the load was not what it says. */
  dropped_iterations: ["count==0"],
}

export const summaryTrendStats = ["min", "med", "p(95)", "p(99)", "p(99.9)", "max", "count"]

interface Metric {
  readonly values: { readonly [name: string]: number }
  readonly thresholds?: { readonly [expression: string]: { readonly ok: boolean } }
}

interface SummaryData {
  readonly metrics: { readonly [name: string]: Metric }
  readonly state: { readonly testRunDurationMs: number }
}

const figure = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2))

/** k6 calls it at the end. `SUMMARY` names a file that gets all of it as JSON, instead of the text for people. */
export const handleSummary = (data: SummaryData): { [file: string]: string } => {
  if (settings.summary !== undefined) return { [settings.summary]: JSON.stringify(data) }
  const lines = Object.entries(data.metrics)
    .filter(([name]) => name.startsWith("millrace_") || name === "dropped_iterations")
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([name, { values, thresholds: limits = {} }]) => {
      const told = Object.entries(values).map(([stat, value]) => `${stat}=${figure(value)}`)
      const broken = Object.entries(limits).flatMap(([limit, { ok }]) => (ok ? [] : [`BROKEN: ${limit}`]))
      return [name.padEnd(34), ...told, ...broken].join(" ")
    })
  return { stdout: `\n${lines.join("\n")}\n` }
}

/**
 * Terminals that are held ready: a session takes its thinking, a logon and its answers, and this is four times as much. Never
 * more than there are: two that are one terminal would use each other's references.
 */
export const terminalsFor = (sessionsPerSecond: number) => {
  const seconds = (settings.transactions * (settings.thinkMs + 10) + 100) / 1_000
  const busy = Math.max(10, Math.ceil(sessionsPerSecond * seconds * 4))
  return { preAllocatedVUs: Math.min(busy, settings.terminals), maxVUs: settings.terminals }
}
