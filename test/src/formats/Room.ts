// An engine on a small data directory, under a clock that is set by hand; and what it knows, as values to compare.
import { Engine, type EngineOptions } from "@millrace/engine"
import {
  Journal,
  type JournalOptions,
  type JournalStat,
  KeyRing,
  openDirectory,
  Snapshots,
  Storage,
} from "@millrace/journal"
import { type Command, imageVersions, slotVersions } from "@millrace/ledger"
import { OUTCOME_BYTES, RECORD_BYTES } from "@millrace/protocol"
import { Clock, Context, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import { cards, TERMINALS } from "./Scheme.ts"
import { joined } from "./Traffic.ts"

/** So that some thirty blocks fill several segments. */
const segmentBytes = 32 << 10

/** A key for tests: nothing else is ever encrypted with it. */
export const TEST_MASTER_KEY = "5eed0f0a7e57da7ad1ec70125e551b1ea11f0a2ba7f02ca2d5a11a50baadf00d"

const options: EngineOptions = {
  shards: 2,
  rememberedTransactions: 256,
  snapshotEverySlots: 2 ** 40,
  mailboxRecordsMax: 16,
  turnRecordsMax: 16,
  seatsMax: 4,
}

export interface Facts {
  /** Sequence of the next slot. */
  readonly next: number
  readonly accounts: { readonly [account: string]: string }
  readonly cards: ReadonlyArray<unknown>
  readonly terminals: ReadonlyArray<unknown>
  readonly host: unknown
}

/** JSON has no 64-bit integers: they are text. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)),
  )

export class Room {
  time: number
  readonly #engine: Engine["Service"]
  readonly #journal: Journal["Service"]
  readonly #scope: Scope.Closeable
  readonly #seat: number
  #answers: Array<Uint8Array> = []
  #answered: { readonly count: number; readonly done: () => void } | undefined

  private constructor(time: number, scope: Scope.Closeable, context: Context.Context<Engine | Journal>) {
    this.time = time
    this.#scope = scope
    this.#engine = Context.get(context, Engine)
    this.#journal = Context.get(context, Journal)
    this.#seat = this.#engine.lane.takeSeat({
      begin: () => {},
      outcomes: (bytes, at, count) => {
        for (let n = 0; n < count; n++) {
          this.#answers.push(bytes.slice(at + n * OUTCOME_BYTES, at + (n + 1) * OUTCOME_BYTES))
        }
      },
      end: () => {
        if (this.#answered !== undefined && this.#answers.length >= this.#answered.count)
          this.#answered.done()
      },
      room: () => {},
    })
  }

  /** Rejects with what opening and recovery refuse. `time` is where the clock stands. */
  static async open(
    directory: string,
    time: number,
    more: Pick<JournalOptions, "verify"> = {},
  ): Promise<Room> {
    const held = { room: undefined as Room | undefined }
    const now = () => held.room?.time ?? time
    const clock = Effect.map(
      Clock.Clock,
      (real): Clock.Clock => ({
        ...real,
        currentTimeMillisUnsafe: now,
        currentTimeMillis: Effect.sync(now),
        currentTimeNanosUnsafe: () => BigInt(now()) * 1_000_000n,
        currentTimeNanos: Effect.sync(() => BigInt(now()) * 1_000_000n),
        monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
        sleep: (duration) => real.sleep(duration),
      }),
    )
    const { shards, rememberedTransactions } = options
    const fixed = Layer.effectDiscard(openDirectory({ make: { shards, rememberedTransactions } }))
    const kept = Journal.layer({ segmentBytes, content: slotVersions, ...more }).pipe(
      Layer.provideMerge(Snapshots.layer({ content: imageVersions })),
      Layer.provideMerge(KeyRing.layer({ masterKey: Redacted.make(TEST_MASTER_KEY) })),
      Layer.provideMerge(fixed),
      Layer.provideMerge(Storage.file(directory)),
    )
    const layer = Engine.layer(options).pipe(
      Layer.provideMerge(kept),
      Layer.provide(Logger.layer([])),
      Layer.provide(Layer.effect(Clock.Clock, clock)),
    )
    const scope = Scope.makeUnsafe()
    try {
      const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
      held.room = new Room(time, scope, context)
      return held.room
    } catch (error) {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      throw error
    }
  }

  async command(command: Command): Promise<void> {
    const result = await Effect.runPromise(this.#engine.control(command))
    if (!result.ok) throw new Error(`${command.type}: ${result.message}`)
  }

  /** Sends records of 64 bytes, a few at a time, and gives their outcomes of 32 in the order in which they came. */
  async ask(records: ReadonlyArray<Uint8Array>): Promise<ReadonlyArray<Uint8Array>> {
    const all: Array<Uint8Array> = []
    for (let from = 0; from < records.length; from += options.mailboxRecordsMax) {
      const some = records.slice(from, from + options.mailboxRecordsMax)
      this.#answers = []
      await new Promise<void>((done) => {
        this.#answered = { count: some.length, done }
        const taken = this.#engine.lane.submit(this.#seat, joined(some), 0, some.length)
        if (taken !== some.length) throw new Error(`${some.length * RECORD_BYTES} bytes found no room`)
      })
      all.push(...this.#answers)
    }
    return all
  }

  /** Moves the clock, and carries out what is due by then. */
  async pass(ms: number): Promise<void> {
    this.time += ms
    this.#engine.lane.tick()
    await Effect.runPromise(this.#engine.durable)
  }

  snapshot(): Promise<number> {
    return Effect.runPromise(this.#engine.snapshot)
  }

  stat(): Promise<JournalStat> {
    return Effect.runPromise(this.#journal.stat)
  }

  /** The kind bytes of the slots that the memory holds. */
  kinds(): ReadonlySet<number> {
    const { ledger } = this.#engine.lane
    const kinds = new Set<number>()
    for (const slots of ledger.slots(ledger.next - ledger.memory.live, ledger.next)) {
      for (let at = 60; at < slots.length; at += 64) kinds.add(slots[at])
    }
    return kinds
  }

  facts(): Facts {
    const { ledger } = this.#engine.lane
    // As the next batch does: a start from a snapshot alone knows no day before it.
    ledger.scheme.calendar.set(this.time)
    const { sum, accounts } = ledger.totals()
    const audited = ledger.shards.flatMap(({ number }) => ledger.audit(number))
    if (sum !== 0n || audited.some(({ purses, cards }) => purses !== cards))
      throw new Error("the books aren't even")
    const { scheme } = ledger
    // The shape of these is what this program's views give; JSON is what lies in the expected file.
    return plain({
      next: ledger.next,
      accounts,
      cards: cards.map((number) => ledger.card(number) ?? { number, status: "none" }),
      terminals: TERMINALS.map((number) => ledger.terminalTotals(number)),
      host: scheme.host("acquirer"),
    }) as Facts
  }

  /** Closes cleanly: an end mark, and no snapshot. */
  close(): Promise<void> {
    return Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }
}
