// Is the record well-formed? What is not is refused before anything is looked up, and not remembered.
import { KIND_RESERVED_FROM, Kind, RecordWord, ResponseCode } from "@millrace/protocol"
import { AmountRule, amountRuleOf, flagsForbiddenOf } from "./kinds/table.ts"

/** An amount of 2^53 or more has one of these bits in its upper word. */
const AMOUNT_HI_LIMIT = 2 ** 21

/** 0 for a well-formed record, else the code that it is refused with. */
export const judgeFormat = (words: Uint32Array, at: number): number => {
  const last = words[at + RecordWord.kindFlagsCurrency]
  const kind = last & 0xff
  if (kind === 0 || kind >= KIND_RESERVED_FROM || (last & flagsForbiddenOf(kind)) !== 0)
    return ResponseCode.format
  const rule = amountRuleOf(kind)
  if (rule === AmountRule.unknownKind) return ResponseCode.invalidTransaction
  // The gateway has made a verifier of the PIN block, which fills half of its place.
  if ((words[at + RecordWord.pinBlock2] | words[at + RecordWord.pinBlock3]) !== 0)
    return ResponseCode.invalidTransaction
  const amountLo = words[at + RecordWord.amountLo]
  const amountHi = words[at + RecordWord.amountHi]
  if (amountHi >= AMOUNT_HI_LIMIT) return ResponseCode.badAmount
  if (rule !== AmountRule.any) {
    const isZero = (amountLo | amountHi) === 0
    if (isZero !== (rule === AmountRule.zero)) return ResponseCode.badAmount
  }
  return kind >= Kind.transfer ? judgeFields(kind, words, at) : 0
}

const judgeFields = (kind: number, words: Uint32Array, at: number): number => {
  const counterpartyLo = words[at + RecordWord.counterpartyLo]
  const counterpartyHi = words[at + RecordWord.counterpartyHi]
  const cardLo = words[at + RecordWord.cardLo]
  const cardHi = words[at + RecordWord.cardHi]
  const hasCounterparty = (counterpartyLo | counterpartyHi) !== 0
  let good = true
  if (kind === Kind.transfer)
    good = hasCounterparty && (counterpartyLo !== cardLo || counterpartyHi !== cardHi)
  else if (kind === Kind.pinChange) {
    good = hasCounterparty && (words[at + RecordWord.originalLo] | words[at + RecordWord.originalHi]) === 0
  } else if (kind === Kind.close) {
    if (words[at + RecordWord.originalHi] >= AMOUNT_HI_LIMIT) return ResponseCode.badAmount
    good = (cardLo | cardHi) === 0
  }
  return good ? 0 : ResponseCode.invalidTransaction
}
