// Which kinds a card's status lets through, which flags and amounts they carry, and which of the shared rules they are
// held to: look-ups for the data plane.
import { Kind, type KindName, kindNames, RecordFlag, ResponseCode } from "@millrace/protocol"
import { CardStatus } from "../Cards.ts"
import { ruleTable } from "./ruleTable.ts"

const STATUSES = 16

/** What a record's amount may be. */
export const AmountRule = { unknownKind: 0, zero: 1, positive: 2, any: 3 } as const

const amountRules = new Uint8Array(256)
for (const kind of [Kind.balance, Kind.pinChange]) amountRules[kind] = AmountRule.zero
for (const kind of [Kind.reversal, Kind.cancellation, Kind.void, Kind.close])
  amountRules[kind] = AmountRule.any
for (const kind of [
  Kind.purchase,
  Kind.refund,
  Kind.recharge,
  Kind.preauthorisation,
  Kind.completion,
  Kind.transfer,
]) {
  amountRules[kind] = AmountRule.positive
}

/** An AmountRule; `unknownKind` for a kind byte that this version does not know. */
export const amountRuleOf = (kind: number): number => amountRules[kind]

/** By kind: the flags that a record may not carry, in place in its last word. */
const flagsForbidden = new Int32Array(256).fill((~RecordFlag.repeat & 0xff) << 8)
flagsForbidden[Kind.purchase] &= ~(RecordFlag.partial << 8)
flagsForbidden[Kind.recharge] &= ~(RecordFlag.code << 8)
flagsForbidden[Kind.refund] &= ~(RecordFlag.code << 8)
flagsForbidden[Kind.close] &= ~(RecordFlag.forced << 8)

export const flagsForbiddenOf = (kind: number): number => flagsForbidden[kind]

// ---- status

type StatusCodes = { readonly [status: number]: number }

const notActive: StatusCodes = {
  [CardStatus.issued]: ResponseCode.cardRestricted,
  [CardStatus.locked]: ResponseCode.cardRestricted,
  [CardStatus.lost]: ResponseCode.cardLost,
  [CardStatus.stolen]: ResponseCode.cardStolen,
  [CardStatus.blacklisted]: ResponseCode.doNotHonour,
  [CardStatus.returned]: ResponseCode.noSuchCard,
  [CardStatus.cancelled]: ResponseCode.noSuchCard,
  [CardStatus.closed]: ResponseCode.cardRestricted,
  [CardStatus.expired]: ResponseCode.cardExpired,
}
/** Money comes back, so that the card need not be good for spending. */
const comingBack: StatusCodes = {
  [CardStatus.issued]: ResponseCode.cardRestricted,
  [CardStatus.lost]: ResponseCode.cardLost,
  [CardStatus.stolen]: ResponseCode.cardStolen,
  [CardStatus.blacklisted]: ResponseCode.doNotHonour,
  [CardStatus.returned]: ResponseCode.noSuchCard,
  [CardStatus.cancelled]: ResponseCode.noSuchCard,
}
/** What is completed was agreed when the card was good. */
const agreedBefore: StatusCodes = {
  [CardStatus.issued]: ResponseCode.cardRestricted,
  [CardStatus.blacklisted]: ResponseCode.doNotHonour,
  [CardStatus.returned]: ResponseCode.noSuchCard,
  [CardStatus.cancelled]: ResponseCode.noSuchCard,
}
/** What did not happen did not happen, whatever became of the card. */
const undone: StatusCodes = {
  [CardStatus.returned]: ResponseCode.noSuchCard,
  [CardStatus.cancelled]: ResponseCode.noSuchCard,
}

const statusRules: { readonly [kind in Exclude<KindName, "close">]: StatusCodes } = {
  balance: notActive,
  purchase: notActive,
  refund: comingBack,
  recharge: notActive,
  reversal: undone,
  preauthorisation: notActive,
  completion: agreedBefore,
  cancellation: undone,
  void: undone,
  transfer: notActive,
  pinChange: notActive,
}

const statusResponses = new Uint8Array(kindNames.length * STATUSES + STATUSES)
for (const [name, codes] of Object.entries(statusRules)) {
  // The keys of statusRules are kind names.
  const kind = Kind[name as KindName]
  for (const [status, code] of Object.entries(codes)) statusResponses[kind * STATUSES + Number(status)] = code
}

/** 0 lets the kind through. */
export const statusResponse = (kind: number, status: number): number =>
  statusResponses[kind * STATUSES + status]

// ---- rules

export const Check = {
  /** Limits of a transaction, a day and a month. */
  spending: 1,
  recharge: 2,
  transfer: 4,
  terminalAmount: 8,
  code: 16,
  /** A PIN is looked at, needed or not. */
  pin: 32,
  category: 64,
} as const

const checks = new Uint8Array(256)
const check = (bit: number, kinds: ReadonlyArray<number>): void => {
  for (const kind of kinds) checks[kind] |= bit
}
const kindsOf = (name: string): ReadonlyArray<number> => {
  const codes = ruleTable.find((entry) => entry.rule === name)?.codes ?? {}
  // The keys of codes are kind names.
  return (Object.keys(codes) as ReadonlyArray<KindName>).map((kind) => Kind[kind])
}
check(Check.spending, kindsOf("transactionMax"))
check(Check.recharge, kindsOf("rechargeMax"))
check(Check.transfer, kindsOf("productTransfer"))
check(Check.terminalAmount, kindsOf("terminalAmount"))
check(Check.code, kindsOf("codeWrong"))
check(Check.pin, kindsOf("pinWrong"))
check(Check.category, kindsOf("category"))

/** Check bits: what a kind is held to. */
export const checksOf = (kind: number): number => checks[kind]
