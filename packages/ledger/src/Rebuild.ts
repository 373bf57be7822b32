// One shard's restart after a defect: its image, then the journal's slots of this shard applied without being judged.
import { Kind, RecordWord } from "@millrace/protocol"
import { decodeCommand } from "./Command.ts"
import { JournalGap, ReplayDiverged } from "./errors.ts"
import { numberHash } from "./hash.ts"
import { Moves } from "./Moves.ts"
import { commitPeriodic, postPeriodic } from "./PeriodicMoves.ts"
import { applyToShard } from "./Provisioner.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"
import {
  dayAt,
  isApprovedAt,
  isHistory,
  kindAt,
  SLOT_KIND_INTERNAL_FROM,
  SLOT_WORDS,
  SlotKind,
  slotWords,
  turnedKindAt,
} from "./Slot.ts"

/**
 * Every slot says by itself what was moved, under which terms: so neither the memory nor the scheme, which have both
 * gone on, is asked what they were at the time, and nothing is decided twice.
 */
export class ShardRebuild {
  readonly shard: Shard
  readonly #image: string
  readonly #scheme: Scheme
  readonly #moves: Moves
  readonly #swap: (shard: Shard, next: number) => void
  /** The sequence wanted next; 0 until the image is whole or known to be absent. */
  #next = 0

  /** @param swap puts the shard in its place, or throws when the lane has gone further */
  constructor(shard: Shard, image: string, scheme: Scheme, swap: (shard: Shard, next: number) => void) {
    this.shard = shard
    this.#image = image
    this.#scheme = scheme
    this.#swap = swap
    this.#moves = new Moves(scheme.merchants, scheme.plans)
    shard.accounts.reserve(scheme.merchants.currencies.length, scheme.merchants.count)
  }

  /** Is this image of the snapshot part of the rebuild? */
  wants(name: string): boolean {
    return name === this.#image
  }

  /** Throws ImageRefused. */
  restore(name: string, piece: Uint8Array): void {
    this.shard.restore(name, piece)
  }

  /**
   * Applies what slots `first` … moved in this shard; they must follow each other from the image's position (or from
   * 1) to the lane's end. Throws JournalGap, ImageRefused, ReplayDiverged.
   */
  replay(time: number, payload: Uint8Array, first: number): void {
    this.#begin()
    if (first !== this.#next) throw new JournalGap(this.#next, first, `rebuilding ${this.#image}`)
    const words = slotWords(payload)
    const doubles = new Float64Array(words.buffer, words.byteOffset, words.length / 2)
    for (let at = 0; at < words.length; at += SLOT_WORDS) {
      if (kindAt(words, at) === SlotKind.control) this.#applyCommand(time, words, at)
      else if (isShardSlot(kindAt(words, at))) this.#applySlot(words, doubles, at)
    }
    this.#next += words.length / SLOT_WORDS
  }

  /** The rebuilt shard takes its place. Throws JournalGap when the lane's end has not been reached. */
  swapIn(): void {
    this.#begin()
    this.#swap(this.shard, this.#next)
  }

  #begin(): void {
    if (this.#next === 0) this.#next = (this.shard.restored(this.#image) ?? 0) + 1
  }

  #applySlot(words: Int32Array, doubles: Float64Array, at: number): void {
    const lo = words[at + RecordWord.cardLo]
    const hi = words[at + RecordWord.cardHi]
    const hash = numberHash(lo, hi)
    if ((hash & (this.shard.shards - 1)) !== this.shard.number) return
    const { cards } = this.shard
    const kind = kindAt(words, at)
    const asked = cards.find(hash, lo, hi)
    const sequence = this.#next + at / SLOT_WORDS
    if (asked < 0) {
      // Declined because there is no such card, or not yet.
      if (kind < SLOT_KIND_INTERNAL_FROM && !isApprovedAt(words, at)) return
      throw new ReplayDiverged(sequence, "its card is not there")
    }
    this.#move(kind, cards.newest(asked), words, doubles, at)
    if (kind < SLOT_KIND_INTERNAL_FROM && kind !== Kind.recharge && kind !== Kind.refund)
      this.#moves.countPin(this.shard, asked, words, at)
    if (isHistory(kind)) cards.setLast(asked, sequence | 0)
  }

  #move(kind: number, card: number, words: Int32Array, doubles: Float64Array, at: number): void {
    const { shard } = this
    const moves = this.#moves
    if (kind === SlotKind.periodic) {
      postPeriodic(moves, this.#scheme.merchants, words, doubles, at)
      commitPeriodic(moves, shard, card, words, at)
      return
    }
    if (kind < SLOT_KIND_INTERNAL_FROM && !isApprovedAt(words, at)) return
    const isTurned = kind === SlotKind.turned
    const moved = isTurned ? turnedKindAt(words, at) : kind
    const sign = isTurned ? -1 : 1
    // A decision's slots are never apart: what belongs to this one lies behind it.
    const more = at + SLOT_WORDS
    moves.post(moved, shard, words, doubles, at, more, sign)
    moves.commit(moved, shard, card, words, doubles, at, more, sign, dayOfDecision(kind, words, at))
  }

  #applyCommand(time: number, words: Int32Array, at: number): void {
    const sequence = this.#next + at / SLOT_WORDS
    const command = decodeCommand(words, at)
    if (typeof command === "string") throw new ReplayDiverged(sequence, command)
    applyToShard(this.shard, time, command, this.#scheme)
  }
}

/** Slots that may move something in the shard of the card that they name. */
const isShardSlot = (kind: number): boolean =>
  kind === SlotKind.turned || (isHistory(kind) && kind !== SlotKind.split)

/** A turned slot has the original's day, and a departure too; the request that turned it round lies before them. */
const dayOfDecision = (kind: number, words: Int32Array, at: number): number => {
  if (kind === SlotKind.turned) return dayAt(words, at - SLOT_WORDS)
  return dayAt(words, kind === SlotKind.departure ? at - 2 * SLOT_WORDS : at)
}
