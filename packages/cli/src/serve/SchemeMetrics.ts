// What a scrape reads of the scheme: how much there is of it, and which merchants' floats are below their alarm.
import type { Lane } from "@millrace/engine"
import { Gauge, type Registry } from "prom-client"

/** A scrape names so many merchants; the gauge beside it counts them all. */
const MERCHANTS_NAMED_MAX = 1_000

export const registerSchemeMetrics = (
  { ledger }: Lane,
  registers: Array<Registry>,
  gauge: (name: string, help: string, read: () => number) => void,
): void => {
  const { scheme } = ledger
  const sum = (of: (shard: (typeof ledger.shards)[number]) => number): number =>
    ledger.shards.reduce((total, shard) => total + of(shard), 0)
  gauge("millrace_cards", "Cards, of any status", () => sum((shard) => shard.cards.count))
  gauge("millrace_holds", "Pre-authorisations that are held now", () => sum((shard) => shard.holds.count))
  gauge(
    "millrace_hotlist_version",
    "Version of the hotlist that terminals download",
    () => scheme.hotlist.version,
  )

  /** [merchant's number, float] of those that are below their alarm. */
  const low = (): ReadonlyArray<readonly [number, number]> => {
    const found: Array<readonly [number, number]> = []
    for (let slot = 0; slot < scheme.merchants.count; slot++) {
      const { number, alarm } = scheme.merchants.at(slot)
      const float = scheme.merchants.floatTotal(slot)
      if (alarm.floatBelow !== undefined && float < alarm.floatBelow) found.push([number, float])
    }
    return found
  }
  gauge("millrace_merchants_float_low", "Merchants whose float is below their alarm", () => low().length)
  new Gauge({
    name: "millrace_merchant_float_low",
    help: `The float of a merchant that is below its alarm, minor units; the first ${MERCHANTS_NAMED_MAX} of them`,
    labelNames: ["merchant"],
    registers,
    collect() {
      this.reset()
      for (const [merchant, float] of low().slice(0, MERCHANTS_NAMED_MAX)) {
        this.set({ merchant: String(merchant) }, float)
      }
    },
  })
}
