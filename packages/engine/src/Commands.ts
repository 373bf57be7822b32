/** Control commands: one after the other between two batches, and giving way to the traffic. */
import { type JournalError, Machine } from "@millrace/journal"
import type { Command, ControlResult } from "@millrace/ledger"
import { Clock, Deferred, Effect, Schema, Semaphore } from "effect"
import type { Lane } from "./Lane.ts"

/** A shard is being rebuilt: nothing was done, ask again. */
export class Restarting extends Schema.TaggedError<Restarting>()("Restarting", {}) {
  override get message() {
    return "a shard is being rebuilt: nothing was done, ask again"
  }
}

/** While there is traffic, requests have the lane so many times as long as commands. */
const requestsShare = 8
/** Timers are a millisecond coarse: what is owed to requests adds up to as much before anybody waits. */
const waitMsMin = 1
/** However long the last one took. */
const waitMsMax = 100

/**
 * Runs commands and answers once they are durable. A hundred that come at once, each of them milliseconds of the lane's thread,
 * must not be one pause for every terminal. A throw fails `halt`: the command may be half carried out.
 */
export const makeControl = Effect.fnUntraced(function* (
  lane: Lane,
  durable: Effect.Effect<void>,
  halt: Deferred.Deferred<never, JournalError>,
) {
  const clock = yield* Clock.Clock
  const { nextRound } = yield* Machine
  const round = Effect.callback<void>((resume) => nextRound(() => resume(Effect.void)))
  const oneAtATime = yield* Semaphore.make(1)
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  /** When the requests will have had their share of the time, and how many had been decided when the last command ended. */
  let sharedAt = 0
  let decided = 0

  const giveWay = Effect.gen(function* () {
    if (sharedAt - now() < waitMsMin) return
    // What came in while the last command was carried out comes before this one.
    yield* round
    if (lane.decided === decided && !lane.hasMail) return
    yield* Effect.sleep(Math.min(Math.max(0, sharedAt - now()), waitMsMax))
  })
  const next = (command: Command) =>
    Effect.gen(function* () {
      yield* giveWay
      while (!lane.roomForCommand) yield* durable
      if (!lane.allUp) return yield* new Restarting()
      const began = now()
      const result = yield* Effect.sync(() => carryOut(lane, command)).pipe(
        Effect.tapCause((cause) => Deferred.failCause(halt, cause)),
      )
      const ended = now()
      sharedAt = Math.max(sharedAt, ended) + requestsShare * (ended - began)
      decided = lane.decided
      return result
    })
  return Effect.fnUntraced(function* (command: Command) {
    const result = yield* oneAtATime.withPermit(next(command))
    yield* durable
    return result
  })
})

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
