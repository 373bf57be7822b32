// What a journaled slot moves in a shard: postings, purses, holds and counters, told by the slot and its companions alone.
import { Kind, RecordWord } from "@millrace/protocol"
import { PURSES, Purse } from "./Cards.ts"
import { Effects } from "./Effects.ts"
import { Defect } from "./errors.ts"
import { ACCOUNT_MAX } from "./limits.ts"
import { type Merchants, TERMS_WORDS, TermsWord } from "./Merchants.ts"
import type { Plans } from "./Plans.ts"
import { Account, Postings } from "./Postings.ts"
import type { Product } from "./Products.ts"
import type { Shard } from "./Shard.ts"
import {
  amountAt,
  currencyAt,
  movedAt,
  purseAt,
  SlotBit,
  SlotKind,
  SlotWord,
  SPLIT_LOCKED,
  SplitWord,
  termsAt,
  u53At,
} from "./Slot.ts"

/**
 * Deciding, recovery and the rebuild of one shard all move money through here. Nothing is asked but the slots, the
 * shard itself, and tables that never change (terms, plans): so a shard can be rebuilt beside a scheme and a clock that
 * have gone on. `post` works out, `commit` carries out.
 */
export class Moves {
  readonly postings = new Postings()
  /** By purse, of those in `mask`. */
  readonly purses = new Float64Array(PURSES)
  mask = 0
  held = 0
  bonusLocked = 0
  #hold = -1
  readonly #effects = new Effects()
  readonly #merchants: Merchants
  readonly #plans: Plans

  constructor(merchants: Merchants, plans: Plans) {
    this.#merchants = merchants
    this.#plans = plans
  }

  /**
   * What an approved transaction of `kind`, whose slot lies at `at` of `words` (and its companion at `more`), moves;
   * turned round with `sign` −1. The kinds of the wire, and arrival, departure and expired.
   */
  post(
    kind: number,
    shard: Shard,
    words: Int32Array,
    doubles: Float64Array,
    at: number,
    more: number,
    sign: number,
  ): void {
    const row = termsAt(words, at) * TERMS_WORDS
    const { terms } = this.#merchants
    // A hold that ran out names no terms.
    const accounts =
      kind === SlotKind.expired
        ? this.#merchants.accountsOf(currencyAt(words, at))
        : terms[row + TermsWord.accounts]
    this.postings.begin(terms[row + TermsWord.merchant], accounts)
    this.mask = 0
    this.held = 0
    this.bonusLocked = 0
    this.#hold = -1
    switch (kind) {
      case Kind.purchase:
        this.#postPurchase(words, doubles, at, more, sign, terms[row + TermsWord.purchasePlan])
        break
      case Kind.recharge:
        this.#postRecharge(words, doubles, at, more, sign, row)
        break
      case Kind.refund:
        this.#postPurses(words, doubles, at, more, amountAt(words, at), sign)
        this.postings.add(Account.payable, -sign * amountAt(words, at))
        break
      case Kind.completion:
        this.#postCompletion(shard, words, doubles, at, sign, terms[row + TermsWord.purchasePlan])
        break
      case Kind.preauthorisation:
        this.#postPreauthorisation(shard, words, doubles, at, more, sign)
        break
      case Kind.cancellation:
        this.#postRelease(shard, words, at, RecordWord.originalLo)
        break
      case SlotKind.expired:
        this.#postRelease(shard, words, at, RecordWord.referenceLo)
        break
      case Kind.transfer:
        this.#postTransfer(amountAt(words, at), u53At(words, more + RecordWord.originalLo), sign)
        break
      case SlotKind.arrival:
        this.#postArrival(amountAt(words, at), 1)
        break
      case SlotKind.departure:
        this.#postArrival(amountAt(words, at), -1)
        break
    }
    // Reversal and void move in their turned slots; the rest moves nothing.
  }

  #postPurchase(
    words: Int32Array,
    doubles: Float64Array,
    at: number,
    more: number,
    sign: number,
    plan: number,
  ): void {
    const amount = movedAt(words, doubles, at)
    const fee = this.#plans.feeOf(plan, amount)
    this.#postPurses(words, doubles, at, more, amount, -sign)
    this.postings.add(Account.payable, sign * (amount - fee))
    this.postings.add(Account.feeIncome, sign * fee)
  }

  /** The fee is the merchant's to pay, the commission the merchant's to get. */
  #postRecharge(
    words: Int32Array,
    doubles: Float64Array,
    at: number,
    more: number,
    sign: number,
    row: number,
  ): void {
    const { terms } = this.#merchants
    const amount = amountAt(words, at)
    const fee = this.#plans.feeOf(terms[row + TermsWord.rechargePlan], amount)
    const commission = this.#plans.feeOf(terms[row + TermsWord.commissionPlan], amount)
    const { postings } = this
    this.#move(Purse.main, sign * amount)
    postings.add(Account.float, -sign * amount)
    postings.add(Account.payable, sign * (commission - fee))
    postings.add(Account.feeIncome, sign * fee)
    postings.add(Account.commission, -sign * commission)
    let paid = amount
    if ((words[at + SlotWord.terms] & SlotBit.split) !== 0) {
      const bonus = doubles[(more >>> 1) + 1]
      postings.add(Account.promotion, -sign * bonus)
      if ((words[more + SplitWord.kindFlags] & SPLIT_LOCKED) !== 0) {
        this.bonusLocked = sign * bonus
        postings.add(Account.bonusLocked, sign * bonus)
      } else {
        this.#move(Purse.bonus, sign * bonus)
        paid += bonus
      }
    }
    postings.add(Account.purse, sign * paid)
  }

  #postPreauthorisation(
    shard: Shard,
    words: Int32Array,
    doubles: Float64Array,
    at: number,
    more: number,
    sign: number,
  ): void {
    const amount = amountAt(words, at)
    this.#postPurses(words, doubles, at, more, amount, -sign)
    this.held = sign * amount
    this.postings.add(Account.held, sign * amount)
    if (sign < 0) this.#findHold(shard, words, at, RecordWord.referenceLo)
  }

  /** Turned round it gives back what was spent; the hold stays gone. */
  #postCompletion(
    shard: Shard,
    words: Int32Array,
    doubles: Float64Array,
    at: number,
    sign: number,
    plan: number,
  ): void {
    const amount = movedAt(words, doubles, at)
    const fee = this.#plans.feeOf(plan, amount)
    let rest = -sign * amount
    if (sign > 0) {
      const held = this.#findHold(shard, words, at, RecordWord.originalLo)
      rest += held
      this.held = -held
      this.postings.add(Account.held, -held)
    }
    this.#move(purseAt(words, at), rest)
    this.postings.add(Account.purse, rest)
    this.postings.add(Account.payable, sign * (amount - fee))
    this.postings.add(Account.feeIncome, sign * fee)
  }

  #postRelease(shard: Shard, words: Int32Array, at: number, reference: number): void {
    const held = this.#findHold(shard, words, at, reference)
    this.#move(purseAt(words, at), held)
    this.held = -held
    this.postings.add(Account.purse, held)
    this.postings.add(Account.held, -held)
  }

  #postTransfer(amount: number, fee: number, sign: number): void {
    this.#move(Purse.main, -sign * (amount + fee))
    this.postings.add(Account.purse, -sign * (amount + fee))
    this.postings.add(Account.feeIncome, sign * fee)
    this.postings.add(Account.inTransit, sign * amount)
  }

  #postArrival(amount: number, sign: number): void {
    this.#move(Purse.main, sign * amount)
    this.postings.add(Account.purse, sign * amount)
    this.postings.add(Account.inTransit, -sign * amount)
  }

  /** The purses that the slot, or the split behind it, names. */
  #postPurses(
    words: Int32Array,
    doubles: Float64Array,
    at: number,
    more: number,
    amount: number,
    sign: number,
  ): void {
    this.postings.add(Account.purse, sign * amount)
    if ((words[at + SlotWord.terms] & SlotBit.split) === 0) {
      this.#move(purseAt(words, at), sign * amount)
      return
    }
    const mask = words[more + SplitWord.maskExpires] & 0xffff
    for (let purse = 0, from = more >>> 1; purse < PURSES; purse++) {
      if ((mask & (1 << purse)) !== 0) this.#move(purse, sign * doubles[from++])
    }
  }

  #move(purse: number, amount: number): void {
    this.purses[purse] = amount
    this.mask |= 1 << purse
  }

  #findHold(shard: Shard, words: Int32Array, at: number, reference: number): number {
    const { holds } = shard
    this.#hold = holds.find(words[at + RecordWord.terminal], words[at + reference], words[at + reference + 1])
    if (this.#hold < 0) throw new Defect("a hold that is journaled is not there")
    return holds.amount(this.#hold)
  }

  // ---- may it be?

  /** Is there, with its credit, in each purse what is taken out of it? */
  covered(shard: Shard, card: number, product: Product): boolean {
    const { cards } = shard
    for (let purse = 0; purse < PURSES; purse++) {
      if ((this.mask & (1 << purse)) === 0 || this.purses[purse] >= 0) continue
      if (cards.balance(card, purse) + product.credit[purse] + this.purses[purse] < 0) return false
    }
    return cards.bonusLocked(card) + this.bonusLocked >= 0
  }

  /** Would every purse and account stay within ±ACCOUNT_MAX, also when what is held or locked has come back to it? */
  allowed(shard: Shard, card: number): boolean {
    const { cards } = shard
    for (let rest = this.mask; rest !== 0; rest &= rest - 1) {
      const purse = 31 - Math.clz32(rest & -rest)
      const after = cards.balance(card, purse) + this.purses[purse]
      if (after < -ACCOUNT_MAX || after > ACCOUNT_MAX) return false
      if (this.purses[purse] > 0 && !this.#owable(shard, card)) return false
    }
    return shard.accounts.allow(this.postings)
  }

  /** Would all that the card may come to have stay within 2^53 − 1? */
  #owable({ cards }: Shard, card: number): boolean {
    let owed = cards.held(card) + this.held + cards.bonusLocked(card) + this.bonusLocked + cards.deposit(card)
    for (let purse = 0; purse < PURSES; purse++) {
      const change = (this.mask & (1 << purse)) === 0 ? 0 : this.purses[purse]
      owed += Math.max(0, cards.balance(card, purse) + change)
    }
    return owed <= ACCOUNT_MAX
  }

  // ---- what was posted, carried out

  /** @param day of the decision; a turned slot's own is the original's */
  commit(
    kind: number,
    shard: Shard,
    card: number,
    words: Int32Array,
    doubles: Float64Array,
    at: number,
    more: number,
    sign: number,
    day: number,
  ): void {
    const { cards } = shard
    this.postings.assertBalanced()
    for (let rest = this.mask; rest !== 0; rest &= rest - 1) {
      const purse = 31 - Math.clz32(rest & -rest)
      if (purse > 0 && this.purses[purse] > 0) cards.refresh(card, purse, day)
      cards.addTo(card, purse, this.purses[purse])
    }
    if (this.held !== 0) cards.addHeld(card, this.held)
    if (this.bonusLocked !== 0) cards.addBonusLocked(card, this.bonusLocked)
    shard.accounts.apply(this.postings)
    const hold = this.#hold
    if (sign > 0) this.#effects.done(kind, shard, card, hold, words, doubles, at, more)
    else this.#effects.undone(kind, shard, card, hold, words, doubles, at)
  }

  /** What a PIN that was given did to the card's tries, whether the transaction was approved or not. */
  countPin(shard: Shard, card: number, words: Int32Array, at: number): void {
    this.#effects.countPin(shard, card, words, at)
  }
}
