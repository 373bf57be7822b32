// What makes no sense in commands about terminals, hosts and the calendar.
import { hostIdPattern, kindNames } from "@millrace/protocol"
import type { CalendarCommand, HostCommand, TerminalCommand, TerminalsCommand } from "../Command.ts"
import {
  ACCOUNT_MAX,
  HOST_PERMISSIONS_MAX,
  HOST_RANGES_MAX,
  NAME_CHARACTERS_MAX,
  TERMINALS_PER_COMMAND_MAX,
} from "../limits.ts"
import { integersProblem, isInteger, isObjectIf, isOneOf, isText, U32_MAX } from "./check.ts"

export const PARAMETERS_MAX = 32
export const PARAMETER_CHARACTERS_MAX = 200
/** Begins with a letter, so that no key is one that objects treat in a way of their own. */
const parameterPattern = /^[A-Za-z][A-Za-z0-9._-]{0,39}$/
/** An offset from UTC is within 14 hours. */
const UTC_OFFSET_MINUTES_MAX = 840

export const terminalsProblem = (command: TerminalsCommand): string | undefined => {
  if (!isInteger(command.first, 1, U32_MAX)) return "first must be an integer from 1 to 2^32 - 1"
  if (!isInteger(command.count, 1, TERMINALS_PER_COMMAND_MAX)) {
    return `count must be an integer from 1 to ${TERMINALS_PER_COMMAND_MAX}`
  }
  if (command.first + command.count - 1 > U32_MAX) return "the last terminal passes 2^32 - 1"
  return isInteger(command.merchant, 1, U32_MAX) ? undefined : "merchant must be a merchant's number"
}

export const terminalProblem = (command: TerminalCommand): string | undefined => {
  const { number, status = "active", kinds = [], parameters, message } = command
  if (!isInteger(number, 1, U32_MAX)) return "number must be an integer from 1 to 2^32 - 1"
  if (!isBooleanIf(command.rotateKey)) return "rotateKey must be true or false"
  if (!isOneOf(status, ["active", "suspended"])) return "status must be active or suspended"
  if (!Array.isArray(kinds) || kinds.length > kindNames.length) return "kinds must be a list of kinds' names"
  if (!kinds.every((kind) => isOneOf(kind, kindNames))) return `a kind is one of ${kindNames.join(", ")}`
  if (message !== undefined && !isText(message, NAME_CHARACTERS_MAX)) {
    return `message must be a text of 1 to ${NAME_CHARACTERS_MAX} characters`
  }
  if (!isObjectIf(parameters)) return "parameters must be an object of texts"
  const given = Object.entries(parameters ?? {})
  if (given.length > PARAMETERS_MAX) return `there may be ${PARAMETERS_MAX} parameters`
  for (const [name, value] of given) {
    if (!parameterPattern.test(name)) return `a parameter's name must match ${parameterPattern.source}`
    if (value !== "" && !isText(value, PARAMETER_CHARACTERS_MAX)) {
      return `parameter ${name} must be a text of at most ${PARAMETER_CHARACTERS_MAX} characters`
    }
  }
  return integersProblem(command, "", { amountMax: ACCOUNT_MAX })
}

export const calendarProblem = (command: CalendarCommand): string | undefined =>
  isInteger(command.utcOffsetMinutes, -UTC_OFFSET_MINUTES_MAX, UTC_OFFSET_MINUTES_MAX)
    ? undefined
    : `utcOffsetMinutes must be an integer within ${UTC_OFFSET_MINUTES_MAX}`

const isBooleanIf = (value: unknown): boolean => value === undefined || typeof value === "boolean"

export const hostProblem = (command: HostCommand): string | undefined => {
  if (typeof command.id !== "string" || !hostIdPattern.test(command.id)) {
    return `id must match ${hostIdPattern.source}`
  }
  if (!isBooleanIf(command.rotateKey)) return "rotateKey must be true or false"
  if (!Array.isArray(command.terminals) || command.terminals.length > HOST_RANGES_MAX) {
    return `terminals must be a list of at most ${HOST_RANGES_MAX} ranges`
  }
  for (const range of command.terminals) {
    if (!Array.isArray(range) || range.length !== 2) return "a range of terminals is [from, to]"
    if (!isInteger(range[0], 1, U32_MAX) || !isInteger(range[1], range[0], U32_MAX)) {
      return "a range of terminals goes from 1 or more to 2^32 - 1 at most, upward"
    }
  }
  if (!Array.isArray(command.permissions) || command.permissions.length > HOST_PERMISSIONS_MAX) {
    return `permissions must be a list of at most ${HOST_PERMISSIONS_MAX}`
  }
  return command.permissions.every((permission) => isText(permission, NAME_CHARACTERS_MAX))
    ? undefined
    : "a permission is a text"
}
