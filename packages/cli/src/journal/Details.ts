// What a transaction's slots say beside who and when: amounts, the answer, purses, a hold's end, what time did to a card.
import {
  SlotBit,
  SlotDouble,
  SlotKind,
  SlotWord,
  SPLIT_LOCKED,
  SplitDouble,
  SplitWord,
} from "@millrace/ledger"
import { Kind, purseNames, RecordWord, ResponseCode, responseDigits } from "@millrace/protocol"
import { amountAt, type Payload, u64At } from "./Payload.ts"

const DAY_MS = 86_400_000
const U16 = 0xffff

const currencyAt = (words: Uint32Array, at: number): number => words[at + RecordWord.kindFlagsCurrency] >>> 16

const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10)

/** 690 → 2027-07 */
const monthText = (month: number): string =>
  new Date(Date.UTC(1970, month)).toISOString().slice(0, "2027-07".length)

const availableAt = ({ doubles }: Payload, at: number): number => doubles[at / 2 + SlotDouble.available]

/** Of every slot that is laid out as a request. */
export const detailsOf = (payload: Payload, at: number, code: number) => {
  const { words } = payload
  const common = { amount: amountAt(words, at + RecordWord.amountLo), currency: currencyAt(words, at) }
  const day = dayText(words[at + SlotWord.response] >>> 16)
  const original = u64At(words, at + RecordWord.originalLo)
  const available = availableAt(payload, at)
  switch (code) {
    case SlotKind.expired:
      return { ...common, purse: purseNames[words[at + SlotWord.terms] & 0xf], available, day }
    case SlotKind.arrival:
    case SlotKind.departure:
      return { ...common, fee: Number(original), available, day }
    case SlotKind.turned:
      return { ...common, ...(original === 0n ? {} : { original: String(original) }), available, day }
    default: {
      const response = words[at + SlotWord.response] & U16
      return {
        ...common,
        // A new PIN came there; nothing is left of it, and nothing is to be shown in its place.
        ...(original === 0n || code === Kind.pinChange ? {} : { original: String(original) }),
        response: responseDigits(response),
        ...(response === ResponseCode.partiallyApproved ? { approved: available } : { available }),
        day,
        ...pinDetails(words[at + SlotWord.terms]),
        ...purseDetails(words[at + SlotWord.terms]),
      }
    }
  }
}

const pinDetails = (bits: number) => {
  if ((bits & SlotBit.pinGiven) === 0) return {}
  return { pin: (bits & SlotBit.pinWrong) === 0 ? "right" : "wrong" }
}

const purseDetails = (bits: number) => {
  const purse = (bits >>> SlotBit.purseShift) & 0xf
  return {
    // Main is what everybody expects.
    ...(purse === 0 ? {} : { purse: purseNames[purse] }),
    ...((bits & SlotBit.closes) === 0 ? {} : { closes: true }),
  }
}

/** A terminal's own totals, and what the engine said. */
export const closeDetails = (payload: Payload, at: number) => {
  const { words } = payload
  const counts = at + RecordWord.counterpartyLo
  return {
    currency: currencyAt(words, at),
    debits: amountAt(words, at + RecordWord.amountLo),
    debitCount: words[counts],
    credits: amountAt(words, at + RecordWord.originalLo),
    creditCount: words[counts + 1],
    response: responseDigits(words[at + SlotWord.response] & U16),
    day: dayText(words[at + SlotWord.response] >>> 16),
  }
}

/** How a movement was divided among purses, and what it fixed for later. */
export const splitDetails = ({ words, doubles }: Payload, at: number) => {
  const mask = words[at + SplitWord.maskExpires] & U16
  const expiryDay = words[at + SplitWord.maskExpires] >>> 16
  const double = at / 2
  const purses: { [purse: string]: number } = {}
  let next = double
  for (const [purse, name] of purseNames.entries()) {
    if ((mask & (1 << purse)) !== 0) purses[name] = doubles[next++]
  }
  const expiresMs = doubles[double + SplitDouble.expiresMs]
  return {
    purses,
    ...(expiresMs === 0 ? {} : { holds: new Date(expiresMs).toISOString() }),
    ...(expiryDay === 0 ? {} : { bonusExpires: dayText(expiryDay) }),
    ...((words[at + SplitWord.kindFlags] & SPLIT_LOCKED) === 0 ? {} : { bonusLocked: true }),
  }
}

export const periodicDetails = (payload: Payload, at: number) => {
  const { words } = payload
  const mask = words[at + RecordWord.counterpartyLo]
  const expired = purseNames.filter((_, purse) => (mask & (1 << purse)) !== 0)
  return {
    currency: currencyAt(words, at),
    month: monthText(words[at + RecordWord.counterpartyLo + 1]),
    released: amountAt(words, at + RecordWord.amountLo),
    fee: amountAt(words, at + RecordWord.originalLo),
    ...(expired.length === 0 ? {} : { expiredPurses: expired.join(","), lost: availableAt(payload, at) }),
    day: dayText(words[at + SlotWord.response] >>> 16),
  }
}
