// What time alone brings about: holds that run out, bonus released by the month, fees of dormant cards, purses that expire.
import { RecordWord } from "@millrace/protocol"
import type { Calendar } from "./Calendar.ts"
import { monthOfDay } from "./Calendar.ts"
import { CardStatus, PURSES, Purse } from "./Cards.ts"
import { ReplayDiverged } from "./errors.ts"
import type { Memory } from "./Memory.ts"
import { Moves } from "./Moves.ts"
import { commitPeriodic, postPeriodic } from "./PeriodicMoves.ts"
import type { Product } from "./Products.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"
import { SLOT_WORDS, SlotBit, SlotKind, SlotWord, setU53 } from "./Slot.ts"

/** Cards that one tick looks at: well below a millisecond of the lane's time. */
const CARDS_PER_TICK = 8_192

/**
 * Nothing here reads a clock: `tick` is told the batch time. Each thing that happens is a slot of its own, so it is
 * journaled, replayed and compared like a request. Where a pass over the cards stands is not remembered: after a restart
 * it begins anew, and finds nothing to do where it was done.
 */
export class Periodic {
  readonly #scheme: Scheme
  readonly #calendar: Calendar
  readonly #memory: Memory
  readonly #shards: () => ReadonlyArray<Shard>
  readonly #moves: Moves
  #passDay = -1
  /** Another pass is asked for. */
  #again = false
  #shard = 0
  #card = 0

  constructor(scheme: Scheme, memory: Memory, shards: () => ReadonlyArray<Shard>) {
    this.#scheme = scheme
    this.#calendar = scheme.calendar
    this.#memory = memory
    this.#shards = shards
    this.#moves = new Moves(scheme.merchants, scheme.plans)
  }

  /** A command changed what may be due: the cards are looked at again, once the pass that is under way has ended. */
  again(): void {
    this.#again = true
  }

  /** Journals what is due at `time`, at most `slotsMax` slots; returns how many. What is left comes with the next tick. */
  tick(time: number, slotsMax: number): number {
    this.#calendar.set(time)
    let slots = 0
    for (const shard of this.#shards()) {
      if (!shard.up) continue
      for (; slots < slotsMax; slots++) {
        const row = shard.holds.due(time)
        if (row < 0) break
        this.#expire(shard, row)
      }
    }
    return slots + this.#pass(slotsMax - slots)
  }

  #pass(slotsMax: number): number {
    const shards = this.#shards()
    const { day } = this.#calendar
    const isOver = this.#shard >= shards.length
    if (this.#passDay < 0 || (isOver && (this.#again || this.#passDay !== day))) {
      this.#passDay = day
      this.#again = false
      this.#shard = this.#scheme.products.anyPeriodic ? 0 : shards.length
      this.#card = 0
    }
    let slots = 0
    for (let looked = 0; this.#shard < shards.length && looked < CARDS_PER_TICK; looked++) {
      const shard = shards[this.#shard]
      if (this.#card >= shard.cards.count) {
        this.#shard++
        this.#card = 0
        continue
      }
      // A shard that is being rebuilt is waited for.
      if (!shard.up || slots === slotsMax) break
      if (this.#serve(shard, this.#card++)) slots++
    }
    return slots
  }

  #expire(shard: Shard, row: number): void {
    const { holds, cards } = shard
    const { ring, doubles } = this.#memory
    const at = this.#memory.working(0)
    const card = cards.newest(holds.card(row))
    for (let i = 0; i < SLOT_WORDS; i++) ring[at + i] = 0
    ring[at + RecordWord.referenceLo] = holds.lo(row)
    ring[at + RecordWord.referenceHi] = holds.hi(row)
    ring[at + RecordWord.terminal] = holds.terminal(row)
    ring[at + RecordWord.cardLo] = cards.numberLo(card)
    ring[at + RecordWord.cardHi] = cards.numberHi(card)
    setU53(ring, at + RecordWord.amountLo, holds.amount(row))
    ring[at + SlotWord.response] = this.#calendar.day << 16
    ring[at + SlotWord.terms] = holds.purse(row) << SlotBit.purseShift
    ring[at + RecordWord.kindFlagsCurrency] = SlotKind.expired | (cards.currency(card) << 16)
    this.#moves.post(SlotKind.expired, shard, ring, doubles, at, at, 1)
    this.#moves.commit(SlotKind.expired, shard, card, ring, doubles, at, at, 1, this.#calendar.day)
    this.#publish(shard, card, at)
  }

  /** True when something was due on the card. */
  #serve(shard: Shard, card: number): boolean {
    const { cards } = shard
    const product = this.#scheme.products.at(cards.product(card))
    const status = cards.status(card)
    if (status === CardStatus.returned || status === CardStatus.cancelled || cards.replacedBy(card) >= 0) {
      return false
    }
    // What a product once promised goes on when its rule is changed: so it is the card that is asked.
    if (!product.periodic && cards.bonusLocked(card) === 0 && !hasExpiry(shard, card)) return false
    const at = this.#memory.working(0)
    if (!this.#lay(shard, card, product, at)) return false
    const { ring, doubles } = this.#memory
    postPeriodic(this.#moves, this.#scheme.merchants, ring, doubles, at)
    // Income at its limit: what is due waits.
    if (!shard.accounts.allow(this.#moves.postings)) return false
    commitPeriodic(this.#moves, shard, card, ring, at)
    this.#publish(shard, card, at)
    return true
  }

  /** Lays the slot of what is due; false when nothing is. */
  #lay(shard: Shard, card: number, product: Product, at: number): boolean {
    const { cards } = shard
    const { ring, doubles } = this.#memory
    const { day, month } = this.#calendar
    let mask = 0
    let expired = 0
    for (let purse = 1; purse < PURSES; purse++) {
      const last = cards.purseExpires(card, purse)
      const balance = cards.balance(card, purse)
      if (last === 0 || day <= last || balance <= 0) continue
      mask |= 1 << purse
      expired += balance
    }
    const months = month - cards.periodMonth(card)
    let locked = cards.bonusLocked(card)
    let left = cards.monthsLeft(card)
    for (let i = 0; i < months && left > 0 && locked > 0; i++) locked -= Math.ceil(locked / left--)
    const released = cards.bonusLocked(card) - locked
    const fee = months > 0 ? dormantFee(shard, card, product, month) : 0
    if (mask === 0 && released === 0 && fee === 0) return false
    for (let i = 0; i < SLOT_WORDS; i++) ring[at + i] = 0
    ring[at + RecordWord.cardLo] = cards.numberLo(card)
    ring[at + RecordWord.cardHi] = cards.numberHi(card)
    setU53(ring, at + RecordWord.amountLo, released)
    setU53(ring, at + RecordWord.originalLo, fee)
    ring[at + RecordWord.counterpartyLo] = mask
    ring[at + RecordWord.counterpartyHi] = month
    doubles[(at + SlotWord.available) >>> 1] = expired
    ring[at + SlotWord.response] = day << 16
    ring[at + SlotWord.terms] = left << SlotBit.purseShift
    ring[at + RecordWord.kindFlagsCurrency] = SlotKind.periodic | (cards.currency(card) << 16)
    return true
  }

  #publish(shard: Shard, card: number, at: number): void {
    const { ring, doubles } = this.#memory
    if ((ring[at + RecordWord.kindFlagsCurrency] & 0xff) === SlotKind.expired)
      doubles[(at + SlotWord.available) >>> 1] = Math.max(0, shard.cards.balance(card, Purse.main))
    this.#memory.chain(shard, card, 0)
    this.#memory.publishUnasked(1)
  }

  // ---- recovery

  /** What was due then must be due now. The caller compares the slot. Throws ReplayDiverged. */
  replay(time: number, kind: number, shard: Shard, card: number, words: Int32Array, at: number): void {
    this.#calendar.set(time)
    const sequence = this.#memory.next
    if (card < 0) throw new ReplayDiverged(sequence, "its card is not there")
    if (kind === SlotKind.periodic) {
      if (!this.#serve(shard, card)) throw new ReplayDiverged(sequence, "nothing is due on its card")
      return
    }
    const row = shard.holds.find(
      words[at + RecordWord.terminal],
      words[at + RecordWord.referenceLo],
      words[at + RecordWord.referenceHi],
    )
    if (row < 0) throw new ReplayDiverged(sequence, "its hold is not there")
    if (shard.holds.expiresMs(row) > time) throw new ReplayDiverged(sequence, "its hold has not run out")
    this.#expire(shard, row)
  }
}

const hasExpiry = (shard: Shard, card: number): boolean => {
  for (let purse = 1; purse < PURSES; purse++) if (shard.cards.purseExpires(card, purse) !== 0) return true
  return false
}

const dormantFee = (shard: Shard, card: number, product: Product, month: number): number => {
  const { cards } = shard
  const { dormantMonths } = product
  if (dormantMonths === 0 || month - monthOfDay(cards.activeDay(card)) < dormantMonths) return 0
  return Math.min(product.dormantFee, Math.max(0, cards.balance(card, Purse.main)))
}
