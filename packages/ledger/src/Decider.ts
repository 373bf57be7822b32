// The way of one request: find what is remembered, judge, record the decision in its slot, apply it, publish it.
import { OutcomeFlag, RecordWord, ResponseCode } from "@millrace/protocol"
import { Companion, Draft } from "./Draft.ts"
import { Defect } from "./errors.ts"
import { judgeFormat } from "./format.ts"
import { numberHash } from "./hash.ts"
import { judgeKind } from "./kinds/dispatch.ts"
import type { Memory } from "./Memory.ts"
import { TERMS_WORDS, TermsWord } from "./Merchants.ts"
import { writeAnswer, writeRefusal } from "./outcome.ts"
import { Account } from "./Postings.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"
import { currencyAt, kindAt, SLOT_WORDS, SlotKind, SlotWord } from "./Slot.ts"

const DUPLICATE = OutcomeFlag.duplicate << 16
const CURRENCY_BITS = 0xffff_0000

/** Requests that are read ahead together: their lines stay in the second-level cache until they are decided. */
export const READ_AHEAD_MAX = 64

export class Decider {
  readonly #scheme: Scheme
  readonly #memory: Memory
  readonly #draft: Draft
  readonly #heads = new Int32Array(READ_AHEAD_MAX)
  readonly #entries = new Int32Array(READ_AHEAD_MAX)

  constructor(scheme: Scheme, memory: Memory) {
    this.#scheme = scheme
    this.#memory = memory
    this.#draft = new Draft(memory, scheme.merchants, scheme.terminals)
  }

  /**
   * Reads ahead what the decisions of these requests will read, so that the waits for memory overlap: one after the
   * other, a decision waits for the head of a chain, a slot, an index entry and a card, each a miss of every cache.
   * The first pass reads what an address is known of, the second what the first one leads to. What it is worth is
   * in bench/src/ledger.ts. Returns a sum of what was read, so that the reading is not optimised away.
   */
  readAhead(shard: Shard, request: Uint32Array, at: number, count: number): number {
    const memory = this.#memory
    const { cards } = shard
    const heads = this.#heads
    const entries = this.#entries
    for (let i = 0, word = at; i < count; i++, word += SLOT_WORDS) {
      heads[i] = memory.peekHead(
        request[word + RecordWord.terminal] | 0,
        request[word + RecordWord.referenceLo] | 0,
        request[word + RecordWord.referenceHi] | 0,
      )
      entries[i] = cards.peek(
        numberHash(request[word + RecordWord.cardLo] | 0, request[word + RecordWord.cardHi] | 0),
      )
    }
    let sum = 0
    for (let i = 0; i < count; i++) sum ^= memory.peekSlot(heads[i]) ^ cards.peekCard(entries[i])
    return sum
  }

  /** Returns how many slots were journaled: 0 for what is answered without, 1, or 2 with a companion. */
  decide(shard: Shard, request: Uint32Array, at: number, out: Uint32Array, outAt: number): number {
    const malformed = judgeFormat(request, at)
    if (malformed !== 0) {
      writeRefusal(request, at, out, outAt, malformed)
      return 0
    }
    const memory = this.#memory
    const ring = memory.ring
    // The request is laid in its slot at once; nobody sees the slot before it is published.
    const slot = memory.working(0)
    for (let i = 0; i < SLOT_WORDS; i++) ring[slot + i] = request[at + i]
    const number = ring[slot + RecordWord.terminal]
    const lo = ring[slot + RecordWord.referenceLo]
    const hi = ring[slot + RecordWord.referenceHi]

    const found = memory.find(number, lo, hi)
    const barred = found >= 0 && memory.isBar(found)
    if (found >= 0 && !barred) {
      if (memory.sameContent(found, slot)) this.#answer(shard, found * SLOT_WORDS, DUPLICATE, out, outAt)
      else writeRefusal(request, at, out, outAt, ResponseCode.duplicate)
      return 0
    }
    const terminals = this.#scheme.terminals
    const terminal = terminals.find(number)
    if (terminal < 0 || !terminals.isActive(terminal)) {
      writeRefusal(request, at, out, outAt, ResponseCode.notPermittedToTerminal)
      return 0
    }
    if (found < 0 && terminals.isForgotten(terminal, lo, hi)) {
      writeRefusal(request, at, out, outAt, ResponseCode.tooLate)
      return 0
    }
    return this.#decideNew(shard, terminal, barred, slot, out, outAt)
  }

  /** Nothing is remembered of it but, perhaps, that it is barred: from here on it gets a slot, whatever is decided. */
  #decideNew(
    shard: Shard,
    terminal: number,
    barred: boolean,
    slot: number,
    out: Uint32Array,
    outAt: number,
  ): number {
    const memory = this.#memory
    const ring = memory.ring
    const draft = this.#draft
    const { merchants, terminals } = this.#scheme
    const cardLo = ring[slot + RecordWord.cardLo]
    const cardHi = ring[slot + RecordWord.cardHi]
    const hash = numberHash(cardLo, cardHi)
    if ((hash & (shard.shards - 1)) !== shard.number) throw new Defect("the card belongs to another shard")
    const card = shard.cards.find(hash, cardLo, cardHi)
    draft.open(shard, slot, card, terminal, merchants.termsOf(terminals.merchantOf(terminal)))

    const response = barred ? ResponseCode.tooLate : this.#judge(draft)
    const approved = response === ResponseCode.approved
    const moves = approved && draft.moves
    this.#record(draft, response, moves)
    const companion = approved && draft.companion !== Companion.none
    if (companion) this.#recordCompanion(draft)
    this.#answer(shard, slot, 0, out, outAt)
    if (moves) shard.apply(card, draft.postings)
    memory.publish(companion ? 2 : 1)
    return companion ? 2 : 1
  }

  #judge(draft: Draft): number {
    const { shard, card, merchants, words, at } = draft
    if (card < 0) return ResponseCode.noSuchCard
    const currency = currencyAt(words, at)
    const agreed = merchants.terms[draft.terms * TERMS_WORDS + TermsWord.currency]
    if (currency !== agreed || currency !== shard.cards.currency(card)) return ResponseCode.invalidTransaction
    return judgeKind(kindAt(words, at), draft)
  }

  /** The decision takes the place of the PIN block. */
  #record(draft: Draft, response: number, moves: boolean): void {
    const { ring, doubles } = this.#memory
    const { shard, card, at } = draft
    let available = card < 0 ? 0 : shard.available(card)
    if (moves) available += draft.postings.amounts[Account.purse]
    doubles[(at + SlotWord.available) >>> 1] = available
    ring[at + SlotWord.response] = response
    ring[at + SlotWord.terms] = draft.terms
  }

  /** A bar for the original that has not come, or the original that is turned round, once more. */
  #recordCompanion(draft: Draft): void {
    const { ring, doubles } = this.#memory
    const { at } = draft
    const to = this.#memory.working(1)
    if (draft.companion === Companion.bar) {
      for (let i = 0; i < SLOT_WORDS; i++) ring[to + i] = 0
      ring[to + RecordWord.referenceLo] = ring[at + RecordWord.originalLo]
      ring[to + RecordWord.referenceHi] = ring[at + RecordWord.originalHi]
      ring[to + RecordWord.cardLo] = ring[at + RecordWord.cardLo]
      ring[to + RecordWord.cardHi] = ring[at + RecordWord.cardHi]
      ring[to + RecordWord.terminal] = ring[at + RecordWord.terminal]
      ring[to + RecordWord.kindFlagsCurrency] = SlotKind.bar
      return
    }
    const original = draft.original * SLOT_WORDS
    for (let i = 0; i < SLOT_WORDS; i++) ring[to + i] = ring[original + i]
    doubles[(to + SlotWord.available) >>> 1] = doubles[(at + SlotWord.available) >>> 1]
    const last = ring[original + RecordWord.kindFlagsCurrency]
    ring[to + RecordWord.kindFlagsCurrency] = (last & CURRENCY_BITS) | ((last & 0xff) << 8) | SlotKind.turned
  }

  #answer(shard: Shard, slot: number, flags: number, out: Uint32Array, outAt: number): void {
    const memory = this.#memory
    const sequence = memory.sequenceAt(slot)
    writeAnswer(memory.ring, memory.doubles, slot, shard.number, sequence, flags, out, outAt)
  }
}
