/** A report as a picture: for each group bars with whiskers from the least to the most, the limit as a line. */
import { shown } from "./Numbers.ts"
import { type Figure, type Report, spreadOf } from "./Report.ts"

const WIDTH = 960
const LABELS = 330
const VALUES = 150
const ROW = 30
const BAR = 16
const MARGIN = 24
const PLOT = WIDTH - LABELS - VALUES - MARGIN
const ink = { text: "#1f2933", quiet: "#616e7c", bar: "#3b7dd8", whisker: "#12355b", limit: "#c2410c" }

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

const text = (x: number, y: number, said: string, style: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${style}>${escaped(said)}</text>`

const line = (x1: number, y1: number, x2: number, y2: number, colour: string, width: number): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${colour}" stroke-width="${width}"/>`

const row = (figure: Figure, top: number, scale: (value: number) => number): string => {
  const { min, median, max } = spreadOf(figure.samples)
  const middle = top + ROW / 2
  const limit = figure.limit === undefined ? undefined : spreadOf(figure.limit.samples).median
  const [from, to] = [LABELS + scale(min), LABELS + scale(max)]
  return [
    text(LABELS - 10, middle + 4, figure.name, `text-anchor="end" fill="${ink.text}"`),
    `<rect x="${LABELS}" y="${middle - BAR / 2}" width="${scale(median).toFixed(1)}" height="${BAR}" rx="2" fill="${ink.bar}"/>`,
    line(from, middle, to, middle, ink.whisker, 1.5),
    line(from, middle - 5, from, middle + 5, ink.whisker, 1.5),
    line(to, middle - 5, to, middle + 5, ink.whisker, 1.5),
    ...(limit === undefined
      ? []
      : [line(LABELS + scale(limit), top + 3, LABELS + scale(limit), top + ROW - 3, ink.limit, 2.5)]),
    text(
      WIDTH - MARGIN,
      middle + 4,
      `${shown(median)} ${figure.unit}`,
      `text-anchor="end" fill="${ink.text}" font-weight="600"`,
    ),
  ].join("\n")
}

const group = (name: string, figures: ReadonlyArray<Figure>, top: number): string => {
  const values = figures.flatMap(({ samples, limit }) => [...samples, ...(limit?.samples ?? [])])
  const most = Math.max(...values, Number.MIN_VALUE)
  const scale = (value: number) => (value / most) * PLOT
  const better = figures[0].better === "higher" ? "more is better" : "less is better"
  const rows = figures.map((figure, index) => row(figure, top + 26 + index * ROW, scale))
  const limits = [...new Set(figures.flatMap(({ limit }) => (limit === undefined ? [] : [limit.name])))]
  const said = limits.length === 0 ? "" : `; orange: ${limits.join("; ")}`
  return [
    text(MARGIN, top + 14, name, `font-weight="600" fill="${ink.text}"`),
    text(LABELS, top + 14, `${better}${said}`, `font-size="11" fill="${ink.quiet}"`),
    ...rows,
  ].join("\n")
}

/** A whole SVG file. */
export const chart = (report: Report): string => {
  const groups = Map.groupBy(report.figures, (figure) => figure.group)
  let top = 84
  const drawn = [...groups].map(([name, figures]) => {
    const svg = group(name, figures, top)
    top += 26 + figures.length * ROW + 18
    return svg
  })
  const { cpu, cores, memoryGiB, node } = report.machine
  const foot = `${cpu}, ${cores} cores, ${memoryGiB} GiB, Node ${node}; ${report.rounds} rounds; bar: median, whisker: least to most; ${report.when.slice(0, 10)}`
  const height = top + 24
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13">
<title>${escaped(`${report.title}: ${report.measures}`)}</title>
<rect width="${WIDTH}" height="${height}" fill="#fbfcfd"/>
${text(MARGIN, 36, report.title, `font-size="19" font-weight="600" fill="${ink.text}"`)}
${text(MARGIN, 60, report.measures, `fill="${ink.quiet}"`)}
${drawn.join("\n")}
${text(MARGIN, height - 14, foot, `font-size="11" fill="${ink.quiet}"`)}
</svg>
`
}
