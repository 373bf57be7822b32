// `millrace serve`: the layers put together, in the order in which a start can fail, and taken apart so that nothing is lost.
import { Engine, type EngineOptions } from "@millrace/engine"
import { Gateway } from "@millrace/gateway"
import { ImageRefused, JournalGap, ReplayDiverged } from "@millrace/ledger"
import { Cause, Context, Effect, Layer } from "effect"
import { type Configured, configure } from "../config/Configuration.ts"
import type { Settings } from "../config/Settings.ts"
import { grouped } from "../load/Report.ts"
import { complain, print, say } from "../Output.ts"
import { firstSignal } from "../Signals.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"
import { ensureDevelopmentHost } from "./DevelopmentHost.ts"
import { type Health, serveHttp } from "./Http.ts"
import { makeMetrics } from "./Metrics.ts"
import { openStore } from "./Store.ts"

export interface ServeCommand {
  readonly data: string | undefined
  readonly config: string | undefined
  readonly ephemeral: boolean
  readonly tcp: number | undefined
  readonly ws: number | undefined
  readonly iso: number | undefined
  readonly http: number | undefined
}

/** Serves until a signal comes or the journal fails. */
export const serve = Effect.fnUntraced(function* (command: ServeCommand) {
  const configured = yield* configureServe(command)
  for (const warning of configured.warnings) complain(warning)
  // The signal wins over what is being done, and waits for its end: the scope's finalizers are the clean shutdown.
  yield* Effect.raceFirst(Effect.scoped(serveUntilHalted(configured, printReady)), firstSignal)
})

const flagsOf = (command: ServeCommand) => {
  const flags: { [key: string]: { readonly flag: string; readonly value: unknown } } = {}
  if (command.data !== undefined) flags["data"] = { flag: "--data", value: command.data }
  if (command.ephemeral) flags["ephemeral"] = { flag: "--ephemeral", value: true }
  for (const name of ["tcp", "ws", "iso", "http"] as const) {
    if (command[name] !== undefined) flags[`${name}.port`] = { flag: `--${name}`, value: command[name] }
  }
  return flags
}

export const configureServe = (command: ServeCommand): Effect.Effect<Configured, Stop> =>
  Effect.suspend(() => {
    const sources = { file: command.config, environment: process.env, flags: flagsOf(command) }
    return Effect.fromResult(configure(sources)).pipe(Effect.mapError((errors) => stop(errors.join("\n"))))
  })

/** Where a server that is ready takes traffic. */
export interface Ready {
  readonly settings: Settings
  readonly tcp: string
  readonly http: string
  /** The journal was empty: nobody has used this directory before. */
  readonly firstStart: boolean
}

/** Where a server says what it does; a program around it may want silence. */
export interface Voice {
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

const urlHost = (host: string): string => (host.includes(":") ? `[${host}]` : host)

/** Starts everything, calls `ready`, and fails when the journal does; otherwise only ends with its scope. */
export const serveUntilHalted = Effect.fnUntraced(function* (
  { settings, given }: Configured,
  ready: (ready: Ready) => void,
  voice: Voice = { say, complain },
) {
  yield* refuseLaterListeners(settings)
  warnOfExposure(settings.host, voice)
  const began = performance.now()
  const store = yield* openStore({
    data: settings.data,
    ephemeral: settings.ephemeral,
    readOnly: false,
    verify: "tail",
    make: {
      shards: settings.engine.shards,
      rememberedTransactions: settings.engine.rememberedTransactions,
    },
  })
  const options = yield* engineOptions(settings, store.fixed.shards, given)
  const engineContext = yield* Layer.build(Engine.layer(options)).pipe(
    Effect.provide(store.context),
    explainRecovery,
  )
  const engine = Context.get(engineContext, Engine)
  sayRecovered(engine.recovered, performance.now() - began, voice)

  const gatewayLayer = Gateway.layer({
    tcp: { host: settings.host, port: settings.tcp.port },
    limits: settings.limits,
  })
  const gateway = yield* Layer.build(gatewayLayer).pipe(
    Effect.provide(Context.merge(store.context, engineContext)),
    Effect.map((context) => Context.get(context, Gateway)),
    Effect.catchTag("ListenRefused", (refused) => stop(`${refused.message} with --tcp`)),
  )
  const state: { status: Health["status"] } = { status: "ok" }
  const halted = Effect.mapError(engine.halted, (error) => {
    state.status = "failed"
    return stop(
      `the journal could not be written, so the engine stopped and answers nothing more: ${error.message}. ` +
        "Mend the storage and start again: it recovers from what is on disk.",
      ExitCode.journalFailed,
    )
  })
  // It waits for the disk: a journal that fails under it must end the start.
  yield* Effect.raceFirst(ensureDevelopmentHost(engine, gateway.identities, settings, voice.complain), halted)

  const tcp = `${urlHost(settings.host)}:${gateway.tcp.port}`
  const httpPort = yield* serveHttp({
    host: settings.host,
    port: settings.http.port,
    registry: makeMetrics({ lane: engine.lane, gateway }),
    welcome: welcomeText(tcp),
    health: () => ({
      status: state.status === "ok" && !engine.lane.allUp ? "restarting" : state.status,
      sessions: gateway.sessions(),
      sequence: engine.lane.ledger.next - 1,
      uptimeSeconds: Math.floor(process.uptime()),
    }),
  })
  // Added last, so it runs first: everything it needs is still there.
  yield* Effect.addFinalizer(() => {
    if (state.status === "failed") return Effect.void
    state.status = "stopping"
    return shutDown(engine, gateway, voice)
  })
  const http = `${urlHost(settings.host)}:${httpPort}`
  ready({ settings, tcp, http, firstStart: engine.recovered.snapshot + engine.recovered.replayed === 0 })
  return yield* halted
})

// ---- the start

const refuseLaterListeners = (settings: Settings): Effect.Effect<void, Stop> => {
  if (settings.ws.port !== undefined) {
    return stop("this version has no WebSocket listener yet: leave out --ws (ws.port) and use TCP")
  }
  if (settings.iso.port !== undefined) {
    return stop("this version has no ISO 8583 listener yet: leave out --iso (iso.port) and use TCP")
  }
  return Effect.void
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^127\./.test(host)

const warnOfExposure = (host: string, { complain }: Voice): void => {
  if (isLoopback(host)) return
  complain(`WARNING: listening on ${host} WITHOUT ENCRYPTION: who can see the network can read card numbers.`)
  complain("WARNING: put a TLS proxy or a private network in front of it, or set host to 127.0.0.1.")
}

/** A data directory's shards are fixed: what was set explicitly must agree, a default gives way. */
const engineOptions = (settings: Settings, shards: number, given: ReadonlySet<string>) => {
  if (shards !== settings.engine.shards && given.has("engine.shards")) {
    return stop(
      `engine.shards is ${settings.engine.shards}, but ${settings.data} was made with ${shards}: the number is fixed for life; leave the key out`,
    )
  }
  return Effect.succeed<EngineOptions>({ ...settings.engine, shards })
}

/** The ledger throws when journal and snapshot contradict each other; that is a refusal to start, not a defect. */
const explainRecovery = <A, E extends { readonly _tag: string; readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<A, Stop, R> =>
  effect.pipe(
    Effect.mapError((error) => stop(error.message)),
    Effect.catchCause((cause) => {
      const defect = Cause.squash(cause)
      const known =
        defect instanceof ReplayDiverged || defect instanceof ImageRefused || defect instanceof JournalGap
      if (!known) return Effect.failCause(cause)
      return stop(
        `recovery refused: ${defect.message}. Nothing was changed. Look with \`millrace journal verify\`, then restore the data directory from a backup.`,
      )
    }),
  )

const sayRecovered = (recovered: Engine["Service"]["recovered"], ms: number, { say }: Voice): void => {
  if (recovered.snapshot === 0 && recovered.replayed === 0) {
    say(`nothing to recover: a new journal (${Math.round(ms)} ms)`)
    return
  }
  const snapshot = recovered.snapshot === 0 ? "no snapshot" : `snapshot at ${grouped(recovered.snapshot)}`
  say(
    `recovered: ${snapshot}, ${grouped(recovered.replayed)} slots replayed, ` +
      `${grouped(recovered.remembered)} remembered, ${Math.round(ms)} ms`,
  )
}

// ---- what is said when it is ready

const printReady = ({ settings, tcp, http, firstStart }: Ready): void => {
  print(`ready tcp=${tcp} http=${http} data=${settings.ephemeral ? "memory" : settings.data}`)
  // To a person, and on a first start to whoever reads the log; a service that restarts has heard it.
  if (process.stdout.isTTY !== true && !firstStart) return
  const data = settings.data === "./millrace-data" ? "" : ` --data ${settings.data}`
  const url = tcp === "127.0.0.1:7100" ? "" : ` --url tcp://${tcp}`
  for (const line of [
    "",
    "What to try next, in another terminal:",
    `  npx millrace load --duration 10${url}${data}      card traffic, and how fast it goes`,
    `  npx millrace load --mode terminals${url}${data}   the same from single terminals`,
    "  npx millrace demo                              a small scheme and a story, on its own",
    `  curl http://${http}/metrics               what it counts`,
    "Ctrl-C stops it cleanly.",
  ]) {
    say(line)
  }
}

const welcomeText = (tcp: string): string =>
  [
    "Millrace: a transaction engine for prepaid cards and electronic recharge.",
    "",
    `Terminals and hosts connect to tcp://${tcp} (packages/protocol/PROTOCOL.md).`,
    "GET /health   is it up",
    "GET /metrics  what it counts, for Prometheus",
    "",
  ].join("\n")

// ---- the end

/** Sessions that do not read their answers are not waited for longer. */
const drainMsMax = 10_000

const shutDown = Effect.fnUntraced(function* (
  engine: Engine["Service"],
  gateway: Gateway["Service"],
  { say, complain }: Voice,
) {
  say("stopping: no new connections; what is in flight is answered")
  yield* gateway.stopAccepting
  yield* engine.drained.pipe(
    Effect.timeoutOrElse({
      duration: drainMsMax,
      orElse: () => Effect.sync(() => complain(`not everything was answered within ${drainMsMax / 1_000} s`)),
    }),
  )
  const position = yield* engine.snapshot.pipe(
    Effect.catchCause((cause) =>
      Effect.as(
        Effect.sync(() =>
          complain(`no snapshot was taken, the next start replays: ${String(Cause.squash(cause))}`),
        ),
        undefined,
      ),
    ),
  )
  if (position !== undefined) say(`stopped: snapshot at ${grouped(position)}`)
})
