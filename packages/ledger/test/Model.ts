// The ledger once more, as simply as it can be said: maps, lists and bigints, and every rule as a sentence.
import { Kind } from "@millrace/protocol"
import type { Command, ControlResult } from "../src/index.ts"
import { greater, type Request } from "./scenario.ts"

const MAX = 2n ** 53n - 1n

interface Entry {
  readonly sequence: number
  readonly what: "transaction" | "bar" | "other"
  readonly terminal: number
  readonly reference: bigint
  readonly card: bigint
  readonly request: Request | undefined
  readonly response: number
  readonly available: bigint
  readonly moved: ReadonlyArray<readonly [string, bigint]>
  refunded: bigint
  reversed: boolean
}

export interface Answer {
  readonly response: number
  readonly available: bigint
  readonly sequence: number
  readonly duplicate: boolean
}

export class Model {
  readonly cards = new Map<bigint, { readonly currency: number; balance: bigint }>()
  readonly merchants = new Map<number, { currency: number; fee: bigint }>()
  readonly terminals = new Map<number, number>()
  readonly accounts = new Map<string, bigint>()
  readonly journal: Array<Entry> = []
  readonly #remembered: number
  readonly #shardOf: (card: bigint) => number

  constructor(capacity: number, shardOf: (card: bigint) => number) {
    this.#remembered = capacity - 2
    this.#shardOf = shardOf
  }

  get memory(): ReadonlyArray<Entry> {
    return this.journal.slice(Math.max(0, this.journal.length - this.#remembered))
  }

  find(terminal: number, reference: bigint): Entry | undefined {
    return this.memory.findLast(
      (entry) => entry.what !== "other" && entry.terminal === terminal && entry.reference === reference,
    )
  }

  /** The greatest reference of this terminal that was remembered and is not any more. */
  horizon(terminal: number): bigint {
    const forgotten = this.journal.slice(0, Math.max(0, this.journal.length - this.#remembered))
    return forgotten
      .filter((entry) => entry.what !== "other" && entry.terminal === terminal)
      .map((entry) => entry.reference)
      .reduce(greater, 0n)
  }

  decide(request: Request): Answer {
    const refuse = (response: number) => ({ response, available: 0n, sequence: 0, duplicate: false })
    const malformed = formatOf(request)
    if (malformed !== 0) return refuse(malformed)
    const known = this.find(request.terminal, request.reference)
    if (known?.request !== undefined) {
      if (contentOf(known.request) !== contentOf(request)) return refuse(94)
      const { response, available, sequence } = known
      return { response, available, sequence, duplicate: true }
    }
    if (!this.terminals.has(request.terminal)) return refuse(58)
    if (known === undefined && request.reference <= this.horizon(request.terminal)) return refuse(68)
    return this.#decideNew(request, known !== undefined)
  }

  #decideNew(request: Request, barred: boolean): Answer {
    const card = this.cards.get(request.card)
    const merchant = this.merchants.get(this.terminals.get(request.terminal)!)!
    const judged = barred
      ? no(68)
      : card === undefined
        ? no(14)
        : card.currency !== request.currency || merchant.currency !== request.currency
          ? no(12)
          : this.#judge(request)
    const limit = judged.response === 0 ? this.#limit(request.card, judged.moves) : 0
    const response = judged.response === 0 ? limit : judged.response
    if (response === 0) this.#move(request.card, judged.moves)
    const available = card?.balance ?? 0n
    const entry = this.#journal({
      what: "transaction",
      ...request,
      request,
      response,
      available,
      moved: judged.moves,
    })
    if (response === 0) judged.then?.()
    return { response, available, sequence: entry.sequence, duplicate: false }
  }

  #judge(request: Request): Judged {
    const amount = BigInt(request.amount)
    const payable = `payable ${this.terminals.get(request.terminal)!}`
    switch (request.kind) {
      case Kind.purchase: {
        const fee = (amount * this.merchants.get(this.terminals.get(request.terminal)!)!.fee) / 10_000n
        return yes([
          ["purse", -amount],
          [payable, amount - fee],
          ["fee", fee],
        ])
      }
      case Kind.recharge:
        return yes([
          ["purse", amount],
          ["cash", -amount],
        ])
      case Kind.refund: {
        const original = this.find(request.terminal, request.original)
        if (original?.request === undefined) return no(25)
        if (original.request.kind !== Kind.purchase || original.response !== 0) return no(12)
        if (original.card !== request.card || original.reversed) return no(12)
        if (original.refunded + amount > BigInt(original.request.amount)) return no(13)
        const moves: Moves = [
          ["purse", amount],
          [payable, -amount],
        ]
        return yes(moves, () => {
          original.refunded += amount
        })
      }
      case Kind.reversal:
        return this.#judgeReversal(request)
      default:
        return yes([])
    }
  }

  #judgeReversal(request: Request): Judged {
    if (request.original === request.reference) return no(12)
    const original = this.find(request.terminal, request.original)
    if (original === undefined) {
      if (request.original <= this.horizon(request.terminal)) return no(25)
      const { terminal, original: reference, card } = request
      return yes([], () => this.#journal({ what: "bar", terminal, reference, card }))
    }
    if (original.request === undefined) return original.card === request.card ? yes([]) : no(12)
    if (request.amount !== 0 && request.amount !== original.request.amount) return no(13)
    if (original.card !== request.card || original.request.kind === Kind.reversal) return no(12)
    if (original.response !== 0 || original.request.kind === Kind.balance || original.reversed) return yes([])
    if (original.refunded > 0n) return no(12)
    const back: Moves = original.moved.map(([account, amount]) => [account, -amount])
    return yes(back, () => {
      original.reversed = true
      if (original.request?.kind === Kind.refund) {
        const purchase = this.find(request.terminal, original.request.original)
        if (purchase !== undefined) purchase.refunded -= BigInt(original.request.amount)
      }
      this.#journal({ what: "other" })
    })
  }

  control(command: Command, result: ControlResult, slots: number): void {
    if (result.ok) this.#apply(command)
    for (let i = 0; i < slots; i++) this.#journal({ what: "other" })
  }

  #apply(command: Command): void {
    if (command.type === "merchant") {
      this.merchants.set(command.number, {
        currency: command.currency,
        fee: BigInt(command.feeBasisPoints),
      })
    } else if (command.type === "terminals") {
      for (let i = 0; i < command.count; i++) this.terminals.set(command.first + i, command.merchant)
    } else if (command.type === "cards") {
      for (let i = 0n; i < BigInt(command.count); i++) {
        if (this.cards.has(command.first + i)) continue
        this.cards.set(command.first + i, { currency: command.currency, balance: 0n })
        const amount = BigInt(command.openingBalance)
        this.#move(command.first + i, [
          ["purse", amount],
          ["cash", -amount],
        ])
      }
    }
  }

  #journal(some: Partial<Entry> & Pick<Entry, "what">): Entry {
    const entry: Entry = {
      terminal: 0,
      reference: 0n,
      card: 0n,
      request: undefined,
      response: 0,
      available: 0n,
      moved: [],
      refunded: 0n,
      reversed: false,
      ...some,
      sequence: this.journal.length + 1,
    }
    this.journal.push(entry)
    return entry
  }

  /** Accounts are kept by shard and currency; a merchant has one currency. */
  #account(card: bigint, account: string): string {
    return `${this.#shardOf(card)} ${account} ${this.cards.get(card)!.currency}`
  }

  #limit(card: bigint, moves: Moves): number {
    const purse = moves.find(([account]) => account === "purse")?.[1] ?? 0n
    const after = this.cards.get(card)!.balance + purse
    if (after < 0n) return 51
    if (after > MAX) return 61
    const over = moves.some(([account, amount]) => {
      const sum = (this.accounts.get(this.#account(card, account)) ?? 0n) + amount
      return sum > MAX || sum < -MAX
    })
    return over ? 61 : 0
  }

  #move(card: bigint, moves: Moves): void {
    for (const [account, amount] of moves) {
      const name = this.#account(card, account)
      this.accounts.set(name, (this.accounts.get(name) ?? 0n) + amount)
      if (account === "purse") this.cards.get(card)!.balance += amount
    }
  }

  /** An account over all shards. */
  total(account: string, currency: number): bigint {
    return [...this.accounts]
      .filter(([name]) => name.split(" ")[1] === account && name.endsWith(` ${currency}`))
      .reduce((sum, [, amount]) => sum + amount, 0n)
  }
}

type Moves = ReadonlyArray<readonly [string, bigint]>
interface Judged {
  readonly response: number
  readonly moves: Moves
  /** What else an approval does. */
  readonly then?: (() => void) | undefined
}
const no = (response: number): Judged => ({ response, moves: [] })
const yes = (moves: Moves, then?: () => void): Judged => ({ response: 0, moves, then })

const formatOf = (request: Request): number => {
  if (request.kind === 0 || request.kind >= 0x80 || (request.flags & 0xfe) !== 0) return 30
  if (request.kind > 5) return 12
  if (request.kind === Kind.balance && request.amount !== 0) return 13
  if (
    [Kind.purchase, Kind.refund, Kind.recharge].some((kind) => kind === request.kind) &&
    request.amount === 0
  ) {
    return 13
  }
  return 0
}

const contentOf = (request: Request): string => {
  const { flags: _, ...content } = request
  return Object.values({ ...content }).join()
}
