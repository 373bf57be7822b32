// The merchants of the scheme and the terms agreed with them. Terms are never changed, only replaced by newer ones.
import { Defect, ImageRefused } from "./errors.ts"
import { itemBytes, makePiece, type Piece, PieceTag, packBody, tablePieces, unpackBody } from "./Image.ts"
import { CURRENCIES_MAX, TERMS_MAX } from "./limits.ts"

export interface Merchant {
  readonly number: number
  readonly name: string
  /** ISO 4217 numeric. */
  readonly currency: number
  readonly feeBasisPoints: number
  /** The terms that transactions are decided under now. */
  readonly terms: number
  readonly createdMs: number
}

/** Terms are 16 bytes. */
export const TERMS_WORDS = 4
export const TermsWord = {
  /** The merchant's slot. */
  merchant: 0,
  feeBasisPoints: 1,
  /** ISO 4217 numeric. */
  currency: 2,
  /** The slot of the currency's accounts. */
  accounts: 3,
} as const

const CAPACITY_MIN = 64
const MERCHANTS_PER_PIECE = 2_048

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
  /** By merchant's slot. */
  #current = new Int32Array(CAPACITY_MIN)
  readonly #currencies: Array<number> = []

  get count(): number {
    return this.#list.length
  }

  get termsCount(): number {
    return this.#termsCount
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
    return this.#current[slot]
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

  put(number: number, name: string, currency: number, feeBasisPoints: number, createdMs: number): void {
    const known = this.slotOf(number)
    const slot = known >= 0 ? known : this.#list.length
    const before = known >= 0 ? this.#list[known] : undefined
    const terms =
      before !== undefined && before.feeBasisPoints === feeBasisPoints
        ? before.terms
        : this.#addTerms(slot, currency, feeBasisPoints)
    this.#set(slot, {
      number,
      name,
      currency,
      feeBasisPoints,
      terms,
      createdMs: before?.createdMs ?? createdMs,
    })
  }

  /** Merchants are immutable objects and terms are only added to, so a freeze keeps two lengths and a short list. */
  freeze(): { readonly terms: Generator<Uint8Array, void>; readonly merchants: Generator<Uint8Array, void> } {
    return {
      terms: tablePieces(PieceTag.terms, this.#terms, this.#termsCount, TERMS_WORDS),
      merchants: merchantPieces(this.#list.slice()),
    }
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
    // The engine's own bytes, under the journal's seal: what was packed by merchantPieces.
    for (const merchant of unpackBody(piece.body) as ReadonlyArray<Merchant>) {
      this.#set(this.#list.length, merchant)
    }
  }

  #set(slot: number, merchant: Merchant): void {
    this.#list[slot] = merchant
    this.#slots.set(merchant.number, slot)
    if (slot >= this.#current.length) {
      const grown = new Int32Array(this.#current.length * 2)
      grown.set(this.#current)
      this.#current = grown
    }
    this.#current[slot] = merchant.terms
  }

  #addTerms(merchant: number, currency: number, feeBasisPoints: number): number {
    const terms = this.#termsCount
    if (terms === TERMS_MAX) throw new Defect("terms are full: the command should have been refused")
    this.#reserveTerms(terms + 1)
    const at = terms * TERMS_WORDS
    this.#terms[at + TermsWord.merchant] = merchant
    this.#terms[at + TermsWord.feeBasisPoints] = feeBasisPoints
    this.#terms[at + TermsWord.currency] = currency
    this.#terms[at + TermsWord.accounts] = this.addCurrency(currency)
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

function* merchantPieces(list: ReadonlyArray<Merchant>): Generator<Uint8Array, void> {
  for (let first = 0; first < list.length; first += MERCHANTS_PER_PIECE) {
    const some = list.slice(first, first + MERCHANTS_PER_PIECE)
    yield makePiece(PieceTag.merchants, first, some.length, packBody(some))
  }
}
