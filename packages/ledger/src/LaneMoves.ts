// What an approved transaction changes beside its shard: the terminal's totals, the merchant's float, the code's tries.
import { Kind, ResponseCode } from "@millrace/protocol"
import { type Merchants, TERMS_WORDS, TermsWord } from "./Merchants.ts"
import type { Scheme } from "./Scheme.ts"
import { amountAt, movedAt, responseAt, SlotBit, SlotWord, termsAt } from "./Slot.ts"
import { Row, type Terminals } from "./Terminals.ts"

const NO_ROW = -1

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

/** The lane's own state: one thread decides for all its shards, in the journal's order, so these need no owner among them. */
export class LaneMoves {
  readonly #terminals: Terminals
  readonly #merchants: Merchants

  constructor(scheme: Scheme) {
    this.#terminals = scheme.terminals
    this.#merchants = scheme.merchants
  }

  done(terminal: number, kind: number, words: Int32Array, doubles: Float64Array, at: number): void {
    const row = rowOf(kind)
    if (row === NO_ROW) return
    this.#terminals.count(terminal, row, movedAt(words, doubles, at), 1)
    if (kind === Kind.recharge) this.#merchants.addFloat(this.#merchantAt(words, at), -amountAt(words, at))
  }

  /** The turned slot lies at `at`: its amount is what had moved. */
  turned(terminal: number, kind: number, words: Int32Array, at: number): void {
    const row = rowOf(kind)
    if (row === NO_ROW) return
    const isCredit = row === Row.refund || row === Row.recharge
    this.#terminals.count(terminal, isCredit ? Row.creditReversal : Row.debitReversal, amountAt(words, at), 1)
    if (kind === Kind.recharge) this.#merchants.addFloat(this.#merchantAt(words, at), amountAt(words, at))
  }

  /** An authorisation code that was checked, whether the transaction was approved or not. */
  countCode(merchant: number, words: Int32Array, at: number): void {
    const bits = words[at + SlotWord.terms]
    const merchants = this.#merchants
    if ((bits & SlotBit.pinWrong) !== 0) merchants.setCodeTries(merchant, merchants.codeTries(merchant) + 1)
    else if ((bits & SlotBit.pinGiven) !== 0 && responseAt(words, at) !== ResponseCode.pinTriesExceeded)
      merchants.setCodeTries(merchant, 0)
  }

  #merchantAt(words: Int32Array, at: number): number {
    return this.#merchants.terms[termsAt(words, at) * TERMS_WORDS + TermsWord.merchant]
  }
}
