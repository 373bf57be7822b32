// What the model remembers: the whole journal as a list, of which only the last slots count.

import type { Move } from "./Book.ts"
import { greater, type Request } from "./Request.ts"

export interface Entry {
  readonly sequence: number
  readonly what: "transaction" | "bar" | "other"
  readonly terminal: number
  readonly reference: bigint
  readonly card: bigint
  readonly request: Request | undefined
  readonly response: number
  readonly available: bigint
  /** What was moved; of a partial approval less than was asked for. */
  readonly amount: bigint
  readonly day: number
  readonly month: number
  /** What turns it round. */
  readonly back: ReadonlyArray<Move>
  /** What was drawn from each purse, in the order of the purses. */
  readonly drawn: ReadonlyArray<readonly [purse: number, amount: bigint]>
  /** Slots beside its own that turning it round journals again. */
  readonly companions: number
  refunded: bigint
  mark: "none" | "reversed" | "completed"
}

const nothing = {
  terminal: 0,
  reference: 0n,
  card: 0n,
  request: undefined,
  response: 0,
  available: 0n,
  amount: 0n,
  day: 0,
  month: 0,
  back: [],
  drawn: [],
  companions: 0,
} as const

export class Memory {
  readonly journal: Array<Entry> = []
  readonly #remembered: number

  constructor(remembered: number) {
    this.#remembered = remembered
  }

  /** Where the remembered part of the journal begins. */
  get #begin(): number {
    return Math.max(0, this.journal.length - this.#remembered)
  }

  find(terminal: number, reference: bigint): Entry | undefined {
    for (let i = this.journal.length - 1; i >= this.#begin; i--) {
      const entry = this.journal[i]
      if (entry.what !== "other" && entry.terminal === terminal && entry.reference === reference) return entry
    }
    return undefined
  }

  /** The greatest reference of this terminal that was remembered and is not any more. */
  horizon(terminal: number): bigint {
    return this.journal
      .slice(0, this.#begin)
      .filter((entry) => entry.what !== "other" && entry.terminal === terminal)
      .map((entry) => entry.reference)
      .reduce(greater, 0n)
  }

  add(some: Partial<Entry> & Pick<Entry, "what">): Entry {
    const entry: Entry = {
      ...nothing,
      refunded: 0n,
      mark: "none",
      ...some,
      sequence: this.journal.length + 1,
    }
    this.journal.push(entry)
    return entry
  }

  /** Slots that nobody looks up. */
  addOthers(count: number): void {
    for (let i = 0; i < count; i++) this.add({ what: "other" })
  }
}
