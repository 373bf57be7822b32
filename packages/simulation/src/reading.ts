/** What frames and slots say, as the model and the judge take it. */
import type { Model, Request } from "@millrace/ledger/model"
import {
  decodeOutcome,
  decodeRecord,
  FrameReader,
  Kind,
  OUTCOME_BYTES,
  type Outcome,
  OutcomeFlag,
  unpackMessage,
} from "@millrace/protocol"
import { Violation } from "./Violation.ts"

export const keyOf = (terminal: number, reference: bigint): string => `${terminal}/${reference}`

/** Reads the outcomes of whole frames, of batches and of single transactions. */
export const readerOf = (hear: (outcome: Outcome) => void): FrameReader =>
  new FrameReader(OUTCOME_BYTES, {
    units: (view, at, count) => {
      for (let i = 0; i < count; i++) hear(decodeOutcome(view, at + i * OUTCOME_BYTES))
      return count
    },
    message: (payload) => {
      const unpacked = unpackMessage(payload)
      if (!unpacked.ok || unpacked.value["type"] !== "transact.ok") return
      const { terminal, reference, response, available, approved, transaction, duplicate } = unpacked.value
      hear({
        terminal: Number(terminal),
        reference: BigInt(reference as bigint),
        response: Number(response),
        available: Number(approved ?? available),
        transaction: BigInt(transaction as bigint),
        flags: duplicate === true ? OutcomeFlag.duplicate : 0,
      })
    },
  })

/** The slot is of this request. A new PIN is journaled only when it was set; a PIN never is. */
export const checkSlot = (view: DataView, at: number, request: Request): void => {
  const { pinBlock: _, ...record } = decodeRecord(view, at)
  const { pin: __, ...asked } = request
  const isUnset = asked.kind === Kind.pinChange && record.counterparty === 0n
  const wanted = { ...asked, counterparty: isUnset ? 0n : asked.counterparty }
  if (Object.values(record).join() !== Object.values(wanted).join()) {
    throw new Violation(`the slot of ${keyOf(asked.terminal, asked.reference)} has another content`)
  }
}

export const judgeExpiry = (
  model: Model,
  view: DataView,
  at: number,
  time: number,
  sequence: number,
): void => {
  const { terminal, reference, amount } = decodeRecord(view, at)
  const is = `the end of hold ${keyOf(terminal, reference)} at ${sequence}`
  const hold = model.holdOf(terminal, reference)
  if (hold === undefined) throw new Violation(`${is}: there is no such hold`)
  if (hold.expiresMs > time) throw new Violation(`${is} comes ${hold.expiresMs - time} ms early`)
  if (hold.amount !== BigInt(amount)) throw new Violation(`${is} releases ${amount}, of ${hold.amount}`)
  model.expire(hold, time)
}
