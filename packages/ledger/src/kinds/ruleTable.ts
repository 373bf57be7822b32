// Every rule with its response code for each kind, in the order in which they are looked at: what the README's table is
// made from.
import type { KindName } from "@millrace/protocol"

export interface RuleEntry {
  readonly rule: string
  /** What is broken, for people. */
  readonly says: string
  /** The answer of each kind that knows the rule. */
  readonly codes: Readonly<Partial<Record<KindName, number>>>
}

const all = (code: number): RuleEntry["codes"] => ({ ...allOfCards(code), close: code })
const allButReversal = (code: number): RuleEntry["codes"] => {
  const { reversal: _, ...others } = all(code)
  return others
}
const allOfCards = (code: number): RuleEntry["codes"] => ({
  balance: code,
  purchase: code,
  refund: code,
  recharge: code,
  reversal: code,
  preauthorisation: code,
  completion: code,
  cancellation: code,
  void: code,
  transfer: code,
  pinChange: code,
})
const spending = (code: number): RuleEntry["codes"] => ({
  purchase: code,
  preauthorisation: code,
  transfer: code,
})
const undoing = (code: number): RuleEntry["codes"] => ({ reversal: code, void: code })
const coded = (code: number): RuleEntry["codes"] => ({ refund: code, recharge: code })

/** In the order in which they are checked; the status is checked after `currency`. */
export const ruleTable: ReadonlyArray<RuleEntry> = [
  // Answered, and not remembered.
  { rule: "flag", says: "a flag that is not of this kind", codes: all(30) },
  { rule: "counterparty", says: "none, or the card itself", codes: { transfer: 12, pinChange: 12 } },
  { rule: "original", says: "an original where there is none", codes: { pinChange: 12 } },
  { rule: "cardGiven", says: "a card where there is none", codes: { close: 12 } },
  {
    rule: "amount",
    says: "an amount where there must be none, or none where there must be one",
    codes: {
      balance: 13,
      purchase: 13,
      refund: 13,
      recharge: 13,
      preauthorisation: 13,
      completion: 13,
      transfer: 13,
      pinChange: 13,
    },
  },
  { rule: "content", says: "the reference was used with other content", codes: all(94) },
  { rule: "terminalUnknown", says: "the terminal is not known", codes: all(58) },
  { rule: "terminalSuspended", says: "the terminal is suspended", codes: allButReversal(58) },
  { rule: "merchantSuspended", says: "the terminal's merchant is suspended", codes: allButReversal(58) },
  { rule: "terminalKind", says: "the kind is not among the terminal's", codes: allButReversal(58) },
  { rule: "forgotten", says: "the reference is not later than what was forgotten", codes: all(68) },
  // Answered, and remembered.
  { rule: "barred", says: "a reversal of it came first", codes: all(68) },
  { rule: "cardUnknown", says: "the card is not known", codes: allOfCards(14) },
  { rule: "currency", says: "record, merchant and card are not of one currency", codes: allOfCards(12) },
  { rule: "totals", says: "the terminal's totals are others", codes: { close: 95 } },
  { rule: "originalItself", says: "it names itself", codes: { reversal: 12 } },
  {
    rule: "originalUnknown",
    says: "the original is not known (a reversal bars it)",
    codes: { refund: 25, completion: 25, cancellation: 25, void: 25 },
  },
  { rule: "originalForgotten", says: "the original was forgotten", codes: { refund: 25, ...undoing(25) } },
  { rule: "originalBarred", says: "the original was barred before it came", codes: { refund: 25, void: 25 } },
  {
    rule: "originalOfAnotherCard",
    says: "the original is another card's",
    codes: { refund: 12, reversal: 12, completion: 12, cancellation: 12, void: 12 },
  },
  {
    rule: "originalOfAnotherKind",
    says: "the original is of a kind that this can't follow",
    codes: { refund: 12, reversal: 12, completion: 25, cancellation: 25, void: 12 },
  },
  {
    rule: "originalDeclined",
    says: "the original was declined",
    codes: { refund: 12, completion: 25, cancellation: 25, void: 12 },
  },
  {
    rule: "originalReversed",
    says: "the original was turned round",
    codes: { refund: 12, completion: 25, cancellation: 25, void: 12 },
  },
  {
    rule: "originalCompleted",
    says: "the original hold was completed",
    codes: { reversal: 12, completion: 25, cancellation: 25, void: 12 },
  },
  { rule: "originalRefunded", says: "some of the original was refunded", codes: undoing(12) },
  { rule: "notToday", says: "the original is of another day", codes: { void: 12 } },
  {
    rule: "amountNotTheOriginals",
    says: "the amount is neither 0 nor the original's",
    codes: { reversal: 13, cancellation: 13, void: 13 },
  },
  { rule: "refundExceeds", says: "more than is left of the original", codes: { refund: 13 } },
  { rule: "toleranceExceeded", says: "more than was held and the tolerance", codes: { completion: 13 } },
  { rule: "productRecharge", says: "the product can't be recharged", codes: { recharge: 57 } },
  { rule: "productTransfer", says: "the product can't transfer", codes: { transfer: 57 } },
  {
    rule: "category",
    says: "the product is not for this merchant's category",
    codes: { purchase: 57, preauthorisation: 57 },
  },
  {
    rule: "terminalAmount",
    says: "over the terminal's amount",
    codes: { purchase: 61, refund: 61, recharge: 61, preauthorisation: 61, completion: 61, transfer: 61 },
  },
  { rule: "transactionMax", says: "over the product's amount of one transaction", codes: spending(61) },
  { rule: "rechargeMin", says: "less than the least recharge", codes: { recharge: 13 } },
  { rule: "rechargeMax", says: "more than the greatest recharge", codes: { recharge: 61 } },
  { rule: "balanceMax", says: "the card would have too much", codes: { recharge: 61 } },
  { rule: "payeeUnknown", says: "the payee is not known", codes: { transfer: 14 } },
  { rule: "payeeNotActive", says: "the payee is not active, or expired", codes: { transfer: 57 } },
  { rule: "payeeCurrency", says: "the payee is of another currency", codes: { transfer: 12 } },
  { rule: "payeeRecharge", says: "the payee's product can't be recharged", codes: { transfer: 57 } },
  { rule: "payeeBalanceMax", says: "the payee would have too much", codes: { transfer: 61 } },
  { rule: "codeUnset", says: "a code is needed, the merchant has none", codes: coded(55) },
  { rule: "codeTries", says: "three wrong codes before", codes: coded(75) },
  { rule: "codeMissing", says: "a code is needed, none is given", codes: coded(55) },
  { rule: "codeWrong", says: "the code is wrong", codes: coded(55) },
  { rule: "codeWrongLast", says: "the code is wrong for the third time", codes: coded(75) },
  { rule: "pinUnset", says: "a PIN is needed, the card has none", codes: { ...spending(55), pinChange: 55 } },
  {
    rule: "pinTries",
    says: "too many wrong PINs before",
    codes: { balance: 75, ...spending(75), pinChange: 75 },
  },
  { rule: "pinMissing", says: "a PIN is needed, none is given", codes: { ...spending(55), pinChange: 55 } },
  { rule: "pinWrong", says: "the PIN is wrong", codes: { balance: 55, ...spending(55), pinChange: 55 } },
  {
    rule: "pinWrongLast",
    says: "the PIN is wrong and it was the last try",
    codes: { balance: 75, ...spending(75), pinChange: 75 },
  },
  { rule: "dayCount", says: "too many today", codes: spending(65) },
  { rule: "dayAmount", says: "too much today", codes: spending(61) },
  { rule: "monthCount", says: "too many this month", codes: spending(65) },
  { rule: "monthAmount", says: "too much this month", codes: spending(61) },
  { rule: "merchantFloat", says: "the merchant's float is used up", codes: { recharge: 61 } },
  {
    rule: "funds",
    says: "not enough on the card",
    codes: { purchase: 51, reversal: 51, preauthorisation: 51, completion: 51, void: 51, transfer: 51 },
  },
  { rule: "fundsPartial", says: "not enough, and a part will do", codes: { purchase: 10 } },
  { rule: "payeeFunds", says: "the payee has spent it", codes: undoing(51) },
  {
    rule: "accountMax",
    says: "a purse or an account would pass 2^53 − 1",
    codes: {
      purchase: 61,
      refund: 61,
      recharge: 61,
      reversal: 61,
      completion: 61,
      void: 61,
      transfer: 61,
    },
  },
]
