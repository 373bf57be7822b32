// The SDK's one thing: a client that is logged on, stays logged on, and never says more than it knows.
import {
  decodeOutcome,
  encodeRecord,
  type Identity,
  OUTCOME_BYTES,
  type Outcome,
  RECORD_BYTES,
  ResponseCode,
  type TransactionRecord,
} from "@millrace/protocol"
import { decodeResponse, type Request, type ResponseOf, type Welcome } from "@millrace/protocol/messages"
import { Effect, Result, type Schedule, type Scope, Semaphore } from "effect"
import type { Answer, SealedRequest } from "./Asking.ts"
import {
  ClientClosed,
  type ClientError,
  type ConnectError,
  MessageRefused,
  type PendingFileRefused,
  Unknown,
} from "./ClientError.ts"
import {
  type Commands,
  type MessageError,
  type MessageOptions,
  makeCommands,
  type SendMessage,
  type SendSealed,
} from "./Commands.ts"
import { Connector, defaultReconnect } from "./Connector.ts"
import type { Credential } from "./Credential.ts"
import { Exchanger, type Stats } from "./Exchanger.ts"
import { type Flight, Standing } from "./Flight.ts"
import { type Forwarded, forwarding } from "./Forwarding.ts"
import { fileDisk, type PendingDisk } from "./PendingDisk.ts"
import { PendingReversals } from "./PendingReversals.ts"
import { flagsIn, pinsOf, type RecordPins, type Submission } from "./Pins.ts"
import { type RandomBytes, randomBytes } from "./Random.ts"
import type { TlsOptions } from "./TlsTransport.ts"
import { systemTimers, type Timers, type Transport } from "./Transport.ts"
import { transportFor } from "./transports.ts"

const DEADLINE_MS = 15_000
const IN_FLIGHT_MAX = 16_384
const CONNECT_TIMEOUT_MS = 10_000
/** Messages of one client that wait for their answers; more wait for their turn. */
const MESSAGES_IN_FLIGHT_MAX = 64

export interface ConnectOptions {
  /** "tcp://host:port", "tls://host:port" (7100 when the port is left out), "ws://host:port", "wss://host:port". */
  readonly url: string
  readonly credential: Credential
  /** How long a request waits for its answer, from its submission. 15,000 by default. */
  readonly deadlineMs?: number
  /** Records sent and not answered; what is beyond waits. 16,384 by default, and never more than the server takes. */
  readonly inFlightMax?: number
  /** From the first byte to the welcome. 10,000 by default. */
  readonly connectTimeoutMs?: number
  /** The pause before each attempt to reconnect: 50 ms doubling to 5 s with jitter, for ever, by default. */
  readonly reconnect?: Schedule.Schedule<unknown, ConnectError>
  /**
   * Store and forward: a file that remembers what is unanswered. `submit` and `transact` write down the reversal before
   * a request goes out; when no answer comes, it is sent until it is answered, by the next client too, and nothing new of
   * its terminal goes before. What was `Unknown` is then given up: sell again under a new reference. One client a file.
   */
  readonly pendingFile?: string
  /** Told of each pending request that was settled. */
  readonly onForwarded?: (forwarded: Forwarded) => void
  /** For "tls:" and "wss:". On "wss:" only `ca`, and the whole process then trusts it: WebSocket has no such option. */
  readonly tls?: TlsOptions
  /** The URL's own by default. */
  readonly transport?: Transport
  readonly timers?: Timers
  /** Opens the pending file; on the file system by default. */
  readonly pendingDisk?: (file: string) => Promise<PendingDisk>
  /** The system's own by default. */
  readonly randomBytes?: RandomBytes
}

/** A batch in bytes and its answers in bytes, in the records' order. */
export interface ExchangeResult {
  /** 32 bytes a record; not to be read where `standing` is not `answered`. */
  readonly outcomes: Uint8Array
  /** For each record `Standing.answered`, `Standing.unknown` or `Standing.unsent`. */
  readonly standing: Uint8Array
}

export interface Client extends Commands {
  readonly identity: Identity
  /** Of the last logon: permissions, limits, the server's time. */
  readonly welcome: () => Welcome
  /**
   * One record. Any response code is an Outcome, declined or not. A PIN is made a block under the key of the session
   * that it goes out on, anew when it is sent again. Errors: Unknown, ClientClosed.
   */
  readonly submit: (record: Submission, options?: MessageOptions) => Effect.Effect<Outcome, ClientError>
  /** Many records, answered in their order; each is an Outcome or Unknown. Errors: ClientClosed. */
  readonly batch: (
    records: ReadonlyArray<Submission>,
    options?: MessageOptions,
  ) => Effect.Effect<ReadonlyArray<Outcome | Unknown>, ClientClosed>
  /** `batch` in bytes: n × 64 in, n × 32 out, no object per record. Errors: ClientClosed. */
  readonly exchange: (
    records: Uint8Array,
    options?: MessageOptions,
  ) => Effect.Effect<ExchangeResult, ClientClosed>
  /**
   * `exchange` with a callback, for load generators: no Effect at all. `done` is called once, from the data event that
   * brings the last answer or from a timer; false when this client has ended, and then never.
   */
  readonly exchangeUnsafe: (
    records: Uint8Array,
    done: (result: ExchangeResult) => void,
    deadlineMs?: number,
  ) => boolean
  readonly message: SendMessage
  readonly stats: () => Stats
  /** What the pending file holds: requests under way, and reversals that are not answered. */
  readonly pending: () => ReadonlyArray<TransactionRecord>
}

const unknownOf = (flight: Flight, unit: number): Unknown => {
  const view = flight.recordView
  const tooLate = flight.response(unit) === ResponseCode.tooLate
  return new Unknown({
    terminal: flight.terminal(unit),
    reference: view.getBigUint64(unit * RECORD_BYTES, true),
    sent: flight.standing[unit] !== Standing.unsent,
    reason: tooLate ? "too-late" : flight.reason,
  })
}

const resultOf = (flight: Flight, unit: number): Outcome | Unknown =>
  flight.standing[unit] === Standing.answered
    ? decodeOutcome(flight.outcomeView, unit * OUTCOME_BYTES)
    : unknownOf(flight, unit)

interface Encoded {
  readonly bytes: Uint8Array
  readonly pins: ReadonlyMap<number, RecordPins> | null
}

/** Throws RangeError, with the field's name and never with a PIN, for a record that can't be. */
const encodeAll = (records: ReadonlyArray<Submission>): Encoded => {
  const bytes = new Uint8Array(records.length * RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  let pins: Map<number, RecordPins> | null = null
  for (let i = 0; i < records.length; i++) {
    const record = records[i]
    encodeRecord({ ...record, flags: flagsIn(record) }, view, i * RECORD_BYTES)
    const own = pinsOf(record)
    if (own !== undefined) {
      pins ??= new Map()
      pins.set(i, own)
    }
  }
  return { bytes, pins }
}

/** Who a message is about, for an Unknown: only a transaction is about somebody. */
const subject = (request: Request | SealedRequest<Request>) =>
  "make" in request || request.type === "transact"
    ? { terminal: request.terminal ?? 0, reference: request.reference ?? 0n }
    : { terminal: 0, reference: 0n }

const interpret = <R extends Request>(
  request: R | SealedRequest<R>,
  answer: Answer,
): Effect.Effect<ResponseOf<R["type"]>, MessageError> => {
  if ("none" in answer) {
    return Effect.fail(new Unknown({ ...subject(request), sent: answer.sent, reason: answer.none }))
  }
  const type: R["type"] = request.type
  const decoded = decodeResponse(type, answer.map)
  if (Result.isFailure(decoded)) {
    return Effect.fail(new Unknown({ ...subject(request), sent: true, reason: "bad-answer" }))
  }
  const message = decoded.success
  if (message.type !== "error") {
    // decodeResponse gives the answer of this request's type or an error.
    return Effect.succeed(message as ResponseOf<R["type"]>)
  }
  // A defect of the server says nothing about what it had done before it failed.
  return type === "transact" && message.code === "defect"
    ? Effect.fail(new Unknown({ ...subject(request), sent: true, reason: "bad-answer" }))
    : Effect.fail(new MessageRefused({ request: type, code: message.code, message: message.message }))
}

const makeClient = (
  exchanger: Exchanger,
  connector: Connector,
  first: Welcome,
  deadlineMs: number,
): Client => {
  const turns = Semaphore.makeUnsafe(MESSAGES_IN_FLIGHT_MAX)

  /** One Effect for all the records; interrupted, it leaves no trace but late answers. */
  const fly = (encode: () => Encoded, options: MessageOptions | undefined) =>
    Effect.callback<Flight, ClientClosed>((resume) => {
      if (exchanger.closed !== null) {
        resume(Effect.fail(new ClientClosed({ message: exchanger.closed })))
        return
      }
      const { bytes, pins } = encode()
      const flight = exchanger.submit(
        bytes,
        (done) => resume(Effect.succeed(done)),
        options?.deadlineMs ?? deadlineMs,
        pins,
      )
      return Effect.sync(() => exchanger.abandon(flight))
    })

  const ask = <R extends Request>(
    request: R | SealedRequest<R>,
    options: MessageOptions | undefined,
  ): Effect.Effect<ResponseOf<R["type"]>, MessageError> =>
    Effect.callback<Answer, ClientClosed>((resume) => {
      if (exchanger.closed !== null) {
        resume(Effect.fail(new ClientClosed({ message: exchanger.closed })))
        return
      }
      const asked = exchanger.asking.ask(request, options?.deadlineMs ?? deadlineMs, (answer) =>
        resume(Effect.succeed(answer)),
      )
      return Effect.sync(() => exchanger.asking.giveUp(asked, "closed"))
    }).pipe(
      turns.withPermit,
      Effect.flatMap((answer) => interpret(request, answer)),
    )
  const message: SendMessage = (request, options) => ask(request, options)
  const sealed: SendSealed = (request, options) => ask(request, options)

  return {
    identity: connector.identity,
    welcome: () => connector.welcome ?? first,
    submit: (record, options) =>
      fly(() => encodeAll([record]), options).pipe(
        Effect.flatMap((flight) => {
          const result = resultOf(flight, 0)
          return result instanceof Unknown ? Effect.fail(result) : Effect.succeed(result)
        }),
      ),
    batch: (records, options) =>
      records.length === 0
        ? Effect.succeed([])
        : fly(() => encodeAll(records), options).pipe(
            Effect.map((flight) => records.map((_, unit) => resultOf(flight, unit))),
          ),
    exchange: (records, options) => fly(() => ({ bytes: records, pins: null }), options),
    exchangeUnsafe: (records, done, ownDeadlineMs) => {
      if (exchanger.closed !== null) return false
      exchanger.submit(records, done, ownDeadlineMs)
      return true
    },
    message,
    stats: () => exchanger.stats,
    pending: () => [],
    ...makeCommands(message, sealed),
  }
}

/**
 * Connects and logs on, and stays so until the scope closes; then what is pending becomes Unknown. A connection that
 * is lost later is made again, and all that was unanswered is sent again with REPEAT, before anything new. A logon
 * that is refused later ends the client.
 *
 * Errors: PendingFileRefused; and of the first attempt only Unreachable, LogonRefused, ServerNotProven,
 * ConnectionBroken.
 */
const connect = Effect.fnUntraced(function* (
  options: ConnectOptions,
): Effect.fn.Return<Client, ConnectError | PendingFileRefused, Scope.Scope> {
  const { pendingFile, pendingDisk = fileDisk, onForwarded = () => {} } = options
  const random = options.randomBytes ?? randomBytes
  // First, so that it is let go of last: what ends with this client is still written down.
  const pending =
    pendingFile === undefined
      ? undefined
      : yield* PendingReversals.open(pendingFile, options.credential, pendingDisk, random)
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS
  const timers = options.timers ?? systemTimers
  const exchanger = new Exchanger({
    inFlightMax: options.inFlightMax ?? IN_FLIGHT_MAX,
    deadlineMs,
    timers,
  })
  const connector = new Connector(
    {
      url: options.url,
      credential: options.credential,
      transport: options.transport ?? transportFor(options.url, options.tls),
      timers,
      randomBytes: random,
      connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      reconnect: options.reconnect ?? defaultReconnect,
    },
    exchanger,
  )
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      exchanger.close("this client was closed")
      connector.close()
    }),
  )
  const live = yield* connector.connectOnce()
  yield* connector.keep(live).pipe(
    Effect.tap((error) => Effect.logError(`${options.url}: ${error.message}; this client ends`)),
    Effect.tap((error) => Effect.sync(() => exchanger.close(error.message))),
    Effect.forkScoped,
  )
  const client = makeClient(exchanger, connector, live.welcome, deadlineMs)
  return pending === undefined ? client : yield* forwarding(client, pending, { deadlineMs, onForwarded })
})

export const Client = { connect }
