// What a card is: status, purses, counters, PIN tries, dates; the fields of the structs that CardTable keeps.

import { monthOfDay } from "./Calendar.ts"
import { CardTable } from "./CardTable.ts"
import { CardDouble, CardFlag, CardWord, COUNT_MAX, PREVIOUS_SHIFT } from "./cardLayout.ts"
import { PURSES } from "./cardNames.ts"

export { CARD_BYTES } from "./CardTable.ts"
export {
  CardStatus,
  type CardStatusName,
  cardStatusNames,
  PURSES,
  Purse,
} from "./cardNames.ts"

/** A word of each cache line. */
const secondLine = 16
const thirdLine = 32

export class Cards extends CardTable {
  /** Reading ahead, once the first cache line was read: what is `plain` seldom needs the others of a card of the open product. */
  peekRest(slot: number, plain: boolean): number {
    if (slot < 0 || (plain && (this.word(slot, CardWord.product) & 0xffff) === 0)) return 0
    return this.word(slot, secondLine) ^ this.word(slot, thirdLine)
  }

  /** Issued at `day` of `month`; every other field is 0. */
  add(
    lo: number,
    hi: number,
    currency: number,
    status: number,
    product: number,
    day: number,
    month: number,
  ): number {
    const slot = this.place(lo, hi)
    this.setWord(slot, CardWord.currencyStatus, currency | (status << 16))
    this.setWord(slot, CardWord.product, product)
    this.setWord(slot, CardWord.stamps, day | (month << 16))
    this.setWord(slot, CardWord.issuedExpires, day)
    this.setWord(slot, CardWord.period, month)
    return slot
  }

  currency(slot: number): number {
    return this.word(slot, CardWord.currencyStatus) & 0xffff
  }

  status(slot: number): number {
    return (this.word(slot, CardWord.currencyStatus) >>> 16) & 0xff
  }

  setStatus(slot: number, status: number): void {
    this.setWord(
      slot,
      CardWord.currencyStatus,
      (this.word(slot, CardWord.currencyStatus) & ~0xff0000) | (status << 16),
    )
  }

  previousStatus(slot: number): number {
    return this.word(slot, CardWord.currencyStatus) >>> PREVIOUS_SHIFT
  }

  setPreviousStatus(slot: number, status: number): void {
    const others = this.word(slot, CardWord.currencyStatus) & (2 ** PREVIOUS_SHIFT - 1)
    this.setWord(slot, CardWord.currencyStatus, others | (status << PREVIOUS_SHIFT))
  }

  isNamed(slot: number): boolean {
    return this.#hasFlag(slot, CardFlag.named)
  }

  setNamed(slot: number): void {
    this.#setFlag(slot, CardFlag.named)
  }

  /** The product's slot. */
  product(slot: number): number {
    return this.word(slot, CardWord.product) & 0xffff
  }

  issuedDay(slot: number): number {
    return this.word(slot, CardWord.issuedExpires) & 0xffff
  }

  /** The last day on which it is good; 0: no such day. */
  expiresDay(slot: number): number {
    return this.word(slot, CardWord.issuedExpires) >>> 16
  }

  setExpiresDay(slot: number, day: number): void {
    this.setWord(slot, CardWord.issuedExpires, this.issuedDay(slot) | (day << 16))
    if (day !== 0) this.#setFlag(slot, CardFlag.expires)
  }

  isExpired(slot: number, day: number): boolean {
    if (!this.#hasFlag(slot, CardFlag.expires)) return false
    const expires = this.expiresDay(slot)
    return expires !== 0 && day > expires
  }

  nonce(slot: number): number {
    return this.word(slot, CardWord.nonce) >>> 0
  }

  setNonce(slot: number, nonce: number): void {
    this.setWord(slot, CardWord.nonce, nonce)
  }

  /** Minor units, below 2^32. */
  deposit(slot: number): number {
    return this.word(slot, CardWord.deposit) >>> 0
  }

  setDeposit(slot: number, amount: number): void {
    this.setWord(slot, CardWord.deposit, amount)
  }

  // ---- money, minor units

  balance(slot: number, purse: number): number {
    return this.double(slot, purse === 0 ? CardDouble.main : CardDouble.bonus - 1 + purse)
  }

  addTo(slot: number, purse: number, amount: number): void {
    const double = purse === 0 ? CardDouble.main : CardDouble.bonus - 1 + purse
    this.setDouble(slot, double, this.double(slot, double) + amount)
  }

  /** Of all purses. */
  total(slot: number): number {
    let sum = 0
    for (let purse = 0; purse < PURSES; purse++) sum += this.balance(slot, purse)
    return sum
  }

  held(slot: number): number {
    return this.double(slot, CardDouble.held)
  }

  addHeld(slot: number, amount: number): void {
    this.setDouble(slot, CardDouble.held, this.double(slot, CardDouble.held) + amount)
  }

  bonusLocked(slot: number): number {
    return this.double(slot, CardDouble.bonusLocked)
  }

  addBonusLocked(slot: number, amount: number): void {
    this.setDouble(slot, CardDouble.bonusLocked, this.double(slot, CardDouble.bonusLocked) + amount)
  }

  /** Months over which the locked bonus is still to be released. */
  monthsLeft(slot: number): number {
    return this.word(slot, CardWord.product) >>> 24
  }

  setMonthsLeft(slot: number, months: number): void {
    this.setWord(slot, CardWord.product, (this.word(slot, CardWord.product) & 0xffffff) | (months << 24))
  }

  /** What the card may come to have in its purses, or to be paid out: no more than 2^53 − 1, so that every sum over it is exact. */
  owed(slot: number): number {
    let sum = this.held(slot) + this.bonusLocked(slot) + this.deposit(slot)
    for (let purse = 0; purse < PURSES; purse++) sum += Math.max(0, this.balance(slot, purse))
    return sum
  }

  /** Money comes into a purse at `day`: when it is empty and its last day is over, that day is forgotten. */
  refresh(slot: number, purse: number, day: number): void {
    const last = this.purseExpires(slot, purse)
    if (last !== 0 && day > last && this.balance(slot, purse) <= 0) this.setPurseExpires(slot, purse, 0)
  }

  /** The last day of purse 1 to 8; 0: none. */
  purseExpires(slot: number, purse: number): number {
    if (purse === 0) return 0
    return (this.word(slot, CardWord.purseExpires + ((purse - 1) >> 1)) >>> (((purse - 1) & 1) << 4)) & 0xffff
  }

  setPurseExpires(slot: number, purse: number, day: number): void {
    const word = CardWord.purseExpires + ((purse - 1) >> 1)
    const shift = ((purse - 1) & 1) << 4
    this.setWord(slot, word, (this.word(slot, word) & ~(0xffff << shift)) | (day << shift))
  }

  periodMonth(slot: number): number {
    return this.word(slot, CardWord.period) & 0xffff
  }

  setPeriodMonth(slot: number, month: number): void {
    this.setWord(slot, CardWord.period, month | (this.word(slot, CardWord.period) & ~0xffff))
  }

  // ---- counters: what was spent in the day and in the month of their stamps. A day that lies before them (the scheme's
  // offset was changed) counts with them.

  /** The day of the last approved transaction, or of issue. */
  activeDay(slot: number): number {
    return this.word(slot, CardWord.stamps) & 0xffff
  }

  dayAmount(slot: number, day: number): number {
    return this.activeDay(slot) >= day ? this.double(slot, CardDouble.dayAmount) : 0
  }

  dayCount(slot: number, day: number): number {
    return this.activeDay(slot) >= day ? this.word(slot, CardWord.counts) & 0xffff : 0
  }

  monthAmount(slot: number, month: number): number {
    return this.word(slot, CardWord.stamps) >>> 16 >= month ? this.double(slot, CardDouble.monthAmount) : 0
  }

  monthCount(slot: number, month: number): number {
    return this.word(slot, CardWord.stamps) >>> 16 >= month ? this.word(slot, CardWord.counts) >>> 16 : 0
  }

  /** The card is used at this day: counters of an earlier day or month begin anew; they never go back. */
  touchDay(slot: number, day: number, month: number): void {
    const stamps = this.word(slot, CardWord.stamps)
    const now = Math.max(day, stamps & 0xffff) | (Math.max(month, stamps >>> 16) << 16)
    if (stamps === now) return
    let counts = this.word(slot, CardWord.counts)
    if ((stamps & 0xffff) < day) {
      this.setDouble(slot, CardDouble.dayAmount, 0)
      counts &= ~0xffff
    }
    if (stamps >>> 16 < month) {
      this.setDouble(slot, CardDouble.monthAmount, 0)
      counts &= 0xffff
    }
    this.setWord(slot, CardWord.counts, counts)
    this.setWord(slot, CardWord.stamps, now)
  }

  use(slot: number, day: number, month: number, amount: number): void {
    this.touchDay(slot, day, month)
    const counts = this.word(slot, CardWord.counts)
    const dayCount = Math.min(COUNT_MAX, (counts & 0xffff) + 1)
    const monthCount = Math.min(COUNT_MAX, (counts >>> 16) + 1)
    this.setWord(slot, CardWord.counts, dayCount | (monthCount << 16))
    this.setDouble(slot, CardDouble.dayAmount, this.double(slot, CardDouble.dayAmount) + amount)
    this.setDouble(slot, CardDouble.monthAmount, this.double(slot, CardDouble.monthAmount) + amount)
  }

  /** What was used at `day` did not happen: counters that are still of that day or month are lowered, never below 0. */
  giveBack(slot: number, day: number, amount: number): void {
    const counts = this.word(slot, CardWord.counts)
    let dayCount = counts & 0xffff
    let monthCount = counts >>> 16
    if (this.activeDay(slot) === day) {
      dayCount = Math.max(0, dayCount - 1)
      this.setDouble(
        slot,
        CardDouble.dayAmount,
        Math.max(0, this.double(slot, CardDouble.dayAmount) - amount),
      )
    }
    if (this.word(slot, CardWord.stamps) >>> 16 === monthOfDay(day)) {
      monthCount = Math.max(0, monthCount - 1)
      this.setDouble(
        slot,
        CardDouble.monthAmount,
        Math.max(0, this.double(slot, CardDouble.monthAmount) - amount),
      )
    }
    this.setWord(slot, CardWord.counts, dayCount | (monthCount << 16))
  }

  // ---- PIN

  hasPin(slot: number): boolean {
    return this.#hasFlag(slot, CardFlag.hasPin)
  }

  /** Looks at all of both words, whatever they are. */
  pinEquals(slot: number, lo: number, hi: number): boolean {
    return ((this.word(slot, CardWord.pinLo) ^ lo) | (this.word(slot, CardWord.pinHi) ^ hi)) === 0
  }

  setPin(slot: number, lo: number, hi: number): void {
    this.setWord(slot, CardWord.pinLo, lo)
    this.setWord(slot, CardWord.pinHi, hi)
    this.#setFlag(slot, CardFlag.hasPin)
    this.setPinTries(slot, 0)
  }

  /** Wrong ones since the last right one. */
  pinTries(slot: number): number {
    return (this.word(slot, CardWord.product) >>> 16) & 0xff
  }

  setPinTries(slot: number, tries: number): void {
    const word = this.word(slot, CardWord.product)
    if (((word >>> 16) & 0xff) === tries) return
    this.setWord(slot, CardWord.product, (word & ~0xff0000) | (tries << 16))
  }

  // ---- replacement and history

  /** The slot of the card that took its place, or −1. */
  replacedBy(slot: number): number {
    return this.#hasFlag(slot, CardFlag.replaced) ? this.word(slot, CardWord.replacedBy) - 1 : -1
  }

  replaces(slot: number): number {
    return this.word(slot, CardWord.replaces) - 1
  }

  /** The last of the chain of replacements that begins with this card: the one that has the money. */
  newest(slot: number): number {
    let newest = slot
    for (let next = this.replacedBy(slot); next >= 0; next = this.replacedBy(newest)) newest = next
    return newest
  }

  /** All that the old card has goes to the new one, which has nothing yet; the PIN does not: it depends on the number. */
  replace(old: number, fresh: number): void {
    for (let purse = 0; purse < PURSES; purse++) {
      const balance = this.balance(old, purse)
      this.addTo(fresh, purse, balance)
      this.addTo(old, purse, -balance)
      if (purse > 0) this.setPurseExpires(fresh, purse, this.purseExpires(old, purse))
    }
    for (const double of [
      CardDouble.held,
      CardDouble.bonusLocked,
      CardDouble.dayAmount,
      CardDouble.monthAmount,
    ]) {
      this.setDouble(fresh, double, this.double(old, double))
      this.setDouble(old, double, 0)
    }
    for (const word of [
      CardWord.stamps,
      CardWord.counts,
      CardWord.period,
      CardWord.fundReferenceLo,
      CardWord.fundReferenceHi,
    ]) {
      this.setWord(fresh, word, this.word(old, word))
    }
    this.setMonthsLeft(fresh, this.monthsLeft(old))
    this.setDeposit(fresh, this.deposit(old))
    this.setDeposit(old, 0)
    this.setWord(old, CardWord.replacedBy, fresh + 1)
    this.#setFlag(old, CardFlag.replaced)
    this.setWord(fresh, CardWord.replaces, old + 1)
  }

  /** Of the last movement that a command made: the next one's must be greater. */
  fundReference(slot: number): bigint {
    const lo = BigInt(this.word(slot, CardWord.fundReferenceLo) >>> 0)
    return (BigInt(this.word(slot, CardWord.fundReferenceHi) >>> 0) << 32n) | lo
  }

  /** Of a returned or cancelled card, which is not funded any more: what its holder got. */
  paidOut(slot: number): number {
    return Number(this.fundReference(slot))
  }

  setPaidOut(slot: number, amount: number): void {
    this.setFundReference(slot, BigInt(amount))
  }

  /** Was the last movement by command this one? Of another one, one in 4,093 is taken for it. */
  isLastFund(slot: number, reference: bigint, purse: number, amount: number): boolean {
    return (
      reference === this.fundReference(slot) &&
      this.word(slot, CardWord.period) >>> 16 === fundDigest(purse, amount)
    )
  }

  setLastFund(slot: number, reference: bigint, purse: number, amount: number): void {
    this.setFundReference(slot, reference)
    this.setWord(slot, CardWord.period, this.periodMonth(slot) | (fundDigest(purse, amount) << 16))
  }

  setFundReference(slot: number, reference: bigint): void {
    this.setWord(slot, CardWord.fundReferenceLo, Number(reference & 0xffff_ffffn))
    this.setWord(slot, CardWord.fundReferenceHi, Number(reference >> 32n))
  }

  /** Lower 32 bits of the sequence of its newest slot; see Memory.history. */
  last(slot: number): number {
    return this.word(slot, CardWord.last)
  }

  setLast(slot: number, sequence: number): void {
    this.setWord(slot, CardWord.last, sequence)
  }

  #hasFlag(slot: number, flag: number): boolean {
    return (this.word(slot, CardWord.currencyStatus) & flag) !== 0
  }

  #setFlag(slot: number, flag: number): void {
    this.setWord(slot, CardWord.currencyStatus, this.word(slot, CardWord.currencyStatus) | flag)
  }
}

/** 16 bits. */
const fundDigest = (purse: number, amount: number): number => (amount % 4_093) * 16 + purse
