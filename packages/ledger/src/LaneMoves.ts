// What an approved transaction changes beside its shard: the terminal's totals, the merchant's float, the code's tries.
import { Kind, ResponseCode } from "@millrace/protocol"
import { type Merchants, TERMS_WORDS, TermsWord } from "./Merchants.ts"
import type { Scheme } from "./Scheme.ts"
import { amountAt, movedAt, responseAt, SlotBit, SlotWord, termsAt } from "./Slot.ts"
import { Row, type Terminals } from "./Terminals.ts"

const NO_ROW = -1
const NOBODY = -1

/** By kind: where a terminal's totals count it. */
const rowOf = (kind: number): number => {
  switch (kind) {
    case Kind.purchase:
      return Row.purchase
    case Kind.completion:
      return Row.completion
    case Kind.refund:
      return Row.refund
    case Kind.recharge:
      return Row.recharge
    case Kind.transfer:
      return Row.transfer
    default:
      return NO_ROW
  }
}

/**
 * The lane's own state: one thread decides for all its shards, in the journal's order, so these need no owner among them. A
 * shard that fell over a decision is made anew and this is not, so a decision only says what it will change here; `commit`,
 * its last step but one, changes it.
 */
export class LaneMoves {
  readonly #terminals: Terminals
  readonly #merchants: Merchants
  #row = NO_ROW
  #amount = 0
  /** Added to the float of `#merchant`. */
  #float = 0
  #merchant = NOBODY
  /** Of `#codeMerchant`, from now on. */
  #codeTries = 0
  #codeMerchant = NOBODY
  #endsBatch = false

  constructor(scheme: Scheme) {
    this.#terminals = scheme.terminals
    this.#merchants = scheme.merchants
  }

  /** A new decision. */
  begin(): void {
    this.#row = NO_ROW
    this.#merchant = NOBODY
    this.#codeMerchant = NOBODY
    this.#endsBatch = false
  }

  done(kind: number, words: Int32Array, doubles: Float64Array, at: number): void {
    this.#row = rowOf(kind)
    this.#amount = movedAt(words, doubles, at)
    if (kind === Kind.recharge) this.#moveFloat(words, at, -amountAt(words, at))
  }

  /** The turned slot lies at `at`: its amount is what had moved. */
  turned(kind: number, words: Int32Array, at: number): void {
    const row = rowOf(kind)
    if (row === NO_ROW) return
    const isCredit = row === Row.refund || row === Row.recharge
    this.#row = isCredit ? Row.creditReversal : Row.debitReversal
    this.#amount = amountAt(words, at)
    if (kind === Kind.recharge) this.#moveFloat(words, at, amountAt(words, at))
  }

  /** An authorisation code that was checked, whether the transaction was approved or not. */
  countCode(merchant: number, words: Int32Array, at: number): void {
    const bits = words[at + SlotWord.terms]
    const isWrong = (bits & SlotBit.pinWrong) !== 0
    const isRight = (bits & SlotBit.pinGiven) !== 0 && responseAt(words, at) !== ResponseCode.pinTriesExceeded
    if (!isWrong && !isRight) return
    this.#codeMerchant = merchant
    this.#codeTries = isWrong ? this.#merchants.codeTries(merchant) + 1 : 0
  }

  closeBatch(): void {
    this.#endsBatch = true
  }

  /** Changes what was said; the terminal's request with this reference was decided. */
  commit(terminal: number, lo: number, hi: number): void {
    const terminals = this.#terminals
    const merchants = this.#merchants
    if (this.#row !== NO_ROW) terminals.count(terminal, this.#row, this.#amount, 1)
    if (this.#merchant !== NOBODY) merchants.addFloat(this.#merchant, this.#float)
    if (this.#codeMerchant !== NOBODY) merchants.setCodeTries(this.#codeMerchant, this.#codeTries)
    if (this.#endsBatch) terminals.closeBatch(terminal)
    terminals.note(terminal, lo, hi)
  }

  #moveFloat(words: Int32Array, at: number, amount: number): void {
    this.#merchant = this.#merchants.terms[termsAt(words, at) * TERMS_WORDS + TermsWord.merchant]
    this.#float = amount
  }
}
