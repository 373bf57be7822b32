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
    cost: { cpuSeconds: 1, cpuShare: 0.5, loopShare: 0.6 },
    lateShare: 0,
    ...change,
  }
}

describe("loadResult", () => {
  it("is the line that scripts rely on, key by key", () => {
    const latency = '{"p50":1.5,"p90":1.5,"p99":1.5,"p999":1.5,"max":1.5}'
    const contract =
      '{"transactions":100,"seconds":2,"throughput":50,"approved":97,"declined":{"51":2,"61":1},"errors":0,' +
      `"latencyMs":${latency}`
    const client =
      '"client":{"cpuSeconds":1,"cpuShare":0.5,"cpuNsPerTransaction":10000000,"eventLoopShare":0.6,"limit":false}'
    expect(JSON.stringify(loadResult(figures(), true))).toBe(`${contract},"loop":"open",${client}}`)
    expect(JSON.stringify(loadResult(figures(), false))).toBe(
      `${contract},"loop":"closed","correctedMs":${latency},${client}}`,
    )
  })

  it("names responses by their two digits", () => {
    const responses = new Float64Array(128)
    responses[5] = 4
    expect(loadResult(figures({ responses }), true).declined).toEqual({ "05": 4 })
  })

  it("has no division by zero when nothing was answered", () => {
    expect(loadResult(figures({ transactions: 0, seconds: 0 }), false).throughput).toBe(0)
  })
})

describe("remarks", () => {
  it("says when this program was the limit", () => {
    const cost = { cpuSeconds: 2, cpuShare: 0.97, loopShare: 0.99 }
    expect(remarks(figures({ cost }), false)).toEqual([
      "this client is at 97 % of a core: the engine may be faster; run a second one beside it",
    ])
    expect(remarks(figures({ cost }), true)).toEqual([])
    expect(loadResult(figures({ cost }), false).client.limit).toBe(true)
    expect(remarks(figures({ cost: { ...cost, cpuShare: 0.7 } }), false)).toEqual([
      expect.stringContaining("it waited for a processor"),
    ])
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
    expect(table(figures(), false).join("\n")).toContain("declined 51   2   Insufficient funds")
  })
})

it("a second without an answer is no second with 0/s and latencies of 0", () => {
  const tick = { seconds: 3, throughput: 0, p50Ms: 0, p99Ms: 0, errors: 4 }
  expect(tickLine({ ...tick, gone: true }, 10)).toMatch(/ 3\/10 s {3}no answer: reconnecting {3}errors 4$/)
  expect(tickLine({ ...tick, gone: false }, 10)).toMatch(/ 3\/10 s {3}no answer in this second {3}errors 4$/)
  expect(tickLine({ ...tick, throughput: 5, gone: false }, 10)).toMatch(/ 5\/s {3}p50 0\.00 ms/)
})
