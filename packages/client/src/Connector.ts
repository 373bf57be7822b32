// Keeps one session alive: connects, logs on, watches, and connects again with growing pauses.
import { type Identity, messageFrame, packMessage } from "@millrace/protocol"
import type { Welcome } from "@millrace/protocol/messages"
import { Clock, Deferred, Effect, Result, Schedule } from "effect"
import { type ConnectError, ConnectionBroken, Unreachable } from "./ClientError.ts"
import type { Credential } from "./Credential.ts"
import type { Exchanger } from "./Exchanger.ts"
import type { RandomBytes } from "./Random.ts"
import { Session, type SessionEvents } from "./Session.ts"
import type { Timers, Transport } from "./Transport.ts"

/** Capped exponential pauses with jitter, for ever: a terminal that gives up is of no use to anybody. */
export const defaultReconnect: Schedule.Schedule<unknown, ConnectError> = Schedule.min([
  Schedule.exponential("50 millis"),
  Schedule.spaced("5 seconds"),
]).pipe(Schedule.jittered)

/** The correlation of the signs of life that nobody waits for. */
const HEARTBEAT_CORRELATION = 3
/** At most so long between two signs of life, however patient the server is. */
const HEARTBEAT_MS_MAX = 10_000
/** A session that lived longer than this was a good one: the pauses begin anew. */
const SETTLED_MS = 5_000

export interface ConnectorOptions {
  readonly url: string
  readonly credential: Credential
  readonly transport: Transport
  readonly timers: Timers
  readonly randomBytes: RandomBytes
  readonly connectTimeoutMs: number
  readonly reconnect: Schedule.Schedule<unknown, ConnectError>
}

interface Live {
  readonly welcome: Welcome
  readonly ended: Deferred.Deferred<ConnectError>
}

const heartbeat: Uint8Array = messageFrame(packMessage({ type: "echo" }), HEARTBEAT_CORRELATION)

/** Asks for a sign of life now and then; a session that gave none since the last time is over. The result stops it. */
const watch = (session: Session, timers: Timers, everyMs: number): (() => void) => {
  const look = (): void => {
    if (!session.heard) {
      session.end(new ConnectionBroken({ code: "silent", message: `nothing came for ${everyMs} ms` }))
      return
    }
    session.heard = false
    session.send(heartbeat)
    cancel = timers.after(everyMs, look)
  }
  let cancel = timers.after(everyMs, look)
  return () => cancel()
}

const parseUrl = (text: string, transport: Transport): URL | Unreachable => {
  const url = URL.parse(text)
  if (url !== null && url.protocol === transport.protocol && url.hostname !== "") return url
  const others = transport.protocol === "tcp:" ? ", tls://, ws:// or wss://" : ""
  return new Unreachable({ url: text, message: `expected ${transport.protocol}//host:port${others}` })
}

export class Connector {
  readonly #options: ConnectorOptions
  readonly #exchanger: Exchanger
  #session: Session | null = null
  #welcome: Welcome | null = null

  constructor(options: ConnectorOptions, exchanger: Exchanger) {
    this.#options = options
    this.#exchanger = exchanger
  }

  get identity(): Identity {
    return this.#options.credential.identity
  }

  /** Of the last logon. */
  get welcome(): Welcome | null {
    return this.#welcome
  }

  /** One attempt. Errors: ConnectError. */
  connectOnce(): Effect.Effect<Live, ConnectError> {
    const { url: text, connectTimeoutMs, transport } = this.#options
    const url = parseUrl(text, transport)
    if (url instanceof Unreachable) return Effect.fail(url)
    return Effect.callback<Live, ConnectError>((resume) => {
      const session = this.#open(url, resume)
      return Effect.sync(() => session.end(new ConnectionBroken({ code: "closed", message: "interrupted" })))
    }).pipe(
      Effect.timeoutOrElse({
        duration: connectTimeoutMs,
        orElse: () => {
          const message = `not logged on within ${connectTimeoutMs} ms`
          return Effect.fail(new Unreachable({ url: text, message }))
        },
      }),
    )
  }

  #open(url: URL, resume: (result: Effect.Effect<Live, ConnectError>) => void): Session {
    const { credential, timers, transport, randomBytes } = this.#options
    const ended = Deferred.makeUnsafe<ConnectError>()
    let stopWatching = (): void => {}
    // A transport never calls back from inside `open`, so `session` is there when the first event comes.
    const events: SessionEvents = {
      welcomed: (welcome) => {
        // One that was welcomed at the moment at which its time was up has nobody who watches it.
        this.#session?.end(new ConnectionBroken({ code: "closed", message: "replaced" }))
        this.#session = session
        this.#welcome = welcome
        stopWatching = watch(
          session,
          timers,
          Math.min(HEARTBEAT_MS_MAX, (welcome.limits.idleSeconds * 1_000) / 3),
        )
        this.#exchanger.attach(session, welcome)
        resume(Effect.succeed({ welcome, ended }))
      },
      outcomes: (view, at, count) => this.#exchanger.outcomes(view, at, count),
      answer: (correlation, map) => {
        if (correlation !== HEARTBEAT_CORRELATION) this.#exchanger.answer(correlation, map)
      },
      ended: (error) => {
        stopWatching()
        if (this.#session === session) {
          this.#session = null
          this.#exchanger.detach()
        }
        // The first of the two counts; the other finds nobody.
        resume(Effect.fail(error))
        Deferred.doneUnsafe(ended, Effect.succeed(error))
      },
    }
    const session: Session = new Session(transport, url, credential, events, randomBytes)
    return session
  }

  /** Watches a live session and replaces it when it ends; returns when there is no more hope, with the reason. */
  keep(first: Live): Effect.Effect<ConnectError> {
    const { reconnect, url } = this.#options
    const self = this
    return Effect.gen(function* () {
      let live = first
      let pause = yield* Schedule.toStepWithSleep(reconnect)
      for (;;) {
        const since = yield* Clock.currentTimeMillis
        let error = yield* Deferred.await(live.ended)
        yield* Effect.logWarning(`connection to ${url} lost: ${error.message}`)
        // The pauses go on growing over sessions that end at once: a server that welcomes and closes is left in peace.
        const lived = (yield* Clock.currentTimeMillis) - since
        if (lived > SETTLED_MS) pause = yield* Schedule.toStepWithSleep(reconnect)
        for (;;) {
          const paused = yield* Effect.result(pause(error))
          if (Result.isFailure(paused)) return error
          const next = yield* Effect.result(self.connectOnce())
          if (Result.isSuccess(next)) {
            live = next.success
            break
          }
          error = next.failure
          yield* Effect.logDebug(`${url}: ${error.message}`)
          if (error._tag === "LogonRefused") return error
        }
        self.#exchanger.reconnects++
      }
    })
  }

  close(): void {
    this.#session?.end(new ConnectionBroken({ code: "closed", message: "this client ended" }))
  }
}
