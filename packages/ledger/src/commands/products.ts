// What makes no sense in a card product.
import { type PurseName, purseNames } from "@millrace/protocol"
import type { ProductCommand, ProductPurse } from "../Command.ts"
import { ACCOUNT_MAX, BASIS_POINTS_MAX, NAME_CHARACTERS_MAX } from "../limits.ts"
import { DRAWS_MAX, drawOrder } from "../Products.ts"
import {
  CURRENCY_MAX,
  categoriesProblem,
  feePlanProblem,
  integersProblem,
  isBooleanIf,
  isInteger,
  isIntegerIf,
  isObjectIf,
  isOneOf,
  isText,
  U32_MAX,
} from "./check.ts"

export const PRODUCT_NUMBER_MAX = 65_535
export const DIGITS_DEFAULT = 16
const DIGITS_MIN = 13
const DIGITS_MAX = 19
/** No leading zero: a number has none. */
const binPattern = /^[1-9][0-9]{3,11}$/
/** What a card's counters hold. */
const COUNT_MAX = 65_535
const PIN_TRIES_MAX = 15
const MONTHS_MAX = 1_200
const DAYS_MAX = 36_500
/** A year. */
const HOLD_HOURS_MAX = 8_760

export const productProblem = (command: ProductCommand): string | undefined =>
  identityProblem(command) ?? rulesProblem(command) ?? pursesProblem(command) ?? orderProblem(command)

const identityProblem = (command: ProductCommand): string | undefined => {
  const { digits = DIGITS_DEFAULT, named, singleUse = "no" } = command
  if (!isInteger(command.number, 1, PRODUCT_NUMBER_MAX)) {
    return `number must be an integer from 1 to ${PRODUCT_NUMBER_MAX}`
  }
  if (!isText(command.name, NAME_CHARACTERS_MAX)) {
    return `name must be a text of 1 to ${NAME_CHARACTERS_MAX} characters`
  }
  if (!isInteger(command.currency, 1, CURRENCY_MAX)) return "currency must be an ISO 4217 number"
  if (typeof command.bin !== "string" || !binPattern.test(command.bin)) {
    return "bin must be 4 to 12 digits, the first of them not 0"
  }
  if (!isInteger(digits, DIGITS_MIN, DIGITS_MAX)) {
    return `digits must be an integer from ${DIGITS_MIN} to ${DIGITS_MAX}`
  }
  if (digits < command.bin.length + 2) return "digits leave no room for a serial"
  if (!isBooleanIf(named)) return "named must be true or false"
  return isOneOf(singleUse, ["no", "empty", "once"]) ? undefined : "singleUse must be no, empty or once"
}

const rulesProblem = (command: ProductCommand): string | undefined => {
  const { pin, limits, recharge, transfers, hold, bonus, dormant } = command
  for (const [name, value] of Object.entries({ pin, limits, recharge, transfers, hold, bonus, dormant })) {
    if (!isObjectIf(value)) return `${name} must be an object`
  }
  if (pin !== undefined && !isOneOf(pin.rule, ["never", "always", "above"])) {
    return "pin.rule must be never, always or above"
  }
  if (!isIntegerIf(pin?.tries, 1, PIN_TRIES_MAX)) return `pin.tries must be from 1 to ${PIN_TRIES_MAX}`
  if (!isIntegerIf(hold?.hours, 1, HOLD_HOURS_MAX)) return `hold.hours must be from 1 to ${HOLD_HOURS_MAX}`
  if (!isBooleanIf(recharge?.allowed)) return "recharge.allowed must be true or false"
  if (!isBooleanIf(transfers?.allowed)) return "transfers.allowed must be true or false"
  if (!isBooleanIf(bonus?.monthly)) return "bonus.monthly must be true or false"
  if (bonus !== undefined && bonus.basisPoints === undefined) return "bonus.basisPoints is missing"
  if (dormant !== undefined && !isInteger(dormant.afterMonths, 1, MONTHS_MAX)) {
    return `dormant.afterMonths must be an integer from 1 to ${MONTHS_MAX}`
  }
  if (dormant !== undefined && dormant.fee === undefined) return "dormant.fee is missing"
  const money = ACCOUNT_MAX
  return (
    feePlanProblem(transfers?.fee, "transfers.fee") ??
    integersProblem(pin, "pin.", { freeMax: money }) ??
    integersProblem(limits, "limits.", {
      transactionMax: money,
      dayAmountMax: money,
      dayCountMax: COUNT_MAX,
      monthAmountMax: money,
      monthCountMax: COUNT_MAX,
    }) ??
    integersProblem(recharge, "recharge.", { min: money, max: money, balanceMax: money }) ??
    integersProblem(hold, "hold.", { toleranceBasisPoints: BASIS_POINTS_MAX }) ??
    integersProblem(bonus, "bonus.", { basisPoints: BASIS_POINTS_MAX, min: money, max: money }) ??
    integersProblem(dormant, "dormant.", { fee: money }) ??
    // A card keeps its deposit in 32 bits.
    integersProblem(command, "", {
      validMonths: MONTHS_MAX,
      deposit: U32_MAX,
      replacementFee: money,
      credit: money,
    }) ??
    categoriesProblem(command.categories, "categories")
  )
}

const pursesProblem = ({ purses = [] }: ProductCommand): string | undefined => {
  if (!Array.isArray(purses)) return "purses must be a list"
  const seen = new Set<string>()
  for (const purse of purses as ReadonlyArray<ProductPurse | undefined>) {
    if (purse === undefined || !isObjectIf(purse)) return "a purse is an object"
    const name: PurseName = purse.purse // main too, from a careless caller
    if (!isOneOf(name, purseNames) || isOneOf(name, ["main"]))
      return "a purse is bonus, category1 to category6 or points"
    if (seen.has(name)) return `purse ${name} is there twice`
    seen.add(name)
    if (purse.name !== undefined && !isText(purse.name, NAME_CHARACTERS_MAX)) {
      return `purse ${name}: name must be a text of 1 to ${NAME_CHARACTERS_MAX} characters`
    }
    const problem =
      integersProblem(purse, `purse ${name}: `, { credit: ACCOUNT_MAX, validDays: DAYS_MAX }) ??
      categoriesProblem(purse.categories, `purse ${name}: categories`)
    if (problem !== undefined) return problem
  }
  return undefined
}

const orderProblem = (command: ProductCommand): string | undefined => {
  const { purses = [], order } = command
  if (order === undefined) {
    return drawOrder(command).length > DRAWS_MAX
      ? `order must name at most ${DRAWS_MAX} of the purses`
      : undefined
  }
  if (!Array.isArray(order) || order.length === 0 || order.length > DRAWS_MAX) {
    return `order must be a list of 1 to ${DRAWS_MAX} purses`
  }
  if (new Set(order).size !== order.length) return "order names a purse twice"
  const there: ReadonlyArray<PurseName> = ["main", ...purses.map(({ purse }) => purse)]
  return order.every((purse) => there.includes(purse)) ? undefined : "order names a purse that is not there"
}
