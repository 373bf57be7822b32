// One shard's restart after a defect: its image, then the journal's slots of this shard applied without being judged.
import { RecordWord, ResponseCode } from "@millrace/protocol"
import { decodeCommand } from "./Command.ts"
import { JournalGap, ReplayDiverged } from "./errors.ts"
import { numberHash } from "./hash.ts"
import { postKind } from "./kinds/dispatch.ts"
import { Postings } from "./Postings.ts"
import { addCardsOfShard } from "./Provisioner.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"
import {
  kindAt,
  responseAt,
  SLOT_KIND_INTERNAL_FROM,
  SLOT_WORDS,
  SlotKind,
  SlotWord,
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
  readonly #postings = new Postings()
  readonly #swap: (shard: Shard, next: number) => void
  /** The sequence wanted next; 0 until the image is whole or known to be absent. */
  #next = 0

  /** @param swap puts the shard in its place, or throws when the lane has gone further */
  constructor(shard: Shard, image: string, scheme: Scheme, swap: (shard: Shard, next: number) => void) {
    this.shard = shard
    this.#image = image
    this.#scheme = scheme
    this.#swap = swap
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
    for (let at = 0; at < words.length; at += SLOT_WORDS) this.#applySlot(time, words, at)
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

  #applySlot(time: number, words: Int32Array, at: number): void {
    const kind = kindAt(words, at)
    if (kind === SlotKind.control) this.#applyCommand(time, words, at)
    else if (kind === SlotKind.turned) this.#post(turnedKindAt(words, at), words, at, -1)
    else if (kind < SLOT_KIND_INTERNAL_FROM && responseAt(words, at) === ResponseCode.approved) {
      this.#post(kind, words, at, 1)
    }
  }

  #post(kind: number, words: Int32Array, at: number, sign: number): void {
    const lo = words[at + RecordWord.cardLo]
    const hi = words[at + RecordWord.cardHi]
    const hash = numberHash(lo, hi)
    if ((hash & (this.shard.shards - 1)) !== this.shard.number) return
    const card = this.shard.cards.find(hash, lo, hi)
    if (card < 0) throw new ReplayDiverged(this.#next + at / SLOT_WORDS, "its card is not there")
    const { terms } = this.#scheme.merchants
    postKind(kind, words, at, terms, words[at + SlotWord.terms], sign, this.#postings)
    this.shard.apply(card, this.#postings)
  }

  #applyCommand(time: number, words: Int32Array, at: number): void {
    const sequence = this.#next + at / SLOT_WORDS
    const command = decodeCommand(words, at)
    if (typeof command === "string") throw new ReplayDiverged(sequence, command)
    if (command.type !== "cards") return
    addCardsOfShard(this.shard, time, command, this.#scheme.merchants.accountsOf(command.currency))
  }
}
