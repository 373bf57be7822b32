// The merchants of the scheme, the terms agreed with them, and what the lane keeps of each: its float and its code.
import type { FeePlan, MerchantCommand } from "./Command.ts"
import { Defect, ImageRefused } from "./errors.ts"
import { itemBytes, type Piece, PieceTag, packedPieces, tablePieces, unpackItems } from "./Image.ts"
import { CURRENCIES_MAX, MERCHANTS_MAX, TERMS_MAX } from "./limits.ts"
import { capturedPieces, Pages } from "./Pages.ts"
import type { Plans } from "./Plans.ts"

/** All of the command, with what it left out filled in. */
export interface Merchant {
  readonly number: number
  readonly name: string
  /** ISO 4217 numeric. */
  readonly currency: number
  readonly purchaseFee: FeePlan
  readonly rechargeFee: FeePlan
  readonly commission: FeePlan
  readonly mcc: number
  readonly status: "active" | "suspended"
  /** Minor units. */
  readonly floatLimit: number
  /** −1: no recharge or refund needs the code. */
  readonly codeAbove: number
  readonly settlement: "day" | "week" | "month"
  readonly alarm: { readonly floatBelow?: number }
  /** The terms that transactions are decided under now. */
  readonly terms: number
  readonly createdMs: number
}

/** Terms are 32 bytes. */
export const TERMS_WORDS = 8
export const TermsWord = {
  /** The merchant's slot. */
  merchant: 0,
  /** ISO 4217 numeric. */
  currency: 1,
  /** The slot of the currency's accounts. */
  accounts: 2,
  /** Merchant category code. */
  mcc: 3,
  /** Numbers of fee plans. */
  purchasePlan: 4,
  rechargePlan: 5,
  commissionPlan: 6,
} as const

/** 64 bytes: what a decision reads of a merchant lies in one cache line. */
const STATE_WORDS = 16
const StateWord = {
  /** Bit 0 active, bit 1 has a code. */
  flags: 0,
  /** The terms in force. */
  terms: 1,
  codeTries: 2,
  codeLo: 4,
  codeHi: 5,
  floatReferenceLo: 6,
  floatReferenceHi: 7,
} as const
const StateDouble = { floatTotal: 4, floatLimit: 5, codeAbove: 6, floatAmount: 7 } as const
const ACTIVE = 1
const HAS_CODE = 2

const CAPACITY_MIN = 64

/**
 * A slot of the journal names the terms that it was decided under, so a purchase is turned round with the fee that it
 * was charged, whatever was agreed since, and a shard can be rebuilt beside a scheme that has moved on.
 */
export class Merchants {
  #list: Array<Merchant> = []
  readonly #slots = new Map<number, number>()
  /** Terms number n lies at word n × TERMS_WORDS; number 0 is nobody's. */
  #terms = new Int32Array(CAPACITY_MIN * TERMS_WORDS)
  #termsCount = 1
  readonly #states = new Pages(PieceTag.merchantStates, STATE_WORDS)
  readonly #currencies: Array<number> = []

  get count(): number {
    return this.#list.length
  }

  get termsCount(): number {
    return this.#termsCount
  }

  /** How many have their state: in a whole image as many as there are merchants. */
  get stateCount(): number {
    return this.#states.count
  }

  /** ISO 4217 numeric codes in the order of their first use, which is the order of their accounts. */
  get currencies(): ReadonlyArray<number> {
    return this.#currencies
  }

  get terms(): Int32Array {
    return this.#terms
  }

  slotOf(number: number): number {
    return this.#slots.get(number) ?? -1
  }

  at(slot: number): Merchant {
    return this.#list[slot]
  }

  /** The number of the terms in force for the merchant at this slot. */
  termsOf(slot: number): number {
    return this.#states.word(slot, StateWord.terms)
  }

  accountsOf(currency: number): number {
    return this.#currencies.indexOf(currency)
  }

  canTakeCurrency(currency: number): boolean {
    return this.#currencies.includes(currency) || this.#currencies.length < CURRENCIES_MAX
  }

  addCurrency(currency: number): number {
    const known = this.#currencies.indexOf(currency)
    return known >= 0 ? known : this.#currencies.push(currency) - 1
  }

  /** Puts a merchant: a new one, or all of one that is there anew. Returns its slot. */
  put(command: MerchantCommand, plans: Plans, time: number): number {
    const known = this.slotOf(command.number)
    const slot = known >= 0 ? known : this.#states.place()
    const before = known >= 0 ? this.#list[known] : undefined
    const { mcc = 0, floatLimit = 0, codeAbove = -1 } = command
    this.addCurrency(command.currency)
    const terms = this.#termsOf(command, slot, (plan) => plans.put(plan))
    this.#set(slot, {
      number: command.number,
      name: command.name,
      currency: command.currency,
      // As the plans say them, so that two ways of giving the same are one.
      purchaseFee: plans.at(terms[TermsWord.purchasePlan]),
      rechargeFee: plans.at(terms[TermsWord.rechargePlan]),
      commission: plans.at(terms[TermsWord.commissionPlan]),
      mcc,
      status: command.status ?? "active",
      floatLimit,
      codeAbove,
      settlement: command.settlement ?? "day",
      alarm: command.alarm?.floatBelow === undefined ? {} : { floatBelow: command.alarm.floatBelow },
      terms:
        before !== undefined && this.#isTerms(before.terms, terms) ? before.terms : this.#addTerms(terms),
      createdMs: before?.createdMs ?? time,
    })
    const merchant = this.#list[slot]
    const flags = this.#states.word(slot, StateWord.flags) & ~ACTIVE
    this.#states.setWord(slot, StateWord.flags, flags | (merchant.status === "active" ? ACTIVE : 0))
    this.#states.setWord(slot, StateWord.terms, merchant.terms)
    this.#states.setDouble(slot, StateDouble.floatLimit, floatLimit)
    this.#states.setDouble(slot, StateDouble.codeAbove, codeAbove)
    return slot
  }

  /** Would the merchant go on under the terms that it has? */
  hasTerms(command: MerchantCommand, plans: Plans): boolean {
    const slot = this.slotOf(command.number)
    const wanted = this.#termsOf(command, slot, (plan) => plans.numberOf(plan))
    return slot >= 0 && this.#isTerms(this.#list[slot].terms, wanted)
  }

  #termsOf(
    command: MerchantCommand,
    slot: number,
    numberOf: (plan: FeePlan) => number,
  ): ReadonlyArray<number> {
    const { currency, mcc = 0, feeBasisPoints, rechargeFee, commission } = command
    const purchaseFee = command.purchaseFee ?? (feeBasisPoints ? [{ basisPoints: feeBasisPoints }] : [])
    const numbers = [purchaseFee, rechargeFee ?? [], commission ?? []].map(numberOf)
    return [slot, currency, this.accountsOf(currency), mcc, ...numbers]
  }

  // ---- what the lane keeps, by merchant's slot

  isActive(slot: number): boolean {
    return (this.#states.word(slot, StateWord.flags) & ACTIVE) !== 0
  }

  /** What the merchant may still pass on in recharges, beside its limit: the sum over the shards' stripes. */
  floatTotal(slot: number): number {
    return this.#states.double(slot, StateDouble.floatTotal)
  }

  addFloat(slot: number, amount: number): void {
    this.#states.addDouble(slot, StateDouble.floatTotal, amount)
  }

  /** How far the float may go below 0. */
  floatLimit(slot: number): number {
    return this.#states.double(slot, StateDouble.floatLimit)
  }

  /** Of the last payment into or out of the float; 0 before the first. */
  floatReference(slot: number): bigint {
    const lo = this.#states.word(slot, StateWord.floatReferenceLo)
    const hi = this.#states.word(slot, StateWord.floatReferenceHi)
    return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
  }

  floatAmount(slot: number): number {
    return this.#states.double(slot, StateDouble.floatAmount)
  }

  setFloatReference(slot: number, reference: bigint, amount: number): void {
    this.#states.setDouble(slot, StateDouble.floatAmount, amount)
    this.#states.setWord(slot, StateWord.floatReferenceLo, Number(reference & 0xffff_ffffn))
    this.#states.setWord(slot, StateWord.floatReferenceHi, Number(reference >> 32n))
  }

  /** Recharges and refunds above this amount need the code; −1: none does. */
  codeAbove(slot: number): number {
    return this.#states.double(slot, StateDouble.codeAbove)
  }

  hasCode(slot: number): boolean {
    return (this.#states.word(slot, StateWord.flags) & HAS_CODE) !== 0
  }

  codeEquals(slot: number, lo: number, hi: number): boolean {
    return (
      this.hasCode(slot) &&
      this.#states.word(slot, StateWord.codeLo) === (lo | 0) &&
      this.#states.word(slot, StateWord.codeHi) === (hi | 0)
    )
  }

  setCode(slot: number, lo: number, hi: number): void {
    this.#states.setWord(slot, StateWord.flags, this.#states.word(slot, StateWord.flags) | HAS_CODE)
    this.#states.setWord(slot, StateWord.codeLo, lo)
    this.#states.setWord(slot, StateWord.codeHi, hi)
    this.#states.setWord(slot, StateWord.codeTries, 0)
  }

  /** Wrong codes in a row. */
  codeTries(slot: number): number {
    return this.#states.word(slot, StateWord.codeTries)
  }

  setCodeTries(slot: number, tries: number): void {
    this.#states.setWord(slot, StateWord.codeTries, tries)
  }

  // ---- snapshots

  /** Merchants are immutable objects and terms are only added to, so a freeze keeps two lengths and a list of pointers. */
  freeze(): ReadonlyArray<Generator<Uint8Array, void>> {
    this.#states.freeze()
    return [
      tablePieces(PieceTag.terms, this.#terms, this.#termsCount, TERMS_WORDS),
      packedPieces(PieceTag.merchants, this.#list.slice()),
      capturedPieces(this.#states),
    ]
  }

  thaw(): void {
    this.#states.thaw()
  }

  restoreCurrencies(currencies: ReadonlyArray<number>): void {
    for (const currency of currencies) this.#currencies.push(currency)
  }

  restoreTerms(image: string, piece: Piece): void {
    // Terms number 0 is in every image, so the first piece begins there.
    const count = piece.first === 0 ? 0 : this.#termsCount
    const end = piece.first + piece.count
    if (piece.first !== count || end > TERMS_MAX) throw new ImageRefused(image, "terms are missing")
    this.#reserveTerms(end)
    itemBytes(this.#terms, piece.first * TERMS_WORDS, end * TERMS_WORDS).set(piece.body)
    this.#termsCount = end
  }

  restoreMerchants(image: string, piece: Piece): void {
    if (piece.first !== this.#list.length) throw new ImageRefused(image, "merchants are missing")
    // The engine's own bytes, under the journal's seal: what was packed by freeze.
    for (const merchant of unpackItems(image, piece) as ReadonlyArray<Merchant>) {
      this.#set(this.#list.length, merchant)
    }
  }

  restoreStates(image: string, piece: Piece): void {
    this.#states.restore(image, piece, "merchants' states", MERCHANTS_MAX)
  }

  #set(slot: number, merchant: Merchant): void {
    this.#list[slot] = merchant
    this.#slots.set(merchant.number, slot)
  }

  #isTerms(terms: number, words: ReadonlyArray<number>): boolean {
    return words.every((word, index) => this.#terms[terms * TERMS_WORDS + index] === word)
  }

  #addTerms(words: ReadonlyArray<number>): number {
    const terms = this.#termsCount
    if (terms === TERMS_MAX) throw new Defect("terms are full: the command should have been refused")
    this.#reserveTerms(terms + 1)
    this.#terms.set(words, terms * TERMS_WORDS)
    this.#termsCount++
    return terms
  }

  #reserveTerms(count: number): void {
    let length = this.#terms.length
    while (length < count * TERMS_WORDS) length *= 2
    if (length === this.#terms.length) return
    // A new array, not a resized one: an image that is being pulled goes on reading the old one.
    const grown = new Int32Array(length)
    grown.set(this.#terms)
    this.#terms = grown
  }
}
