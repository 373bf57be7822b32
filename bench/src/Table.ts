/** A report as people read it in a terminal. */
import { shown } from "./Numbers.ts"
import { type Figure, type MachineFacts, type Report, ratioOf, spreadOf } from "./Report.ts"

export const machineLine = ({ cpu, cores, memoryGiB, kernel, node, disk }: MachineFacts): string =>
  `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}; ` +
  `64 KiB and fdatasync: p50 ${disk.fdatasyncMs.p50} ms, p99 ${disk.fdatasyncMs.p99} ms`

/** Columns as wide as their widest cell; the first to the left, numbers to the right. */
export const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join("  ")
      .trimEnd(),
  )
}

const cells = (figure: Figure): ReadonlyArray<string> => {
  const { min, median, max } = spreadOf(figure.samples)
  const ratio = ratioOf(figure)
  const limit = figure.limit === undefined ? "" : shown(spreadOf(figure.limit.samples).median)
  const share = ratio === undefined ? "" : ratio.toFixed(2)
  return [`  ${figure.name}`, figure.unit, shown(min), shown(median), shown(max), limit, share]
}

/** Figures under the names of their groups. */
export const tableOf = ({ figures, notes }: Report): ReadonlyArray<string> => {
  const rows = [...Map.groupBy(figures, (figure) => figure.group)].flatMap(([group, ofGroup]) => [
    [group, "", "", "", "", "", ""],
    ...ofGroup.map(cells),
  ])
  const limits = [...new Set(figures.flatMap(({ limit }) => (limit === undefined ? [] : [limit.name])))]
  return [
    ...columns([["", "unit", "min", "median", "max", "limit", "of it"], ...rows]),
    ...(limits.length === 0 ? [] : [`limit: ${limits.join("; ")}`]),
    ...notes,
  ]
}
