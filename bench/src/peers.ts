/** The same debits on Millrace and on other engines, in turn, on this machine. */
import { postgres } from "./peers/Postgres.ts"
import { redis } from "./peers/Redis.ts"
import { type PeersRun, runPeers, type Sample, type Series } from "./peers/runPeers.ts"
import { tigerBeetle } from "./peers/TigerBeetle.ts"
import { type Benchmark, type Figure, spreadOf } from "./Report.ts"

/** Of each form in each round. */
const SECONDS = 3
const SECONDS_QUICK = 1

const labelOf = ({ engine, name }: Series): string => `${engine}, ${name}`

const median = (samples: ReadonlyArray<Sample>, read: (sample: Sample) => number): number =>
  spreadOf(samples.map(read)).median

const perSecond = ({ samples }: Series): number => median(samples, (sample) => sample.perSecond)

const figureOf = (series: Series): Figure => ({
  id: series.id,
  group: series.group,
  name: labelOf(series),
  unit: "debits/s",
  better: "higher",
  samples: series.samples.map((sample) => sample.perSecond),
})

/** Latencies, and what the client took where it is ours: near 1 it is the limit. */
const latencyOf = (series: Series): string => {
  const of = (read: (sample: Sample) => number, digits: number) =>
    median(series.samples, read).toFixed(digits)
  const ours = series.samples[0].clientCores !== undefined
  const client = ours ? `; client ${of((sample) => sample.clientCores ?? 0, 2)} of a core` : ""
  return `${labelOf(series)}: p50 ${of((s) => s.p50Ms, 1)} ms, p99 ${of((s) => s.p99Ms, 1)} ms${client}`
}

/** Each form of a peer beside Millrace's of the same group, and beside its best of all. */
const ratiosOf = ({ series }: PeersRun): ReadonlyArray<string> => {
  const best = (of: ReadonlyArray<Series>): Series => of.toSorted((a, b) => perSecond(b) - perSecond(a))[0]
  const own = series.filter(({ engine }) => engine === "Millrace")
  const times = (one: Series, other: Series): string => (perSecond(one) / perSecond(other)).toFixed(1)
  return series
    .filter(({ engine }) => engine !== "Millrace")
    .map((peer) => {
      const alike = best(own.filter(({ group }) => group === peer.group))
      const at = `${times(alike, peer)} times with ${alike.name}, ${times(best(own), peer)} times at its best`
      return `Millrace beside ${labelOf(peer)}: ${at}`
    })
}

export const benchmark: Benchmark = {
  title: "The same durable debits on other engines",
  measures: "1,000,000 cards; known references answered as at first; on disk before the answer; closed loop",
  run: async ({ rounds, quick }) => {
    const seconds = quick ? SECONDS_QUICK : SECONDS
    const say = (line: string): void => console.log(line)
    const run = await runPeers([postgres, redis, tigerBeetle], { rounds, seconds, say })
    return {
      figures: run.series.map(figureOf),
      notes: [
        ...run.series.map(latencyOf),
        ...ratiosOf(run),
        ...run.engines.map(({ version, settings }) => `${version}: ${settings.join(", ") || "as it ships"}`),
        ...run.skipped.map(({ name, install }) => `${name} was skipped: ${install}`),
      ],
    }
  },
}
