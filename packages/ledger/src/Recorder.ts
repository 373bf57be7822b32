// A decision as slots: the request's own, and behind it what its kind needs so that the journal alone tells what moved.
import { Kind, RecordWord, ResponseCode } from "@millrace/protocol"
import { PURSES } from "./Cards.ts"
import { Companion, type Draft } from "./Draft.ts"
import type { Memory } from "./Memory.ts"
import {
  isApproved,
  SLOT_WORDS,
  SlotBit,
  SlotKind,
  SlotWord,
  SPLIT_LOCKED,
  SplitDouble,
  SplitWord,
  setU53,
} from "./Slot.ts"

const CURRENCY_BITS = 0xffff_0000
const RESPONSE_BITS = 0xffff

/** What a decision keeps of its PIN when it moves nothing. */
const SECRET_BITS = SlotBit.pinGiven | SlotBit.pinWrong

export class Recorder {
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
  }

  /** Writes the slots into their working places; returns how many. The decision takes the place of the PIN block. */
  record(draft: Draft, response: number): number {
    const { ring, doubles } = this.#memory
    const { at } = draft
    const approved = isApproved(response)
    const { mask } = draft
    const isSingle = (mask & (mask - 1)) === 0
    let bits = approved ? draft.bits : draft.bits & SECRET_BITS
    let slots = 1
    if (approved && mask !== 0) {
      if (isSingle && draft.kind !== Kind.preauthorisation) {
        bits |= (31 - Math.clz32(mask)) << SlotBit.purseShift
      } else {
        bits |= SlotBit.split
        this.#split(draft)
        slots = 2
      }
    }
    if (draft.kind === Kind.pinChange && !approved) {
      // What was refused is nobody's PIN, and has no place in the journal.
      ring[at + RecordWord.counterpartyLo] = 0
      ring[at + RecordWord.counterpartyHi] = 0
    }
    ring[at + SlotWord.available] = 0
    ring[at + SlotWord.available + 1] = 0
    if (response === ResponseCode.partiallyApproved) {
      doubles[(at + SlotWord.available) >>> 1] = draft.approved
    }
    ring[at + SlotWord.response] = response | (draft.calendar.day << 16)
    ring[at + SlotWord.terms] = draft.terms | bits
    if (!approved || draft.companion === Companion.none) return slots
    if (draft.companion === Companion.bar) return this.#bar(at)
    if (draft.companion === Companion.turned) return this.#turned(draft)
    return this.#arrival(draft, at)
  }

  #split(draft: Draft): void {
    const { ring, doubles } = this.#memory
    const to = this.#memory.working(1)
    for (let i = 0; i < SLOT_WORDS; i++) ring[to + i] = 0
    for (let purse = 0, at = to >>> 1; purse < PURSES; purse++) {
      if ((draft.mask & (1 << purse)) !== 0) doubles[at++] = draft.purses[purse]
    }
    doubles[(to >>> 1) + SplitDouble.expiresMs] = draft.holdExpiresMs
    ring[to + SplitWord.maskExpires] = draft.mask | (draft.bonusExpires << 16)
    ring[to + SplitWord.kindFlags] = SlotKind.split | (draft.bonusLocked ? SPLIT_LOCKED : 0)
  }

  #bar(at: number): number {
    const { ring } = this.#memory
    const to = this.#memory.working(1)
    for (let i = 0; i < SLOT_WORDS; i++) ring[to + i] = 0
    ring[to + RecordWord.referenceLo] = ring[at + RecordWord.originalLo]
    ring[to + RecordWord.referenceHi] = ring[at + RecordWord.originalHi]
    ring[to + RecordWord.cardLo] = ring[at + RecordWord.cardLo]
    ring[to + RecordWord.cardHi] = ring[at + RecordWord.cardHi]
    ring[to + RecordWord.terminal] = ring[at + RecordWord.terminal]
    ring[to + RecordWord.kindFlagsCurrency] = SlotKind.bar
    return 2
  }

  /** The original once more, with the amount that had moved, and its split or its other side behind it. */
  #turned(draft: Draft): number {
    const { ring } = this.#memory
    const to = this.#memory.working(1)
    const original = draft.original * SLOT_WORDS
    for (let i = 0; i < SLOT_WORDS; i++) ring[to + i] = ring[original + i]
    setU53(ring, to + RecordWord.amountLo, draft.approved)
    // No partial approval any more: the amount says it all.
    ring[to + SlotWord.response] &= ~RESPONSE_BITS
    const last = ring[original + RecordWord.kindFlagsCurrency]
    const kind = last & 0xff
    ring[to + RecordWord.kindFlagsCurrency] = (last & CURRENCY_BITS) | (kind << 8) | SlotKind.turned
    const behind = this.#memory.after(draft.original) * SLOT_WORDS
    if (kind === Kind.transfer) return this.#departure(to, behind)
    if ((ring[original + SlotWord.terms] & SlotBit.split) === 0) return 2
    const split = this.#memory.working(2)
    for (let i = 0; i < SLOT_WORDS; i++) ring[split + i] = ring[behind + i]
    return 3
  }

  #departure(turned: number, arrival: number): number {
    const { ring } = this.#memory
    const to = this.#memory.working(2)
    for (let i = 0; i < SLOT_WORDS; i++) ring[to + i] = ring[arrival + i]
    ring[to + SlotWord.response] = ring[turned + SlotWord.response]
    ring[to + RecordWord.kindFlagsCurrency] =
      (ring[turned + RecordWord.kindFlagsCurrency] & CURRENCY_BITS) | SlotKind.departure
    return 3
  }

  /** A transfer as its payee sees it; the fee, which is the payer's, lies where the payee has no use for a field. */
  #arrival(draft: Draft, at: number): number {
    const { ring } = this.#memory
    const to = this.#memory.working(1)
    for (let i = 0; i < SLOT_WORDS; i++) ring[to + i] = ring[at + i]
    ring[to + RecordWord.cardLo] = ring[at + RecordWord.counterpartyLo]
    ring[to + RecordWord.cardHi] = ring[at + RecordWord.counterpartyHi]
    ring[to + RecordWord.counterpartyLo] = ring[at + RecordWord.cardLo]
    ring[to + RecordWord.counterpartyHi] = ring[at + RecordWord.cardHi]
    setU53(ring, to + RecordWord.originalLo, draft.transferFee)
    ring[to + SlotWord.terms] = draft.terms
    ring[to + RecordWord.kindFlagsCurrency] =
      (ring[at + RecordWord.kindFlagsCurrency] & CURRENCY_BITS) | SlotKind.arrival
    return 2
  }
}
