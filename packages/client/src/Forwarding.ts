// Store and forward: a client whose unanswered requests are turned round, after a crash too, before anything new.
import {
  Kind,
  OUTCOME_BYTES,
  type Outcome,
  RECORD_BYTES,
  RecordFlag,
  ResponseCode,
  referenceCounter,
  type TransactionRecord,
} from "@millrace/protocol"
import { Cause, Deferred, Effect, Exit, Scope } from "effect"
import type { Client, ExchangeResult } from "./Client.ts"
import { Unknown } from "./ClientError.ts"
import { Standing } from "./Flight.ts"
import type { PendingReversals } from "./PendingReversals.ts"

/** A request that got no answer, and what became of the reversal that was sent for it. */
export interface Forwarded {
  /** What was sent: a reversal whose `original` got no answer; or a reversal, void or cancellation that got none. */
  readonly record: TransactionRecord
  /** The answer's response code. 12, 13, 14, 25, 51, 61 and 68 moved nothing and are for people. */
  readonly response: number
}

export interface ForwardingOptions {
  readonly deadlineMs: number
  readonly onForwarded: (forwarded: Forwarded) => void
}

/**
 * A reversal goes under its original's reference with this bit of the counter set: the same one after a crash, and never
 * one that the terminal gives to something else as long as its counters stay below.
 */
export const REVERSAL_BIT = 1 << 21

type Named = Pick<TransactionRecord, "terminal" | "reference" | "card" | "currency" | "kind"> &
  Partial<TransactionRecord>

const turned: ReadonlySet<number> = new Set([
  Kind.purchase,
  Kind.refund,
  Kind.recharge,
  Kind.preauthorisation,
  Kind.completion,
  Kind.transfer,
])
/** These can't be turned round, but may be sent until they are answered. */
const repeated: ReadonlySet<number> = new Set([Kind.reversal, Kind.void, Kind.cancellation])

/** What is to be sent when a request gets no answer; undefined for one that moves nothing. Throws RangeError. */
export const remedyOf = (request: Named): TransactionRecord | undefined => {
  const { terminal, reference, card, currency } = request
  const common = { terminal, card, currency, counterparty: 0n, pinBlock: null }
  if (repeated.has(request.kind)) {
    const { kind, amount = 0, original = 0n, counterparty = 0n } = request
    return { ...common, reference, kind, amount, original, counterparty, flags: 0 }
  }
  if (!turned.has(request.kind)) return undefined
  if (referenceCounter(reference) >= REVERSAL_BIT) {
    throw new RangeError(`the reference's counter must be below ${REVERSAL_BIT} with a pending file`)
  }
  return {
    ...common,
    reference: reference | BigInt(REVERSAL_BIT),
    kind: Kind.reversal,
    // 0, not the amount: a part of it may have been approved.
    amount: 0,
    original: reference,
    flags: 0,
  }
}

/** Answers after which the same is sent again: nothing was decided, or somebody has to let the terminal in first. */
const undecided: ReadonlySet<number> = new Set([
  ResponseCode.unavailable,
  ResponseCode.malfunction,
  ResponseCode.notPermittedToTerminal,
])
const AGAIN_MS = 1_000

const unknown = (request: Pick<Named, "terminal" | "reference">, sent: boolean, reason: Unknown["reason"]) =>
  new Unknown({ terminal: request.terminal, reference: request.reference, sent, reason })

/** Whether the request never left, or was refused as a message: nothing was done, and nothing will be. */
const neverDone = <E>(exit: Exit.Exit<unknown, E>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.every(
    (reason) => Cause.isFailReason(reason) && !(reason.error instanceof Unknown && reason.error.sent),
  )

const allUnsent = (records: Uint8Array): ExchangeResult => {
  const count = Math.floor(records.length / RECORD_BYTES)
  return {
    outcomes: new Uint8Array(count * OUTCOME_BYTES),
    standing: new Uint8Array(count).fill(Standing.unsent),
  }
}

class Forwarder {
  readonly #client: Client
  readonly #pending: PendingReversals
  readonly #options: ForwardingOptions
  readonly #scope: Scope.Scope
  /** By terminal, those that are being sent. */
  readonly #due = new Map<number, Set<Deferred.Deferred<void>>>()

  constructor(client: Client, pending: PendingReversals, options: ForwardingOptions, scope: Scope.Scope) {
    this.#client = client
    this.#pending = pending
    this.#options = options
    this.#scope = scope
  }

  /** Sends it until it is answered, for as long as the client lives; what is left stays in the file. */
  readonly forward = Effect.fnUntraced(function* (
    this: Forwarder,
    record: TransactionRecord,
    again: boolean,
  ) {
    const done = Deferred.makeUnsafe<void>()
    const { terminal } = record
    const own = this.#due.get(terminal) ?? new Set()
    this.#due.set(terminal, own.add(done))
    const finish = Effect.sync(() => {
      own.delete(done)
      Deferred.doneUnsafe(done, Effect.void)
    })
    yield* this.#send(record, again).pipe(
      Effect.tap((response) => this.#settle({ record, response })),
      // A client that has ended leaves it to the next one, and whoever waits is told so by the client itself.
      Effect.catchTag("ClientClosed", () => Effect.void),
      Effect.andThen(finish),
      Effect.forkIn(this.#scope),
    )
  })

  readonly #settle = (forwarded: Forwarded) =>
    Effect.tryPromise(() => this.#pending.settle(forwarded.record)).pipe(
      // It stays in the file, and being sent again from there does no harm.
      Effect.ignore,
      Effect.andThen(Effect.sync(() => this.#options.onForwarded(forwarded))),
    )

  readonly #send = Effect.fnUntraced(function* (this: Forwarder, record: TransactionRecord, again: boolean) {
    let repeat = again
    for (;;) {
      const flags = repeat ? RecordFlag.repeat : 0
      const response = yield* this.#client.submit({ ...record, flags }).pipe(
        Effect.map((outcome: Outcome) => outcome.response),
        Effect.catchTag("Unknown", ({ reason }) =>
          // Older than what the server remembers: no sending will ever tell.
          Effect.succeed(reason === "too-late" ? ResponseCode.tooLate : undefined),
        ),
      )
      if (response !== undefined && !undecided.has(response)) return response
      repeat = true
      if (response !== undefined) yield* Effect.sleep(AGAIN_MS)
    }
  })

  /** Waits until nothing of the terminal, or of any, is pending. */
  readonly #cleared = Effect.fnUntraced(function* (this: Forwarder, terminal: number | undefined) {
    for (;;) {
      const sets = terminal === undefined ? [...this.#due.values()] : [this.#due.get(terminal) ?? []]
      const waiting = sets.flatMap((set) => [...set])
      if (waiting.length === 0) return
      yield* Effect.forEach(waiting, Deferred.await, { discard: true })
    }
  })

  /** Sends when the way is clear, and forwards the remedy unless an answer came and is durable here. */
  guard<A, E>(
    request: Named,
    deadlineMs: number | undefined,
    send: Effect.Effect<A, E | Unknown>,
  ): Effect.Effect<A, E | Unknown> {
    const self = this
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const remedy = remedyOf(request)
        yield* restore(self.cleared(request, deadlineMs))
        if (remedy === undefined) return yield* restore(send)
        yield* Effect.tryPromise(() => self.#pending.note(remedy)).pipe(
          Effect.mapError(() => unknown(request, false, "storage")),
        )
        const exit = yield* Effect.exit(restore(send))
        if (Exit.isFailure(exit) && !neverDone(exit)) {
          yield* self.forward(remedy, remedy.reference === request.reference)
          return yield* exit
        }
        const settled = yield* Effect.exit(Effect.tryPromise(() => self.#pending.settle(remedy)))
        // An answer that would be forgotten by a crash must not be told: the next start turns it round.
        if (Exit.isFailure(settled) && Exit.isSuccess(exit)) {
          yield* self.forward(remedy, false)
          return yield* unknown(request, true, "storage")
        }
        return yield* exit
      }),
    )
  }

  /** Errors: Unknown, never sent, when it takes longer than the deadline. */
  cleared(
    request: { readonly terminal: number | undefined; readonly reference: bigint },
    deadlineMs = this.#options.deadlineMs,
  ): Effect.Effect<void, Unknown> {
    const { terminal = 0, reference } = request
    return this.#cleared(request.terminal).pipe(
      Effect.timeoutOrElse({
        duration: deadlineMs,
        orElse: () => Effect.fail(unknown({ terminal, reference }, false, "pending")),
      }),
    )
  }
}

/** The client with a book of what is pending; what an earlier one left is sent at once. */
export const forwarding = Effect.fnUntraced(function* (
  client: Client,
  pending: PendingReversals,
  options: ForwardingOptions,
): Effect.fn.Return<Client, never, Scope.Scope> {
  const forwarder = new Forwarder(client, pending, options, yield* Scope.Scope)
  // The process that wrote them ended before it knew: they may have been sent.
  for (const record of pending.entries()) yield* forwarder.forward(record, true)
  const all = { terminal: undefined, reference: 0n }
  const waited: Client = {
    ...client,
    pending: () => pending.entries(),
    submit: (record, own) => forwarder.guard(record, own?.deadlineMs, client.submit(record, own)),
    transact: (transaction, own) =>
      forwarder.guard(
        { ...transaction, kind: Kind[transaction.kind] },
        own?.deadlineMs,
        client.transact(transaction, own),
      ),
    // Records that go in bulk are their callers' own to look after: they only wait for what is pending.
    batch: (records, own) =>
      forwarder.cleared(all, own?.deadlineMs).pipe(
        Effect.andThen(client.batch(records, own)),
        Effect.catchTag("Unknown", () =>
          Effect.succeed(records.map((record) => unknown(record, false, "pending"))),
        ),
      ),
    exchange: (records, own) =>
      forwarder.cleared(all, own?.deadlineMs).pipe(
        Effect.andThen(client.exchange(records, own)),
        Effect.catchTag("Unknown", () => Effect.sync(() => allUnsent(records))),
      ),
  }
  return waited
})
