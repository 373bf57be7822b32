// What a journaled slot changes beside balances: counters, holds, status, PIN. Told by the slot and its shard alone.
import { Kind, RecordWord, ResponseCode } from "@millrace/protocol"
import { monthOfDay } from "./Calendar.ts"
import { CardStatus, Purse } from "./Cards.ts"
import type { Shard } from "./Shard.ts"
import {
  amountAt,
  dayAt,
  movedAt,
  responseAt,
  SlotBit,
  SlotKind,
  SlotWord,
  SPLIT_LOCKED,
  SplitDouble,
  SplitWord,
} from "./Slot.ts"

/** Months over which a bonus that is locked is released. */
const RELEASE_MONTHS = 12

/** The second half of Moves.commit. */
export class Effects {
  /** Slots of one day follow each other. */
  #day = -1
  #month = 0

  /** @param hold the row that the slot is about, or −1 */
  done(
    kind: number,
    shard: Shard,
    card: number,
    hold: number,
    words: Int32Array,
    doubles: Float64Array,
    at: number,
    more: number,
  ): void {
    const { cards, holds } = shard
    const day = dayAt(words, at)
    switch (kind) {
      case Kind.purchase:
      case Kind.transfer:
        cards.use(card, day, this.#monthOf(day), movedAt(words, doubles, at))
        if ((words[at + SlotWord.terms] & SlotBit.closes) !== 0) cards.setStatus(card, CardStatus.closed)
        break
      case Kind.preauthorisation: {
        const amount = amountAt(words, at)
        const mask = words[more + SplitWord.maskExpires] & 0xffff
        cards.use(card, day, this.#monthOf(day), amount)
        holds.add(
          words[at + RecordWord.terminal],
          words[at + RecordWord.referenceLo],
          words[at + RecordWord.referenceHi],
          card,
          31 - Math.clz32(mask),
          amount,
          doubles[(more >>> 1) + SplitDouble.expiresMs],
          day,
        )
        break
      }
      case Kind.completion:
        holds.remove(hold)
        if ((words[at + SlotWord.terms] & SlotBit.closes) !== 0) cards.setStatus(card, CardStatus.closed)
        break
      case Kind.cancellation:
      case SlotKind.expired:
        cards.giveBack(card, holds.day(hold), holds.amount(hold))
        holds.remove(hold)
        break
      case Kind.recharge:
        cards.touchDay(card, day, this.#monthOf(day))
        this.#grantBonus(shard, card, words, at, more)
        break
      case Kind.refund:
        if ((words[at + SlotWord.terms] & SlotBit.reopens) !== 0) reopen(shard, card)
        break
      case Kind.pinChange:
        cards.setPin(card, words[at + RecordWord.counterpartyLo], words[at + RecordWord.counterpartyHi])
    }
  }

  #monthOf(day: number): number {
    if (day !== this.#day) {
      this.#day = day
      this.#month = monthOfDay(day)
    }
    return this.#month
  }

  #grantBonus(shard: Shard, card: number, words: Int32Array, at: number, more: number): void {
    if ((words[at + SlotWord.terms] & SlotBit.split) === 0) return
    const { cards } = shard
    // From here on, over all that is locked.
    if ((words[more + SplitWord.kindFlags] & SPLIT_LOCKED) !== 0) {
      cards.setMonthsLeft(card, RELEASE_MONTHS)
      cards.setPeriodMonth(card, this.#monthOf(dayAt(words, at)))
    }
    const expires = words[more + SplitWord.maskExpires] >>> 16
    if (expires > cards.purseExpires(card, Purse.bonus)) cards.setPurseExpires(card, Purse.bonus, expires)
  }

  undone(
    kind: number,
    shard: Shard,
    card: number,
    hold: number,
    words: Int32Array,
    doubles: Float64Array,
    at: number,
  ): void {
    const { cards, holds } = shard
    if (kind === Kind.purchase || kind === Kind.preauthorisation || kind === Kind.transfer) {
      cards.giveBack(card, dayAt(words, at), movedAt(words, doubles, at))
    }
    if (kind === Kind.purchase || kind === Kind.completion) reopen(shard, card)
    if (kind === Kind.preauthorisation) holds.remove(hold)
  }

  /** What a PIN that was given did to the card's tries, whether the transaction was approved or not. */
  countPin(shard: Shard, card: number, words: Int32Array, at: number): void {
    const bits = words[at + SlotWord.terms]
    const { cards } = shard
    if ((bits & SlotBit.pinWrong) !== 0) cards.setPinTries(card, cards.pinTries(card) + 1)
    else if ((bits & SlotBit.pinGiven) !== 0 && responseAt(words, at) !== ResponseCode.pinTriesExceeded)
      cards.setPinTries(card, 0)
  }
}

/** Money came back to a single-use card. */
const reopen = (shard: Shard, card: number): void => {
  if (shard.cards.status(card) === CardStatus.closed) shard.cards.setStatus(card, CardStatus.active)
}
