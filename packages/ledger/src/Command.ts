// What changes the scheme: commands of the control plane, checked, and laid into journal slots and read back from them.
import { hostIdPattern, RecordWord } from "@millrace/protocol"
import { Packr } from "msgpackr"
import {
  ACCOUNT_MAX,
  BASIS_POINTS_MAX,
  CARD_NUMBER_MAX,
  CARDS_PER_COMMAND_MAX,
  COMMAND_BYTES_MAX,
  HOST_PERMISSIONS_MAX,
  HOST_RANGES_MAX,
  NAME_CHARACTERS_MAX,
  TERMINALS_PER_COMMAND_MAX,
} from "./limits.ts"
import { kindAt, SLOT_BYTES, SLOT_WORDS, SlotKind } from "./Slot.ts"

/** Puts a merchant: a new one, or another name or fee for one that is there. The currency never changes. */
export interface MerchantCommand {
  readonly type: "merchant"
  /** Who gave the command. */
  readonly by: string
  readonly number: number
  readonly name: string
  /** ISO 4217 numeric. */
  readonly currency: number
  /** Of each purchase, rounded down: 100 is 1 %. */
  readonly feeBasisPoints: number
}

/** Terminals first … first + count − 1 of one merchant. Those that are there already stay as they are. */
export interface TerminalsCommand {
  readonly type: "terminals"
  readonly by: string
  readonly first: number
  readonly count: number
  /** The merchant's number. */
  readonly merchant: number
}

/** Cards first … first + count − 1, each with an opening balance. Those that are there already get nothing. */
export interface CardsCommand {
  readonly type: "cards"
  readonly by: string
  readonly first: bigint
  readonly count: number
  readonly currency: number
  /** Minor units. */
  readonly openingBalance: number
}

/** Puts a host: whom it may act for and what it may ask. */
export interface HostCommand {
  readonly type: "host"
  readonly by: string
  readonly id: string
  /** Each range from … to, both included. */
  readonly terminals: ReadonlyArray<readonly [number, number]>
  readonly permissions: ReadonlyArray<string>
}

export type Command = MerchantCommand | TerminalsCommand | CardsCommand | HostCommand

const commandCodes = { merchant: 1, terminals: 2, cards: 3, host: 4 } as const
const U32_MAX = 0xffff_ffff
const CURRENCY_MAX = 999

const isInteger = (value: unknown, min: number, max: number): boolean =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max // an integer, so a number
const isText = (value: unknown): boolean =>
  typeof value === "string" && value.length > 0 && value.length <= NAME_CHARACTERS_MAX

/** Why a command makes no sense whatever the scheme holds, or undefined. */
export const commandProblem = (command: Command): string | undefined => {
  if (!isText(command.by)) return `by must be a text of 1 to ${NAME_CHARACTERS_MAX} characters`
  switch (command.type) {
    case "merchant":
      return merchantProblem(command)
    case "terminals":
      return terminalsProblem(command)
    case "cards":
      return cardsProblem(command)
    case "host":
      return hostProblem(command)
    default:
      return "unknown command"
  }
}

const merchantProblem = (command: MerchantCommand): string | undefined => {
  if (!isInteger(command.number, 1, U32_MAX)) return "number must be an integer from 1 to 2^32 - 1"
  if (!isText(command.name)) return `name must be a text of 1 to ${NAME_CHARACTERS_MAX} characters`
  if (!isInteger(command.currency, 1, CURRENCY_MAX)) return "currency must be an ISO 4217 number"
  if (!isInteger(command.feeBasisPoints, 0, BASIS_POINTS_MAX)) {
    return `feeBasisPoints must be an integer from 0 to ${BASIS_POINTS_MAX}`
  }
  return undefined
}

const terminalsProblem = (command: TerminalsCommand): string | undefined => {
  if (!isInteger(command.first, 1, U32_MAX)) return "first must be an integer from 1 to 2^32 - 1"
  if (!isInteger(command.count, 1, TERMINALS_PER_COMMAND_MAX)) {
    return `count must be an integer from 1 to ${TERMINALS_PER_COMMAND_MAX}`
  }
  if (command.first + command.count - 1 > U32_MAX) return "the last terminal passes 2^32 - 1"
  return isInteger(command.merchant, 1, U32_MAX) ? undefined : "merchant must be a merchant's number"
}

const cardsProblem = (command: CardsCommand): string | undefined => {
  if (typeof command.first !== "bigint" || command.first < 1n) return "first must be a bigint from 1"
  if (!isInteger(command.count, 1, CARDS_PER_COMMAND_MAX)) {
    return `count must be an integer from 1 to ${CARDS_PER_COMMAND_MAX}`
  }
  if (command.first + BigInt(command.count) - 1n > CARD_NUMBER_MAX) return "the last card passes 19 digits"
  if (!isInteger(command.currency, 1, CURRENCY_MAX)) return "currency must be an ISO 4217 number"
  return isInteger(command.openingBalance, 0, ACCOUNT_MAX)
    ? undefined
    : "openingBalance must be an integer from 0 to 2^53 - 1"
}

const hostProblem = (command: HostCommand): string | undefined => {
  if (typeof command.id !== "string" || !hostIdPattern.test(command.id)) {
    return `id must match ${hostIdPattern.source}`
  }
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
  return command.permissions.every(isText) ? undefined : "a permission is a text"
}

// ---- journal slots

const PAYLOAD_BYTES = 60
const packr = new Packr({ useRecords: false })

/** Only the fields of the command, in one order, whatever else the caller's object carries. */
const normal = (command: Command): Command => {
  const { by } = command
  switch (command.type) {
    case "merchant": {
      const { type, number, name, currency, feeBasisPoints } = command
      return { type, by, number, name, currency, feeBasisPoints }
    }
    case "terminals": {
      const { type, first, count, merchant } = command
      return { type, by, first, count, merchant }
    }
    case "cards": {
      const { type, first, count, currency, openingBalance } = command
      return { type, by, first, count, currency, openingBalance }
    }
    case "host": {
      const { type, id, terminals, permissions } = command
      return { type, by, id, terminals, permissions }
    }
  }
}

/** The command as slots: a head and as many continuations as its msgpack bytes need; undefined when it is too long. */
export const encodeCommand = (command: Command): Int32Array | undefined => {
  const payload = packr.pack(normal(command))
  if (payload.length > COMMAND_BYTES_MAX) return undefined
  const slots = 1 + Math.ceil(payload.length / PAYLOAD_BYTES)
  const words = new Int32Array(slots * SLOT_WORDS)
  const bytes = new Uint8Array(words.buffer)
  words[RecordWord.amountLo] = payload.length
  words[RecordWord.amountHi] = commandCodes[command.type]
  words[RecordWord.kindFlagsCurrency] = SlotKind.control
  for (let slot = 1; slot < slots; slot++) {
    const from = (slot - 1) * PAYLOAD_BYTES
    bytes.set(payload.subarray(from, from + PAYLOAD_BYTES), slot * SLOT_BYTES)
    words[slot * SLOT_WORDS + RecordWord.kindFlagsCurrency] = SlotKind.more
  }
  return words
}

/** Slots of the command whose head begins at word `at`. */
export const commandSlots = (words: Int32Array, at: number): number =>
  1 + Math.ceil((words[at + RecordWord.amountLo] >>> 0) / PAYLOAD_BYTES)

/** Reads a command back, or a sentence about why that can't be. */
export const decodeCommand = (words: Int32Array, at: number): Command | string => {
  const length = words[at + RecordWord.amountLo] >>> 0
  const slots = commandSlots(words, at)
  if (length > COMMAND_BYTES_MAX || at + slots * SLOT_WORDS > words.length) return "a command is cut short"
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
  const payload = new Uint8Array(length)
  for (let slot = 1; slot < slots; slot++) {
    if (kindAt(words, at + slot * SLOT_WORDS) !== SlotKind.more) return "a command's continuation is missing"
    const from = (slot - 1) * PAYLOAD_BYTES
    const begin = at * 4 + slot * SLOT_BYTES
    payload.set(bytes.subarray(begin, begin + Math.min(PAYLOAD_BYTES, length - from)), from)
  }
  try {
    const command = packr.unpack(payload) as Command // checked by commandProblem in the next line
    return commandProblem(command) ?? command
  } catch (error) {
    return `a command can't be read: ${String(error)}`
  }
}
