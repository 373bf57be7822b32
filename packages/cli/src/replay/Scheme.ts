// How a bank's movements become card traffic: numbers, kinds and references that depend on the file alone.
import { Kind, makeReference, RECORD_BYTES, referenceHi, referenceLo, writeRecord } from "@millrace/protocol"
import type { Movement } from "./Movements.ts"

/** ISO 4217: the koruna. */
export const REPLAY_CURRENCY = 203

export const replayMerchant = {
  number: 980_001,
  name: "Replayed movements",
  currency: REPLAY_CURRENCY,
  feeBasisPoints: 0,
  /** Credits come out of its float: no file holds more. */
  floatLimit: 4_000_000_000_000_000,
}

/** Sends the movements. */
export const MOVEMENT_TERMINAL = 980_000_001
/** Asks for the balances at the end, under references of its own. */
export const BALANCE_TERMINAL = 980_000_002

/** Account n is card `cardPrefix + n`: sixteen digits, and within 2^53. */
export const cardPrefix = 5_980_000_000_000_000

const TWO_32 = 0x1_0000_0000

/**
 * Writes the movement's record. Its reference is the booking day with the line's number as counter: the same file gives
 * the same references, in order, so that a second replay is answered from memory.
 */
export const writeMovement = (movement: Movement, view: DataView, index: number): void => {
  const card = cardPrefix + movement.account
  writeRecord(
    view,
    index * RECORD_BYTES,
    referenceLo(movement.ms, movement.line),
    referenceHi(movement.ms),
    card % TWO_32,
    Math.floor(card / TWO_32),
    movement.amount % TWO_32,
    Math.floor(movement.amount / TWO_32),
    0,
    0,
    MOVEMENT_TERMINAL,
    movement.side === "credit" ? Kind.recharge : Kind.purchase,
    0,
    REPLAY_CURRENCY,
  )
}

/** The reference that `writeMovement` gives. */
export const movementReference = (movement: Movement): bigint => makeReference(movement.ms, movement.line)

/** Neighbouring numbers, so that one command makes many cards. */
export interface Range {
  readonly first: number
  readonly count: number
}

/** The numbers, each once and in order, as ranges without gaps. */
export const rangesOf = (numbers: Iterable<number>): ReadonlyArray<Range> => {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b)
  const ranges: Array<{ first: number; count: number }> = []
  for (const number of sorted) {
    const last = ranges.at(-1)
    if (last !== undefined && last.first + last.count === number) last.count++
    else ranges.push({ first: number, count: 1 })
  }
  return ranges
}
