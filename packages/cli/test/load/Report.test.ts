import { describe, expect, it } from "vitest"
import { Histogram } from "../../src/load/Histogram.ts"
import type { LoadFigures } from "../../src/load/LoadRun.ts"
import { loadResult, remarks, table, tickLine } from "../../src/load/Report.ts"

const figures = (change: Partial<LoadFigures> = {}): LoadFigures => {
  const latency = new Histogram()
  latency.record(1_500, 100)
  const responses = new Float64Array(128)
  responses[0] = 97
  responses[61] = 1
  responses[51] = 2
  return {
    transactions: 100,
    seconds: 2,
    responses,
    duplicates: 0,
    latency,
    errors: 0,
    unanswered: 0,
    gone: undefined,
    unsent: 0,
    cpuShare: 0.5,
    lateShare: 0,
    ...change,
  }
}

describe("loadResult", () => {
  it("is the line that scripts rely on, key by key", () => {
    expect(JSON.stringify(loadResult(figures()))).toBe(
      '{"transactions":100,"seconds":2,"throughput":50,"approved":97,"declined":{"51":2,"61":1},"errors":0,' +
        '"latencyMs":{"p50":1.5,"p90":1.5,"p99":1.5,"p999":1.5,"max":1.5}}',
    )
  })

  it("names responses by their two digits", () => {
    const responses = new Float64Array(128)
    responses[5] = 4
    expect(loadResult(figures({ responses })).declined).toEqual({ "05": 4 })
  })

  it("has no division by zero when nothing was answered", () => {
    expect(loadResult(figures({ transactions: 0, seconds: 0 })).throughput).toBe(0)
  })
})

describe("remarks", () => {
  it("says when this program was the limit", () => {
    expect(remarks(figures({ cpuShare: 0.95 }), false)).toEqual([
      expect.stringContaining("it was the limit itself"),
    ])
    expect(remarks(figures({ cpuShare: 0.95 }), true)).toEqual([])
    expect(remarks(figures({ lateShare: 0.05 }), true)).toEqual([expect.stringContaining("over 1 ms late")])
  })

  it("warns when nothing was approved", () => {
    const responses = new Float64Array(128)
    responses[58] = 100
    expect(remarks(figures({ responses }), false)).toEqual([expect.stringMatching(/^nothing was approved: /)])
  })

  it("says what was not answered and not sent", () => {
    const lines = remarks(figures({ unanswered: 3, unsent: 4, gone: "nothing listens" }), true)
    expect(lines).toHaveLength(3)
    expect(lines.join()).toMatch(/4 transactions were due.*3 transactions had no answer.*nothing listens/)
  })

  it("has nothing to say of a good run", () => {
    expect(remarks(figures(), false)).toEqual([])
    expect(table(figures()).join("\n")).toContain("declined 51   2   Insufficient funds")
  })
})

it("a second without an answer is no second with 0/s and latencies of 0", () => {
  const tick = { seconds: 3, throughput: 0, p50Ms: 0, p99Ms: 0, errors: 4 }
  expect(tickLine({ ...tick, gone: true }, 10)).toMatch(/ 3\/10 s {3}no answer: reconnecting {3}errors 4$/)
  expect(tickLine({ ...tick, gone: false }, 10)).toMatch(/ 3\/10 s {3}no answer in this second {3}errors 4$/)
  expect(tickLine({ ...tick, throughput: 5, gone: false }, 10)).toMatch(/ 5\/s {3}p50 0\.00 ms/)
})
