// What the control plane can ask for: every command, what is filled in before it is journaled, and its journal slots.
import { type KindName, type LifecycleAction, type PurseName, RecordWord } from "@millrace/protocol"
import { Packr } from "msgpackr"
import { calendarProblem, hostProblem, terminalProblem, terminalsProblem } from "./commands/acquiring.ts"
import { cardsProblem, fundProblem, issueProblem, lifecycleProblem, pinProblem } from "./commands/cards.ts"
import { isText } from "./commands/check.ts"
import { codeProblem, floatProblem, merchantProblem } from "./commands/merchants.ts"
import { productProblem } from "./commands/products.ts"
import { resolvedProblem } from "./commands/resolved.ts"
import { commandCodes, normal } from "./commands/shapes.ts"
import { COMMAND_BYTES_MAX, NAME_CHARACTERS_MAX } from "./limits.ts"
import { kindAt, SLOT_BYTES, SLOT_WORDS, SlotKind } from "./Slot.ts"

/** Of amounts up to `upTo`; the last tier of a plan has none. fee = clamp(fixed + ⌊amount × basisPoints / 10,000⌋, min, max), at most the amount. */
export interface FeeTier {
  readonly upTo?: number
  readonly fixed?: number
  readonly basisPoints?: number
  readonly min?: number
  readonly max?: number
}
/** At most 8 tiers, upward. */
export type FeePlan = ReadonlyArray<FeeTier>
/** Merchant category codes from … to, both included. */
export type Categories = ReadonlyArray<readonly [number, number]>

interface Given {
  /** Who gave the command. */
  readonly by: string
}

/** Puts a merchant: a new one, or all of one that is there anew. The currency never changes. */
export interface MerchantCommand extends Given {
  readonly type: "merchant"
  readonly number: number
  readonly name: string
  /** ISO 4217 numeric. */
  readonly currency: number
  /** Of each purchase, rounded down: 100 is 1 %. Short for a `purchaseFee` of one tier. */
  readonly feeBasisPoints?: number
  readonly purchaseFee?: FeePlan
  readonly rechargeFee?: FeePlan
  /** Paid to the merchant for recharges. */
  readonly commission?: FeePlan
  /** Merchant category code. */
  readonly mcc?: number
  readonly status?: "active" | "suspended"
  /** How far the float may go below zero, minor units. */
  readonly floatLimit?: number
  /** Recharges and refunds above this amount need the authorisation code; absent: none does. */
  readonly codeAbove?: number
  readonly settlement?: "day" | "week" | "month"
  readonly alarm?: { readonly floatBelow?: number }
}

/** Pays into a merchant's float, or out of it. */
export interface FloatCommand extends Given {
  readonly type: "float"
  readonly merchant: number
  /** Minor units; below 0 is a withdrawal. */
  readonly amount: number
  /** Grows from one to the next; the last one again is a repeat. */
  readonly reference: bigint
}

/** Sets a merchant's authorisation code. */
export interface CodeCommand extends Given {
  readonly type: "code"
  readonly merchant: number
  readonly verifier: bigint
}

/** Terminals first … first + count − 1 of one merchant. Those that are there already stay as they are. */
export interface TerminalsCommand extends Given {
  readonly type: "terminals"
  readonly first: number
  readonly count: number
  /** The merchant's number. */
  readonly merchant: number
}

/** Changes one terminal; what is absent stays. */
export interface TerminalCommand extends Given {
  readonly type: "terminal"
  readonly number: number
  readonly status?: "active" | "suspended"
  readonly kinds?: ReadonlyArray<KindName>
  /** Minor units; 0: no limit of its own. */
  readonly amountMax?: number
  readonly parameters?: Readonly<Record<string, string>>
  /** What its operator is told when a card is to be kept. */
  readonly message?: string
  /** The next key version: its key of before logs on no more. */
  readonly rotateKey?: boolean
}

export interface ProductPurse {
  readonly purse: Exclude<PurseName, "main">
  readonly name?: string
  readonly categories?: Categories
  readonly credit?: number
  readonly validDays?: number
}

/** Puts a card product; all amounts in minor units, 0 for no limit. Currency, bin, digits and named never change. */
export interface ProductCommand extends Given {
  readonly type: "product"
  readonly number: number
  readonly name: string
  readonly currency: number
  /** The first digits of its cards' numbers. */
  readonly bin: string
  /** Of a whole number, 16 by default. */
  readonly digits?: number
  readonly named?: boolean
  readonly singleUse?: "no" | "empty" | "once"
  readonly validMonths?: number
  readonly pin?: {
    readonly rule: "never" | "always" | "above"
    readonly freeMax?: number
    readonly tries?: number
  }
  readonly limits?: {
    readonly transactionMax?: number
    readonly dayAmountMax?: number
    readonly dayCountMax?: number
    readonly monthAmountMax?: number
    readonly monthCountMax?: number
  }
  readonly recharge?: {
    readonly allowed?: boolean
    readonly min?: number
    readonly max?: number
    readonly balanceMax?: number
  }
  readonly transfers?: { readonly allowed?: boolean; readonly fee?: FeePlan }
  readonly deposit?: number
  readonly replacementFee?: number
  /** Where its cards pay; absent or empty: everywhere. */
  readonly categories?: Categories
  readonly hold?: { readonly hours?: number; readonly toleranceBasisPoints?: number }
  /** Beside the main purse. */
  readonly purses?: ReadonlyArray<ProductPurse>
  /** Of the main purse. */
  readonly credit?: number
  /** In which order purses are drawn: by default category purses, bonus, main. */
  readonly order?: ReadonlyArray<PurseName>
  readonly bonus?: {
    readonly basisPoints: number
    readonly min?: number
    readonly max?: number
    readonly monthly?: boolean
  }
  readonly dormant?: { readonly afterMonths: number; readonly fee: number }
}

/** Cards first … first + count − 1, active, each with an opening balance. Those that are there already get nothing. */
export interface CardsCommand extends Given {
  readonly type: "cards"
  readonly first: bigint
  readonly count: number
  readonly currency: number
  /** Minor units. */
  readonly openingBalance: number
  /** 0, the open product, by default. */
  readonly product?: number
}

/** Makes cards of a product's next serials. */
export interface IssueCommand extends Given {
  readonly type: "issue"
  readonly product: number
  readonly serial: number
  readonly count: number
  /** What the cards' check values are made from. */
  readonly nonce: number
  readonly active?: boolean
  readonly holder?: string
}

/** One step of a card's life. */
export interface LifecycleCommand extends Given {
  readonly type: "lifecycle"
  readonly card: bigint
  readonly action: LifecycleAction
  readonly reason: string
  readonly holder?: string
}

/** The issuer puts money, bonus or points on a card. */
export interface FundCommand extends Given {
  readonly type: "fund"
  readonly card: bigint
  readonly purse: PurseName
  readonly amount: number
  /** Grows from one to the next of a card; the last one again is a repeat. */
  readonly reference: bigint
  /** The purse's last day, days since the epoch; 0: it has none. By default what the product says. Not for the main purse. */
  readonly expiresDay?: number
}

/** The issuer sets a card's PIN. */
export interface PinCommand extends Given {
  readonly type: "pin"
  readonly card: bigint
  readonly verifier: bigint
}

/** When the business day begins, for the whole scheme. */
export interface CalendarCommand extends Given {
  readonly type: "calendar"
  readonly utcOffsetMinutes: number
}

/** Puts a host: whom it may act for and what it may ask. */
export interface HostCommand extends Given {
  readonly type: "host"
  readonly id: string
  /** Each range from … to, both included. */
  readonly terminals: ReadonlyArray<readonly [number, number]>
  readonly permissions: ReadonlyArray<string>
  /** The next key version: its key of before logs on no more. */
  readonly rotateKey?: boolean
}

export type Command =
  | MerchantCommand
  | FloatCommand
  | CodeCommand
  | TerminalsCommand
  | TerminalCommand
  | ProductCommand
  | CardsCommand
  | IssueCommand
  | LifecycleCommand
  | FundCommand
  | PinCommand
  | CalendarCommand
  | HostCommand

// ---- what resolving fills in, so that a shard can carry the command out beside a scheme that has moved on

/** `resolved` of whoever gives the command is not looked at: it is always filled in anew. */
type Resolved<C, R> = C & { readonly resolved: R }

/** It was carried out before: nothing is done again. */
interface Repeatable {
  readonly repeat: boolean
}
export type ResolvedFloat = Resolved<FloatCommand, Repeatable>
export type ResolvedCards = Resolved<CardsCommand, { readonly day: number }>
export type ResolvedIssue = Resolved<
  IssueCommand,
  Repeatable & {
    readonly day: number
    /** Their last day, or 0. */
    readonly expiresDay: number
    readonly deposit: number
  }
>
export type ResolvedLifecycle = Resolved<
  LifecycleCommand,
  Repeatable & {
    /** What the hotlist says of the card from now on: 41, 43 or 5; −1: nothing any more; 0: what it says now. */
    readonly hot: number
    /** Of `replace`, otherwise absent: the new card's. */
    readonly replacement?: {
      readonly product: number
      readonly serial: number
      readonly day: number
      readonly expiresDay: number
      readonly fee: number
    }
  }
>
export type ResolvedFund = Resolved<FundCommand, Repeatable & { readonly expiresDay: number }>

/** What is journaled and applied. */
export type ResolvedCommand =
  | MerchantCommand
  | ResolvedFloat
  | CodeCommand
  | TerminalsCommand
  | TerminalCommand
  | ProductCommand
  | ResolvedCards
  | ResolvedIssue
  | ResolvedLifecycle
  | ResolvedFund
  | PinCommand
  | CalendarCommand
  | HostCommand

/** Why a command makes no sense whatever the scheme holds, or undefined. */
export const commandProblem = (command: Command): string | undefined => {
  if (!isText(command.by, NAME_CHARACTERS_MAX))
    return `by must be a text of 1 to ${NAME_CHARACTERS_MAX} characters`
  switch (command.type) {
    case "merchant":
      return merchantProblem(command)
    case "float":
      return floatProblem(command)
    case "code":
      return codeProblem(command)
    case "terminals":
      return terminalsProblem(command)
    case "terminal":
      return terminalProblem(command)
    case "product":
      return productProblem(command)
    case "cards":
      return cardsProblem(command)
    case "issue":
      return issueProblem(command)
    case "lifecycle":
      return lifecycleProblem(command)
    case "fund":
      return fundProblem(command)
    case "pin":
      return pinProblem(command)
    case "calendar":
      return calendarProblem(command)
    case "host":
      return hostProblem(command)
    default:
      return "unknown command"
  }
}

// ---- journal slots

const PAYLOAD_BYTES = 60
const packr = new Packr({ useRecords: false })

/** The command as slots: a head and as many continuations as its msgpack bytes need; undefined when it is too long. */
export const encodeCommand = (command: ResolvedCommand): Int32Array | undefined => {
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
export const decodeCommand = (words: Int32Array, at: number): ResolvedCommand | string => {
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
    const command = packr.unpack(payload) as ResolvedCommand // checked in the next line
    return commandProblem(command) ?? resolvedProblem(command) ?? command
  } catch (error) {
    return `a command can't be read: ${String(error)}`
  }
}
