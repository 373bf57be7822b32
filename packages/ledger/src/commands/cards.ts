// What makes no sense in commands about cards: making them, their life, their money and their PIN.
import { lifecycleActions, purseNames } from "@millrace/protocol"
import { DAY_MAX } from "../Calendar.ts"
import type { CardsCommand, FundCommand, IssueCommand, LifecycleCommand, PinCommand } from "../Command.ts"
import { ACCOUNT_MAX, CARD_NUMBER_MAX, CARDS_PER_COMMAND_MAX, NAME_CHARACTERS_MAX } from "../limits.ts"
import {
  CURRENCY_MAX,
  isBooleanIf,
  isInteger,
  isIntegerIf,
  isOneOf,
  isText,
  isU64,
  REASON_CHARACTERS_MAX,
  U32_MAX,
} from "./check.ts"
import { PRODUCT_NUMBER_MAX } from "./products.ts"

/** Cards issued by one command. */
export const ISSUE_MAX = 4_096
const SERIAL_MAX = Number.MAX_SAFE_INTEGER

export const cardsProblem = (command: CardsCommand): string | undefined => {
  if (typeof command.first !== "bigint" || command.first < 1n) return "first must be a bigint from 1"
  if (!isInteger(command.count, 1, CARDS_PER_COMMAND_MAX)) {
    return `count must be an integer from 1 to ${CARDS_PER_COMMAND_MAX}`
  }
  if (command.first + BigInt(command.count) - 1n > CARD_NUMBER_MAX) return "the last card passes 19 digits"
  if (!isInteger(command.currency, 1, CURRENCY_MAX)) return "currency must be an ISO 4217 number"
  if (!isIntegerIf(command.product, 0, PRODUCT_NUMBER_MAX)) return "product must be a product's number"
  return isInteger(command.openingBalance, 0, ACCOUNT_MAX)
    ? undefined
    : "openingBalance must be an integer from 0 to 2^53 - 1"
}

export const issueProblem = (command: IssueCommand): string | undefined => {
  if (!isInteger(command.product, 1, PRODUCT_NUMBER_MAX)) return "product must be a product's number"
  if (!isInteger(command.serial, 0, SERIAL_MAX)) return "serial must be an integer from 0 to 2^53 - 1"
  if (!isInteger(command.count, 1, ISSUE_MAX)) return `count must be an integer from 1 to ${ISSUE_MAX}`
  if (!isInteger(command.nonce, 0, U32_MAX)) return "nonce must be an integer from 0 to 2^32 - 1"
  if (!isBooleanIf(command.active)) return "active must be true or false"
  return holderProblem(command.holder)
}

export const lifecycleProblem = (command: LifecycleCommand): string | undefined => {
  if (!isCard(command.card)) return "card must be a card's number, a bigint"
  if (!isOneOf(command.action, lifecycleActions))
    return `action must be one of ${lifecycleActions.join(", ")}`
  if (!isText(command.reason, REASON_CHARACTERS_MAX)) {
    return `reason must be a text of 1 to ${REASON_CHARACTERS_MAX} characters`
  }
  return holderProblem(command.holder)
}

export const fundProblem = (command: FundCommand): string | undefined => {
  if (!isCard(command.card)) return "card must be a card's number, a bigint"
  if (!isOneOf(command.purse, purseNames)) return `purse must be one of ${purseNames.join(", ")}`
  if (!isInteger(command.amount, 1, ACCOUNT_MAX)) return "amount must be an integer from 1 to 2^53 - 1"
  if (!isU64(command.reference)) return "reference must be a bigint from 1 to 2^64 - 1"
  const { expiresDay = 0 } = command
  if (!isInteger(expiresDay, 0, DAY_MAX)) return `expiresDay must be a day from 0 to ${DAY_MAX}`
  return command.purse === "main" && expiresDay !== 0 ? "the main purse does not expire" : undefined
}

export const pinProblem = (command: PinCommand): string | undefined => {
  if (!isCard(command.card)) return "card must be a card's number, a bigint"
  return isU64(command.verifier) ? undefined : "verifier must be a bigint from 1 to 2^64 - 1"
}

const holderProblem = (holder: string | undefined): string | undefined =>
  holder === undefined || isText(holder, NAME_CHARACTERS_MAX)
    ? undefined
    : `holder must be a text of 1 to ${NAME_CHARACTERS_MAX} characters`

const isCard = (value: unknown): boolean => isU64(value) && (value as bigint) <= CARD_NUMBER_MAX // a bigint, as isU64 says
