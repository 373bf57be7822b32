/** The server as a machine: it starts, serves, ends in every way, and starts again from what its disk has. */
import { Engine, type EngineOptions } from "@millrace/engine"
import { Gateway, type GatewayLimits, TcpListening } from "@millrace/gateway"
import { Journal, type JournalShape, KeyRing, openDirectory, Snapshots, Storage } from "@millrace/journal"
import { Cause, Context, Effect, Exit, Layer, Redacted, Scope } from "effect"
import type { SimulatedDisk } from "./Disk.ts"
import { type Loop, Process } from "./Loop.ts"
import type { Network } from "./Network.ts"
import type { Random } from "./Random.ts"
import { surroundingsOf } from "./Surroundings.ts"
import type { Trace } from "./Trace.ts"

/** Small enough that everything fills up and turns over within seconds. */
export const engineOptions: EngineOptions = {
  shards: 2,
  rememberedTransactions: 64,
  snapshotEverySlots: 24,
  mailboxRecordsMax: 4,
  turnRecordsMax: 3,
  seatsMax: 16,
}

const segmentBytes = 32 << 10

const gatewayLimits: Partial<GatewayLimits> = {
  sessionsMax: 16,
  recordsInFlightMax: 10,
  messagesInFlightMax: 4,
  unreadBytesMax: 512,
  batchRecordsMax: 8,
  idleSecondsMax: 30,
}

const masterKey = Redacted.make("5a".repeat(32))

/** A block as it was given to the journal. */
export interface WatchedBlock {
  readonly first: number
  readonly count: number
  readonly time: number
  readonly payload: Uint8Array
}

/** Who watches what a server does. */
export interface Watch {
  readonly sealed: (block: WatchedBlock) => void
  readonly durable: (block: WatchedBlock) => void
  /** The engine has recovered and serves nobody yet. */
  readonly recovered: (engine: Engine["Service"], journal: JournalShape) => Effect.Effect<void>
  /** The start was refused. */
  readonly refused: (cause: Cause.Cause<unknown>) => void
}

export interface Running {
  readonly process: Process
  readonly engine: Engine["Service"]
  readonly gateway: Gateway["Service"]
  readonly schemeKey: Uint8Array
  readonly scope: Scope.Closeable
}

export class Server {
  readonly #loop: Loop
  readonly #world: Process
  readonly #random: Random
  readonly #trace: Trace
  readonly #network: Network
  readonly #watch: Watch
  readonly disk: SimulatedDisk
  #process: Process | undefined
  #skewMs = 0
  starts = 0
  running: Running | undefined
  /** Refused for good: what is on the disk is not what was written. */
  refused = false
  /** Steps after which the next start crashes. */
  crashAtStart: number | undefined
  #onUp: Array<(running: Running) => void> = []

  constructor(
    world: Process,
    random: Random,
    trace: Trace,
    network: Network,
    disk: SimulatedDisk,
    watch: Watch,
  ) {
    this.#loop = world.loop
    this.#world = world
    this.#random = random
    this.#trace = trace
    this.#network = network
    this.disk = disk
    this.#watch = watch
  }

  get process(): Process | undefined {
    return this.#process
  }

  stepClock(ms: number): void {
    this.#skewMs += ms
    if (this.#process !== undefined) this.#process.skewMs = this.#skewMs
  }

  /** Calls back when the server is up; at once when it is. */
  whenUp(then: (running: Running) => void): void {
    if (this.running !== undefined) then(this.running)
    else this.#onUp.push(then)
  }

  start(): void {
    const number = ++this.starts
    const process = new Process(this.#loop, `server ${number}`, this.#random.fork(`server ${number}`))
    process.skewMs = this.#skewMs
    process.onEnd = () => this.end(this.#random.chance(0.5))
    if (this.crashAtStart !== undefined) process.stepsLeft = this.crashAtStart
    this.crashAtStart = undefined
    this.#process = process
    this.#trace.add(process.name, "starts")
    const scope = Scope.makeUnsafe()
    const boot = this.#boot(process, scope).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) this.#refuse(process, exit.cause)
        }),
      ),
    )
    Effect.runForkWith(surroundingsOf(process))(boot)
  }

  readonly #boot = Effect.fnUntraced(function* (this: Server, process: Process, scope: Scope.Closeable) {
    const storage = Layer.succeed(Storage, this.disk.storageFor(process))
    const build = <A, E, R>(layer: Layer.Layer<A, E, R>) => Layer.buildWithScope(layer, scope)
    const { shards, rememberedTransactions } = engineOptions
    const base = yield* build(storage)
    yield* openDirectory({ make: { shards, rememberedTransactions } }).pipe(
      Effect.provide(base),
      Effect.provideService(Scope.Scope, scope),
    )
    const keys = yield* build(KeyRing.layer({ masterKey }).pipe(Layer.provideMerge(storage)))
    const rooms = yield* build(
      Layer.mergeAll(this.#watchedJournal(), Snapshots.layer()).pipe(
        Layer.provideMerge(Layer.succeedContext(keys)),
      ),
    )
    const engines = yield* build(Engine.layer(engineOptions).pipe(Layer.provide(Layer.succeedContext(rooms))))
    const engine = Context.get(engines, Engine)
    yield* this.#watch.recovered(engine, Context.get(rooms, Journal))
    const gateways = yield* build(
      Gateway.layer({ tcp: { host: "simulated", port: 7100 }, limits: gatewayLimits }).pipe(
        Layer.provide(Layer.succeedContext(Context.merge(rooms, engines))),
        Layer.provide(Layer.succeed(TcpListening, this.#listen(process))),
      ),
    )
    const gateway = Context.get(gateways, Gateway)
    const { schemeKey } = Context.get(rooms, KeyRing)
    this.#up({ process, engine, gateway, schemeKey, scope })
    yield* engine.halted.pipe(
      Effect.catchCause((cause) => Effect.sync(() => this.#halted(process, scope, cause))),
    )
  })

  /** The listener that the gateway gets in place of the system's. */
  #listen(process: Process): typeof TcpListening.Service {
    return (address, _limits, door) =>
      Effect.sync(() => {
        this.#network.listening = { process, door }
        const stop = Effect.sync(() => {
          this.#network.listening = undefined
        })
        return { address, stop, reload: () => {} }
      })
  }

  #watchedJournal() {
    const { sealed, durable } = this.#watch
    const watched = Effect.map(Journal, (journal) => {
      const append: JournalShape["append"] = (block) =>
        Effect.suspend(() => {
          const seen = { ...block, payload: Buffer.concat(block.parts) }
          sealed(seen)
          return Effect.tap(journal.append(block), () => Effect.sync(() => durable(seen)))
        })
      return new Proxy(journal, {
        get: (target, name) => (name === "append" ? append : Reflect.get(target, name, target)),
      })
    })
    return Layer.effect(Journal, watched).pipe(Layer.provide(Journal.layer({ segmentBytes })))
  }

  #up(running: Running): void {
    const { recovered } = running.engine
    this.#trace.add(
      running.process.name,
      `up: snapshot ${recovered.snapshot}, replayed ${recovered.replayed}, remembered ${recovered.remembered}`,
    )
    this.running = running
    const waiting = this.#onUp
    this.#onUp = []
    for (const then of waiting) then(running)
  }

  #refuse(process: Process, cause: Cause.Cause<unknown>): void {
    if (!process.alive || this.running?.process === process) return
    this.#trace.add(process.name, `refuses to start: ${messageOf(cause)}`)
    this.#watch.refused(cause)
    if (!this.refused) this.end(false)
  }

  /** The journal could not be written, or a command threw: the program ends as it does then. */
  #halted(process: Process, scope: Scope.Closeable, cause: Cause.Cause<unknown>): void {
    if (!process.alive) return
    this.#trace.add(process.name, `halts: ${messageOf(cause)}`)
    Effect.runForkWith(surroundingsOf(process))(
      Scope.close(scope, Exit.void).pipe(
        Effect.timeoutOrElse({ duration: 3_000, orElse: () => Effect.void }),
      ),
    ).addObserver(() => this.end(false))
  }

  /** Stops as it is told to: nothing more is taken, what is there is answered, the journal is closed. */
  stop(then: () => void): void {
    const { running } = this
    if (running === undefined) {
      then()
      return
    }
    const { process, gateway, engine, scope } = running
    this.#trace.add(process.name, "stops")
    const orderly = gateway.stopAccepting.pipe(
      Effect.andThen(engine.drained),
      Effect.timeoutOrElse({ duration: 10_000, orElse: () => Effect.void }),
      Effect.andThen(Scope.close(scope, Exit.void)),
    )
    Effect.runForkWith(surroundingsOf(process))(
      Effect.raceFirst(orderly, Effect.ignore(engine.halted)),
    ).addObserver(() => {
      if (process.alive) this.#gone(process, false)
      then()
    })
  }

  /** The process ends here and now, and starts again after a while. */
  end(power: boolean): void {
    const process = this.#process
    if (process === undefined || !process.alive) return
    this.#trace.add(process.name, power ? "loses its power" : "ends")
    this.#gone(process, power)
    this.disk.crash(power)
    this.onEnded()
    if (this.refused) return
    const pause = 20 + this.#random.delay(150)
    this.#world.after(pause, () => {
      if (this.#process === undefined && !this.refused) this.start()
    })
  }

  /** What else befalls a disk while nobody uses it. */
  onEnded: () => void = () => {}

  #gone(process: Process, power: boolean): void {
    process.alive = false
    this.#process = undefined
    this.running = undefined
    this.#network.serverEnded(power)
  }
}

export const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
