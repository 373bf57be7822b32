// Exactly once: the lane's memory of its last transactions, a ring of journal slots with a hash index over it.
import { Kind, RecordFlag, RecordWord, ResponseCode } from "@millrace/protocol"
import { LINE_START, lineBytes } from "./alignment.ts"
import { JournalGap } from "./errors.ts"
import { referenceHash } from "./hash.ts"
import { isPowerOfTwo, SLOTS_PER_REQUEST_MAX, TRANSACTIONS_MAX, TRANSACTIONS_MIN } from "./limits.ts"
import { PLACE_WORDS, ReferenceIndex } from "./ReferenceIndex.ts"
import type { Shard } from "./Shard.ts"
import {
  amountAt,
  kindAt,
  responseAt,
  SLOT_BYTES,
  SLOT_KIND_INTERNAL_FROM,
  SLOT_WORDS,
  SlotKind,
  turnedKindAt,
} from "./Slot.ts"
import type { Terminals } from "./Terminals.ts"

/** A mark that is not an amount: the transaction was turned round by a reversal. */
export const REVERSED = -1
/** Of a pre-authorisation: it was completed. */
export const COMPLETED = -2
/** Always free, to be written before they are published. */
export const WORKING_SLOTS = SLOTS_PER_REQUEST_MAX
const REPEAT_BIT = RecordFlag.repeat << 8

/** The arrays by how they are touched: anywhere from the first transaction on, or in the order of the slots. */
export interface MemoryPages {
  readonly atRandom: ReadonlyArray<Int32Array>
  readonly inOrder: ReadonlyArray<Int32Array>
}

/**
 * The slot of sequence s lies at s modulo capacity. Nothing is ever deleted: a sequence is followed only while its age,
 * next − sequence, is within what is remembered, and what it leads to is compared with what is looked for; so a stale one,
 * even after 2^32 sequences, costs a compare and no more.
 *
 * Memory grows by no allocation: the arrays are whole from the start, and the system gives pages as they are touched.
 * They are shared so that another thread can touch them first (`pages`); none but this one changes a word of them.
 */
export class Memory {
  readonly capacity: number
  /** The slots, byte for byte as they are journaled. */
  readonly ring: Int32Array
  readonly doubles: Float64Array
  /**
   * Of a purchase or completion: what was refunded so far. Of any transaction: REVERSED. Of a pre-authorisation also
   * COMPLETED. Beside the ring, whose bytes are the journal's.
   */
  readonly marks: Float64Array
  /** For each slot of a card's history: the next older one (the lower 32 bits of its sequence). */
  readonly #cardLinks: Int32Array
  /** For each slot that is found by its reference: its terminal's place, whose horizon it raises one day. */
  readonly #askers: Int32Array
  readonly #index: ReferenceIndex
  readonly #terminals: Terminals
  readonly #mask: number
  readonly #salt: number
  #next = 1
  /** The lower 32 bits of `next`: what heads and links are made of. */
  #low = 1
  #live = 0

  /** @param salt of the hash; no decision depends on it */
  constructor(capacity: number, terminals: Terminals, salt: number) {
    if (!isPowerOfTwo(capacity, TRANSACTIONS_MIN, TRANSACTIONS_MAX)) {
      throw new RangeError(
        `transactions must be a power of two from ${TRANSACTIONS_MIN} to ${TRANSACTIONS_MAX}, not ${capacity}`,
      )
    }
    this.capacity = capacity
    this.#mask = capacity - 1
    this.#salt = salt
    const buffer = new SharedArrayBuffer(lineBytes(capacity * SLOT_BYTES))
    this.ring = new Int32Array(buffer, LINE_START, capacity * SLOT_WORDS)
    this.doubles = new Float64Array(buffer, LINE_START, (capacity * SLOT_BYTES) / 8)
    this.marks = new Float64Array(new SharedArrayBuffer(capacity * 8))
    this.#cardLinks = new Int32Array(new SharedArrayBuffer(capacity * 4))
    this.#askers = new Int32Array(new SharedArrayBuffer(capacity * 4))
    this.#index = new ReferenceIndex(capacity)
    this.#terminals = terminals
  }

  /** For whoever has pages given before they are needed. */
  get pages(): MemoryPages {
    return {
      atRandom: [this.#index.words],
      // Not the marks: few are ever set, and pages that are only read are one and the same.
      inOrder: [this.ring, this.#cardLinks, this.#askers],
    }
  }

  /** The sequence that the next slot gets. */
  get next(): number {
    return this.#next
  }

  /** Slots that are remembered: at most `rememberedMax`. */
  get live(): number {
    return this.#live
  }

  get rememberedMax(): number {
    return this.capacity - WORKING_SLOTS
  }

  /** Begins at another sequence; only an empty memory can. */
  begin(next: number): void {
    if (this.#live !== 0) throw new JournalGap(this.#next, next, "the memory is not empty")
    this.#next = next
    this.#low = next | 0
  }

  /** Word offset in the ring of the slot that will be published `ahead` (below WORKING_SLOTS) after the next. */
  working(ahead: number): number {
    return ((this.#low + ahead) & this.#mask) * SLOT_WORDS
  }

  /** Word offset in the ring of the slot of a sequence. */
  wordOf(sequence: number): number {
    return (sequence & this.#mask) * SLOT_WORDS
  }

  /** The ring index behind another one. */
  after(index: number): number {
    return (index + 1) & this.#mask
  }

  /** The working slot `ahead` becomes the newest of the card's history. */
  chain(shard: Shard, card: number, ahead: number): void {
    if (card < 0) return
    const sequence = (this.#low + ahead) | 0
    this.#cardLinks[sequence & this.#mask] = shard.cards.last(card)
    shard.cards.setLast(card, sequence)
  }

  /** The sequence of the card's newest slot that is remembered, or 0. */
  newest(shard: Shard, card: number): number {
    return this.#followed(shard.cards.last(card), 0)
  }

  /** The sequence of the slot before this one in the history of its card, or 0. */
  older(sequence: number): number {
    return this.#followed(this.#cardLinks[sequence & this.#mask], this.#next - sequence)
  }

  /** Only while the age grows and is within what is remembered. */
  #followed(link: number, last: number): number {
    const age = (this.#low - link) >>> 0
    return age <= last || age > this.#live ? 0 : this.#next - age
  }

  /** What a reference is looked up by: never 0, which is a place that was never used. */
  hashOf(terminal: number, lo: number, hi: number): number {
    const hash = referenceHash(this.#salt, terminal, lo, hi)
    return hash === 0 ? 1 : hash
  }

  /** The ring index of the newest transaction or bar under (terminal, reference), or −1. */
  find(terminal: number, lo: number, hi: number): number {
    return this.findHashed(this.hashOf(terminal, lo, hi), terminal, lo, hi)
  }

  /** @param hash hashOf(terminal, lo, hi) */
  findHashed(hash: number, terminal: number, lo: number, hi: number): number {
    const index = this.#index
    const next = this.#low
    const live = this.#live
    let place = index.search(hash, index.first(hash), next, live)
    let newest = 0
    for (; place >= 0; place = index.search(hash, place + PLACE_WORDS, next, live)) {
      const age = (next - index.words[place]) >>> 0
      if ((newest === 0 || age < newest) && this.#isUnder(next - age, terminal, lo, hi)) newest = age
    }
    return newest === 0 ? -1 : (next - newest) & this.#mask
  }

  #isUnder(sequence: number, terminal: number, lo: number, hi: number): boolean {
    const ring = this.ring
    const at = (sequence & this.#mask) * SLOT_WORDS
    return (
      ring[at + RecordWord.referenceLo] === lo &&
      ring[at + RecordWord.referenceHi] === hi &&
      ring[at + RecordWord.terminal] === terminal &&
      isIndexed(ring[at + RecordWord.kindFlagsCurrency] & 0xff)
    )
  }

  /** Where a reference with this hash can be put that was surely never seen; −1: look it up. */
  freshPlace(hash: number): number {
    return this.#index.fresh(hash, this.#low, this.#live)
  }

  /**
   * The slot written in the next place, of a purchase, recharge or balance, becomes part of the journal and the memory.
   *
   * @param place what `freshPlace` gave for the reference's hash, which is under no remembered slot
   * @param asker the place of its terminal
   */
  publishPlain(place: number, hash: number, asker: number): void {
    const index = this.#low & this.#mask
    if (this.marks[index] !== 0) this.marks[index] = 0
    if (place >= 0) this.#index.put(place, hash, this.#low)
    else this.#index.add(hash, this.#low, this.#live)
    this.#askers[index] = asker
    this.#goOn()
    if (this.#live > this.rememberedMax) this.forget()
  }

  /** Reading ahead: touches what a look-up of this hash will read. */
  peek(hash: number): number {
    return this.#index.peek(hash)
  }

  isBar(index: number): boolean {
    return kindAt(this.ring, index * SLOT_WORDS) === SlotKind.bar
  }

  /**
   * Is the request that was laid at word `request` of the ring the remembered one? All counts but REPEAT and PINs: were a
   * PIN change's new one compared, its answer would tell whoever tries them which it is.
   */
  sameContent(index: number, request: number): boolean {
    const ring = this.ring
    const slot = index * SLOT_WORDS
    const words = kindAt(ring, slot) === Kind.pinChange ? RecordWord.counterpartyLo : RecordWord.pinBlock0
    for (let word = 0; word < words; word++) {
      if (ring[slot + word] !== ring[request + word]) return false
    }
    const kind = RecordWord.kindFlagsCurrency
    return (
      ring[slot + RecordWord.terminal] === ring[request + RecordWord.terminal] &&
      ((ring[slot + kind] ^ ring[request + kind]) & ~REPEAT_BIT) === 0
    )
  }

  /** The sequence of the remembered (or next) slot at this word of the ring. */
  sequenceAt(slot: number): number {
    const ahead = (slot / SLOT_WORDS - this.#low) & this.#mask
    return ahead < WORKING_SLOTS ? this.#next + ahead : this.#next + ahead - this.capacity
  }

  /**
   * The slots written in the working places become part of the journal and the memory. Last step of a decision.
   *
   * @param hash of the reference of the first of them
   * @param asker the place of their terminal
   */
  publish(count: number, hash: number, asker: number): void {
    this.#publishOne(hash, asker)
    for (let i = 1; i < count; i++) this.#publishOne(this.#hashAt(this.working(0)), asker)
    while (this.#live > this.rememberedMax) this.forget()
  }

  /** Slots that nobody asked for: of commands, and what time brought about. */
  publishUnasked(count: number): void {
    for (let i = 0; i < count; i++) this.#publishOne(0, -1)
    while (this.#live > this.rememberedMax) this.forget()
  }

  /** One journaled slot, copied from a payload. */
  append(words: Int32Array, at: number): void {
    if (isIndexed(kindAt(words, at))) {
      const number = words[at + RecordWord.terminal]
      const hash = this.hashOf(number, words[at + RecordWord.referenceLo], words[at + RecordWord.referenceHi])
      this.appendFound(words, at, hash, this.#terminals.find(number))
      return
    }
    this.#copyIn(words, at)
    this.publishUnasked(1)
  }

  /** The same for one that is indexed, when the hash of its reference and the place of its terminal are known. */
  appendFound(words: Int32Array, at: number, hash: number, asker: number): void {
    this.#copyIn(words, at)
    this.publish(1, hash, asker)
  }

  #copyIn(words: Int32Array, at: number): void {
    const ring = this.ring
    const to = this.working(0)
    for (let i = 0; i < SLOT_WORDS; i++) ring[to + i] = words[at + i]
  }

  #publishOne(hash: number, asker: number): void {
    const index = this.#low & this.#mask
    const at = index * SLOT_WORDS
    // Read before written: a mark is rarely set, and a page never written costs no memory.
    if (this.marks[index] !== 0) this.marks[index] = 0
    const kind = kindAt(this.ring, at)
    if (isIndexed(kind)) {
      if (responseAt(this.ring, at) === ResponseCode.approved) this.#noteApproved(kind, at)
      this.#index.add(hash, this.#low, this.#live)
      this.#askers[index] = asker
    } else if (kind === SlotKind.turned || kind === SlotKind.expired) this.#noteTurned(kind, at)
    this.#goOn()
  }

  #goOn(): void {
    this.#next++
    this.#low = (this.#low + 1) | 0
    this.#live++
  }

  #hashAt(at: number): number {
    const ring = this.ring
    return this.hashOf(
      ring[at + RecordWord.terminal],
      ring[at + RecordWord.referenceLo],
      ring[at + RecordWord.referenceHi],
    )
  }

  /** The bytes of slots `from` up to but without `to`: one view of the ring, or two where it wraps. */
  slots(from: number, to: number): Array<Uint8Array> {
    if (from >= to) return []
    if (to > this.#next || from < this.#next - this.#live) throw new RangeError(`slots ${from} to ${to}`)
    const bytes = new Uint8Array(this.ring.buffer, this.ring.byteOffset, this.ring.byteLength)
    const start = from & this.#mask
    const count = to - from
    const first = Math.min(count, this.capacity - start)
    const parts = [bytes.subarray(start * SLOT_BYTES, (start + first) * SLOT_BYTES)]
    if (first < count) parts.push(bytes.subarray(0, (count - first) * SLOT_BYTES))
    return parts
  }

  // ---- what a slot means for the look-ups to come: its marks on an earlier one

  #noteTurned(kind: number, at: number): void {
    const turned = this.#findAt(at, RecordWord.referenceLo)
    if (turned >= 0) this.marks[turned] = REVERSED
    if (turnedKindAt(this.ring, at) === Kind.refund && kind === SlotKind.turned)
      this.#markRefunded(at, -amountAt(this.ring, at))
  }

  #noteApproved(kind: number, at: number): void {
    if (kind === Kind.refund) this.#markRefunded(at, amountAt(this.ring, at))
    else if (kind === Kind.completion || kind === Kind.cancellation) {
      const hold = this.#findAt(at, RecordWord.originalLo)
      if (hold >= 0) this.marks[hold] = kind === Kind.completion ? COMPLETED : REVERSED
    }
  }

  /** The purchase may be forgotten by now; then nobody can refund or reverse it either. */
  #markRefunded(refundAt: number, amount: number): void {
    const purchase = this.#findAt(refundAt, RecordWord.originalLo)
    if (purchase >= 0) this.marks[purchase] += amount
  }

  /** What the slot at `at` names by its terminal and the reference in word `reference`. */
  #findAt(at: number, reference: number): number {
    const ring = this.ring
    return this.find(ring[at + RecordWord.terminal], ring[at + reference], ring[at + reference + 1])
  }

  /** The oldest slot goes; from now on its terminal's references up to it are refused, not guessed about. */
  forget(): void {
    const ring = this.ring
    const index = (this.#low - this.#live) & this.#mask
    const at = index * SLOT_WORDS
    if (isIndexed(kindAt(ring, at))) {
      this.#terminals.raiseHorizon(
        this.#askers[index],
        ring[at + RecordWord.referenceLo],
        ring[at + RecordWord.referenceHi],
      )
    }
    this.#live--
  }
}

const isIndexed = (kind: number): boolean => kind < SLOT_KIND_INTERNAL_FROM || kind === SlotKind.bar
