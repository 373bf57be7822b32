// The way of one request: find what is remembered, judge, record the decision in its slots, carry it out, publish them.
import { Kind, OutcomeFlag, RecordWord, ResponseCode } from "@millrace/protocol"
import { CardStatus } from "./Cards.ts"
import { Companion, Draft } from "./Draft.ts"
import { Defect } from "./errors.ts"
import { judgeFormat } from "./format.ts"
import { numberHash } from "./hash.ts"
import { judgeKind } from "./kinds/dispatch.ts"
import { close, endsBatch } from "./kinds/service.ts"
import { available } from "./kinds/spend.ts"
import { statusResponse } from "./kinds/table.ts"
import { LaneMoves } from "./LaneMoves.ts"
import type { Memory } from "./Memory.ts"
import { TermsWord } from "./Merchants.ts"
import { Moves } from "./Moves.ts"
import { writeAnswer, writeRefusal } from "./outcome.ts"
import { Plain } from "./Plain.ts"
import { Recorder } from "./Recorder.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"
import { amountAt, currencyAt, isApproved, isHistory, kindAt, SLOT_WORDS, SlotWord } from "./Slot.ts"

const DUPLICATE = OutcomeFlag.duplicate << 16

/** Requests that are read ahead together: their lines stay in the second-level cache until they are decided. */
export const READ_AHEAD_MAX = 64

export class Decider {
  readonly #scheme: Scheme
  readonly #memory: Memory
  readonly #draft: Draft
  readonly #moves: Moves
  /** A transfer's other side, worked out beside the first. */
  readonly #otherMoves: Moves
  readonly #laneMoves: LaneMoves
  readonly #recorder: Recorder
  readonly #plain: Plain | undefined
  /** What reading ahead found, by place: the hash of the reference, the slots of card and terminal. */
  readonly #hashes = new Int32Array(READ_AHEAD_MAX)
  readonly #cardHashes = new Int32Array(READ_AHEAD_MAX)
  readonly #cards = new Int32Array(READ_AHEAD_MAX)
  readonly #terminals = new Int32Array(READ_AHEAD_MAX)
  /** Of what was only touched: so that the touching has a use and stays. */
  #touched = 0
  /** The payee's shard of the transfer that was carried out last, and the sequence that it got. */
  #otherSide = -1
  #otherSideAt = 0

  /** @param plain whether what is plain is decided in one go; without it the same comes of it */
  constructor(scheme: Scheme, memory: Memory, shards: () => ReadonlyArray<Shard>, plain: boolean) {
    this.#scheme = scheme
    this.#memory = memory
    this.#moves = new Moves(scheme.merchants, scheme.plans)
    this.#otherMoves = new Moves(scheme.merchants, scheme.plans)
    this.#laneMoves = new LaneMoves(scheme)
    this.#draft = new Draft(memory, scheme, this.#moves, shards)
    this.#recorder = new Recorder(memory)
    this.#plain = plain ? new Plain(scheme, memory) : undefined
  }

  /**
   * Finds card and terminal of the requests that will be decided next, and touches what their references are looked up
   * in. One after the other, each look-up waits for memory, a miss of every cache; pass by pass over many requests the
   * waits overlap. What it is worth is in bench/src/ledger.ts. Cards and terminals come only with commands, which run
   * between turns, so what is found here is good until the turn is over.
   */
  readAhead(shard: Shard, request: Uint32Array, at: number, count: number): void {
    const memory = this.#memory
    const { cards } = shard
    const { terminals } = this.#scheme
    const hashes = this.#hashes
    const cardHashes = this.#cardHashes
    const found = this.#cards
    let sum = 0
    // What waits stands alone in short loops: the processor has as many of them under way as fit into its window.
    for (let i = 0, word = at; i < count; i++, word += SLOT_WORDS) {
      const terminal = request[word + RecordWord.terminal] | 0
      this.#terminals[i] = terminals.peek(terminal)
      hashes[i] = memory.hashOf(
        terminal,
        request[word + RecordWord.referenceLo] | 0,
        request[word + RecordWord.referenceHi] | 0,
      )
      cardHashes[i] = numberHash(request[word + RecordWord.cardLo] | 0, request[word + RecordWord.cardHi] | 0)
    }
    for (let i = 0; i < count; i++) sum ^= memory.peek(hashes[i])
    for (let i = 0; i < count; i++) sum ^= cards.touchEntry(cardHashes[i])
    for (let i = 0; i < count; i++) found[i] = cards.peek(cardHashes[i])
    for (let i = 0; i < count; i++) sum ^= cards.touch(found[i])
    for (let i = 0, word = at; i < count; i++, word += SLOT_WORDS) {
      const lo = request[word + RecordWord.cardLo] | 0
      const hi = request[word + RecordWord.cardHi] | 0
      found[i] = cards.confirm(found[i], cardHashes[i], lo, hi)
      this.#terminals[i] = terminals.confirm(this.#terminals[i], request[word + RecordWord.terminal] | 0)
    }
    for (let i = 0, word = at; i < count; i++, word += SLOT_WORDS) {
      const kind = request[word + RecordWord.kindFlagsCurrency] & 0xff
      sum ^= cards.peekRest(found[i], kind <= Kind.recharge && kind !== Kind.refund)
    }
    this.#touched ^= sum
  }

  /** A journaled request that was read ahead, whose effects an image has: it only fills the memory. */
  remember(shard: Shard, words: Int32Array, at: number, place: number): void {
    const memory = this.#memory
    if (isHistory(kindAt(words, at))) memory.chain(shard, this.#cards[place], 0)
    memory.appendFound(words, at, this.#hashes[place], this.#terminals[place])
  }

  /** While a journal is replayed: the bits of the slot, in place of the PIN that is not journaled; −1 afterwards. */
  replaying(bits: number): void {
    this.#draft.replayedBits = bits
  }

  /**
   * After a throw: the shard of the other side, which the decision may have changed and which must be made anew like its own;
   * −1 for none.
   */
  get otherSideOfDefect(): number {
    // What came to its end was published, and the memory went on.
    return this.#otherSideAt === this.#memory.next ? this.#otherSide : -1
  }

  /**
   * Returns how many slots were journaled: 0 for what is answered without, up to WORKING_SLOTS with companions.
   *
   * @param place of the request among those that were read ahead
   */
  decide(
    shard: Shard,
    time: number,
    request: Uint32Array,
    at: number,
    out: Uint32Array,
    outAt: number,
    place: number,
  ): number {
    if (
      this.#plain?.approve(
        shard,
        time,
        request,
        at,
        out,
        outAt,
        this.#hashes[place],
        this.#cards[place],
        this.#terminals[place],
      )
    ) {
      return 1
    }
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
    const kind = ring[slot + RecordWord.kindFlagsCurrency] & 0xff

    const hash = this.#hashes[place]
    const found = memory.findHashed(hash, number, lo, hi)
    const barred = found >= 0 && memory.isBar(found)
    if (found >= 0 && !barred) {
      if (memory.sameContent(found, slot)) this.#answer(shard, found * SLOT_WORDS, DUPLICATE, out, outAt)
      else writeRefusal(request, at, out, outAt, ResponseCode.duplicate)
      return 0
    }
    const { terminals } = this.#scheme
    const terminal = this.#terminals[place]
    if (terminal < 0 || !this.#mayAsk(terminal, kind)) {
      writeRefusal(request, at, out, outAt, ResponseCode.notPermittedToTerminal)
      return 0
    }
    if (found < 0 && terminals.isForgotten(terminal, lo, hi)) {
      writeRefusal(request, at, out, outAt, ResponseCode.tooLate)
      return 0
    }
    this.#scheme.calendar.set(time)
    this.#laneMoves.begin()
    this.#draft.open(shard, time, slot, kind, amountAt(ring, slot), terminal)
    const slots = kind === Kind.close ? this.#decideClose(barred) : this.#decideNew(barred, place)
    if (slots === 0) {
      // Another shard that takes part is being rebuilt.
      writeRefusal(request, at, out, outAt, ResponseCode.unavailable)
      return 0
    }
    this.#answer(shard, slot, 0, out, outAt)
    this.#laneMoves.commit(terminal, lo, hi)
    memory.publish(slots, hash, terminal)
    return slots
  }

  /** Who was suspended after a purchase that got no answer must still be able to take it back. */
  #mayAsk(terminal: number, kind: number): boolean {
    const { terminals, merchants } = this.#scheme
    if (kind === Kind.reversal) return true
    return (
      terminals.isActive(terminal) &&
      terminals.allows(terminal, kind) &&
      merchants.isActive(terminals.merchantOf(terminal))
    )
  }

  /** Nothing is remembered of it but, perhaps, that it is barred: from here on it gets a slot, whatever is decided. */
  #decideNew(barred: boolean, place: number): number {
    const memory = this.#memory
    const draft = this.#draft
    const { shard, at, words } = draft
    if (this.#cards[place] < 0)
      this.#checkShard(shard, words[at + RecordWord.cardLo], words[at + RecordWord.cardHi])
    draft.asked = this.#cards[place]
    if (draft.asked >= 0) draft.takeCard(draft.asked)

    let response = barred ? ResponseCode.tooLate : this.#judge(draft)
    if (response === ResponseCode.unavailable) return 0
    let slots = this.#recorder.record(draft, response)
    if (isApproved(response) && !this.#carryOut(draft, slots)) {
      response = ResponseCode.overLimit
      slots = this.#recorder.record(draft, response)
    }
    this.#settle(draft, slots, response)
    memory.chain(shard, draft.asked, 0)
    return slots
  }

  /** An unknown card is answered for by one shard only: the one that would own it. */
  #checkShard(shard: Shard, lo: number, hi: number): void {
    if ((numberHash(lo, hi) & (shard.shards - 1)) !== shard.number)
      throw new Defect("the card belongs to another shard")
  }

  /** Whose card, whose currency, which status; then the kind's own rules. */
  #judge(draft: Draft): number {
    const { shard, asked, words, at, kind } = draft
    if (asked < 0) return ResponseCode.noSuchCard
    const { cards } = shard
    const currency = currencyAt(words, at)
    if (currency !== draft.termsWord(TermsWord.currency) || currency !== cards.currency(asked)) {
      return ResponseCode.invalidTransaction
    }
    const status = cards.status(asked)
    let refusal = statusResponse(kind, status)
    if (refusal === ResponseCode.approved && cards.isExpired(asked, this.#scheme.calendar.day)) {
      refusal = statusResponse(kind, CardStatus.expired)
    }
    if (refusal !== ResponseCode.approved) return refusal
    // The money of a card that was replaced is its successor's.
    const newest = cards.newest(asked)
    if (newest !== asked) {
      draft.takeCard(newest)
      refusal = statusResponse(kind, cards.status(newest))
    }
    return refusal === ResponseCode.approved ? judgeKind(kind, draft) : refusal
  }

  /** Moves what the recorded slots say; false, and nothing is moved, when an account would leave its range. */
  #carryOut(draft: Draft, slots: number): boolean {
    const memory = this.#memory
    const moves = this.#moves
    const { ring, doubles } = memory
    const { shard, card, kind, at } = draft
    const more = memory.working(1)
    if (draft.companion === Companion.arrival) return this.#carryOutPair(draft, kind, 1)
    if (draft.companion === Companion.turned) {
      const turned = (ring[more + RecordWord.kindFlagsCurrency] >>> 8) & 0xff
      if (turned === Kind.transfer) return this.#carryOutPair(draft, turned, -1)
      const split = memory.working(2)
      moves.post(turned, shard, ring, doubles, more, split, -1)
      if (!moves.allowed(shard, card)) return false
      moves.commit(turned, shard, card, ring, doubles, more, split, -1, draft.calendar.day)
      this.#laneMoves.turned(turned, ring, more)
      return true
    }
    if (slots > 1 && draft.companion === Companion.bar) return true
    moves.post(kind, shard, ring, doubles, at, more, 1)
    if (!moves.allowed(shard, card)) return false
    moves.commit(kind, shard, card, ring, doubles, at, more, 1, draft.calendar.day)
    this.#laneMoves.done(kind, ring, doubles, at)
    return true
  }

  /** Both sides of a transfer, or neither: the payer's slot and the payee's behind it. */
  #carryOutPair(draft: Draft, kind: number, sign: number): boolean {
    const memory = this.#memory
    const moves = this.#moves
    const otherMoves = this.#otherMoves
    const { ring, doubles } = memory
    const { shard, card, payeeShard, payee } = draft
    const { day } = draft.calendar
    const at = sign > 0 ? draft.at : memory.working(1)
    const other = memory.working(sign > 0 ? 1 : 2)
    const otherKind = ring[other + RecordWord.kindFlagsCurrency] & 0xff
    otherMoves.post(otherKind, payeeShard, ring, doubles, other, other, 1)
    moves.post(kind, shard, ring, doubles, at, other, sign)
    if (!otherMoves.allowed(payeeShard, payee) || !moves.allowed(shard, card)) return false
    this.#otherSide = payeeShard.number
    this.#otherSideAt = memory.next
    moves.commit(kind, shard, card, ring, doubles, at, other, sign, day)
    otherMoves.commit(otherKind, payeeShard, payee, ring, doubles, other, other, 1, day)
    doubles[(other + SlotWord.available) >>> 1] = Math.max(0, payeeShard.cards.balance(payee, 0))
    memory.chain(payeeShard, draft.payeeAsked, sign > 0 ? 1 : 2)
    if (sign > 0) this.#laneMoves.done(kind, ring, doubles, at)
    else this.#laneMoves.turned(kind, ring, at)
    return true
  }

  /** What a PIN did, and what is left: known only now. */
  #settle(draft: Draft, slots: number, response: number): void {
    const { ring, doubles } = this.#memory
    const { shard, asked, at, kind } = draft
    if (asked < 0) {
      doubles[(at + SlotWord.available) >>> 1] = 0
      return
    }
    if (kind === Kind.recharge || kind === Kind.refund) this.#laneMoves.countCode(draft.merchant, ring, at)
    else this.#moves.countPin(shard, asked, ring, at)
    const left = available(draft)
    if (response !== ResponseCode.partiallyApproved) doubles[(at + SlotWord.available) >>> 1] = left
    if (slots > 1 && draft.companion === Companion.turned) {
      doubles[(this.#memory.working(1) + SlotWord.available) >>> 1] = left
    }
  }

  #decideClose(barred: boolean): number {
    const draft = this.#draft
    const response = barred ? ResponseCode.tooLate : close(draft)
    this.#recorder.record(draft, response)
    this.#memory.doubles[(draft.at + SlotWord.available) >>> 1] = 0
    if (!barred && endsBatch(draft.words, draft.at, response)) this.#laneMoves.closeBatch()
    return 1
  }

  #answer(shard: Shard, slot: number, flags: number, out: Uint32Array, outAt: number): void {
    const memory = this.#memory
    const sequence = memory.sequenceAt(slot)
    writeAnswer(memory.ring, memory.doubles, slot, shard.number, sequence, flags, out, outAt)
  }
}
