// What commands are judged against and carried out in, and what comes of them.

import { dayOf } from "../Calendar.ts"
import { CardNumber } from "../CardNumbers.ts"
import type { ResolvedCommand } from "../Command.ts"
import { masked } from "../mask.ts"
import { Postings } from "../Postings.ts"
import type { Scheme } from "../Scheme.ts"
import type { Shard } from "../Shard.ts"

export type ControlRefusalCode =
  /** The command makes no sense. */
  | "bad-message"
  /** A merchant, terminal, product or card that is named does not exist. */
  | "not-found"
  /** It contradicts what is there: another currency, another merchant's terminal, a state from which there is no such step. */
  | "conflict"
  /** A table's or an account's limit. */
  | "full"

export interface ControlRefusal {
  readonly ok: false
  readonly code: ControlRefusalCode
  readonly message: string
}

export interface ControlDone {
  readonly ok: true
  readonly created: number
  /** Were there before, or were done before; a merchant, product, terminal or host may have been changed, cards never are. */
  readonly existing: number
  /** Of `replace`: the new card. */
  readonly card?: bigint
  /** Of `issue`: the first of the cards. */
  readonly firstCard?: bigint
  /** Of `issue` and `replace`: what the cards keep for their check values; of a repeat, what the first one gave them. */
  readonly nonce?: number
  /** Of `return` and `cancel`: minor units that the cardholder gets. */
  readonly paidOut?: number
}

export type ControlResult = ControlDone | ControlRefusal

/** The command as it is journaled and applied, and what is answered then. */
export interface Resolved {
  readonly ok: true
  readonly command: ResolvedCommand
  readonly result: ControlDone
}

export type Resolution = Resolved | ControlRefusal

export const refusal = (code: ControlRefusalCode, message: string): ControlRefusal => ({
  ok: false,
  code,
  message,
})

export const resolved = (
  command: ResolvedCommand,
  created: number,
  existing: number,
  more: Partial<ControlDone> = {},
): Resolved => ({ ok: true, command, result: { ok: true, created, existing, ...more } })

/** The shard of a number's hash, where it takes part: all do in a lane, one alone when it is rebuilt. */
export type ShardOf = (hash: number) => Shard | undefined

/** What judging reads; it changes nothing. */
export class World {
  readonly scheme: Scheme
  readonly shards: ReadonlyArray<Shard>
  /** The business day. */
  readonly day: number

  constructor(scheme: Scheme, shards: ReadonlyArray<Shard>, time: number) {
    this.scheme = scheme
    this.shards = shards
    this.day = dayOf(time, scheme.calendar.utcOffsetMinutes)
  }

  shardOf(hash: number): Shard {
    return this.shards[hash & (this.shards.length - 1)]
  }

  /** Shard and slot of a card, or why not. */
  card(number: bigint): { readonly ok: true; readonly shard: Shard; readonly slot: number } | ControlRefusal {
    const { hash, lo, hi } = new CardNumber(number)
    const shard = this.shardOf(hash)
    const slot = shard.cards.find(hash, lo, hi)
    return slot < 0 ? refusal("not-found", `card ${masked(number)} is not known`) : { ok: true, shard, slot }
  }

  /** May the accounts take these amounts? A currency that has no accounts yet has 0 in all of them. */
  canPost(shard: Shard, postings: Postings): boolean {
    return postings.currency < 0
      ? postings.amounts.every((amount) => Number.isSafeInteger(amount))
      : shard.accounts.allow(postings)
  }
}

/** Commands are seldom: each has postings of its own. Amounts that are 0 are left out. */
export const postingsOf = (
  currency: number,
  amounts: ReadonlyArray<readonly [account: number, amount: number]>,
  merchant = 0,
): Postings => {
  const postings = new Postings()
  postings.begin(merchant, currency)
  for (const [account, amount] of amounts) postings.add(account, amount)
  return postings
}

export const post = (shard: Shard, postings: Postings): void => {
  postings.assertBalanced()
  shard.accounts.apply(postings)
}
