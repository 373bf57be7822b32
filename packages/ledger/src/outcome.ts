// Outcomes as words, written without an allocation.
import { OutcomeWord, RecordWord } from "@millrace/protocol"
import { responseAt, SlotWord } from "./Slot.ts"

const TWO_32 = 0x1_0000_0000
const SHARD_SHIFT = 16

/** A refusal that nothing remembers: no transaction id, no balance. */
export const writeRefusal = (
  request: Uint32Array,
  at: number,
  out: Uint32Array,
  outAt: number,
  response: number,
): void => {
  out[outAt + OutcomeWord.referenceLo] = request[at + RecordWord.referenceLo]
  out[outAt + OutcomeWord.referenceHi] = request[at + RecordWord.referenceHi]
  out[outAt + OutcomeWord.availableLo] = 0
  out[outAt + OutcomeWord.availableHi] = 0
  out[outAt + OutcomeWord.transactionLo] = 0
  out[outAt + OutcomeWord.transactionHi] = 0
  out[outAt + OutcomeWord.terminal] = request[at + RecordWord.terminal]
  out[outAt + OutcomeWord.responseFlags] = response
}

/** The answer that slot `slot` (its word offset in the ring) stands for. */
export const writeAnswer = (
  ring: Int32Array,
  doubles: Float64Array,
  slot: number,
  shard: number,
  sequence: number,
  flags: number,
  out: Uint32Array,
  outAt: number,
): void => {
  const available = doubles[(slot + SlotWord.available) >>> 1]
  const availableHi = Math.floor(available / TWO_32)
  const sequenceHi = Math.floor(sequence / TWO_32)
  out[outAt + OutcomeWord.referenceLo] = ring[slot + RecordWord.referenceLo]
  out[outAt + OutcomeWord.referenceHi] = ring[slot + RecordWord.referenceHi]
  out[outAt + OutcomeWord.availableLo] = available - availableHi * TWO_32
  out[outAt + OutcomeWord.availableHi] = availableHi
  out[outAt + OutcomeWord.transactionLo] = sequence - sequenceHi * TWO_32
  out[outAt + OutcomeWord.transactionHi] = sequenceHi | (shard << SHARD_SHIFT)
  out[outAt + OutcomeWord.terminal] = ring[slot + RecordWord.terminal]
  out[outAt + OutcomeWord.responseFlags] = responseAt(ring, slot) | flags
}
