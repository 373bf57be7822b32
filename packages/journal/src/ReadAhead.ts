/** Much at once: the next windows are read and opened, by another thread, while what this one holds is used. */
import { Worker } from "node:worker_threads"
import { Deferred, Effect, Queue, type Scope } from "effect"
import type { JournalError } from "./JournalError.ts"
import { Machine, roundOf } from "./Machine.ts"
import { openInPlace, type Sealed } from "./seal.ts"
import type { Opening, Pull, Walk, WalkStep } from "./Walk.ts"

/** Reads walks ahead until its scope closes. What an item holds is good until the next one is pulled. */
export interface ReadAhead {
  /** Succeeds once the thread does the opening, or never will. Until then the caller's thread does it. */
  readonly begun: Effect.Effect<void>
  readonly pullOf: <A>(begin: (opening: Opening) => Walk<A>) => Effect.Effect<Pull<A>>
}

/** From so many bytes on a thread is worth its start. */
export const readAheadFromBytes = 32 << 20
const windowBytes = 4 << 20
const windowsAhead = 2
/** One is in use, `windowsAhead` wait, and one is being read into. */
const windowsMax = windowsAhead + 2

interface Window<A> {
  readonly items: ReadonlyArray<A>
  /** How many were what was sealed, counted from the first. */
  readonly opened: Deferred.Deferred<number>
  readonly refusals: ReadonlyArray<() => JournalError>
  /** What comes behind the items. */
  readonly last: Exclude<WalkStep<A>, { readonly kind: "item" }>
}

/** A thread of its own. */
export const makeReadAhead: Effect.Effect<ReadAhead, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const round = roundOf(yield* Machine)
  const thread = yield* Effect.acquireRelease(
    Effect.sync(() => new OpeningThread()),
    ({ worker }) => Effect.promise(async () => worker?.terminate()),
  )
  /** Windows of walks that came to their end: fresh memory is slow. */
  const free: Array<Buffer> = []
  return {
    begun: Deferred.await(thread.begun),
    pullOf: <A>(begin: (opening: Opening) => Walk<A>) => {
      const gathered = new Gathered(free)
      const walk = begin(gathered)
      return Queue.bounded<Window<A>, JournalError>(windowsAhead).pipe(
        Effect.tap((windows) => Effect.forkIn(readOn(walk, gathered, thread, windows), scope)),
        Effect.map((windows) => pullFrom(windows, gathered, round)),
      )
    },
  }
})

const readOn = <A>(
  walk: Walk<A>,
  gathered: Gathered,
  thread: OpeningThread,
  windows: Queue.Queue<Window<A>, JournalError>,
) =>
  Effect.gen(function* () {
    while (true) {
      const items: Array<A> = []
      let step = walk.next()
      for (; step.kind === "item"; step = walk.next()) items.push(step.item)
      const { sealed, refusals } = gathered.take()
      yield* Queue.offer(windows, { items, opened: thread.open(sealed), refusals, last: step })
      if (step.kind !== "more") return
      yield* walk.refill
    }
  }).pipe(Effect.tapCause((cause) => Queue.failCause(windows, cause)))

const pullFrom = <A>(
  windows: Queue.Dequeue<Window<A>, JournalError>,
  gathered: Gathered,
  round: Effect.Effect<void>,
): Pull<A> => {
  let window: Window<A> | undefined
  let whole = 0
  let at = 0
  const pull: Pull<A> = Effect.suspend(() => {
    if (window === undefined) return Effect.andThen(next, pull)
    const item = at < whole ? window.items[at] : undefined
    if (item !== undefined) {
      at++
      // What was read and opened meanwhile is let in, and the next of it begun.
      return Effect.as(round, item)
    }
    const refusal = window.refusals[whole]
    if (refusal !== undefined) return Effect.fail(refusal())
    const { last } = window
    if (last.kind === "refused") return Effect.fail(last.error)
    if (last.kind === "more") return Effect.andThen(next, pull)
    gathered.release()
    return Effect.succeed(null)
  })
  const next = Effect.gen(function* () {
    const taken = yield* Queue.take(windows)
    whole = yield* Deferred.await(taken.opened)
    window = taken
    at = 0
  })
  return pull
}

/** Windows in turn, and what the walk found sealed in the one that it is at. */
class Gathered implements Opening {
  readonly windowBytes = windowBytes
  readonly isPageAligned = false
  readonly #free: Array<Buffer>
  #windows: Array<Buffer> = []
  #turn = 0
  #sealed: Array<Sealed> = []
  #refusals: Array<() => JournalError> = []

  constructor(free: Array<Buffer>) {
    this.#free = free
  }

  window = (bytes: number): Buffer => {
    const turn = this.#turn++ % windowsMax
    const last = this.#windows[turn] ?? this.#free.pop()
    const isLong = last !== undefined && last.length >= bytes
    const window = isLong ? last : Buffer.from(new SharedArrayBuffer(Math.max(bytes, windowBytes)))
    this.#windows[turn] = window
    return window
  }

  /** At the end nobody holds anything of them any more. */
  release(): void {
    this.#free.push(...this.#windows)
    this.#windows = []
  }

  unseal: Opening["unseal"] = (key, number, aad, sealed, tag, refusal) => {
    // Views of the window are shared with the thread; what lies elsewhere may change before it is sent.
    this.#sealed.push({ key, number, aad: Uint8Array.from(aad), sealed, tag })
    this.#refusals.push(refusal)
    return sealed
  }

  take(): { readonly sealed: ReadonlyArray<Sealed>; readonly refusals: ReadonlyArray<() => JournalError> } {
    const taken = { sealed: this.#sealed, refusals: this.#refusals }
    this.#sealed = []
    this.#refusals = []
    return taken
  }
}

class OpeningThread {
  /** Undefined where the system gave none. */
  readonly worker: Worker | undefined
  readonly begun = Deferred.makeUnsafe<void>()
  /** Asked and not yet answered, in order. */
  readonly #asked: Array<Deferred.Deferred<number>> = []
  /** Until the thread has begun, or when it can't, this one does it. */
  #open: (sealed: ReadonlyArray<Sealed>) => Deferred.Deferred<number> = openHere

  constructor() {
    try {
      this.worker = this.#start()
    } catch {
      Deferred.doneUnsafe(this.begun, Effect.void)
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./opening.worker.ts", import.meta.url))
    const ended = (why: unknown) => {
      // What it was asked may be opened by half.
      for (const asked of this.#asked.splice(0)) Deferred.doneUnsafe(asked, Effect.die(why))
      this.#open = openHere
      Deferred.doneUnsafe(this.begun, Effect.void)
    }
    worker.once("message", () => {
      worker.on("message", (opened: number) => {
        const asked = this.#asked.shift()
        if (asked !== undefined) Deferred.doneUnsafe(asked, Effect.succeed(opened))
      })
      this.#open = (sealed) => this.#ask(worker, sealed)
      Deferred.doneUnsafe(this.begun, Effect.void)
    })
    worker.on("error", ended)
    worker.on("messageerror", ended)
    worker.on("exit", (code) => ended(new Error(`the thread that opens what is sealed ended with ${code}`)))
    return worker
  }

  /** How many of them were what was sealed, counted from the first. */
  open(sealed: ReadonlyArray<Sealed>): Deferred.Deferred<number> {
    return this.#open(sealed)
  }

  #ask(worker: Worker, sealed: ReadonlyArray<Sealed>): Deferred.Deferred<number> {
    const asked = Deferred.makeUnsafe<number>()
    this.#asked.push(asked)
    worker.postMessage(sealed)
    return asked
  }
}

const openHere = (sealed: ReadonlyArray<Sealed>): Deferred.Deferred<number> => {
  const opened = Deferred.makeUnsafe<number>()
  Deferred.doneUnsafe(opened, Effect.succeed(openInPlace(sealed)))
  return opened
}
