// What most of the client's tests begin with: a server, a client of it, and records to send.
import { Kind, makeReference, RecordFlag, type TransactionRecord } from "@millrace/protocol"
import { Effect, Schedule } from "effect"
import { Client, type ConnectOptions, makeCredential, type Submission, type Timers } from "../src/index.ts"
import { approved, devKey, type FakeOptions, type FakeSession, fakeServer } from "./FakeServer.ts"

export const credential = makeCredential({ host: "dev" }, devKey)

export const connect = (url: string, options: Partial<ConnectOptions> = {}) =>
  Client.connect({ url, credential, reconnect: Schedule.spaced("10 millis"), ...options })

export const connected = Effect.fnUntraced(function* (
  serverOptions: FakeOptions = {},
  options: Partial<ConnectOptions> = {},
) {
  const server = yield* fakeServer(serverOptions)
  const client = yield* connect(server.url, options)
  return { server, client }
})

/** The n-th record of a terminal. */
export const purchase = (n: number, change: Partial<Submission> = {}): Submission => ({
  reference: makeReference(1_760_000_000_000, n),
  card: 6_000_000_000_000_000_017n,
  amount: 100 + n,
  terminal: 1001,
  kind: Kind.purchase,
  currency: 978,
  ...change,
})

export const purchases = (count: number, from = 0): ReadonlyArray<Submission> =>
  Array.from({ length: count }, (_, i) => purchase(from + i))

/** Waits for something that real sockets bring about. */
export const until = (condition: () => boolean) =>
  Effect.sync(condition).pipe(
    Effect.flatMap((holds) => (holds ? Effect.void : Effect.fail("not yet" as const))),
    Effect.retry(Schedule.spaced("2 millis")),
  )

/** The counters of the records' references: n for the n-th purchase. */
export const counters = (records: ReadonlyArray<TransactionRecord>) =>
  records.map((record) => Number(record.reference & 0x3f_ffffn))
export const repeats = (records: ReadonlyArray<TransactionRecord>) =>
  records.map((record) => (record.flags & RecordFlag.repeat) !== 0)
/** Approves everything at once, with the amount as the balance. */
export const echo = (session: FakeSession, records: ReadonlyArray<TransactionRecord>) =>
  session.answer(records.map((record) => approved(record, { available: record.amount })))

/** Time that passes when a test says so: deadlines hold however busy the machine is. */
export class ManualTimers implements Timers {
  #now = 0
  readonly #waiting = new Set<{ readonly at: number; readonly then: () => void }>()

  after(ms: number, then: () => void): () => void {
    const entry = { at: this.#now + ms, then }
    this.#waiting.add(entry)
    return () => this.#waiting.delete(entry)
  }

  /** Calls what is due on the way, in the order of its time. */
  pass(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#waiting].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (due.length === 0) break
      this.#now = due[0].at
      this.#waiting.delete(due[0])
      due[0].then()
    }
    this.#now = end
  }
}
