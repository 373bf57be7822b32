// The ISO 8583 listener of `millrace serve`: its hosts from the settings, what it warns of, and its counters.
import { IsoGateway, type IsoHost } from "@millrace/gateway"
import { operationKinds } from "@millrace/iso8583"
import { Context, Effect, Layer } from "effect"
import { Counter, Gauge, type Registry } from "prom-client"
import { readIsoHosts } from "../config/IsoHosts.ts"
import type { Settings } from "../config/Settings.ts"
import type { Voice } from "../Output.ts"
import { type Stop, stop } from "../Stop.ts"
import { DEVELOPMENT_HOST } from "./DevelopmentHost.ts"
import { isLoopback, type ServerTls } from "./Exposure.ts"

/** The hosts, before anything is opened; undefined when there is to be no listener. */
export const isoHostsOf = ({
  iso,
  host,
}: Settings): Effect.Effect<ReadonlyArray<IsoHost> | undefined, Stop> =>
  Effect.suspend(() => {
    if (iso.port === undefined) {
      return iso.hosts.length === 0
        ? Effect.undefined
        : stop("iso.hosts needs iso.port: set it (--iso), or leave both out")
    }
    if (iso.hosts.length === 0 && !isLoopback(host)) {
      return stop(`iso.port on ${host} needs iso.hosts: name the hosts that may connect`)
    }
    const hosts = iso.hosts.length === 0 ? [{ id: DEVELOPMENT_HOST }] : iso.hosts
    return Effect.fromResult(readIsoHosts(hosts, iso.port)).pipe(
      Effect.mapError((mistakes) => stop(mistakes.join("\n"))),
    )
  })

/** Listens until the scope closes; undefined when it was not asked for. */
export const serveIso = Effect.fnUntraced(function* (
  { host, iso }: Settings,
  hosts: ReadonlyArray<IsoHost> | undefined,
  tls: ServerTls | undefined,
  { say, complain }: Voice,
) {
  if (hosts === undefined || iso.port === undefined) return undefined
  if (iso.hosts.length === 0) {
    say(
      `ISO 8583: no iso.hosts, so the development host ${DEVELOPMENT_HOST} may connect (iso1987, binary2, x919)`,
    )
  }
  for (const { id, mac, from } of hosts) {
    if (mac !== "none") continue
    const who = from === undefined ? "whoever connects" : "whoever connects from its addresses"
    complain(`WARNING: ISO 8583 host ${id} has no MAC: ${who} is taken for it.`)
  }
  const layer = IsoGateway.layer({ address: { host, port: iso.port }, hosts, tls })
  const context = yield* Layer.build(layer).pipe(
    Effect.catchTag("ListenRefused", ({ message }) =>
      stop(/another port$/.test(message) ? `${message} with --iso` : message),
    ),
  )
  return Context.get(context, IsoGateway)
})

type Counts = ReadonlyMap<string, number>

/** Counters that are read when they are collected. */
export const addIsoMetrics = (registry: Registry, iso: IsoGateway["Service"]): void => {
  const registers = [registry]
  const byLabel = (name: string, help: string, label: string, counts: Counts, known: ReadonlyArray<string>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        // At 0 from the start: `increase()` does not see a series that begins with its first event.
        for (const value of known) this.inc({ [label]: value }, counts.get(value) ?? 0)
        for (const [value, count] of counts) if (!known.includes(value)) this.inc({ [label]: value }, count)
      },
    })
  const { tally } = iso
  byLabel(
    "millrace_iso_requests_total",
    "ISO 8583 requests that were read, by kind",
    "kind",
    tally.requests,
    [...operationKinds],
  )
  byLabel(
    "millrace_iso_refusals_total",
    "ISO 8583 messages refused before the engine, by reason",
    "reason",
    tally.refusals,
    ["mac", "logon", "not-logged-on", "terminal"],
  )
  byLabel(
    "millrace_iso_faults_total",
    "ISO 8583 connections ended by a fault or not let in, by code",
    "code",
    tally.faults,
    ["bad-frame", "bad-messages", "logon-timeout", "unknown-host"],
  )
  new Gauge({
    name: "millrace_iso_sessions",
    help: "ISO 8583 connections open now",
    registers,
    collect() {
      this.set(iso.sessions())
    },
  })
}
