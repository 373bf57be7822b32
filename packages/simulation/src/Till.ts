/** A terminal: one request at a time, with a file of what is unanswered. */
import { type Client, type ConnectOptions, type Forwarded, type Submission, Unknown } from "@millrace/client"
import { Kind, OutcomeFlag, ReferenceSource } from "@millrace/protocol"
import { Effect } from "effect"
import { Actor, type ActorOptions, type Stage } from "./Actor.ts"
import type { Process } from "./Loop.ts"
import type { Random } from "./Random.ts"
import { drawRequest, type Made } from "./requests.ts"
import { TillDisk } from "./TillDisk.ts"

/** What the terminal's operator was told in the end. */
export type Told = "answered" | "unknown" | "never-sent" | "ended"

export interface Sale extends Made {
  told: Told
}

const remembered = 12

export class Till extends Actor {
  readonly terminal: number
  readonly sales: Array<Sale> = []
  /** What was given up and turned round, by the reference of the sale. */
  readonly forwarded = new Map<bigint, Forwarded>()
  readonly #disk: TillDisk
  readonly #references: ReferenceSource

  constructor(stage: Stage, random: Random, options: ActorOptions & { readonly terminal: number }) {
    super(stage, random, options)
    this.terminal = options.terminal
    this.#disk = new TillDisk(random.fork("disk"))
    this.#references = new ReferenceSource(() => this.process.wallMs)
  }

  protected override connectOptions(process: Process): Partial<ConnectOptions> {
    return {
      pendingFile: "pending",
      pendingDisk: async () => this.#disk.openFor(process),
      onForwarded: (forwarded) => {
        if (!process.alive) return
        const { original, reference, kind } = forwarded.record
        this.say(`forwarded ${reference}: ${forwarded.response}`)
        this.forwarded.set(kind === Kind.reversal && original !== 0n ? original : reference, forwarded)
      },
    }
  }

  protected override ended(): void {
    this.#disk.crash()
  }

  protected settled(client: Client): boolean {
    return client.pending().length === 0
  }

  protected step(client: Client): Effect.Effect<void> {
    const submission = drawRequest(
      this.random,
      this.terminal,
      this.#references.next(),
      this.sales.slice(-remembered),
      true,
    )
    const sale: Sale = { submission, response: undefined, told: "ended" }
    this.sales.push(sale)
    this.say(`asks ${shown(submission)}`)
    return client.submit(submission).pipe(
      Effect.matchEffect({
        onSuccess: ({ response, flags }) =>
          Effect.sync(() => {
            sale.response = response
            sale.told = "answered"
            const again = (flags & OutcomeFlag.duplicate) === 0 ? "" : " again"
            this.say(`hears ${response}${again} of ${submission.reference}`)
          }),
        onFailure: (error) =>
          Effect.sync(() => {
            sale.told = error instanceof Unknown && error.sent ? "unknown" : "never-sent"
            this.say(`hears nothing of ${submission.reference}: ${error.message}`)
          }),
      }),
    )
  }
}

export const shown = ({ kind, reference, card, amount, original }: Submission): string =>
  `${kind} ${reference} ${card} ${amount}${original === undefined ? "" : ` of ${original}`}`
