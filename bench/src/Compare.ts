/** Two runs side by side: the ratio of each figure's medians, and whether the rounds tell them apart. */
import { shown } from "./Numbers.ts"
import { type Figure, type Report, spreadOf } from "./Report.ts"
import { columns } from "./Table.ts"

export interface Comparison {
  readonly figure: Figure
  readonly before: number
  readonly after: number
  /** Over 1 is better, whichever way that is. */
  readonly ratio: number
  /** Ranges of the rounds that overlap are noise: the next run may say the opposite. */
  readonly verdict: "better" | "worse" | "within noise" | "too few rounds"
}

/** Fewer samples have no range that says anything. */
const SAMPLES_MIN = 3

export const compare = (
  before: ReadonlyArray<Figure>,
  after: ReadonlyArray<Figure>,
): ReadonlyArray<Comparison> =>
  after.flatMap((figure) => {
    const other = before.find(({ id }) => id === figure.id)
    if (other === undefined) return []
    const [old, now] = [spreadOf(other.samples), spreadOf(figure.samples)]
    const ratio =
      figure.better === "higher" ? timesOf(now.median, old.median) : timesOf(old.median, now.median)
    const few = Math.min(figure.samples.length, other.samples.length) < SAMPLES_MIN
    const overlap = now.min <= old.max && old.min <= now.max
    const verdict = few ? "too few rounds" : overlap ? "within noise" : ratio > 1 ? "better" : "worse"
    return [{ figure, before: old.median, after: now.median, ratio, verdict }]
  })

/** Two that are equal are so when they are 0, too. */
const timesOf = (one: number, other: number): number => (one === other ? 1 : one / other)

export const comparisonLines = (
  before: ReadonlyArray<Report>,
  after: ReadonlyArray<Report>,
): ReadonlyArray<string> => {
  const rows = after.flatMap((report) => {
    const other = before.find(({ bench }) => bench === report.bench)
    return compare(other?.figures ?? [], report.figures).map(({ figure, before, after, ratio, verdict }) => {
      const name = `${report.bench}: ${figure.name}`
      return [name, figure.unit, shown(before), shown(after), ratio.toFixed(2), verdict]
    })
  })
  if (rows.length === 0) return ["nothing to compare: the saved run has none of these figures"]
  return columns([["", "unit", "saved", "now", "times as good", ""], ...rows])
}
