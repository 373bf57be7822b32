// Commands of the control plane in the journal: read back, matched by what they name, and shown without what is secret.
import { SLOT_BYTES } from "@millrace/ledger"
import { type MessageMap, RecordWord, unpackMessage } from "@millrace/protocol"
import { masked } from "../CardNumber.ts"
import type { Payload } from "./Payload.ts"

const PAYLOAD_BYTES = 60

/** The command whose head is at word `at`: one msgpack map, in pieces in the slots that follow. */
export const commandAt = ({ bytes, words }: Payload, at: number): MessageMap => {
  const length = words[at + RecordWord.amountLo]
  const payload = new Uint8Array(length)
  for (let from = 0, slot = at * 4 + SLOT_BYTES; from < length; from += PAYLOAD_BYTES, slot += SLOT_BYTES) {
    payload.set(bytes.subarray(slot, slot + Math.min(PAYLOAD_BYTES, length - from)), from)
  }
  const unpacked = unpackMessage(payload)
  return unpacked.ok ? unpacked.value : { type: "unreadable", why: unpacked.error.message }
}

const numberOf = (value: unknown): bigint | undefined =>
  typeof value === "bigint" || Number.isInteger(value) ? BigInt(value as bigint | number) : undefined

/** Whether `number` is `count` numbers from `first` on. */
const spans = (first: unknown, count: unknown, number: bigint): boolean => {
  const from = numberOf(first)
  return from !== undefined && number >= from && number < from + (numberOf(count) ?? 1n)
}

export const aboutCard = (command: MessageMap, card: bigint): boolean =>
  command["type"] === "cards"
    ? spans(command["first"], command["count"], card)
    : numberOf(command["card"]) === card

export const aboutTerminal = (command: MessageMap, terminal: number): boolean => {
  if (command["type"] === "terminals") return spans(command["first"], command["count"], BigInt(terminal))
  return command["type"] === "terminal" && numberOf(command["number"]) === BigInt(terminal)
}

/** Verifiers stand for PINs and codes, and a holder is a person: neither is anybody's to read here. */
const leftOut: ReadonlySet<string> = new Set(["verifier", "holder"])

export const shownCommand = (command: MessageMap): { readonly [field: string]: unknown } => {
  const isCards = command["type"] === "cards"
  return Object.fromEntries(
    Object.entries(command)
      .filter(([name]) => !leftOut.has(name))
      .map(([name, value]) => {
        const isCard = name === "card" || (isCards && name === "first")
        const number = isCard ? numberOf(value) : undefined
        return [name, number === undefined ? value : masked(number)]
      }),
  )
}
