// `millrace load`: connects, provisions what is missing, runs the load and reports it.
import type { Credential } from "@millrace/client"
import { Deferred, Effect, Result } from "effect"
import { refused } from "../Connect.ts"
import { findCredential } from "../Credentials.ts"
import { complain, print, progress, progressEnds, say } from "../Output.ts"
import { exitCodeOf, firstSignal } from "../Signals.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"
import { type LoadEvents, type LoadFigures, LoadRun } from "./LoadRun.ts"
import { type LoadPlan, type LoadRequest, planLoad } from "./Plan.ts"
import { provisionLoad } from "./ProvisionLoad.ts"
import { counted, grouped, loadResult, remarks, table, tickLine } from "./Report.ts"

export interface LoadCommand extends LoadRequest {
  readonly json: boolean
  readonly data: string
  readonly credentials: string | undefined
}

export const load = Effect.fnUntraced(function* (command: LoadCommand) {
  const plan = planLoad(command)
  if (Result.isFailure(plan)) return yield* stop(plan.failure, ExitCode.usage)
  const credential = yield* findCredential(command)
  const people = !command.json || process.stderr.isTTY === true
  const ended = yield* runLoad(plan.success, credential, people)
  const { figures } = ended
  const open = plan.success.rate !== undefined
  if (people) {
    progressEnds()
    for (const line of table(figures, open)) say(line)
  }
  for (const line of remarks(figures, open)) complain(line)
  if (command.json) print(JSON.stringify(loadResult(figures, open)))
  if (ended.interrupted !== undefined) return yield* stop("", ended.interrupted)
  if (figures.unanswered > 0 || figures.gone !== undefined) return yield* stop("")
})

interface Ended {
  readonly figures: LoadFigures
  /** The exit code of the signal that ended it. */
  readonly interrupted: ExitCode | undefined
}

/** A run from connecting to its figures. A first signal ends it early, with the figures so far. */
export const runLoad = Effect.fnUntraced(function* (plan: LoadPlan, credential: Credential, people: boolean) {
  const ready = yield* Deferred.make<void>()
  const done = yield* Deferred.make<LoadFigures>()
  const failed = yield* Deferred.make<never, Stop>()
  const run = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const events: LoadEvents = {
        ready: () => Deferred.doneUnsafe(ready, Effect.void),
        tick: (tick) => people && progress(tickLine(tick, plan.seconds)),
        done: (figures) => Deferred.doneUnsafe(done, Effect.succeed(figures)),
        failed: (why) => Deferred.doneUnsafe(failed, stop(why)),
      }
      return new LoadRun(plan, credential, events)
    }),
    (run) => Effect.sync(() => run.close()),
  )
  yield* provision(plan, credential, people)
  run.connect()
  const failure = Deferred.await(failed)
  yield* Effect.raceFirst(Deferred.await(ready), failure)
  run.begin()
  const interrupted = yield* Effect.raceAllFirst([
    Effect.as(Deferred.await(done), undefined),
    Effect.map(firstSignal, exitCodeOf),
    failure,
  ])
  if (interrupted !== undefined) run.stop()
  const figures = yield* Effect.raceFirst(Deferred.await(done), failure)
  return { figures, interrupted } satisfies Ended
}, Effect.scoped)

const provision = Effect.fnUntraced(function* (plan: LoadPlan, credential: Credential, people: boolean) {
  const began = performance.now()
  const made = yield* provisionLoad({
    url: plan.url,
    credential,
    terminals: plan.connections,
    cards: plan.cards,
    onProgress: (cards) => people && process.stderr.isTTY && progress(`making cards: ${grouped(cards)}`),
  }).pipe(
    Effect.catchTag("MessageRefused", (refusal) =>
      refusal.code === "not-permitted" ? Effect.undefined : refused(refusal),
    ),
    Effect.catchTags({
      Unknown: () => stop("provisioning was not answered in time: see how the server is, and run this again"),
      ClientClosed: (closed) => stop(closed.message),
    }),
  )
  if (made === undefined) {
    complain("this credential may not provision: cards and terminals are taken to be there")
  } else if (people) {
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    if (process.stderr.isTTY) progress("")
    say(
      `provisioned ${counted(made.cardsCreated, "card")} and ${counted(made.terminalsCreated, "terminal")} in ${seconds} s` +
        (made.cardsExisting > 0 ? `; ${counted(made.cardsExisting, "card")} there already` : ""),
    )
  }
})
