/** The engine: a lane with its fibers. A fiber for each shard, one that commits, one that takes snapshots. */
import { Journal, type JournalError, type JournalShape, Machine, Snapshots } from "@millrace/journal"
import { type Command, type ControlResult, Ledger } from "@millrace/ledger"
import { Cause, Clock, Context, Deferred, Effect, Exit, Layer, Schedule, Schema, Semaphore } from "effect"
import { makeControl, Restarting } from "./Commands.ts"
import { Lane, type LaneLimits, undurableSlotsMax } from "./Lane.ts"
import { givePages } from "./Pages.ts"
import { type Recovered, type RecoveryRefused, recover } from "./Recovery.ts"
import { rebuildShard } from "./Restart.ts"
import { takeSnapshot, watched } from "./Snapshot.ts"

export interface EngineOptions extends LaneLimits {
  /** Shards of the lane, a power of two. Fixed when a data directory is made: it decides who owns a card. */
  readonly shards: number
  /** Transactions that are remembered for repeats, reversals and refunds. A power of two. */
  readonly rememberedTransactions: number
  /** A snapshot is taken after this many journaled slots. */
  readonly snapshotEverySlots: number
}

export const defaultEngineOptions: EngineOptions = {
  shards: 4,
  rememberedTransactions: 2 ** 24,
  snapshotEverySlots: 2 ** 24,
  mailboxRecordsMax: 2 ** 14,
  turnRecordsMax: 2 ** 12,
  seatsMax: 2 ** 16,
}

/** The options contradict each other. */
export class EngineMisconfigured extends Schema.TaggedError<EngineMisconfigured>()("EngineMisconfigured", {
  message: Schema.String,
}) {}

export class Engine extends Context.Service<
  Engine,
  {
    /** The data plane, for the gateway: seats and `submit`. */
    readonly lane: Lane
    readonly recovered: Recovered
    /** Runs a command between batches and answers once it is durable. A refusal is a value of the result. */
    readonly control: (command: Command) => Effect.Effect<ControlResult, Restarting>
    /** Succeeds once every slot decided before the call is durable: what was read may then be told. */
    readonly durable: Effect.Effect<void>
    /** Takes a snapshot now and lets go of the segments that it replaces. Returns its position. */
    readonly snapshot: Effect.Effect<number, JournalError | Restarting>
    /** Everything that was taken is decided, durable and answered. */
    readonly drained: Effect.Effect<void>
    /** Fails when the journal could not be written: the process must stop, and recovers at its next start. */
    readonly halted: Effect.Effect<never, JournalError>
  }
>()("engine/Engine") {
  static readonly layer = (options: EngineOptions) => Layer.effect(Engine, make(options))
}

/**
 * What is wrong with these numbers together. Two of them are fixed for life with a data directory, so whoever makes one
 * asks first.
 */
export const engineProblem = (
  options: Pick<EngineOptions, "shards" | "rememberedTransactions" | "mailboxRecordsMax">,
): string | undefined => {
  const { shards, rememberedTransactions, mailboxRecordsMax } = options
  const needed = 2 * undurableSlotsMax(shards, mailboxRecordsMax)
  if (needed <= rememberedTransactions) return undefined
  return (
    `rememberedTransactions is ${rememberedTransactions}, but ${shards} mailboxes of ${mailboxRecordsMax} need at ` +
    `least ${needed}: raise it (engine.rememberedTransactions) or lower the mailboxes (engine.mailboxRecordsMax); with a data ` +
    "directory that is in use only the mailboxes can be changed"
  )
}

/** The first restart of a shard comes at once, later ones further apart: a defect that stays must not spin. */
const restartSchedule = Schedule.min([Schedule.exponential("20 millis", 2), Schedule.spaced("5 seconds")])

const make = Effect.fnUntraced(function* (options: EngineOptions) {
  const journal = yield* Journal
  const snapshots = yield* Snapshots
  const clock = yield* Clock.Clock
  const machine = yield* Machine
  const ledger = yield* makeLedger(options, Buffer.from(machine.randomBytes(4)).readInt32LE())
  const pages = yield* givePages(ledger.memory)
  ledger.memoryAhead = pages.urgent
  const recovered = yield* recover(ledger, journal, snapshots, pages)
  const lane = new Lane(
    ledger,
    options,
    () => clock.currentTimeMillisUnsafe(),
    recovered.time,
    machine.nextRound,
  )
  lane.tally.snapshotPosition = recovered.snapshot
  const problem = engineProblem(options)
  if (problem !== undefined) return yield* new EngineMisconfigured({ message: problem })
  const halt = yield* Deferred.make<never, JournalError>()
  // A snapshot reads what a restart replaces, and a restart reads what a snapshot lets go: one at a time.
  const housekeeping = yield* Semaphore.make(1)
  let awaiting = 0
  const awaited = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => void awaiting++),
      () => housekeeping.withPermit(work),
      () => Effect.sync(() => void awaiting--),
    )
  const durable = Effect.suspend(() => durableUpTo(lane, ledger.next - 1))

  for (let shard = 0; shard < options.shards; shard++) {
    yield* superviseShard(lane, shard, awaited(rebuildShard(lane, shard, journal, snapshots))).pipe(
      Effect.forkScoped,
    )
  }
  yield* tickForever(lane).pipe(
    Effect.catchCause((cause) => Deferred.failCause(halt, cause)),
    Effect.forkScoped,
  )
  yield* journal.failed.pipe(
    Effect.catchCause((cause) => Deferred.failCause(halt, cause)),
    Effect.forkScoped,
  )
  yield* commitForever(lane, journal, pages.advance).pipe(
    Effect.catchCause((cause) => Deferred.failCause(halt, cause)),
    Effect.forkScoped,
  )
  const { snapshotEverySlots } = options
  const take = Effect.suspend(
    (): Effect.Effect<number, JournalError | Restarting> =>
      lane.allUp
        ? watched(
            lane.tally,
            takeSnapshot(lane, journal, snapshots, snapshotEverySlots, () => awaiting > 0),
          )
        : Effect.fail(new Restarting()),
  )
  const snapshot = awaited(take)
  yield* snapshotForever(lane, recovered.snapshot, snapshotEverySlots, housekeeping.withPermit(take)).pipe(
    Effect.forkScoped,
  )

  const control = yield* makeControl(lane, durable, halt)
  const drained = Effect.suspend(() => (lane.idle && control.isIdle() ? Effect.void : new NotYet())).pipe(
    Effect.retry(Schedule.spaced("2 millis")),
    Effect.orDie,
  )
  return Engine.of({
    lane,
    recovered,
    control: control.run,
    durable,
    snapshot,
    drained,
    halted: Deferred.await(halt),
  })
})

/** Senders choose references; with a salt that they do not know they cannot choose where these are looked up. */
const makeLedger = ({ shards, rememberedTransactions }: EngineOptions, salt: number) =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(new Ledger({ shards, transactions: rememberedTransactions, salt }))
    } catch (error) {
      // What V8 throws when the system has no such piece of memory to give.
      if (!(error instanceof RangeError)) throw error
      const message =
        `there is no memory for the tables (${error.message}): give the process more, or make the data directory with ` +
        `a smaller engine.rememberedTransactions than ${rememberedTransactions}`
      return Effect.fail(new EngineMisconfigured({ message }))
    }
  })

class NotYet extends Schema.TaggedError<NotYet>()("NotYet", {}) {}

const durableUpTo = (lane: Lane, sequence: number) =>
  Effect.callback<void>((resume) => lane.whenDurable(sequence, () => resume(Effect.void)))

const superviseShard = (
  lane: Lane,
  shard: number,
  rebuild: Effect.Effect<void, JournalError | RecoveryRefused>,
) => {
  const mail = Effect.callback<void>((resume) => lane.sleep(shard, () => resume(Effect.void)))
  const incarnation = Effect.gen(function* () {
    if (lane.isDown(shard)) {
      yield* durableUpTo(lane, lane.ledger.next - 1)
      yield* rebuild
      lane.tally.restarts++
      lane.up(shard)
      yield* Effect.logWarning(`shard ${shard} was rebuilt and takes requests again`)
    }
    while (true) {
      yield* mail
      lane.turn(shard)
    }
  })
  return incarnation.pipe(
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Effect.logError(`shard ${shard} failed and restarts`, Cause.squash(cause)),
    ),
    Effect.sandbox,
    Effect.retry({ schedule: restartSchedule, while: (cause) => !Cause.hasInterruptsOnly(cause) }),
  )
}

/** A throw may have left a slot carried out and not published: nothing is sealed on top of it. */
const tickForever = (lane: Lane) =>
  Effect.sync(() => {
    let whole = false
    try {
      lane.tick()
      whole = true
    } finally {
      if (!whole) lane.halt()
    }
  }).pipe(Effect.delay("100 millis"), Effect.forever)

const commitForever = Effect.fnUntraced(function* (lane: Lane, journal: JournalShape, pages: () => void) {
  const work = Effect.callback<void>((resume) => {
    if (!lane.sleepCommitter(() => resume(Effect.void))) resume(Effect.void)
  })
  while (true) {
    yield* work
    const block = lane.seal()
    if (block.count > 0) {
      const began = performance.now()
      // While this waits for the disk the shards decide the next block.
      yield* journal.append(block)
      lane.tally.committed(block.count, performance.now() - began)
      pages()
    }
    lane.publish()
  }
})

const snapshotPauseSecondsMax = 60

const snapshotForever = Effect.fnUntraced(function* (
  lane: Lane,
  position: number,
  everySlots: number,
  snapshot: Effect.Effect<number, JournalError | Restarting>,
) {
  let last = position
  let pauseSeconds = 1
  while (true) {
    yield* Effect.sleep(`${pauseSeconds} seconds`)
    if (lane.durable - 1 - last < everySlots) continue
    const taken = yield* Effect.exit(snapshot)
    if (Exit.isSuccess(taken)) {
      last = taken.value
      pauseSeconds = 1
      continue
    }
    // It loses nothing, the journal still has it all; but a disk that stays full must not fill the log as well.
    pauseSeconds = Math.min(pauseSeconds * 2, snapshotPauseSecondsMax)
    const why = Cause.squash(taken.cause)
    yield* Effect.logError(
      `no snapshot was taken, tried again in ${pauseSeconds} s: ${why instanceof Error ? why.message : why}`,
    )
  }
})
