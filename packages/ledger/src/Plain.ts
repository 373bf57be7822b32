// The plain transaction: a purchase, recharge or balance that nothing stands against, decided in one go.
import { Kind, RecordFlag, RecordWord, ResponseCode } from "@millrace/protocol"
import type { Calendar } from "./Calendar.ts"
import { CardStatus } from "./Cards.ts"
import { CardDouble, CardFlag, CardWord, COUNT_MAX } from "./cardLayout.ts"
import { ACCOUNT_MAX } from "./limits.ts"
import type { Memory } from "./Memory.ts"
import { type Merchants, TERMS_WORDS, TermsWord } from "./Merchants.ts"
import { writeAnswer } from "./outcome.ts"
import type { Plans } from "./Plans.ts"
import { Bound, type Product } from "./Products.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"
import { SLOT_WORDS, SlotWord } from "./Slot.ts"
import { Row, type Terminals } from "./Terminals.ts"

const FLAGS_BUT_REPEAT = (~RecordFlag.repeat & 0xff) << 8
/** Of a card's word with currency, status and flags: what must be the terms' currency, active, and nothing. */
const PLAIN_CARD = 0xff_ffff | CardFlag.hasPin | CardFlag.expires | CardFlag.replaced
const ACTIVE = CardStatus.active << 16
/** A card's deposit is below it. */
const DEPOSIT_MAX = 2 ** 32

/**
 * Most requests are alike: a reference never seen, an active terminal, an active card without PIN or successor, a product
 * that knows purse main alone, an amount below 2^32 that is there and within the limits. For them the general way (Decider)
 * asks some forty questions of tables and writes down each answer; here the same ones are asked in one function, of words
 * that are read once, and the answers stay in registers. It takes a third of the time.
 *
 * It only ever approves. Whatever is not plain, a refusal included, is judged by the general way, which stays the truth:
 * with and without this one a ledger must come to the same bytes (Plain.test.ts).
 */
export class Plain {
  readonly #memory: Memory
  readonly #terminals: Terminals
  readonly #merchants: Merchants
  readonly #plans: Plans
  readonly #scheme: Scheme
  readonly #calendar: Calendar

  constructor(scheme: Scheme, memory: Memory) {
    this.#memory = memory
    this.#terminals = scheme.terminals
    this.#merchants = scheme.merchants
    this.#plans = scheme.plans
    this.#scheme = scheme
    this.#calendar = scheme.calendar
  }

  /**
   * True: approved, carried out, published, answered. False: it must be judged, and nothing was changed.
   *
   * @param hash of the reference
   * @param card the slot of the card in `shard`, or −1
   * @param terminal the terminal's slot, or −1
   */
  approve(
    shard: Shard,
    time: number,
    request: Uint32Array,
    at: number,
    out: Uint32Array,
    outAt: number,
    hash: number,
    card: number,
    terminal: number,
  ): boolean {
    if (card < 0 || terminal < 0) return false
    const last = request[at + RecordWord.kindFlagsCurrency] | 0
    const kind = last & 0xff
    if (kind === 0 || kind > Kind.recharge || kind === Kind.refund || (last & FLAGS_BUT_REPEAT) !== 0)
      return false
    const amount = request[at + RecordWord.amountLo]
    if ((amount === 0) !== (kind === Kind.balance)) return false
    // A verifier may be there, in the first half of the PIN's place: nobody compares it with a card that has none.
    const rest =
      request[at + RecordWord.amountHi] |
      request[at + RecordWord.pinBlock2] |
      request[at + RecordWord.pinBlock3]
    if (rest !== 0) return false
    const lo = request[at + RecordWord.referenceLo] | 0
    const hi = request[at + RecordWord.referenceHi] | 0
    const memory = this.#memory
    const place = memory.freshPlace(hash)
    if (place < 0 && memory.findHashed(hash, request[at + RecordWord.terminal] | 0, lo, hi) >= 0) return false
    const terminals = this.#terminals
    if (!terminals.isOpenTo(terminal, kind) || terminals.isForgotten(terminal, lo, hi)) return false
    const merchants = this.#merchants
    const merchant = terminals.merchantOf(terminal)
    const terms = merchants.termsOf(merchant)
    const currency = merchants.terms[terms * TERMS_WORDS + TermsWord.currency]
    if (!merchants.isActive(merchant) || currency !== last >>> 16) return false

    const { cards } = shard
    const words = cards.wordsOf(card)
    const wordAt = cards.wordAt(card)
    if ((words[wordAt + CardWord.currencyStatus] & PLAIN_CARD) !== (currency | ACTIVE)) return false
    const product = this.#scheme.products.at(words[wordAt + CardWord.product] & 0xffff)
    if (!product.plain) return false
    this.#calendar.set(time)
    let left: number
    if (kind === Kind.purchase) left = this.#purchase(shard, card, merchant, terms, product, amount)
    else if (kind === Kind.recharge) left = this.#recharge(shard, card, merchant, terms, product, amount)
    else left = cards.balance(card, 0) + product.bounds[Bound.credit]
    if (left < 0) return false

    // From here on nothing can go wrong.
    const { ring, doubles } = memory
    const slot = memory.working(0)
    for (let i = 0; i < SLOT_WORDS; i++) ring[slot + i] = request[at + i]
    doubles[(slot + SlotWord.available) >>> 1] = left
    ring[slot + SlotWord.response] = ResponseCode.approved | (this.#calendar.day << 16)
    ring[slot + SlotWord.terms] = terms
    writeAnswer(ring, doubles, slot, shard.number, memory.next, 0, out, outAt)
    memory.chain(shard, card, 0)
    // At last what is the lane's: a shard that fell over a decision is made anew, and this is not.
    if (kind === Kind.purchase) terminals.count(terminal, Row.purchase, amount)
    else if (kind === Kind.recharge) {
      terminals.count(terminal, Row.recharge, amount)
      merchants.addFloat(merchant, -amount)
    }
    terminals.note(terminal, lo, hi)
    memory.publishPlain(place, hash, terminal)
    return true
  }

  /** What purse main has left with its credit, once it has paid; −1, and nothing is changed, when it must be judged. */
  #purchase(
    shard: Shard,
    card: number,
    merchant: number,
    terms: number,
    product: Product,
    amount: number,
  ): number {
    const { cards } = shard
    const words = cards.wordsOf(card)
    const doubles = cards.doublesOf(card)
    const wordAt = cards.wordAt(card)
    const doubleAt = wordAt >>> 1
    const { bounds } = product
    const balance = doubles[doubleAt + CardDouble.main]
    // In the order of the general way: a credit may be 2^53 − 1, and the sum is then rounded.
    const left = balance - amount + bounds[Bound.credit]
    const { day, month } = this.#calendar
    const stamps = words[wordAt + CardWord.stamps]
    // The scheme's clock was set back: whose day it is, is judged.
    if (left < 0 || (stamps & 0xffff) > day || stamps >>> 16 > month) return -1
    const counts = words[wordAt + CardWord.counts]
    const sameDay = (stamps & 0xffff) === day
    const sameMonth = stamps >>> 16 === month
    const dayCount = (sameDay ? counts & 0xffff : 0) + 1
    const monthCount = (sameMonth ? counts >>> 16 : 0) + 1
    const dayAmount = (sameDay ? doubles[doubleAt + CardDouble.dayAmount] : 0) + amount
    const monthAmount = (sameMonth ? doubles[doubleAt + CardDouble.monthAmount] : 0) + amount
    if (
      amount > bounds[Bound.transactionMax] ||
      dayCount > bounds[Bound.dayCountMax] ||
      dayAmount > bounds[Bound.dayAmountMax] ||
      monthCount > bounds[Bound.monthCountMax] ||
      monthAmount > bounds[Bound.monthAmountMax] ||
      dayCount > COUNT_MAX ||
      monthCount > COUNT_MAX
    )
      return -1
    const table = this.#merchants.terms
    const row = terms * TERMS_WORDS
    const fee = this.#plans.feeOf(table[row + TermsWord.purchasePlan], amount)
    if (!shard.accounts.purchase(merchant, table[row + TermsWord.accounts], amount, fee)) return -1
    cards.changing(card)
    doubles[doubleAt + CardDouble.main] = balance - amount
    doubles[doubleAt + CardDouble.dayAmount] = dayAmount
    doubles[doubleAt + CardDouble.monthAmount] = monthAmount
    words[wordAt + CardWord.counts] = dayCount | (monthCount << 16)
    words[wordAt + CardWord.stamps] = day | (month << 16)
    return left
  }

  /** The same once money was put on it; the merchant's float, which is the lane's, is lowered at the end. */
  #recharge(
    shard: Shard,
    card: number,
    merchant: number,
    terms: number,
    product: Product,
    amount: number,
  ): number {
    const { cards } = shard
    const merchants = this.#merchants
    const { bounds } = product
    const { day, month } = this.#calendar
    const balance = cards.balance(card, 0)
    const held = cards.held(card)
    const left = balance + amount + bounds[Bound.credit]
    const above = merchants.codeAbove(merchant)
    if (
      left < 0 ||
      amount < bounds[Bound.rechargeMin] ||
      amount > bounds[Bound.rechargeMax] ||
      balance + held + amount > bounds[Bound.balanceMax] ||
      // All that the card may come to have: a plain product has neither other purses nor locked bonus.
      Math.max(0, balance + amount) + held + DEPOSIT_MAX > ACCOUNT_MAX ||
      (above >= 0 && amount > above) ||
      merchants.floatTotal(merchant) + merchants.floatLimit(merchant) < amount
    )
      return -1
    const table = merchants.terms
    const row = terms * TERMS_WORDS
    const fee = this.#plans.feeOf(table[row + TermsWord.rechargePlan], amount)
    const commission = this.#plans.feeOf(table[row + TermsWord.commissionPlan], amount)
    const accounts = table[row + TermsWord.accounts]
    if (!shard.accounts.recharge(merchant, accounts, amount, fee, commission)) return -1
    cards.addTo(card, 0, amount)
    cards.touchDay(card, day, month)
    return left
  }
}
