// The transactions of a load, drawn from a seed: which card, which kind, what amount, written straight into frames.
import { Kind, RECORD_WORDS, RecordWord } from "@millrace/protocol"
import { amountScales, KIND_TABLE_MASK, kindTable, type Mix, purchaseAmount } from "./Mix.ts"
import { LOAD_CURRENCY, loadCardFirst } from "./Population.ts"

const TWO_32 = 0x1_0000_0000
/** The first card's number as two words, the lower one signed; how many cards on the upper one goes up. */
const FIRST_LO = (loadCardFirst % TWO_32) | 0
const FIRST_HI = Math.floor(loadCardFirst / TWO_32)
const WRAP = TWO_32 - (loadCardFirst % TWO_32)

export class Traffic {
  readonly #kinds: Uint8Array
  readonly #scales: Uint32Array
  readonly #cards: number
  /** A frame may be filled over one that had transfers: then what they wrote must go. */
  readonly #transfers: boolean
  #state: number

  /** @param seed any integer; the same seed gives the same transactions */
  constructor(mix: Mix, cards: number, seed: number) {
    this.#kinds = kindTable(mix)
    this.#scales = amountScales(mix)
    this.#cards = cards
    this.#transfers = mix.transfer > 0
    // A state of 0 would stay 0; the multiplication sets neighbouring seeds apart.
    this.#state = Math.imul(seed, 0x9e37_79b1) | 0 || 1
    for (let i = 0; i < 8; i++) this.#state = next(this.#state)
  }

  /**
   * Writes the next `count` transactions over records that `blankRecord` made, from word `at`, under references from
   * (lo, hi) on: only the words that differ from one transaction to the next.
   */
  fill(words: Uint32Array, at: number, count: number, lo: number, hi: number): void {
    const kinds = this.#kinds
    const scales = this.#scales
    const perRandom = this.#cards / TWO_32
    const transfers = this.#transfers
    // In a variable and not the field, and numbers as 32 bits, signed: with the static words left alone, a record took 15
    // to 19 ns where it took 35.
    let x = this.#state
    let reference = lo | 0
    for (const end = at + count * RECORD_WORDS; at < end; at += RECORD_WORDS) {
      x = next(x)
      const kind = kinds[x & KIND_TABLE_MASK]
      words[at + RecordWord.amountLo] = purchaseAmount(x) * scales[kind]
      words[at + RecordWord.kindFlagsCurrency] = kind | (LOAD_CURRENCY << 16)
      x = next(x)
      const card = ((x >>> 0) * perRandom) | 0
      words[at + RecordWord.referenceLo] = reference
      words[at + RecordWord.referenceHi] = hi
      words[at + RecordWord.cardLo] = FIRST_LO + card
      words[at + RecordWord.cardHi] = card < WRAP ? FIRST_HI : FIRST_HI + 1
      reference = (reference + 1) | 0
      if (!transfers) continue
      if (kind === Kind.transfer) x = this.#writePayee(words, at, card, x)
      else clearPayee(words, at)
    }
    this.#state = x
  }

  /** Any card but the payer. Gives the random state after it. */
  #writePayee(words: Uint32Array, at: number, payer: number, state: number): number {
    const x = next(state)
    let payee = Math.floor((x >>> 0) * (this.#cards / TWO_32))
    if (payee === payer) payee = payer === 0 ? 1 : payer - 1
    words[at + RecordWord.counterpartyLo] = FIRST_LO + payee
    words[at + RecordWord.counterpartyHi] = payee < WRAP ? FIRST_HI : FIRST_HI + 1
    return x
  }
}

/** What all of a terminal's records have in common, at word `at` of zeros. */
export const blankRecord = (words: Uint32Array, at: number, terminal: number): void => {
  words[at + RecordWord.terminal] = terminal
}

const clearPayee = (words: Uint32Array, at: number): void => {
  words[at + RecordWord.counterpartyLo] = 0
  words[at + RecordWord.counterpartyHi] = 0
}

/** Marsaglia's xorshift32; kept signed, so that it stays a small integer. */
const next = (state: number): number => {
  let x = state
  x ^= x << 13
  x ^= x >>> 17
  return x ^ (x << 5)
}
