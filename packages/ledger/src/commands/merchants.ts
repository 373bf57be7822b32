// What makes no sense in commands about merchants: their terms, floats and authorisation codes.
import type { CodeCommand, FloatCommand, MerchantCommand } from "../Command.ts"
import { ACCOUNT_MAX, BASIS_POINTS_MAX, NAME_CHARACTERS_MAX } from "../limits.ts"
import {
  CURRENCY_MAX,
  feePlanProblem,
  integersProblem,
  isInteger,
  isIntegerIf,
  isObjectIf,
  isOneOf,
  isText,
  isU64,
  MCC_MAX,
  U32_MAX,
} from "./check.ts"

export const merchantProblem = (command: MerchantCommand): string | undefined => {
  const { status = "active", settlement = "day", alarm } = command
  if (!isInteger(command.number, 1, U32_MAX)) return "number must be an integer from 1 to 2^32 - 1"
  if (!isText(command.name, NAME_CHARACTERS_MAX)) {
    return `name must be a text of 1 to ${NAME_CHARACTERS_MAX} characters`
  }
  if (!isInteger(command.currency, 1, CURRENCY_MAX)) return "currency must be an ISO 4217 number"
  if (!isIntegerIf(command.feeBasisPoints, 0, BASIS_POINTS_MAX)) {
    return `feeBasisPoints must be an integer from 0 to ${BASIS_POINTS_MAX}`
  }
  if (command.feeBasisPoints !== undefined && command.purchaseFee !== undefined) {
    return "feeBasisPoints and purchaseFee say the same: give one"
  }
  if (!isOneOf(status, ["active", "suspended"])) return "status must be active or suspended"
  if (!isOneOf(settlement, ["day", "week", "month"])) return "settlement must be day, week or month"
  if (!isObjectIf(alarm)) return "alarm must be an object"
  if (!isIntegerIf(alarm?.floatBelow, -ACCOUNT_MAX, ACCOUNT_MAX)) {
    return "alarm.floatBelow must be an integer within 2^53 - 1"
  }
  return (
    feePlanProblem(command.purchaseFee, "purchaseFee") ??
    feePlanProblem(command.rechargeFee, "rechargeFee") ??
    feePlanProblem(command.commission, "commission") ??
    integersProblem(command, "", { mcc: MCC_MAX, floatLimit: ACCOUNT_MAX, codeAbove: ACCOUNT_MAX })
  )
}

export const floatProblem = (command: FloatCommand): string | undefined => {
  if (!isInteger(command.merchant, 1, U32_MAX)) return "merchant must be a merchant's number"
  if (!isInteger(command.amount, -ACCOUNT_MAX, ACCOUNT_MAX) || command.amount === 0) {
    return "amount must be an integer other than 0 within 2^53 - 1"
  }
  return isU64(command.reference) ? undefined : "reference must be a bigint from 1 to 2^64 - 1"
}

export const codeProblem = (command: CodeCommand): string | undefined => {
  if (!isInteger(command.merchant, 1, U32_MAX)) return "merchant must be a merchant's number"
  return isU64(command.verifier) ? undefined : "verifier must be a bigint from 1 to 2^64 - 1"
}
