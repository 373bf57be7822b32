// One request while it is judged: what was found for it, and what its kind decides about it.
import type { Memory } from "./Memory.ts"
import type { Merchants } from "./Merchants.ts"
import { Postings } from "./Postings.ts"
import type { Shard } from "./Shard.ts"
import type { Terminals } from "./Terminals.ts"

/** Which second slot, if any, is journaled with the request's own. */
export const Companion = { none: 0, bar: 1, turned: 2 } as const

/** One for a lane, used again for every request, so that judging allocates nothing. It reads; it never changes money. */
export class Draft {
  readonly memory: Memory
  readonly merchants: Merchants
  readonly terminals: Terminals
  readonly postings = new Postings()
  /** The request was laid at `at` of the memory's ring. */
  readonly words: Int32Array
  at = 0
  shard!: Shard
  /** The card's slot in its shard, or −1. */
  card = -1
  /** The terminal's slot. */
  terminal = -1
  /** The number of the terms that the request is decided under. */
  terms = 0
  /** Ring index of the original that a refund or reversal found, or −1. */
  original = -1
  /** Set by a kind's judgement: `postings` are to be applied if it is approved. */
  moves = false
  companion: number = Companion.none

  constructor(memory: Memory, merchants: Merchants, terminals: Terminals) {
    this.memory = memory
    this.words = memory.ring
    this.merchants = merchants
    this.terminals = terminals
  }

  open(shard: Shard, at: number, card: number, terminal: number, terms: number): void {
    this.at = at
    this.shard = shard
    this.card = card
    this.terminal = terminal
    this.terms = terms
    this.original = -1
    this.moves = false
    this.companion = Companion.none
  }
}
