/** The gateway: listeners, the sessions that they bring, and what sessions may ask besides transactions. */
import { Engine } from "@millrace/engine"
import { KeyRing } from "@millrace/journal"
import { messageFrame, packMessage, unpackMessage } from "@millrace/protocol"
import { Clock, Context, Effect, FiberSet, Layer } from "effect"
import { connectionsAllowed } from "./Descriptors.ts"
import { Identities } from "./Identities.ts"
import { defaultGatewayLimits, type GatewayLimits } from "./Limits.ts"
import { Logon } from "./Logon.ts"
import { PinDesk, SessionPins } from "./Pins.ts"
import { makeRequests } from "./requests/index.ts"
import { type Control, type Fault, faults, Session } from "./Session.ts"
import { type Address, ListenRefused, listenTcp } from "./TcpListener.ts"
import type { Transport } from "./Transport.ts"

export interface GatewayOptions {
  readonly tcp: Address
  readonly limits?: Partial<GatewayLimits>
}

/** What the gateway has seen, in plain numbers that a scrape reads. */
export interface GatewayTally {
  sessionsOpened: number
  /** Records answered 58 here, because their session may not speak for their terminal. */
  refusedRecords: number
  /** Sessions that ended by a fault, by its code. */
  readonly faults: Map<string, number>
}

export class Gateway extends Context.Service<
  Gateway,
  {
    /** Where it listens; the port is the real one when 0 was asked for. */
    readonly tcp: Address
    readonly identities: Identities
    readonly tally: GatewayTally
    readonly sessions: () => number
    /** No new connections; nothing more is read from the open ones, which end once they are answered. */
    readonly stopAccepting: Effect.Effect<void>
  }
>()("gateway/Gateway") {
  static readonly layer = (options: GatewayOptions) => Layer.effect(Gateway, make(options))
}

/** Connections that the system may queue before they are accepted: a scheme's terminals come back all at once. */
const backlogMax = 4_096

const make = Effect.fnUntraced(function* (options: GatewayOptions) {
  const engine = yield* Engine
  const keyRing = yield* KeyRing
  const clock = yield* Clock.Clock
  const limits = yield* withinDescriptors({ ...defaultGatewayLimits, ...options.limits })
  const identities = new Identities(() => engine.lane.ledger.scheme, keyRing.schemeKey)
  const run = yield* FiberSet.makeRuntime<never>()
  const requests = makeRequests(engine, identities, keyRing.schemeKey, () => clock.currentTimeMillisUnsafe())
  const desk = new PinDesk(
    keyRing.schemeKey,
    (terminal) => engine.lane.ledger.scheme.terminal(terminal)?.merchant ?? 0,
  )
  const sessions = new Set<Session>()
  const tally: GatewayTally = { sessionsOpened: 0, refusedRecords: 0, faults: new Map() }
  let seconds = 0
  let accepting = true

  const fault = (session: Session, why: Fault) => {
    tally.faults.set(why.code, (tally.faults.get(why.code) ?? 0) + 1)
    session.fail(why, errorFrame(why, 0))
  }
  const logons = new WeakMap<Session, Logon>()
  const logOn = (session: Session, message: Parameters<Logon["next"]>[0], correlation: number) => {
    const step = logons.get(session)!.next(message)
    if (step._tag === "Refused") return session.raise(step.fault)
    if (step._tag === "Challenge")
      return session.send(frameOf({ type: "challenge", nonce: step.nonce }, correlation))
    const pins = new SessionPins(desk, step.pinKey)
    if (!session.welcome(step.identity, pins)) return session.raise(faults.tooMany)
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
    closed: (session) => void sessions.delete(session),
    refused: () => void tally.refusedRecords++,
  }
  const accept = (transport: Transport, connections: number) => {
    if (!accepting || connections > limits.sessionsMax) {
      transport.write(errorFrame(accepting ? faults.tooMany : faults.shuttingDown, 0))
      transport.end()
      return undefined
    }
    const session = new Session(engine.lane, transport, limits, control, seconds)
    logons.set(session, new Logon(identities))
    sessions.add(session)
    tally.sessionsOpened++
    return session
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const session of [...sessions])
        session.fail(faults.shuttingDown, errorFrame(faults.shuttingDown, 0))
    }),
  )
  const tcp = yield* listenTcp(options.tcp, backlogMax, accept, () => seconds)
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
  }).pipe(Effect.andThen(tcp.stop))
  return Gateway.of({ tcp: tcp.address, identities, tally, sessions: () => sessions.size, stopAccepting })
})

/** Sessions that would take the descriptors which the journal needs are not promised. */
const withinDescriptors = Effect.fnUntraced(function* (limits: GatewayLimits) {
  const allowed = connectionsAllowed()
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
