/** What a benchmark gives: figures with the samples of every round. What is saved, drawn and compared is this. */
import { Schema } from "effect"

const Samples = Schema.Array(Schema.Finite)

export const Figure = Schema.Struct({
  /** What `--compare` finds it by: stays when the name is said better. */
  id: Schema.String,
  /** Figures of one group share an axis of the picture. */
  group: Schema.String,
  name: Schema.String,
  unit: Schema.String,
  better: Schema.Literals(["higher", "lower"]),
  /** One a round, in their order. */
  samples: Samples,
  /** The same without what is measured, in the same run: a bare echo, a bare fdatasync. */
  limit: Schema.optionalKey(Schema.Struct({ name: Schema.String, samples: Samples })),
})
export type Figure = typeof Figure.Type

export const MachineFacts = Schema.Struct({
  cpu: Schema.String,
  cores: Schema.Finite,
  memoryGiB: Schema.Finite,
  kernel: Schema.String,
  node: Schema.String,
  /** A write of 64 KiB and fdatasync, one after the other, where temporary files lie. */
  disk: Schema.Struct({ fdatasyncMs: Schema.Struct({ p50: Schema.Finite, p99: Schema.Finite }) }),
})
export type MachineFacts = typeof MachineFacts.Type

export const SCHEMA = "millrace-bench/1"

export const Report = Schema.Struct({
  schema: Schema.Literal(SCHEMA),
  bench: Schema.String,
  title: Schema.String,
  measures: Schema.String,
  command: Schema.String,
  /** ISO 8601. */
  when: Schema.String,
  machine: MachineFacts,
  rounds: Schema.Finite,
  figures: Schema.Array(Figure),
  notes: Schema.Array(Schema.String),
})
export type Report = typeof Report.Type

/** A saved run: one benchmark's report, or those of a whole run. Fails with a text that says where it is wrong. */
export const readReports = (text: string): ReadonlyArray<Report> => {
  const decoded = Schema.decodeSync(Schema.fromJsonString(Schema.Union([Report, Schema.Array(Report)])))(text)
  return "schema" in decoded ? [decoded] : decoded
}

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** @param samples at least one */
export const spreadOf = (samples: ReadonlyArray<number>): Spread => {
  const sorted = samples.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
  return { min: sorted[0], median, max: sorted[sorted.length - 1] }
}

/** How much of its limit a figure reaches: 1 is all of it, whichever way is better. Undefined without a limit. */
export const ratioOf = ({ better, samples, limit }: Figure): number | undefined => {
  if (limit === undefined) return undefined
  const [own, bare] = [spreadOf(samples).median, spreadOf(limit.samples).median]
  return better === "higher" ? own / bare : bare / own
}

export interface Context {
  readonly rounds: number
  /** Shorter rounds and smaller tables: to see that it runs, not to be quoted. */
  readonly quick: boolean
}

export interface Benchmark {
  readonly title: string
  readonly measures: string
  readonly run: (context: Context) => Promise<{
    readonly figures: ReadonlyArray<Figure>
    readonly notes?: ReadonlyArray<string>
  }>
}

/** Collects samples by figure while rounds go by, so that what is compared is measured in turns. */
export class Samplers {
  readonly #figures = new Map<string, { about: Omit<Figure, "samples" | "limit">; samples: Array<number> }>()
  readonly #limits = new Map<string, { name: string; samples: Array<number> }>()

  add(about: Omit<Figure, "samples" | "limit">, value: number): void {
    const known = this.#figures.get(about.id)
    if (known === undefined) this.#figures.set(about.id, { about, samples: [value] })
    else known.samples.push(value)
  }

  limit(id: string, name: string, value: number): void {
    const known = this.#limits.get(id)
    if (known === undefined) this.#limits.set(id, { name, samples: [value] })
    else known.samples.push(value)
  }

  get figures(): ReadonlyArray<Figure> {
    return [...this.#figures.values()].map(({ about, samples }) => {
      const limit = this.#limits.get(about.id)
      return { ...about, samples, ...(limit === undefined ? {} : { limit }) }
    })
  }
}
