// One request while it is judged: what was found for it, and what its kind decides about it.
import type { Calendar } from "./Calendar.ts"
import { PURSES } from "./Cards.ts"
import type { Memory } from "./Memory.ts"
import type { Merchants } from "./Merchants.ts"
import { TERMS_WORDS, TermsWord } from "./Merchants.ts"
import type { Moves } from "./Moves.ts"
import type { Plans } from "./Plans.ts"
import type { Product } from "./Products.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"
import type { Terminals } from "./Terminals.ts"

/** What is journaled behind the request's own slot. */
export const Companion = { none: 0, bar: 1, turned: 2, arrival: 3 } as const

/** One for a lane, used again for every request, so that judging allocates nothing. Judging changes nothing but it. */
export class Draft {
  readonly memory: Memory
  readonly merchants: Merchants
  readonly terminals: Terminals
  readonly plans: Plans
  readonly calendar: Calendar
  readonly scheme: Scheme
  readonly moves: Moves
  readonly shards: () => ReadonlyArray<Shard>
  /** The request was laid at `at` of the memory's ring. */
  readonly words: Int32Array
  at = 0
  kind = 0
  amount = 0
  /** Batch time, ms. */
  time = 0
  shard!: Shard
  /** The slot of the card that the request names, or −1. */
  asked = -1
  /** The slot of the card that has the money: the newest of its chain of replacements. */
  card = -1
  product!: Product
  /** The purses that a purchase here may draw from, in order. */
  draws!: Uint8Array
  /** The terminal's slot. */
  terminal = -1
  /** The merchant's slot. */
  merchant = -1
  /** The number of the terms that the request is decided under. */
  terms = 0
  mcc = 0
  /** Ring index of the original that was found, or −1. */
  original = -1
  /** The hold's row, or −1. */
  hold = -1
  /** SlotBit bits. */
  bits = 0
  /** While a journal is replayed: the slot's bits, which say how its PIN was; −1 otherwise. */
  replayedBits = -1
  companion: number = Companion.none
  /** The amounts by purse, of those in `mask`. */
  readonly purses = new Float64Array(PURSES)
  mask = 0
  /** What is approved when it is less than `amount`. */
  approved = 0
  /** The split slot's extras. */
  bonusLocked = false
  bonusExpires = 0
  holdExpiresMs = 0
  /** A transfer's other side. */
  payeeShard!: Shard
  /** The slot of the card that is named, and of the newest of its chain of replacements. */
  payeeAsked = -1
  payee = -1
  transferFee = 0

  constructor(memory: Memory, scheme: Scheme, moves: Moves, shards: () => ReadonlyArray<Shard>) {
    this.memory = memory
    this.words = memory.ring
    this.scheme = scheme
    this.merchants = scheme.merchants
    this.terminals = scheme.terminals
    this.plans = scheme.plans
    this.calendar = scheme.calendar
    this.moves = moves
    this.shards = shards
  }

  open(shard: Shard, time: number, at: number, kind: number, amount: number, terminal: number): void {
    this.shard = shard
    this.time = time
    this.at = at
    this.kind = kind
    this.amount = amount
    this.terminal = terminal
    this.merchant = this.terminals.merchantOf(terminal)
    this.terms = this.merchants.termsOf(this.merchant)
    this.mcc = this.merchants.terms[this.terms * TERMS_WORDS + TermsWord.mcc]
    this.asked = -1
    this.card = -1
    this.original = -1
    this.hold = -1
    this.bits = 0
    this.companion = Companion.none
    this.mask = 0
    this.approved = amount
    this.bonusLocked = false
    this.bonusExpires = 0
    this.holdExpiresMs = 0
  }

  /** The card that the money belongs to, and with it the rules. */
  takeCard(card: number): void {
    this.card = card
    this.product = this.scheme.products.at(this.shard.cards.product(card))
    this.draws = this.product.draws(this.mcc)
  }

  /** `amount` moves in this purse. Each purse is named once. */
  move(purse: number, amount: number): void {
    this.purses[purse] = amount
    this.mask |= 1 << purse
  }

  termsWord(word: number): number {
    return this.merchants.terms[this.terms * TERMS_WORDS + word]
  }
}
