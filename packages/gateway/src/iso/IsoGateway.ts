/** The ISO 8583 side of the gateway: a listener for each port, a session for each connection of a host. */
import { Engine } from "@millrace/engine"
import { KeyRing } from "@millrace/journal"
import { Clock, Context, Effect, Layer } from "effect"
import type { Address, Door } from "../Listener.ts"
import { ListenRefused } from "../Listener.ts"
import { PinDesk } from "../Pins.ts"
import { connectionsBeyond, listenTcp } from "../TcpListener.ts"
import type { TlsFiles } from "../Tls.ts"
import type { Transport } from "../Transport.ts"
import { HostPins } from "./HostPins.ts"
import { conflictOf, hostOf, type IsoHost, mistakeOf } from "./IsoHost.ts"
import { defaultIsoLimits, type IsoLimits } from "./IsoLimits.ts"
import { IsoSession, type IsoTools } from "./IsoSession.ts"
import { IsoTally } from "./IsoTally.ts"

export interface IsoGatewayOptions {
  /** Where hosts without a port of their own connect to; all ports are on its address. */
  readonly address: Address
  readonly hosts: ReadonlyArray<IsoHost>
  readonly tls?:
    | (TlsFiles & {
        /** Who shows no certificate that `ca` signed is not let in. */
        readonly requireClientCert?: boolean
      })
    | undefined
  readonly limits?: Partial<IsoLimits>
}

export class IsoGateway extends Context.Service<
  IsoGateway,
  {
    /** Every port that it listens on, that of hosts without their own first. */
    readonly addresses: ReadonlyArray<Address>
    readonly tally: IsoTally
    readonly sessions: () => number
    /** No new connections; nothing more is read from the open ones, which end once they are answered. */
    readonly stopAccepting: Effect.Effect<void>
    /** Reads the files of tls again. Throws nothing: a file that can't be used is a refusal, and changes nothing. */
    readonly reload: Effect.Effect<void, ListenRefused>
  }
>()("gateway/IsoGateway") {
  static readonly layer = (options: IsoGatewayOptions) => Layer.effect(IsoGateway, make(options))
}

const make = Effect.fnUntraced(function* (options: IsoGatewayOptions) {
  const { lane } = yield* Engine
  const { schemeKey } = yield* KeyRing
  const clock = yield* Clock.Clock
  const logging = Effect.runForkWith(yield* Effect.context<never>())
  const limits = { ...defaultIsoLimits, ...options.limits }
  const wrong = conflictOf(options.hosts, options.address.port) ?? firstMistake(options.hosts)
  if (wrong !== undefined) return yield* new ListenRefused({ message: wrong })
  const tally = new IsoTally()
  /** Each with the address that it came from. */
  const sessions = new Map<IsoSession, string>()
  let seconds = 0
  let accepting = true
  let connections = 0
  const { scheme } = lane.ledger
  const tools: IsoTools = {
    lane,
    dialogue: {
      scheme,
      schemeKey,
      nowMs: () => clock.currentTimeMillisUnsafe(),
      nowSeconds: () => seconds,
      oldKeysSecondsMax: limits.oldKeysSecondsMax,
      asked: (kind) => tally.asked(kind),
    },
    pins: new HostPins(new PinDesk(schemeKey, (terminal) => scheme.terminal(terminal)?.merchant ?? 0)),
    limits,
    tally,
    nowSeconds: () => seconds,
    closed: (session) => void sessions.delete(session),
    // By its name alone: a message may quote what it was about.
    defect: (error) => {
      const name = error instanceof Error ? error.name : typeof error
      logging(Effect.logError(`a host's session ended: ${name} over its bytes`))
    },
  }
  const turnAway = (transport: Transport, why: string) => {
    tally.failed(why)
    transport.destroy()
    return undefined
  }
  const unprovenOf = (address: string): number => {
    let count = 0
    for (const [session, from] of sessions) if (from === address && !session.proven) count++
    return count
  }
  const doorOf = (hosts: ReadonlyArray<IsoHost>): Door => ({
    enter: (transport) => {
      connections++
      if (!accepting) return turnAway(transport, "shutting-down")
      if (connections > limits.sessionsMax) return turnAway(transport, "too-many-sessions")
      if (options.tls?.requireClientCert === true && !transport.certified) {
        return turnAway(transport, "certificate")
      }
      if (unprovenOf(transport.address) >= unprovenPerAddressMax) {
        return turnAway(transport, "too-many-sessions")
      }
      const host = hostOf(hosts, transport.address)
      if (host === undefined) return turnAway(transport, "unknown-host")
      const session = new IsoSession(tools, host, transport)
      sessions.set(session, transport.address)
      tally.sessionsOpened++
      return session
    },
    left: () => void connections--,
    turnedAway: (why) => tally.failed(why),
    nowSeconds: () => seconds,
  })

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      accepting = false
      for (const session of [...sessions.keys()]) session.fail("shutting-down")
    }),
  )
  const listeners = yield* Effect.forEach(portsOf(options), ({ port, hosts }) =>
    listenTcp({ host: options.address.host, port }, limits, doorOf(hosts), options.tls),
  )
  yield* Effect.sync(() => {
    seconds++
    for (const session of sessions.keys()) {
      const late = lateness(session, seconds, limits)
      if (late !== undefined) session.fail(late)
    }
  }).pipe(Effect.delay("1 second"), Effect.forever, Effect.forkScoped)

  const stopAccepting = Effect.sync(() => {
    accepting = false
    for (const session of [...sessions.keys()]) session.finish()
  }).pipe(Effect.andThen(Effect.forEach(listeners, ({ stop }) => stop, { discard: true })))
  const reload = Effect.try({
    try: () => {
      const { tls } = options
      if (tls !== undefined) for (const listener of listeners) listener.reload(tls)
    },
    catch: (error) => new ListenRefused({ message: error instanceof Error ? error.message : String(error) }),
  })
  return IsoGateway.of({
    addresses: listeners.map(({ address }) => address),
    tally,
    sessions: () => sessions.size,
    stopAccepting,
    reload,
  })
})

const firstMistake = (hosts: ReadonlyArray<IsoHost>): string | undefined => {
  for (const host of hosts) {
    const mistake = mistakeOf(host)
    if (mistake !== undefined) return `host ${host.id}: ${mistake}`
  }
  return undefined
}

/** Who has not shown yet that it is a host: so many from one address leave room for the others. */
const unprovenPerAddressMax = 32

/** Connections that all of its ports together may hold for a moment: what the process must leave descriptors for. */
export const isoConnectionsMax = (
  options: Pick<IsoGatewayOptions, "address" | "hosts" | "limits">,
): number => {
  const { sessionsMax } = { ...defaultIsoLimits, ...options.limits }
  return portsOf(options).length * (sessionsMax + connectionsBeyond)
}

/** The hosts of each port; those that share one come first. */
const portsOf = ({ address, hosts }: Pick<IsoGatewayOptions, "address" | "hosts">) => {
  const byPort = new Map<number, Array<IsoHost>>()
  const shared = hosts.filter((host) => host.port === undefined || host.port === address.port)
  const others = hosts.filter((host) => !shared.includes(host))
  if (shared.length > 0) byPort.set(address.port, shared)
  for (const host of others) {
    const port = host.port ?? address.port
    byPort.set(port, [...(byPort.get(port) ?? []), host])
  }
  return [...byPort].map(([port, hosts]) => ({ port, hosts }))
}

/** Why a session that is silent must end now, or undefined. */
const lateness = (session: IsoSession, seconds: number, limits: IsoLimits): string | undefined => {
  const silent = seconds - session.lastHeard
  if (!session.proven && seconds - session.connectedAt > limits.logonSecondsMax) return "logon-timeout"
  if (session.midFrame && silent > limits.frameSecondsMax) return "bad-frame"
  return silent > limits.idleSecondsMax && session.inFlight === 0 ? "idle-timeout" : undefined
}
