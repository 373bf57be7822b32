import type { Lane } from "@millrace/engine"
import { Ledger } from "@millrace/ledger"
import { Gauge, Registry } from "prom-client"
import { expect, it } from "vitest"
import { registerSchemeMetrics } from "../../src/serve/SchemeMetrics.ts"

it("a scrape names a thousand merchants with a low float and no more, and counts them all", async () => {
  const ledger = new Ledger({ shards: 1, transactions: 2 ** 8 })
  const time = Date.UTC(2026, 0, 1)
  for (let number = 1; number <= 1_100; number++) {
    const result = ledger.control(time + number, {
      type: "merchant",
      by: "test",
      number,
      name: "Shop",
      currency: 978,
      feeBasisPoints: 0,
      floatLimit: 0,
      alarm: { floatBelow: 100 },
    })
    expect(result.ok).toBe(true)
  }
  const registry = new Registry()
  const gauge = (name: string, help: string, read: () => number) => {
    const collect = function (this: Gauge) {
      this.set(read())
    }
    new Gauge({ name, help, registers: [registry], collect })
  }
  // Of the lane nothing but its ledger is read.
  registerSchemeMetrics({ ledger } as unknown as Lane, [registry], gauge)
  const text = await registry.metrics()
  expect(text.match(/^millrace_merchant_float_low\{/gm)).toHaveLength(1_000)
  expect(text).toMatch(/^millrace_merchants_float_low 1100$/m)
})
