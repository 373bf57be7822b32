/** A transaction message of a host becomes a record. What can't is refused with the code that it is answered. */
import { isRepeat, type Message, originalOf, textOf } from "@millrace/iso8583"
import { AMOUNT_MAX, Kind, RecordFlag, type RecordInput, ResponseCode } from "@millrace/protocol"
import type { IsoHost } from "./IsoHost.ts"
import { referenceOf } from "./References.ts"
import { readTotals } from "./Settlement.ts"

/** What a message asks for, before its PIN is looked at. */
export interface Reading {
  readonly record: RecordInput
}

/** Why it can't be asked: field 39, and a word for the metric. */
export interface Refusal {
  readonly response: number
  readonly reason: string
}

export const isRefusal = (read: Reading | Refusal): read is Refusal => "response" in read

/** What a message is read with besides itself. */
export interface MappingTools {
  /** Of the terminal's merchant, or 0: what an amount is in that has no currency of its own. */
  readonly currencyOf: (terminal: number) => number
  readonly nowMs: () => number
}

const CARD_MAX = 2n ** 64n - 1n
const TERMINAL_MAX = 0xffff_ffff

const missing = (field: number): Refusal => ({ response: ResponseCode.format, reason: `field-${field}` })

/** Field 41: a number, or a name that the host's configuration knows. 0 when it is neither. */
export const terminalOf = (message: Message, host: IsoHost): number => {
  const text = textOf(message, 41)?.trim() ?? ""
  const named = host.terminals.get(text)
  if (named !== undefined) return named
  if (!/^\d+$/.test(text)) return 0
  const number = Number(text)
  return number <= TERMINAL_MAX ? number : 0
}

/** Field 2, or what track 2 has before its separator. 0 when there is none that fits. */
export const cardOf = (message: Message): bigint => {
  const text = textOf(message, 2) ?? /^\d+/.exec(textOf(message, 35) ?? "")?.[0] ?? ""
  if (!/^\d{1,19}$/.test(text)) return 0n
  const card = BigInt(text)
  return card <= CARD_MAX ? card : 0n
}

/** The reference of this message itself. */
const ownReference = (message: Message, host: IsoHost, nowMs: number): bigint | undefined => {
  const time = textOf(message, host.dialect.uses.time)
  const stan = textOf(message, 11)
  return time === undefined || stan === undefined ? undefined : referenceOf(message.mti, time, stan, nowMs)
}

/** The reference of the transaction that this message names as its original. */
const originalReference = (message: Message, host: IsoHost, nowMs: number): bigint | undefined => {
  const original = originalOf(message, host.dialect)
  if (original === undefined || !/^\d{4}$/.test(original.mti)) return undefined
  return referenceOf(original.mti, original.time, original.stan, nowMs)
}

/** Kinds that name an original, without which they mean nothing. */
const needsOriginal = new Set<number>([
  Kind.refund,
  Kind.reversal,
  Kind.completion,
  Kind.void,
  Kind.cancellation,
])
/** Kinds whose amount only names what they turn round, so that its currency may be left out. */
const mayLackCurrency = new Set<number>([Kind.balance, Kind.reversal, Kind.void, Kind.cancellation])

export const readTransaction = (
  message: Message,
  kind: Kind,
  host: IsoHost,
  tools: MappingTools,
): Reading | Refusal => {
  const now = tools.nowMs()
  const reference = ownReference(message, host, now)
  if (reference === undefined) return missing(11)
  const terminal = terminalOf(message, host)
  if (terminal === 0) return { response: ResponseCode.notPermittedToTerminal, reason: "terminal" }
  const flags = isRepeat(message.mti) ? RecordFlag.repeat : 0
  if (kind === Kind.close) return readClose(message, host, { reference, terminal, flags })
  const card = cardOf(message)
  if (card === 0n) return missing(2)
  const currency = Number(
    textOf(message, 49) ?? (mayLackCurrency.has(kind) ? tools.currencyOf(terminal) : NaN),
  )
  if (!Number.isInteger(currency) || currency === 0) return missing(49)
  const asked = kind === Kind.balance ? "0" : (textOf(message, 4) ?? (kind === Kind.reversal ? "0" : ""))
  if (!/^\d+$/.test(asked)) return missing(4)
  const amount = Number(asked)
  if (amount > AMOUNT_MAX) return missing(4)
  const counterparty = kind === Kind.transfer ? payeeOf(message) : 0n
  if (counterparty === undefined) return missing(103)
  const original = needsOriginal.has(kind) ? originalReference(message, host, now) : 0n
  if (original === undefined) return missing(host.dialect.uses.original ?? 0)
  const input = { reference, terminal, card, currency, counterparty, original, kind, amount, flags }
  return kind === Kind.reversal ? reading(replaced(message, host, input)) : reading(input)
}

/**
 * Replacement amounts in a reversal: what was really moved. The rest goes back, which is what a refund of the original
 * does; with an actual amount of 0 all of it does.
 *
 * | actual amount | becomes |
 * |---|---|
 * | none, or 0 | the reversal |
 * | less than field 4 | a refund of the difference |
 * | field 4 or more | a refund of nothing: 13 |
 */
const replaced = (message: Message, { dialect }: IsoHost, input: RecordInput): RecordInput => {
  const field = dialect.uses.replacementAmounts
  const text = field === undefined ? undefined : /^\d{12}/.exec(textOf(message, field) ?? "")?.[0]
  const actual = Number(text ?? 0)
  if (actual === 0) return input
  if (actual < input.amount) return { ...input, kind: Kind.refund, amount: input.amount - actual }
  return { ...input, kind: Kind.refund, amount: 0 }
}

const payeeOf = (message: Message): bigint | undefined => {
  const text = (textOf(message, 103) ?? "").trim()
  if (!/^\d{1,19}$/.test(text)) return undefined
  const card = BigInt(text)
  return card <= CARD_MAX && card > 0n ? card : undefined
}

const readClose = (
  message: Message,
  host: IsoHost,
  head: Pick<RecordInput, "reference" | "terminal"> & { readonly flags: number },
): Reading | Refusal => {
  const totals = readTotals(message, host.dialect)
  if (totals === undefined) return missing(74)
  return reading({ ...head, ...totals, kind: Kind.close, card: 0n, currency: 0 })
}

const reading = (record: RecordInput): Reading => ({ record })
