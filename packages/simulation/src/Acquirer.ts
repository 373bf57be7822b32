/** A host that sends batches for its terminals, and sends again what is not answered until it is. */
import { type Client, type Submission, Unknown } from "@millrace/client"
import { type Outcome, RecordFlag, ReferenceSource, ResponseCode } from "@millrace/protocol"
import { Effect } from "effect"
import { Actor, type ActorOptions, type Stage } from "./Actor.ts"
import type { Random } from "./Random.ts"
import { drawRequest, type Made } from "./requests.ts"
import { firstHostTerminal, hostTerminals } from "./town.ts"

const batchMax = 7
const remembered = 12
const pauseMs = 200

export class Acquirer extends Actor {
  readonly made: Array<Made> = []
  readonly #references: ReferenceSource
  /** The next batch has so many records. */
  burst = 0

  constructor(stage: Stage, random: Random, options: ActorOptions) {
    super(stage, random, options)
    this.#references = new ReferenceSource(() => this.process.wallMs)
  }

  protected settled(): boolean {
    return true
  }

  protected step(client: Client): Effect.Effect<void> {
    const count = this.burst > 0 ? this.burst : this.random.between(1, batchMax)
    this.burst = 0
    const batch = Array.from({ length: count }, () => this.#draw())
    this.say(`sends ${count}`)
    return this.#send(client, batch)
  }

  #draw(): Made {
    const { random } = this
    // Now and then what was sent before, once more.
    if (this.made.length > 0 && random.chance(0.12)) {
      return random.pick(random.chance(0.5) ? this.made : this.made.slice(-remembered))
    }
    const terminal = firstHostTerminal + random.int(hostTerminals)
    const own = this.made.filter(({ submission }) => submission.terminal === terminal)
    const submission = drawRequest(random, terminal, this.#references.next(), own.slice(-remembered), false)
    const made: Made = { submission, response: undefined }
    this.made.push(made)
    return made
  }

  readonly #send = Effect.fnUntraced(function* (this: Acquirer, client: Client, batch: ReadonlyArray<Made>) {
    let open = batch
    for (let repeat = false; open.length > 0; repeat = true) {
      const records = open.map(({ submission }) => (repeat ? repeated(submission) : submission))
      const results = yield* Effect.orDie(client.batch(records))
      for (const [i, result] of results.entries()) if (isFinal(result)) open[i].response = responseOf(result)
      open = open.filter((_, i) => !isFinal(results[i]))
      this.say(`has ${batch.length - open.length} of ${batch.length} answers`)
      if (open.length > 0) yield* Effect.sleep(pauseMs)
    }
  })
}

const repeated = (submission: Submission): Submission => ({ ...submission, flags: RecordFlag.repeat })

/** Nothing will ever tell more: of 91 nothing was done, so it is asked again. */
const isFinal = (result: Outcome | Unknown): boolean =>
  result instanceof Unknown ? result.reason === "too-late" : result.response !== ResponseCode.unavailable

const responseOf = (result: Outcome | Unknown): number =>
  result instanceof Unknown ? ResponseCode.tooLate : result.response
