/** A client of the server with its process: it connects, does its share of the traffic, and can be ended and started again. */
import { Client, type ConnectOptions, makeCredential } from "@millrace/client"
import type { Identity } from "@millrace/protocol"
import { Effect } from "effect"
import { type Loop, Process } from "./Loop.ts"
import type { Network } from "./Network.ts"
import type { Random } from "./Random.ts"
import { messageOf } from "./Server.ts"
import { surroundingsOf } from "./Surroundings.ts"
import type { Trace } from "./Trace.ts"

const deadlineMs = 3_000
const connectTimeoutMs = 2_000
const thinkMeanMs = 120

export interface ActorOptions {
  readonly name: string
  readonly identity: Identity
  readonly key: Uint8Array
  readonly steps: number
}

/** What all actors share. */
export interface Stage {
  readonly loop: Loop
  readonly network: Network
  readonly trace: Trace
}

export abstract class Actor {
  readonly name: string
  readonly stage: Stage
  readonly random: Random
  readonly #options: ActorOptions
  process: Process
  #lives = 0
  #skewMs = 0
  left: number
  /** It has done its share, and nothing of it is unanswered. */
  done = false
  client: Client | undefined

  constructor(stage: Stage, random: Random, options: ActorOptions) {
    this.stage = stage
    this.random = random
    this.name = options.name
    this.#options = options
    this.left = options.steps
    this.process = new Process(stage.loop, this.name, random)
  }

  say(what: string): void {
    this.stage.trace.add(this.name, what)
  }

  stepClock(ms: number): void {
    this.#skewMs += ms
    this.process.skewMs = this.#skewMs
  }

  start(): void {
    const life = ++this.#lives
    const process = new Process(this.stage.loop, this.name, this.random.fork(`life ${life}`))
    process.skewMs = this.#skewMs
    process.onEnd = () => this.crash()
    this.process = process
    const context = surroundingsOf(process)
    const secrets = process.random.fork("nonces")
    const { identity, key } = this.#options
    const options: ConnectOptions = {
      url: "tcp://simulated:7100",
      credential: makeCredential(identity, key),
      deadlineMs,
      connectTimeoutMs,
      inFlightMax: 64,
      transport: this.stage.network.transportOf(process),
      timers: { after: (ms, then) => process.after(ms, then) },
      randomBytes: (count) => secrets.bytes(count),
      ...this.connectOptions(process),
    }
    // Only the first attempt fails; whoever turns a terminal on tries again.
    const attempt: Effect.Effect<void> = Effect.scoped(
      Effect.flatMap(Client.connect(options), (client) => this.#live(client)),
    ).pipe(
      Effect.catchCause((cause) =>
        Effect.sync(() => this.say(`could not connect: ${messageOf(cause)}`)).pipe(
          Effect.andThen(Effect.sleep(300)),
          Effect.andThen(Effect.suspend(() => attempt)),
        ),
      ),
    )
    Effect.runForkWith(context)(attempt)
  }

  /** Its process ends between two steps, and starts again. */
  crash(): void {
    if (!this.process.alive) return
    this.say("ends")
    this.process.alive = false
    this.client = undefined
    this.stage.network.clientEnded(this.process)
    this.ended()
    this.stage.network.world.after(50 + this.random.delay(150), () => this.start())
  }

  /** What its end does to what it keeps. */
  protected ended(): void {}

  protected connectOptions(_process: Process): Partial<ConnectOptions> {
    return {}
  }

  /** One piece of its share. */
  protected abstract step(client: Client): Effect.Effect<void>
  /** Nothing of it is unanswered. */
  protected abstract settled(client: Client): boolean

  readonly #live = Effect.fnUntraced(function* (this: Actor, client: Client) {
    this.client = client
    this.say("is logged on")
    while (this.left > 0) {
      yield* Effect.sleep(this.random.delay(thinkMeanMs))
      this.left--
      yield* this.step(client)
    }
    while (!this.settled(client)) yield* Effect.sleep(100)
    this.done = true
    this.say("is done")
    return yield* Effect.never
  })
}
