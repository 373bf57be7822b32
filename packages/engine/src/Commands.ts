/** Control commands between two batches; long ones one after the other, and giving way to the traffic. */
import { type JournalError, Machine, roundOf } from "@millrace/journal"
import type { Command, ControlResult } from "@millrace/ledger"
import { Clock, Deferred, Effect, Schema, Semaphore } from "effect"
import type { Lane } from "./Lane.ts"

/** A shard is being rebuilt: nothing was done, ask again. */
export class Restarting extends Schema.TaggedError<Restarting>()("Restarting", {}) {
  override get message() {
    return "a shard is being rebuilt: nothing was done, ask again"
  }
}

/** Of so many cards or terminals a command is long: it waits for its turn. All others go at once. */
const longCountMin = 64
/** While there is traffic, requests have the lane so many times as long as long commands. */
const requestsShare = 8
/** Timers are a millisecond coarse: what is owed to requests adds up to as much before anybody waits. */
const waitMsMin = 1
/** However long the last one took. */
const waitMsMax = 100

export interface Control {
  /** Runs a command and answers once it is durable. */
  readonly run: (command: Command) => Effect.Effect<ControlResult, Restarting>
  /** None waits, none is on its way to the disk. */
  readonly isIdle: () => boolean
}

/**
 * A hundred commands that come at once, each of them milliseconds of the lane's thread, must not be one pause for every terminal,
 * nor for the command that blocks a card. A throw fails `halt`: the command may be half carried out.
 */
export const makeControl = Effect.fnUntraced(function* (
  lane: Lane,
  durable: Effect.Effect<void>,
  halt: Deferred.Deferred<never, JournalError>,
) {
  const clock = yield* Clock.Clock
  const round = roundOf(yield* Machine)
  const oneAtATime = yield* Semaphore.make(1)
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  /** When the requests will have had their share of the time, and how many had been decided when the last command ended. */
  let sharedAt = 0
  let decided = 0

  const atOnce = Effect.fnUntraced(function* (command: Command) {
    while (!lane.roomForCommand) yield* durable
    if (!lane.allUp) return yield* new Restarting()
    const began = now()
    const result = yield* Effect.sync(() => carryOut(lane, command)).pipe(
      Effect.tapCause((cause) => Deferred.failCause(halt, cause)),
    )
    const ended = now()
    sharedAt = Math.min(Math.max(sharedAt, ended) + requestsShare * (ended - began), ended + waitMsMax)
    decided = lane.decided
    return result
  })
  const giveWay = Effect.gen(function* () {
    if (sharedAt - now() < waitMsMin) return
    // What came in while the last command was carried out comes before this one.
    yield* round
    if (lane.decided === decided && !lane.hasMail) return
    yield* Effect.sleep(Math.max(0, sharedAt - now()))
  })
  const run = (command: Command): Effect.Effect<ControlResult, Restarting> =>
    Effect.acquireUseRelease(
      Effect.sync(() => void lane.tally.commandsPending++),
      () =>
        (isLong(command)
          ? oneAtATime.withPermit(Effect.andThen(giveWay, atOnce(command)))
          : atOnce(command)
        ).pipe(Effect.tap(() => durable)),
      () => Effect.sync(() => void lane.tally.commandsPending--),
    )
  return { run, isIdle: () => lane.tally.commandsPending === 0 } satisfies Control
})

const isLong = (command: Command): boolean => "count" in command && command.count >= longCountMin

/** A command that throws may have been carried out by half and is not in the journal: nothing is sealed on top of it. */
const carryOut = (lane: Lane, command: Command): ControlResult => {
  let whole = false
  try {
    const result = lane.ledger.control(lane.now(), command)
    if (!result.ok) lane.releaseTime()
    whole = true
    return result
  } finally {
    if (!whole) lane.halt()
  }
}
