// `millrace serve`: the layers put together, in the order in which a start can fail, and taken apart so that nothing is lost.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Engine, type EngineOptions, engineProblem } from "@millrace/engine"
import { Gateway, type GatewayOptions, type IsoHost, isoConnectionsMax } from "@millrace/gateway"
import { Journal, nextSteps } from "@millrace/journal"
import { ImageRefused, JournalGap, ReplayDiverged } from "@millrace/ledger"
import { Cause, Context, Effect, Layer } from "effect"
import { type Configured, configure } from "../config/Configuration.ts"
import { mailboxRecordsMin, type Settings } from "../config/Settings.ts"
import { grouped } from "../load/Report.ts"
import { complain, outliveReaders, print, say, type Voice } from "../Output.ts"
import { firstSignal } from "../Signals.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"
import { markBegun, refuseLostJournal } from "./Begun.ts"
import { ensureDevelopmentHost } from "./DevelopmentHost.ts"
import { haltOf, shutDown } from "./End.ts"
import { reloadOnHangup, type ServerTls, tlsOf, warnOfExposure } from "./Exposure.ts"
import { type Health, serveHttp } from "./Http.ts"
import { addIsoMetrics, isoHostsOf, serveIso } from "./Iso.ts"
import { makeMetrics } from "./Metrics.ts"
import { type Fixed, openStore } from "./Store.ts"

export interface ServeCommand {
  readonly data: string | undefined
  readonly config: string | undefined
  readonly ephemeral: boolean
  readonly tcp: number | undefined
  readonly ws: number | undefined
  readonly wsOptional?: boolean
  readonly allowPlain?: boolean
  readonly iso: number | undefined
  readonly http: number | undefined
}

/** Serves until a signal comes or the journal fails. */
export const serve = Effect.fnUntraced(function* (command: ServeCommand) {
  outliveReaders()
  yield* refuseWrongPorts(command)
  const configured = yield* configureServe(command)
  for (const warning of configured.warnings) complain(warning)
  let failedAtEnd: Cause.Cause<Stop> | undefined
  const serving = serveUntilHalted(configured, printReady, { say, complain }, (cause) => {
    failedAtEnd = cause
  })
  // The signal wins over what is being done, and waits for its end: the scope's finalizers are the clean shutdown.
  yield* Effect.raceFirst(Effect.scoped(serving), firstSignal)
  if (failedAtEnd !== undefined) return yield* Effect.failCause(failedAtEnd)
})

const PORT_MAX = 65_535

/** A mistake in the command line, and nothing was tried: not one of the settings. */
const refuseWrongPorts = (command: ServeCommand): Effect.Effect<void, Stop> => {
  const wrong = (["tcp", "ws", "iso", "http"] as const).find((name) => {
    const port = command[name]
    return port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= PORT_MAX)
  })
  if (wrong === undefined) return Effect.void
  return stop(`--${wrong} must be a whole number from 0 to ${PORT_MAX}`, ExitCode.usage)
}

const flagsOf = (command: ServeCommand) => {
  const flags: { [key: string]: { readonly flag: string; readonly value: unknown } } = {}
  if (command.data !== undefined) flags["data"] = { flag: "--data", value: command.data }
  if (command.ephemeral) flags["ephemeral"] = { flag: "--ephemeral", value: true }
  if (command.wsOptional === true) flags["ws.optional"] = { flag: "--ws-optional", value: true }
  if (command.allowPlain === true) flags["allowPlain"] = { flag: "--allow-plain", value: true }
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
  /** Without the listener there is none. */
  readonly ws: string | undefined
  readonly iso: string | undefined
  readonly http: string
  /** The journal was empty: nobody has used this directory before. */
  readonly firstStart: boolean
  /** The data directory has a credentials file that this engine knows. */
  readonly credential: boolean
}

const urlHost = (host: string): string => (host.includes(":") ? `[${host}]` : host)

/** Before a directory is made: it keeps two of these numbers for life. */
const refuseImpossible = Effect.fnUntraced(function* ({ data, ephemeral, engine }: Settings) {
  if (!ephemeral && existsSync(join(data, "manifest.json"))) return
  const problem = engineProblem(engine)
  if (problem !== undefined) return yield* stop(`${problem}. Nothing was made`)
})

/**
 * Starts everything, calls `ready`, and fails when the engine does; otherwise only ends with its scope. `failedAtEnd` is
 * told of an engine that fails while it is being stopped, when nobody waits for this effect any more.
 */
export const serveUntilHalted = Effect.fnUntraced(function* (
  { settings, given }: Configured,
  ready: (ready: Ready) => void,
  voice: Voice = { say, complain },
  failedAtEnd: (cause: Cause.Cause<Stop>) => void = () => {},
) {
  const isoHosts = yield* isoHostsOf(settings)
  const tls = yield* tlsOf(settings)
  yield* warnOfExposure(settings, tls, voice)
  const began = performance.now()
  if (!settings.ephemeral) yield* refuseLostJournal(settings.data)
  yield* refuseImpossible(settings)
  const store = yield* openStore({
    data: settings.data,
    ephemeral: settings.ephemeral,
    segmentBytes: settings.journal.segmentBytes,
    make: {
      shards: settings.engine.shards,
      rememberedTransactions: settings.engine.rememberedTransactions,
    },
  })
  const options = yield* engineOptions(settings, store.fixed, given)
  const engineContext = yield* Layer.build(Engine.layer(options)).pipe(
    Effect.provide(store.context),
    explainRecovery,
  )
  const engine = Context.get(engineContext, Engine)
  const { cut } = yield* Context.get(store.context, Journal).stat
  if (cut !== undefined) {
    voice.say(`cut a torn write off the end of ${cut.segment}, at byte ${cut.at}: it was never answered`)
  }
  sayRecovered(engine.recovered, performance.now() - began, voice)

  const gateway = yield* Layer.build(Gateway.layer(gatewayOptions(settings, tls, isoHosts))).pipe(
    Effect.provide(Context.merge(store.context, engineContext)),
    Effect.map((context) => Context.get(context, Gateway)),
    Effect.catchTag("ListenRefused", ({ message }) =>
      stop(
        /another port$/.test(message)
          ? `${message} with ${/WebSocket/.test(message) ? "--ws" : "--tcp"}`
          : message,
      ),
    ),
  )
  const state: { status: Health["status"] } = { status: "ok" }
  const halted = haltOf(engine, () => {
    state.status = "failed"
  })
  // It waits for the disk: a journal that fails under it must end the start.
  const credential = yield* Effect.raceFirst(
    ensureDevelopmentHost(engine, gateway.identities, settings, voice.complain),
    halted,
  )

  if (!settings.ephemeral && engine.lane.durable > 1) yield* markBegun(settings.data)

  const rooms = Context.merge(store.context, engineContext)
  const iso = yield* serveIso(settings, isoHosts, tls, voice).pipe(Effect.provide(rooms))
  const tcp = `${urlHost(settings.host)}:${gateway.tcp.port}`
  const ws = gateway.ws === undefined ? undefined : `${urlHost(settings.host)}:${gateway.ws.port}`
  const registry = makeMetrics({ lane: engine.lane, gateway })
  if (iso !== undefined) addIsoMetrics(registry, iso)
  const httpHost = settings.http.host ?? settings.host
  const http = yield* serveHttp({
    host: httpHost,
    port: settings.http.port,
    tls,
    registry,
    welcome: welcomeText(tcp, ws, tls !== undefined),
    health: () => ({
      status: state.status === "ok" && !engine.lane.allUp ? "restarting" : state.status,
      sessions: gateway.sessions() + (iso?.sessions() ?? 0),
      sequence: engine.lane.ledger.next - 1,
      uptimeSeconds: Math.floor(process.uptime()),
    }),
  })
  // Added last, so it runs first: everything it needs is still there.
  yield* Effect.addFinalizer(() => {
    if (state.status === "failed") return Effect.void
    state.status = "stopping"
    // A failure comes to nobody's ears but these: who waits for this scope has stopped waiting for its effect.
    const failure = Effect.catchCause(halted, (cause) => Effect.sync(() => failedAtEnd(cause)))
    const stopAccepting = Effect.andThen(gateway.stopAccepting, iso?.stopAccepting ?? Effect.void)
    return Effect.raceFirst(shutDown(engine, { stopAccepting }, voice), failure)
  })
  const reload = gateway.reload.pipe(
    Effect.andThen(http.reload),
    Effect.andThen(iso?.reload ?? Effect.void),
    Effect.as(
      tls === undefined ? "SIGHUP: there is no TLS to read again" : "the certificates were read again",
    ),
  )
  yield* reloadOnHangup(reload, voice)
  const firstStart = engine.recovered.snapshot + engine.recovered.replayed === 0
  const isoAddress = iso === undefined ? undefined : `${urlHost(settings.host)}:${iso.addresses[0].port}`
  ready({
    settings,
    tcp,
    ws,
    iso: isoAddress,
    http: `${urlHost(httpHost)}:${http.port}`,
    firstStart,
    credential,
  })
  return yield* halted
})

// ---- the start

const gatewayOptions = (
  settings: Settings,
  tls: ServerTls | undefined,
  isoHosts: ReadonlyArray<IsoHost> | undefined,
): GatewayOptions => {
  const { host, ws, iso } = settings
  const isoAddress = { host, port: iso.port ?? 0 }
  return {
    tcp: { host, port: settings.tcp.port },
    ...(ws.port === undefined
      ? {}
      : { ws: { host, port: ws.port, origins: ws.origins, optional: ws.optional } }),
    ...(tls === undefined ? {} : { tls }),
    limits: settings.limits,
    connectionsElsewhere:
      isoHosts === undefined ? 0 : isoConnectionsMax({ address: isoAddress, hosts: isoHosts }),
  }
}

/** What a data directory was made with is fixed: what was set explicitly must agree, a default gives way. */
const engineOptions = (settings: Settings, fixed: Fixed, given: ReadonlySet<string>) => {
  for (const key of ["shards", "rememberedTransactions"] as const) {
    if (fixed[key] === settings.engine[key] || !given.has(`engine.${key}`)) continue
    return stop(
      `engine.${key} is ${settings.engine[key]}, but ${settings.data} was made with ${fixed[key]}: the number is fixed for life; leave the key out`,
    )
  }
  const options: EngineOptions = { ...settings.engine, ...fixed }
  const tooSmall = engineProblem(options) === undefined ? undefined : remedyOf(settings.data, options)
  return tooSmall === undefined ? Effect.succeed(options) : stop(tooSmall)
}

/** The memory is fixed for life: what it is too small for is lowered, as far as there is anything to lower it to. */
const remedyOf = (data: string, options: EngineOptions): string => {
  const { shards, rememberedTransactions, mailboxRecordsMax } = options
  const made = `${data} was made with ${rememberedTransactions} remembered transactions for life`
  let fitting = mailboxRecordsMax / 2
  while (
    fitting >= mailboxRecordsMin &&
    engineProblem({ ...options, mailboxRecordsMax: fitting }) !== undefined
  )
    fitting /= 2
  return fitting >= mailboxRecordsMin
    ? `${made}, too few for ${shards} mailboxes of ${mailboxRecordsMax}: set engine.mailboxRecordsMax to ${fitting}`
    : `${made}, too few for ${shards} mailboxes of any size: it can't be served. \`millrace journal verify\`, ` +
        "`journal dump` and `backup` read it"
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
      return stop(`recovery refused: ${defect.message}. Nothing was answered. ${nextSteps}`)
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

const printReady = ({ settings, tcp, ws, iso, http, firstStart, credential }: Ready): void => {
  const more = (ws === undefined ? "" : ` ws=${ws}`) + (iso === undefined ? "" : ` iso=${iso}`)
  print(`ready tcp=${tcp}${more} http=${http} data=${settings.ephemeral ? "memory" : settings.data}`)
  // To a person, and on a first start to whoever reads the log; a service that restarts has heard it.
  if (process.stdout.isTTY !== true && !firstStart) return
  const data = settings.data === "./millrace-data" ? "" : ` --data ${settings.data}`
  const secure = settings.tls.cert !== undefined
  const url = tcp === "127.0.0.1:7100" && !secure ? "" : ` --url ${secure ? "tls" : "tcp"}://${tcp}`
  const traffic = [
    [`npx millrace pos${url}${data}`, "a till at your keyboard, and a first receipt"],
    [`npx millrace load --duration 10${url}${data}`, "card traffic, and how fast it goes"],
    [`npx millrace load --mode terminals${url}${data}`, "the same from single terminals"],
  ]
  const hints = [
    ...(credential ? traffic : []),
    ["npx millrace demo", "a small scheme and a story, on its own"],
    [`curl http${secure ? "s" : ""}://${http}/metrics`, "what it counts"],
  ]
  const width = Math.max(...hints.map(([command]) => command.length))
  const lines = hints.map(([command, what]) => `  ${command.padEnd(width)}   ${what}`)
  for (const line of ["", "What to try next, in another terminal:", ...lines, "Ctrl-C stops it cleanly."]) {
    say(line)
  }
}

const welcomeText = (tcp: string, ws: string | undefined, secure: boolean): string =>
  [
    "Millrace: a transaction engine for prepaid cards and electronic recharge.",
    "",
    `Terminals and hosts connect to ${secure ? "tls" : "tcp"}://${tcp} (packages/protocol/PROTOCOL.md).`,
    ...(ws === undefined ? [] : [`WebSocket: ${secure ? "wss" : "ws"}://${ws}`]),
    "GET /health   is it up",
    "GET /metrics  what it counts, for Prometheus",
    "",
  ].join("\n")
