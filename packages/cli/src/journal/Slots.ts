// Journal slots as people may read them: what each says, with card numbers masked.

import { SLOT_BYTES, SLOT_WORDS, SlotDouble, SlotKind, SlotWord } from "@millrace/ledger"
import {
  kindName,
  type MessageMap,
  RecordWord,
  responseDigits,
  responseText,
  unpackMessage,
} from "@millrace/protocol"
import { masked } from "../CardNumber.ts"

/** One entry of the journal. What an entry of its kind does not have is left out. */
export interface Entry {
  readonly sequence: number
  /** Of its batch, ISO 8601. */
  readonly time: string
  /** A transaction's kind, `control`, `bar` (a reversal came first) or `turned` (what a reversal turned round). */
  readonly kind: string
  readonly terminal?: number
  readonly reference?: string
  /** Masked. */
  readonly card?: string
  /** Minor units. */
  readonly amount?: number
  readonly currency?: number
  readonly original?: string
  readonly response?: string
  /** After it, minor units. */
  readonly available?: number
  readonly command?: { readonly [field: string]: unknown }
}

/** What an entry must match, by its unmasked values. */
export interface EntryFilter {
  readonly card: bigint | undefined
  readonly terminal: number | undefined
  readonly kind: string | undefined
}

const TWO_32 = 0x1_0000_0000
const PAYLOAD_BYTES = 60

const u64At = (words: Uint32Array, at: number): bigint => (BigInt(words[at + 1]) << 32n) | BigInt(words[at])

/** The entries of a block's payload that match, in order; the slots of one command are one entry. */
export function* entriesOf(
  block: { readonly first: number; readonly time: number; readonly payload: Uint8Array },
  filter: EntryFilter,
): Generator<Entry, void> {
  // Aligned for the views, whatever part of a larger buffer the payload was.
  const bytes = block.payload.slice()
  const words = new Uint32Array(bytes.buffer)
  const doubles = new Float64Array(bytes.buffer)
  const time = new Date(block.time).toISOString()
  for (let at = 0, sequence = block.first; at < words.length; at += SLOT_WORDS, sequence++) {
    const code = words[at + RecordWord.kindFlagsCurrency] & 0xff
    // Told with its head.
    if (code === SlotKind.more) continue
    const kind = nameOf(code)
    if (filter.kind !== undefined && kind !== filter.kind) continue
    if (code === SlotKind.control) {
      if (filter.card === undefined && filter.terminal === undefined) {
        yield { sequence, time, kind, command: maskedCommand(commandAt(bytes, words, at)) }
      }
      continue
    }
    const card = u64At(words, at + RecordWord.cardLo)
    const terminal = words[at + RecordWord.terminal]
    if (filter.card !== undefined && card !== filter.card) continue
    if (filter.terminal !== undefined && terminal !== filter.terminal) continue
    const entry = { sequence, time, kind, terminal, reference: String(u64At(words, at)), card: masked(card) }
    if (code === SlotKind.bar) yield entry
    else yield { ...entry, ...detailsOf(words, doubles, at, code) }
  }
}

const nameOf = (code: number): string => {
  if (code === SlotKind.control) return "control"
  if (code === SlotKind.bar) return "bar"
  if (code === SlotKind.turned) return "turned"
  return kindName(code) ?? `kind-${code}`
}

const detailsOf = (words: Uint32Array, doubles: Float64Array, at: number, code: number) => {
  const original = u64At(words, at + RecordWord.originalLo)
  const response = words[at + SlotWord.response] & 0xffff
  return {
    amount: words[at + RecordWord.amountHi] * TWO_32 + words[at + RecordWord.amountLo],
    currency: words[at + RecordWord.kindFlagsCurrency] >>> 16,
    ...(original === 0n ? {} : { original: String(original) }),
    ...(code === SlotKind.turned ? {} : { response: responseDigits(response) }),
    available: doubles[at / 2 + SlotDouble.available],
  }
}

/** The command whose head is at word `at`: one msgpack map, in pieces in the slots that follow. */
const commandAt = (bytes: Uint8Array, words: Uint32Array, at: number): MessageMap => {
  const length = words[at + RecordWord.amountLo]
  const payload = new Uint8Array(length)
  for (let from = 0, slot = at * 4 + SLOT_BYTES; from < length; from += PAYLOAD_BYTES, slot += SLOT_BYTES) {
    payload.set(bytes.subarray(slot, slot + Math.min(PAYLOAD_BYTES, length - from)), from)
  }
  const unpacked = unpackMessage(payload)
  return unpacked.ok ? unpacked.value : { unreadable: unpacked.error.message }
}

const maskedCommand = (command: MessageMap): { readonly [field: string]: unknown } =>
  command["type"] === "cards" ? { ...command, first: masked(BigInt(Number(command["first"]))) } : command

/** One readable line. */
export const entryLine = (entry: Entry): string => {
  const head = `${String(entry.sequence).padStart(10)}  ${entry.time}  ${entry.kind.padEnd(8)}`
  if (entry.command !== undefined) {
    const { type, ...fields } = entry.command
    const told = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value, text)}`)
    return `${head}  ${String(type)} ${told.join(" ")}`
  }
  const parts = [`${head}  terminal=${entry.terminal} reference=${entry.reference} card=${entry.card}`]
  if (entry.amount !== undefined) parts.push(`amount=${entry.amount} currency=${entry.currency}`)
  if (entry.original !== undefined) parts.push(`original=${entry.original}`)
  if (entry.response !== undefined) {
    parts.push(`response=${entry.response} (${responseText(Number(entry.response))})`)
  }
  if (entry.available !== undefined) parts.push(`available=${entry.available}`)
  return parts.join(" ")
}

/** JSON has no 64-bit integers: they are text. */
const text = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value)

export const entryJson = (entry: Entry): string => JSON.stringify(entry, text)
