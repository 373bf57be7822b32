// The merchants, terminals and cards of a run, made over the wire, and the accounts compared with the models.
import { type RawConnection, Refused } from "../RawConnection.ts"
import { currency, type Totals } from "./Model.ts"
import type { Player } from "./Player.ts"

const cardsPerPlayer = 250
const terminalsPerPlayer = 4
const openingBalance = 50_000
const merchant = 1
/** Cards that nobody uses: they make a snapshot take a while. */
const ballastCards = 4 * 8_192
const ballastFirst = 8_000_000_000_000_000_000n
const cardsPerCommand = 8_192
const lateCards = 8

const firstTerminal = (player: number): number => 1_000 + player * 100
const firstCard = (player: number): bigint => 6_000_000_000_000_000_000n + BigInt(player) * 1_000_000n

export const terminalsOf = (player: number): ReadonlyArray<number> =>
  Array.from({ length: terminalsPerPlayer }, (_, n) => firstTerminal(player) + n)

export class Scheme {
  readonly #players: ReadonlyArray<Player>
  readonly #violation: (text: string) => void
  readonly #ballast: number
  made = false
  /** Cards asked for and not answered yet. */
  #late: { readonly player: number; readonly first: bigint } | undefined
  #lateCount = 0

  constructor(players: ReadonlyArray<Player>, violation: (text: string) => void, ballast = ballastCards) {
    this.#players = players
    this.#violation = violation
    this.#ballast = ballast
  }

  /** Throws when the server refuses. */
  async make(connection: RawConnection): Promise<void> {
    await connection.ask({
      type: "merchant",
      number: merchant,
      name: "Mill",
      currency,
      feeBasisPoints: 125,
      floatLimit: 2 ** 52,
    })
    for (const [n, player] of this.#players.entries()) {
      const [first] = terminalsOf(n)
      await connection.ask({ type: "terminals", first, count: terminalsPerPlayer, merchant })
      await askForCards(connection, firstCard(n), cardsPerPlayer)
      openCards(player, firstCard(n), cardsPerPlayer)
    }
    for (let made = 0; made < this.#ballast; made += cardsPerCommand) {
      await askForCards(connection, ballastFirst + BigInt(made), cardsPerCommand)
    }
    this.made = true
  }

  /** A few cards more, to be asked for by `makeLate`. */
  wantLate(player: number): void {
    this.#late ??= { player, first: firstCard(player) + BigInt(cardsPerPlayer + this.#lateCount) }
  }

  /**
   * Asks for the cards that are wanted; without an answer, they are asked for again in the next life. Their opening
   * balance must have come once. False when the connection went.
   */
  async makeLate(connection: RawConnection): Promise<boolean> {
    const late = this.#late
    if (late === undefined) return true
    return this.#whileOpen("cards", async () => {
      await askForCards(connection, late.first, lateCards)
      openCards(this.#players[late.player], late.first, lateCards)
      this.#lateCount += lateCards
      this.#late = undefined
    })
  }

  /** Asks once more for cards that were made long ago: nothing may come of it. False when the connection went. */
  makeAgain(connection: RawConnection): Promise<boolean> {
    return this.#whileOpen("cards again", async () => {
      for (const n of this.#players.keys()) await askForCards(connection, firstCard(n), cardsPerPlayer)
    })
  }

  /** Compares the accounts with the sum of the models. False when the connection went. */
  checkAccounts(connection: RawConnection): Promise<boolean> {
    return this.#whileOpen("accounts", async () => {
      const answer = await connection.ask({ type: "accounts" })
      const found = totalsOf(answer["accounts"])
      const wanted = this.#wanted()
      if (BigInt(String(answer["sum"])) !== 0n) this.#violation(`accounts add up to ${answer["sum"]}, not 0`)
      for (const name of ["purse", "cashIn", "float", "held", "merchants"] as const) {
        if (found[name] === wanted[name]) continue
        this.#violation(`${name}: the models have ${wanted[name]}, the engine has ${found[name]}`)
      }
    })
  }

  #wanted(): Totals {
    const ballast = BigInt(this.#ballast) * BigInt(openingBalance)
    const wanted = { purse: ballast, cashIn: -ballast, float: 0n, held: 0n, merchants: 0n }
    for (const { model } of this.#players) {
      wanted.purse += model.totals.purse
      wanted.cashIn += model.totals.cashIn
      wanted.float += model.totals.float
      wanted.held += model.totals.held
      wanted.merchants += model.totals.merchants
    }
    return wanted
  }

  async #whileOpen(what: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (!isClosing(error)) this.#violation(`${what}: ${String(error)}`)
      return false
    }
  }
}

const openCards = ({ model, work }: Player, first: bigint, count: number): void => {
  for (let card = first; card < first + BigInt(count); card++) {
    model.openCard(card, BigInt(openingBalance))
    work.cards.push(card)
  }
}

const askForCards = async (connection: RawConnection, first: bigint, count: number): Promise<void> => {
  const { created, existing } = await connection.ask({
    type: "cards",
    first,
    count,
    currency,
    openingBalance,
  })
  if (Number(created) + Number(existing) !== count)
    throw new Error(`${created} + ${existing} are not ${count}`)
}

/** The connection went, or the server said that it goes. */
const isClosing = (error: unknown): boolean =>
  error instanceof Refused && (error.code === "closed" || error.code === "shutting-down")

const places: { readonly [account: string]: keyof Totals } = {
  purses: "purse",
  cashIn: "cashIn",
  float: "float",
  held: "held",
}

/** By names such as `purses.978`. */
const totalsOf = (accounts: unknown): Totals => {
  const totals = { purse: 0n, cashIn: 0n, float: 0n, held: 0n, merchants: 0n }
  if (typeof accounts !== "object" || accounts === null) throw new Error("accounts is not a map")
  for (const [name, total] of Object.entries(accounts)) {
    const [account, of] = name.split(".")
    // Another test's money, in another currency, is none of ours.
    if (of !== String(currency)) continue
    totals[places[account] ?? "merchants"] += BigInt(String(total))
  }
  return totals
}
