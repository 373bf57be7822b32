/** The gateway: listeners, the sessions that they bring, and what sessions may ask besides transactions. */
import { Engine } from "@millrace/engine"
import { KeyRing, Machine } from "@millrace/journal"
import { messageFrame, packMessage, unpackMessage } from "@millrace/protocol"
import { Clock, Context, Effect, FiberSet, Layer, Schema } from "effect"
import { connectionsAllowed } from "./Descriptors.ts"
import { Identities } from "./Identities.ts"
import { defaultGatewayLimits, type GatewayLimits } from "./Limits.ts"
import type { Address, TurnedAway } from "./Listener.ts"
import { ListenRefused } from "./Listener.ts"
import { Logon, type LogonRules, tooManyLogons } from "./Logon.ts"
import { LogonGuard, type LogonRefusal } from "./LogonGuard.ts"
import { PinDesk, SessionPins } from "./Pins.ts"
import { makeRequests } from "./requests/index.ts"
import { type Control, type Fault, faults, Session } from "./Session.ts"
import { TcpListening } from "./TcpListener.ts"
import type { TlsFiles } from "./Tls.ts"
import type { Transport } from "./Transport.ts"
import { listenWebSocket, type WebSocketDoor, type WebSocketOptions } from "./WebSocketListener.ts"

export interface GatewayOptions {
  readonly tcp: Address
  readonly ws?: WebSocketOptions
  /** Every listener speaks TLS 1.3 and nothing else. */
  readonly tls?: TlsFiles & {
    /** Hosts must show a certificate that `ca` signed, which they can over TCP only. */
    readonly requireClientCert?: boolean
  }
  readonly limits?: Partial<GatewayLimits>
  /** Connections that other listeners of the process may hold: their descriptors are not this one's. */
  readonly connectionsElsewhere?: number
}

/** What the gateway has seen, in plain numbers that a scrape reads. */
export interface GatewayTally {
  sessionsOpened: number
  /** Records answered 58 here, because their session may not speak for their terminal. */
  refusedRecords: number
  /** Sessions that ended by a fault, by its code. */
  readonly faults: Map<string, number>
  /** Who was turned away before the welcome, by why. */
  readonly turnedAway: Map<TurnedAway | LogonRefusal, number>
}

/** Every reason for which somebody is turned away. */
export const turnedAwayReasons: ReadonlyArray<TurnedAway | LogonRefusal> = [
  "wrong",
  "certificate",
  "locked",
  "address-rate",
  "rate",
  "origin",
  "path",
  "tls",
]

/** The files of tls can't be used. Nothing was changed. */
export class ReloadRefused extends Schema.TaggedError<ReloadRefused>()("ReloadRefused", {
  message: Schema.String,
}) {}

export class Gateway extends Context.Service<
  Gateway,
  {
    /** Where it listens; the port is the real one when 0 was asked for. */
    readonly tcp: Address
    /** Where it listens for WebSocket, when it does. */
    readonly ws: Address | undefined
    readonly identities: Identities
    readonly tally: GatewayTally
    readonly sessions: () => number
    /** No new connections; nothing more is read from the open ones, which end once they are answered. */
    readonly stopAccepting: Effect.Effect<void>
    /** Reads the files of tls again, for connections that come from now on. */
    readonly reload: Effect.Effect<void, ReloadRefused>
  }
>()("gateway/Gateway") {
  static readonly layer = (options: GatewayOptions) => Layer.effect(Gateway, make(options))
}

/** Of one terminal: a till and what is left of its lost lines. Its key alone must not take everybody's sessions. */
const terminalSessionsMax = 8

const make = Effect.fnUntraced(function* (options: GatewayOptions) {
  const engine = yield* Engine
  const keyRing = yield* KeyRing
  const clock = yield* Clock.Clock
  const { randomBytes } = yield* Machine
  const limits = yield* withinDescriptors(
    { ...defaultGatewayLimits, ...options.limits },
    options.connectionsElsewhere ?? 0,
  )
  const identities = new Identities(() => engine.lane.ledger.scheme, keyRing.schemeKey)
  const run = yield* FiberSet.makeRuntime<never>()
  const requests = makeRequests(
    engine,
    identities,
    keyRing,
    () => clock.currentTimeMillisUnsafe(),
    randomBytes,
  )
  const desk = new PinDesk(
    keyRing.schemeKey,
    (terminal) => engine.lane.ledger.scheme.terminal(terminal)?.merchant ?? 0,
  )
  const sessions = new Set<Session>()
  const tally: GatewayTally = {
    sessionsOpened: 0,
    refusedRecords: 0,
    faults: new Map(),
    turnedAway: new Map(turnedAwayReasons.map((why) => [why, 0])),
  }
  const turnAway = (why: TurnedAway | LogonRefusal) =>
    void tally.turnedAway.set(why, (tally.turnedAway.get(why) ?? 0) + 1)
  const guard = new LogonGuard(limits, () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
  const rules: LogonRules = {
    identities,
    guard,
    randomBytes,
    hostsCertified: options.tls?.requireClientCert === true,
  }
  let seconds = 0
  let accepting = true
  let connections = 0
  /** By terminal: its open sessions. */
  const terminalSessions = new Map<string, number>()

  const fault = (session: Session, why: Fault) => {
    tally.faults.set(why.code, (tally.faults.get(why.code) ?? 0) + 1)
    session.fail(why, errorFrame(why, 0))
  }
  const logons = new WeakMap<Session, Logon>()
  const logOn = (session: Session, message: Parameters<Logon["next"]>[0], correlation: number) => {
    const step = logons.get(session)!.next(message)
    if (step._tag === "Refused") {
      if (step.why !== undefined) turnAway(step.why)
      return session.raise(step.fault)
    }
    if (step._tag === "Challenge")
      return session.send(frameOf({ type: "challenge", nonce: step.nonce }, correlation))
    const pins = new SessionPins(desk, step.pinKey)
    const { name } = step.identity
    const isTerminal = name.startsWith("terminal:")
    const others = terminalSessions.get(name) ?? 0
    if (isTerminal && others >= terminalSessionsMax) return session.raise(faults.tooMany)
    if (!session.welcome(step.identity, pins)) return session.raise(faults.tooMany)
    if (isTerminal) terminalSessions.set(name, others + 1)
    logons.delete(session)
    const welcome = {
      type: "welcome",
      proof: step.proof,
      limits: {
        recordsInFlightMax: limits.recordsInFlightMax,
        batchRecordsMax: limits.batchRecordsMax,
        messageBytesMax: limits.messageBytesMax,
        idleSeconds: limits.idleSecondsMax,
      },
      serverTime: clock.currentTimeMillisUnsafe(),
      permissions: step.identity.permissions,
    }
    session.send(frameOf(welcome, correlation))
  }
  const control: Control = {
    message: (session, payload, correlation) => {
      const unpacked = unpackMessage(payload)
      const { identity: by, pins } = session
      if (by === undefined || pins === undefined) {
        if (!unpacked.ok) session.raise(unpacked.error)
        else logOn(session, unpacked.value, correlation)
        return
      }
      const answer = (frame: Uint8Array) => session.send(frame)
      if (!unpacked.ok) return answer(errorFrame(unpacked.error, correlation))
      if (!session.messageBegins()) return answer(errorFrame(faults.busy, correlation))
      run(
        requests(session, by, pins, unpacked.value).pipe(
          Effect.match({
            onFailure: (refusal) => errorFrame(refusal, correlation),
            onSuccess: (response) => answerFrame(response, correlation),
          }),
          Effect.catchCause((cause) =>
            Effect.as(Effect.logError("a request failed", cause), errorFrame(faults.defect, correlation)),
          ),
          Effect.map(answer),
          Effect.ensuring(Effect.sync(() => session.messageEnds())),
        ),
      )
    },
    fault,
    closed: (session) => {
      sessions.delete(session)
      const name = session.identity?.name ?? ""
      const others = (terminalSessions.get(name) ?? 0) - 1
      if (others > 0) terminalSessions.set(name, others)
      else terminalSessions.delete(name)
    },
    refused: () => void tally.refusedRecords++,
  }
  const enter = (transport: Transport) => {
    connections++
    if (!guard.admits(transport.address)) {
      turnAway("address-rate")
      transport.write(errorFrame(tooManyLogons, 0))
      transport.destroy()
      return undefined
    }
    if (!accepting || connections > limits.sessionsMax) {
      transport.write(errorFrame(accepting ? faults.tooMany : faults.shuttingDown, 0))
      transport.end()
      return undefined
    }
    const session = new Session(engine.lane, transport, limits, control, seconds)
    logons.set(session, new Logon(rules, transport))
    sessions.add(session)
    tally.sessionsOpened++
    return session
  }
  const door: WebSocketDoor = {
    enter,
    connections: () => connections,
    left: () => void connections--,
    turnedAway: turnAway,
    nowSeconds: () => seconds,
  }

  const listeners = yield* listen(options, limits, door)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      accepting = false
      for (const session of [...sessions])
        session.fail(faults.shuttingDown, errorFrame(faults.shuttingDown, 0))
      listeners.ws?.destroy()
    }),
  )
  yield* Effect.sync(() => {
    seconds++
    for (const session of sessions) {
      const late = lateness(session, seconds, limits)
      if (late !== undefined) fault(session, late)
    }
  }).pipe(Effect.delay("1 second"), Effect.forever, Effect.forkScoped)

  const stopAccepting = Effect.sync(() => {
    accepting = false
    for (const session of [...sessions]) session.finish(errorFrame(faults.shuttingDown, 0))
  }).pipe(Effect.andThen(listeners.stop))
  return Gateway.of({
    tcp: listeners.tcp.address,
    ws: listeners.ws?.address,
    identities,
    tally,
    sessions: () => sessions.size,
    stopAccepting,
    reload: listeners.reload,
  })
})

/** All the listeners that were asked for. */
const listen = Effect.fnUntraced(function* (
  options: GatewayOptions,
  limits: GatewayLimits,
  door: WebSocketDoor,
) {
  const { tls } = options
  const listenTcp = yield* TcpListening
  const tcp = yield* listenTcp(options.tcp, limits, door, tls)
  const ws = options.ws === undefined ? undefined : yield* listenWebSocket(options.ws, limits, door, tls)
  return {
    tcp,
    ws,
    stop: Effect.andThen(tcp.stop, ws?.stop ?? Effect.void),
    reload: Effect.try({
      try: () => {
        if (tls === undefined) return
        // The first of the two says what is wrong with the files, before anything is changed.
        tcp.reload(tls)
        ws?.reload(tls)
      },
      catch: (error) =>
        new ReloadRefused({ message: error instanceof Error ? error.message : String(error) }),
    }),
  }
})

/** Sessions that would take the descriptors which the journal needs are not promised. */
const withinDescriptors = Effect.fnUntraced(function* (limits: GatewayLimits, elsewhere: number) {
  const all = connectionsAllowed()
  const allowed = all === undefined ? undefined : all - elsewhere
  if (allowed === undefined || limits.sessionsMax <= allowed) return limits
  if (allowed < 1) {
    return yield* new ListenRefused({
      message: "the limit of open files leaves none for connections: raise it (ulimit -n, LimitNOFILE)",
    })
  }
  yield* Effect.logWarning(
    `only ${allowed} sessions of ${limits.sessionsMax}: the limit of open files allows no more (ulimit -n, LimitNOFILE)`,
  )
  return { ...limits, sessionsMax: allowed }
})

const frameOf = (message: Parameters<typeof packMessage>[0], correlation: number) =>
  messageFrame(packMessage(message), correlation)
/** An echo packed anew may be longer than what was asked. */
const answerFrame = (message: Parameters<typeof packMessage>[0], correlation: number) => {
  try {
    return frameOf(message, correlation)
  } catch (error) {
    if (error instanceof RangeError) return errorFrame(faults.tooLong, correlation)
    throw error
  }
}

const errorFrame = ({ code, message }: Fault, correlation: number) =>
  frameOf({ type: "error", code, message }, correlation)

/** Why a session that is silent must end now, or undefined. */
const lateness = (session: Session, seconds: number, limits: GatewayLimits): Fault | undefined => {
  const silent = seconds - session.lastHeard
  if (!session.open) {
    return seconds - session.connectedAt > limits.logonSecondsMax
      ? { code: "logon-timeout", message: `no logon within ${limits.logonSecondsMax} s` }
      : undefined
  }
  if (session.midFrame && silent > limits.frameSecondsMax) {
    return { code: "bad-frame", message: `half a frame, and nothing for ${limits.frameSecondsMax} s` }
  }
  return silent > limits.idleSecondsMax && session.inFlight === 0
    ? { code: "idle-timeout", message: `nothing came for ${limits.idleSecondsMax} s; send echo to stay` }
    : undefined
}
