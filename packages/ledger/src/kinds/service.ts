// What moves no money: balance, PIN change, and the close of a terminal's totals.
import { RecordFlag, RecordWord, ResponseCode } from "@millrace/protocol"
import type { Draft } from "../Draft.ts"
import { u53At } from "../Slot.ts"
import { Row } from "../Terminals.ts"
import { judgeRules } from "./rules.ts"

/** The questions that only need a good card and, where one is given, a right PIN. */
export const service = (draft: Draft): number => judgeRules(draft)

/** The terminal's own net debits and credits, counts and sums, against the engine's. */
export const close = (draft: Draft): number => {
  const { terminals, terminal, words, at, amount } = draft
  const sum = (row: number): number => terminals.rowSum(terminal, row)
  const count = (row: number): number => terminals.rowCount(terminal, row)
  const debits =
    sum(Row.purchase) + sum(Row.completion) + sum(Row.transfer) - sum(Row.debitReversal) === amount &&
    count(Row.purchase) + count(Row.completion) + count(Row.transfer) - count(Row.debitReversal) ===
      words[at + RecordWord.counterpartyLo] >>> 0
  const credits =
    sum(Row.refund) + sum(Row.recharge) - sum(Row.creditReversal) ===
      u53At(words, at + RecordWord.originalLo) &&
    count(Row.refund) + count(Row.recharge) - count(Row.creditReversal) ===
      words[at + RecordWord.counterpartyHi] >>> 0
  return debits && credits ? ResponseCode.approved : ResponseCode.reconcileError
}

const FORCED_FLAG = RecordFlag.forced << 8

/** Does a close with this response end the terminal's batch? */
export const endsBatch = (words: Int32Array, at: number, response: number): boolean =>
  response === ResponseCode.approved || (words[at + RecordWord.kindFlagsCurrency] & FORCED_FLAG) !== 0
