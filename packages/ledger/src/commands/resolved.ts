// What makes no sense in the part of a journaled command that was filled in when it was carried out.

import { DAY_MAX } from "../Calendar.ts"
import type { ResolvedCommand } from "../Command.ts"
import { ACCOUNT_MAX } from "../limits.ts"
import { isInteger, isObjectIf, U32_MAX } from "./check.ts"
import { PRODUCT_NUMBER_MAX } from "./products.ts"

const hotCodes: ReadonlyArray<number> = [41, 43, 5, -1, 0]

/** A command that passed `commandProblem`: is what a shard's rebuild needs of it there? */
export const resolvedProblem = (command: ResolvedCommand): string | undefined => {
  if (!("resolved" in command) && !needsResolving(command)) return undefined
  const resolved: unknown = "resolved" in command ? command.resolved : undefined
  const isWhole = resolved !== undefined && isObjectIf(resolved) && isResolved(command)
  return isWhole ? undefined : `a ${command.type} command is not resolved`
}

const needsResolving = ({ type }: ResolvedCommand): boolean =>
  type === "float" || type === "cards" || type === "issue" || type === "lifecycle" || type === "fund"

const isResolved = (command: ResolvedCommand): boolean => {
  switch (command.type) {
    case "float":
      return typeof command.resolved.repeat === "boolean"
    case "cards":
      return isInteger(command.resolved.day, 0, DAY_MAX)
    case "issue": {
      const { repeat, day, expiresDay, deposit } = command.resolved
      return typeof repeat === "boolean" && areDays(day, expiresDay) && isInteger(deposit, 0, U32_MAX)
    }
    case "lifecycle": {
      const { repeat, hot, replacement } = command.resolved
      if (typeof repeat !== "boolean" || !hotCodes.includes(hot) || !isObjectIf(replacement)) return false
      if (replacement === undefined) return command.action !== "replace" || repeat
      const { product, serial, day, expiresDay, fee } = replacement
      const areAmounts = isInteger(serial, 0, ACCOUNT_MAX) && isInteger(fee, 0, ACCOUNT_MAX)
      return isInteger(product, 1, PRODUCT_NUMBER_MAX) && areDays(day, expiresDay) && areAmounts
    }
    case "fund": {
      const { repeat, expiresDay } = command.resolved
      return typeof repeat === "boolean" && isInteger(expiresDay, 0, DAY_MAX)
    }
    default:
      return true
  }
}

const areDays = (day: number, expiresDay: number): boolean =>
  isInteger(day, 0, DAY_MAX) && isInteger(expiresDay, 0, DAY_MAX)
