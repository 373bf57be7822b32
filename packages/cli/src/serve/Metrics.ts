// What a scrape of /metrics reads: the lane's and the gateway's plain counters, turned into Prometheus text when asked for.
import { commitMsBuckets, type Lane } from "@millrace/engine"
import type { GatewayTally } from "@millrace/gateway"
import { ResponseCode, responseDigits } from "@millrace/protocol"
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from "prom-client"
import { registerSchemeMetrics } from "./SchemeMetrics.ts"

export interface MetricsSource {
  readonly lane: Lane
  readonly gateway: { readonly tally: GatewayTally; readonly sessions: () => number }
}

/** Published at 0 from the start: `increase()` does not see a series that begins with its first event. */
const knownCodes: ReadonlySet<number> = new Set(Object.values(ResponseCode))

/** A registry whose metrics read the source when they are collected: nothing is counted twice or on the hot path. */
export const makeMetrics = ({ lane, gateway }: MetricsSource): Registry => {
  const registry = new Registry()
  const registers = [registry]
  const { tally } = lane

  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })

  new Counter({
    name: "millrace_transactions_total",
    help: "Answers by ISO 8583 response code, without repeats of a first answer",
    labelNames: ["response"],
    registers,
    collect() {
      this.reset()
      tally.responses.forEach((count, code) => {
        if (count > 0 || knownCodes.has(code)) this.inc({ response: responseDigits(code) }, count)
      })
    },
  })
  counter("millrace_duplicates_total", "First answers given again", () => tally.duplicates)
  counter("millrace_journal_blocks_total", "Blocks made durable: group commits", () => tally.blocks)
  counter("millrace_journal_slots_total", "Journal slots made durable", () => tally.slots)
  counter("millrace_shard_restarts_total", "Shards rebuilt after a defect", () => tally.restarts)
  counter("millrace_snapshots_total", "Snapshots written and read back", () => tally.snapshots)
  counter(
    "millrace_snapshot_failures_total",
    "Attempts at a snapshot that failed; they are repeated",
    () => tally.snapshotFailures,
  )
  gauge("millrace_snapshot_running", "1 while a snapshot is written", () => (tally.snapshotRunning ? 1 : 0))
  gauge(
    "millrace_snapshot_position",
    "Journal sequence of the newest snapshot: a start replays what comes after it",
    () => tally.snapshotPosition,
  )
  gauge(
    "millrace_snapshot_seconds",
    "How long the last snapshot took, 0 before the first since the start",
    () => tally.snapshotSeconds,
  )
  gauge(
    "millrace_commands_pending",
    "Commands that wait for their turn or for the disk",
    () => tally.commandsPending,
  )
  counter(
    "millrace_gateway_refused_records_total",
    "Records answered 58 by the gateway: the session may not speak for their terminal",
    () => gateway.tally.refusedRecords,
  )
  counter("millrace_sessions_opened_total", "Connections taken", () => gateway.tally.sessionsOpened)
  gauge("millrace_sessions", "Connections open now", gateway.sessions)
  gauge("millrace_journal_next_sequence", "The next journal sequence to be decided", () => lane.ledger.next)
  new Counter({
    name: "millrace_session_faults_total",
    help: "Sessions ended for breaking a rule, by the code they were told",
    labelNames: ["code"],
    registers,
    collect() {
      this.reset()
      for (const [code, count] of gateway.tally.faults) this.inc({ code }, count)
    },
  })
  new Counter({
    name: "millrace_turned_away_total",
    help: "Connections and logons refused before the welcome, by why",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of gateway.tally.turnedAway) this.inc({ reason }, count)
    },
  })
  new Gauge({
    name: "millrace_mailbox_records",
    help: "Records waiting for a shard",
    labelNames: ["shard"],
    registers,
    collect() {
      lane.depth.forEach((depth, shard) => {
        this.set({ shard: String(shard) }, depth)
      })
    },
  })
  registerSchemeMetrics(lane, registers, gauge)
  registry.registerMetric(commitSeconds(lane))
  collectDefaultMetrics({ register: registry })
  return registry
}

/**
 * prom-client's own histogram observes each value. The lane has counted already, so this one only reads: it has the two
 * members that a registry uses, which is why the type has to be asserted.
 */
const commitSeconds = (lane: Lane): Metric => {
  const name = "millrace_commit_seconds"
  const get = () => {
    const { commitMs, commitMsSum } = lane.tally
    let count = 0
    const values: Array<{ metricName: string; labels: { le?: string }; value: number }> = []
    for (const [index, inBucket] of commitMs.entries()) {
      count += inBucket
      const le = index < commitMsBuckets.length ? String(commitMsBuckets[index] / 1_000) : "+Inf"
      values.push({ metricName: `${name}_bucket`, labels: { le }, value: count })
    }
    values.push({ metricName: `${name}_sum`, labels: {}, value: commitMsSum / 1_000 })
    values.push({ metricName: `${name}_count`, labels: {}, value: count })
    return Promise.resolve({ name, help: "Time to write and sync a block", type: "histogram", values })
  }
  return { name, get } as unknown as Metric
}
