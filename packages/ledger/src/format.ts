// Is the record well-formed? What is not is refused before anything is looked up, and not remembered.
import { KIND_RESERVED_FROM, RECORD_FLAGS_KNOWN, RecordWord, ResponseCode } from "@millrace/protocol"
import { amountRuleOf } from "./kinds/dispatch.ts"
import { AmountRule } from "./kinds/KindRules.ts"

const UNKNOWN_FLAGS = (~RECORD_FLAGS_KNOWN & 0xff) << 8
/** An amount of 2^53 or more has one of these bits in its upper word. */
const AMOUNT_HI_LIMIT = 2 ** 21

/** 0 for a well-formed record, else the code that it is refused with. */
export const judgeFormat = (words: Uint32Array, at: number): number => {
  const last = words[at + RecordWord.kindFlagsCurrency]
  const kind = last & 0xff
  if (kind === 0 || kind >= KIND_RESERVED_FROM || (last & UNKNOWN_FLAGS) !== 0) return ResponseCode.format
  const rule = amountRuleOf(kind)
  if (rule === AmountRule.unknownKind) return ResponseCode.invalidTransaction
  // No keys for PIN blocks yet, and none may reach the journal.
  const pinBlock =
    words[at + RecordWord.pinBlock0] |
    words[at + RecordWord.pinBlock1] |
    words[at + RecordWord.pinBlock2] |
    words[at + RecordWord.pinBlock3]
  if (pinBlock !== 0) return ResponseCode.invalidTransaction
  const amountLo = words[at + RecordWord.amountLo]
  const amountHi = words[at + RecordWord.amountHi]
  if (amountHi >= AMOUNT_HI_LIMIT) return ResponseCode.badAmount
  if (rule === AmountRule.any) return 0
  const isZero = (amountLo | amountHi) === 0
  return isZero === (rule === AmountRule.zero) ? 0 : ResponseCode.badAmount
}
