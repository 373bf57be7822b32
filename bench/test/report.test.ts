import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseArguments } from "../src/Arguments.ts"
import { benchmarks, byName, isBenchmark } from "../src/benchmarks.ts"
import { chart } from "../src/Chart.ts"
import { compare, comparisonLines } from "../src/Compare.ts"
import { type Figure, type Report, ratioOf, readReports, Samplers, SCHEMA, spreadOf } from "../src/Report.ts"
import { tableOf } from "../src/Table.ts"
import { judge, targetLines, targets } from "../src/Targets.ts"

const figure = (change: Partial<Figure> = {}): Figure => ({
  id: "batch",
  group: "transactions a second",
  name: "a <batch> & more",
  unit: "tx/s",
  better: "higher",
  samples: [90, 110, 100],
  ...change,
})

const report = (figures: ReadonlyArray<Figure>, bench = "endToEnd"): Report => ({
  schema: SCHEMA,
  bench,
  title: "Batches",
  measures: "what is measured",
  command: "npm run bench",
  when: "2026-01-02T03:04:05.000Z",
  machine: {
    cpu: "a processor",
    cores: 2,
    memoryGiB: 24,
    kernel: "6",
    node: "v22",
    disk: { fdatasyncMs: { p50: 0.2, p99: 0.6 } },
  },
  rounds: 3,
  figures,
  notes: ["a note"],
})

describe("a figure", () => {
  it("has least, median and most of its samples, in whatever order they came", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 1e9 }), { minLength: 1 }), (samples) => {
        const { min, median, max } = spreadOf(samples)
        expect(min).toBe(Math.min(...samples))
        expect(max).toBe(Math.max(...samples))
        const below = samples.filter((one) => one <= median).length
        const above = samples.filter((one) => one >= median).length
        expect(Math.min(below, above)).toBeGreaterThanOrEqual(samples.length / 2)
      }),
    )
  })

  it("reaches a share of its limit, whichever way is better", () => {
    const limit = { name: "bare", samples: [200] }
    expect(ratioOf(figure({ limit }))).toBe(0.5)
    expect(ratioOf(figure({ limit, better: "lower" }))).toBe(2)
    expect(ratioOf(figure())).toBeUndefined()
  })

  it("is collected over the rounds, with the limit of each", () => {
    const samplers = new Samplers()
    for (const value of [1, 2]) {
      const { samples: _, ...about } = figure()
      samplers.add(about, value)
      samplers.limit("batch", "bare", value * 10)
    }
    expect(samplers.figures).toEqual([
      figure({ samples: [1, 2], limit: { name: "bare", samples: [10, 20] } }),
    ])
  })
})

describe("a saved run", () => {
  it("is read as it was written, one report or several", () => {
    const one = report([figure({ limit: { name: "bare", samples: [1] } })])
    expect(readReports(JSON.stringify(one))).toEqual([one])
    expect(readReports(JSON.stringify([one, one]))).toEqual([one, one])
  })

  it.each(["", "{}", '{"schema":"millrace-bench/2"}', '[{"figures":[]}]'])(
    "is refused when it is %j",
    (text) => {
      expect(() => readReports(text)).toThrow()
    },
  )
})

describe("two runs", () => {
  it("are within noise where their ranges overlap, and else better or worse by the medians", () => {
    const judged = (samples: ReadonlyArray<number>, better: Figure["better"] = "higher") =>
      compare([figure({ better })], [figure({ better, samples })]).map(({ ratio, verdict }) => [
        ratio,
        verdict,
      ])
    expect(judged([105, 200, 210])).toEqual([[2, "within noise"]])
    expect(judged([190, 200, 210])).toEqual([[2, "better"]])
    expect(judged([190, 200, 210], "lower")).toEqual([[0.5, "worse"]])
    expect(judged([200, 200])).toEqual([[2, "too few rounds"]])
    expect(compare([], [figure()])).toEqual([])
    const none = figure({ samples: [0, 0, 0] })
    expect(compare([none], [none])).toMatchObject([{ ratio: 1, verdict: "within noise" }])
    const lines = comparisonLines([report([figure()])], [report([figure({ samples: [40, 50, 60] })])])
    expect(lines[1]).toMatch(/0\.50 +worse$/)
    expect(comparisonLines([], [report([figure()])])).toEqual([expect.stringMatching(/^nothing to compare/)])
  })
})

describe("the picture", () => {
  it("has every name, unit, limit and the machine, and no raw < or & of theirs", () => {
    const svg = chart(report([figure({ limit: { name: "bare <echo>", samples: [400] } })]))
    expect(svg).toContain("a &#60;batch&#62; &#38; more")
    expect(svg).toContain("bare &#60;echo&#62;")
    expect(svg).toContain("100 tx/s")
    expect(svg).toContain("a processor, 2 cores")
    expect(svg.match(/<svg /g)).toHaveLength(1)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  })

  it("stands figures that are all 0", () => {
    expect(chart(report([figure({ samples: [0, 0] })]))).not.toMatch(/NaN|Infinity/)
  })
})

it("the table groups its figures and says what the limit is", () => {
  const lines = tableOf(report([figure({ limit: { name: "bare", samples: [200] } })]))
  expect(lines[1]).toBe("transactions a second")
  expect(lines[2]).toMatch(/ {2}a <batch> & more +tx\/s +90\.0 +100 +110 +200 +0\.50$/)
  expect(lines.slice(3)).toEqual(["limit: bare", "a note"])
})

describe("targets", () => {
  it("are met or not by the median, by the share of the limit, or of another figure", () => {
    const limit = { name: "bare", samples: [100] }
    const batches = [figure({ samples: [1_300_000] }), figure({ id: "batch-10m", samples: [900_000] })]
    const terminals = report([figure({ id: "tcp-512x1", samples: [66], limit })], "terminals")
    const verdicts = judge([report(batches), terminals])
    const met = verdicts.filter((one) => one.measured !== undefined).map((one) => one.met)
    expect(met).toEqual([true, false, true])
    expect(targetLines([]).join("\n")).toContain("not measured")
  })

  it("ask for benchmarks that there are", () => {
    for (const { bench } of targets) expect(isBenchmark(bench)).toBe(true)
  })
})

it("every benchmark that is listed is there, and says what it measures", async () => {
  for (const [name] of benchmarks) {
    const { title, measures } = await byName(name)
    expect(title.length * measures.length).toBeGreaterThan(0)
  }
})

describe("the command line", () => {
  it("takes names and flags; targets brings what it needs", () => {
    expect(parseArguments(["ledger", "--rounds", "2", "--save", "before"])).toMatchObject({
      names: ["ledger"],
      rounds: 2,
      quick: false,
      save: "before",
      targets: false,
    })
    expect(parseArguments(["targets", "--quick"])).toMatchObject({ targets: true, quick: true })
    const all = parseArguments([])
    expect("names" in all && all.names.length).toBe(benchmarks.length)
    expect(parseArguments(["--help"])).toEqual({ help: true })
  })

  it.each([
    [["nothing"], /no benchmark is called nothing/],
    [["--rounds", "0"], /--rounds must be a whole number/],
    [["--save", "a/b"], /--save takes a name/],
    [["--fast"], /--fast/],
  ])("says what is wrong with %j", (args, why) => {
    const parsed = parseArguments(args)
    expect("wrong" in parsed && parsed.wrong).toMatch(why)
  })
})
