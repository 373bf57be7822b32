/** The issuer's office: commands and questions beside the traffic. */
import { type Client, MessageRefused } from "@millrace/client"
import { Effect } from "effect"
import { Actor } from "./Actor.ts"
import { by, cards, everyday, everydayCards, firstHostTerminal, pin } from "./town.ts"

/** A payment that was answered: it must be in the journal. */
export interface Payment {
  readonly type: "fund" | "float"
  readonly card: bigint
  readonly reference: bigint
}

const { type: _, by: __, ...everydayFields } = everyday

export class Office extends Actor {
  readonly payments: Array<Payment> = []
  #reference = 10n
  /** Something that it was told makes no sense. */
  complaint: string | undefined

  protected settled(): boolean {
    return true
  }

  protected step(client: Client): Effect.Effect<void> {
    const { random } = this
    const card = random.pick(everydayCards)
    const what = random.weighted([
      [6, "fund"],
      [2, "float"],
      [4, "lifecycle"],
      [3, "pin"],
      [2, "product"],
      [2, "terminal"],
      [1, "replace"],
      [3, "accounts"],
      [3, "card"],
      [1, "echo"],
    ] as const)
    this.say(what)
    const done = this.#ask(client, what, card)
    // Asked again until there is an answer: a command that was carried out says so.
    return done.pipe(
      Effect.catchTag("Unknown", () => Effect.andThen(Effect.sleep(200), done)),
      Effect.catch((error) =>
        Effect.sync(() => {
          const why = error instanceof MessageRefused ? `${error.code}` : error._tag
          this.say(`${what}: ${why}`)
        }),
      ),
    )
  }

  #ask(client: Client, what: string, card: bigint) {
    const { random } = this
    switch (what) {
      case "fund":
        return this.#fund(client, card)
      case "float":
        return this.#float(client)
      case "pin":
        return Effect.asVoid(client.pin(card, pin))
      case "product":
        return Effect.asVoid(
          client.product({
            ...everydayFields,
            limits: { transactionMax: random.pick([600, 250]), dayAmountMax: 2_500, dayCountMax: 12 },
          }),
        )
      case "terminal":
        return Effect.asVoid(
          client.terminal({ number: firstHostTerminal, amountMax: random.pick([0, 100, 400]) }),
        )
      case "lifecycle": {
        const action = random.pick(["lock", "unlock", "unlock"] as const)
        return Effect.asVoid(client.lifecycle({ card, action, reason: by }))
      }
      case "replace":
        return Effect.asVoid(client.lifecycle({ card, action: "replace", reason: by }))
      case "card":
        return Effect.asVoid(client.card(random.pick(cards)))
      case "echo":
        return Effect.asVoid(client.echo())
      default:
        return Effect.map(client.accounts(), ({ sum }) => {
          if (BigInt(sum) !== 0n) this.complaint = `the accounts add up to ${sum}`
        })
    }
  }

  #fund(client: Client, card: bigint) {
    const reference = ++this.#reference
    const purse = this.random.pick(["main", "main", "bonus", "points"] as const)
    const amount = this.random.between(10, 400)
    return Effect.map(client.fund({ card, purse, amount, reference }), () => {
      this.say(`fund ${reference} is done`)
      this.payments.push({ type: "fund", card, reference })
    })
  }

  #float(client: Client) {
    const reference = ++this.#reference
    return Effect.map(client.float({ merchant: 2, amount: 500, reference }), () => {
      this.payments.push({ type: "float", card: 0n, reference })
    })
  }
}
