// Journal slots as people may read them: what each says, with card numbers masked and PINs left out.

import { SLOT_WORDS, SlotKind } from "@millrace/ledger"
import { Kind, kindName, RecordWord, responseText } from "@millrace/protocol"
import { masked } from "../CardNumber.ts"
import { aboutCard, aboutTerminal, commandAt, shownCommand } from "./Commands.ts"
import { closeDetails, detailsOf, periodicDetails, splitDetails } from "./Details.ts"
import type { OwnKind } from "./Kinds.ts"
import { type Payload, readPayload, u64At } from "./Payload.ts"

/** One entry of the journal. What an entry of its kind does not have is left out. */
export interface Entry {
  readonly sequence: number
  /** Of its batch, ISO 8601. */
  readonly time: string
  /** One of `entryKinds`: a transaction's, or one of the engine's own. */
  readonly kind: string
  readonly terminal?: number
  readonly reference?: string
  /** Masked. */
  readonly card?: string
  /** The other card of a transfer, masked. */
  readonly counterparty?: string
  /** What else there is, by name. */
  readonly [detail: string]: unknown
  readonly command?: { readonly [field: string]: unknown }
}

const ownNames = {
  [SlotKind.arrival]: "arrival",
  [SlotKind.departure]: "departure",
  [SlotKind.expired]: "expired",
  [SlotKind.periodic]: "periodic",
  [SlotKind.control]: "control",
  [SlotKind.bar]: "bar",
  [SlotKind.turned]: "turned",
} as const satisfies { readonly [code: number]: OwnKind }

/** What an entry must match, by its unmasked values. */
export interface EntryFilter {
  readonly card: bigint | undefined
  readonly terminal: number | undefined
  readonly kind: string | undefined
}

/** The entries of a block's payload that match, in order; a decision or a command of several slots is one entry. */
export function* entriesOf(
  block: { readonly first: number; readonly time: number; readonly payload: Uint8Array },
  filter: EntryFilter,
): Generator<Entry, void> {
  const payload = readPayload(block.payload)
  const { words } = payload
  const time = new Date(block.time).toISOString()
  for (let at = 0, sequence = block.first; at < words.length; at += SLOT_WORDS, sequence++) {
    const code = codeAt(words, at)
    // Told with the slot that they belong to.
    if (code === SlotKind.more || code === SlotKind.split) continue
    const kind = nameOf(code)
    if (filter.kind !== undefined && kind !== filter.kind) continue
    const head = { sequence, time, kind }
    if (code === SlotKind.control) {
      const command = commandAt(payload, at)
      if (filter.card !== undefined && !aboutCard(command, filter.card)) continue
      if (filter.terminal !== undefined && !aboutTerminal(command, filter.terminal)) continue
      yield { ...head, command: shownCommand(command) }
    } else if (matches(words, at, filter)) yield { ...head, ...toldOf(payload, at, code) }
  }
}

const codeAt = (words: Uint32Array, at: number): number => words[at + RecordWord.kindFlagsCurrency] & 0xff

const nameOf = (code: number): string => {
  const own: { readonly [code: number]: string } = ownNames
  return own[code] ?? kindName(code) ?? `kind-${code}`
}

/** Whether the slot names a second card: of a transfer, and of what it does at its payee. */
const isBetweenCards = (words: Uint32Array, at: number): boolean => {
  const code = codeAt(words, at)
  if (code === SlotKind.arrival || code === SlotKind.departure || code === Kind.transfer) return true
  return (
    code === SlotKind.turned && ((words[at + RecordWord.kindFlagsCurrency] >>> 8) & 0xff) === Kind.transfer
  )
}

const matches = (words: Uint32Array, at: number, { card, terminal }: EntryFilter): boolean => {
  if (terminal !== undefined && words[at + RecordWord.terminal] !== terminal) return false
  if (card === undefined || u64At(words, at + RecordWord.cardLo) === card) return true
  return isBetweenCards(words, at) && u64At(words, at + RecordWord.counterpartyLo) === card
}

const toldOf = (payload: Payload, at: number, code: number) => {
  const { words } = payload
  const terminal = words[at + RecordWord.terminal]
  const reference = String(u64At(words, at + RecordWord.referenceLo))
  if (code === Kind.close) return { terminal, reference, ...closeDetails(payload, at) }
  const card = masked(u64At(words, at + RecordWord.cardLo))
  if (code === SlotKind.periodic) return { card, ...periodicDetails(payload, at) }
  const who = { terminal, reference, card }
  if (code === SlotKind.bar) return who
  const other = isBetweenCards(words, at)
    ? { counterparty: masked(u64At(words, at + RecordWord.counterpartyLo)) }
    : {}
  const next = at + SLOT_WORDS
  const split =
    next < words.length && codeAt(words, next) === SlotKind.split ? splitDetails(payload, next) : {}
  return { ...who, ...other, ...detailsOf(payload, at, code), ...split }
}

/** One readable line. */
export const entryLine = (entry: Entry): string => {
  const { sequence, time, kind, command, ...told } = entry
  const head = `${String(sequence).padStart(10)}  ${time}  ${kind.padEnd(8)}`
  if (command !== undefined) {
    const { type, ...fields } = command
    return `${head}  ${String(type)} ${Object.entries(fields).map(fieldText).join(" ")}`
  }
  return `${head}  ${Object.entries(told).map(detailText).join(" ")}`
}

const fieldText = ([name, value]: readonly [string, unknown]): string =>
  `${name}=${JSON.stringify(value, text)}`

const detailText = ([name, value]: readonly [string, unknown]): string => {
  if (name === "response") return `response=${value} (${responseText(Number(value))})`
  return typeof value === "object" ? fieldText([name, value]) : `${name}=${value}`
}

/** JSON has no 64-bit integers: they are text. */
const text = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value)

export const entryJson = (entry: Entry): string => JSON.stringify(entry, text)
