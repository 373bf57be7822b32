/** What frames and slots say, as the model and the judge take it. */
import { SlotBit } from "@millrace/ledger"
import type { Model, Request } from "@millrace/ledger/model"
import {
  decodeOutcome,
  decodeRecord,
  FrameReader,
  Kind,
  OUTCOME_BYTES,
  type Outcome,
  RecordFlag,
  unpackMessage,
} from "@millrace/protocol"
import { Violation } from "./Violation.ts"

export const keyOf = (terminal: number, reference: bigint): string => `${terminal}/${reference}`

const wrongPin = 1n

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
      const { terminal, reference, response, available, approved, transaction } = unpacked.value
      hear({
        terminal: Number(terminal),
        reference: BigInt(reference as bigint),
        response: Number(response),
        available: Number(approved ?? available),
        transaction: BigInt(transaction as bigint),
        flags: 0,
      })
    },
  })

/** The request that a slot was decided for. Of a PIN the journal has only whether it was right. */
export const requestOf = (model: Model, view: DataView, at: number): Request => {
  const { pinBlock: _, ...record } = decodeRecord(view, at)
  const bits = view.getUint32(at + 52, true)
  const isChange = record.kind === Kind.pinChange
  return {
    ...record,
    // What was refused is not journaled.
    counterparty: isChange && record.counterparty === 0n ? 1n : record.counterparty,
    pin:
      (bits & SlotBit.pinGiven) === 0
        ? 0n
        : (bits & SlotBit.pinWrong) !== 0
          ? wrongPin
          : rightPin(model, record),
  }
}

const rightPin = (model: Model, { card, terminal, flags, kind }: Omit<Request, "pin">): bigint => {
  const isCode = (flags & RecordFlag.code) !== 0 && (kind === Kind.recharge || kind === Kind.refund)
  const right = isCode ? model.terminals.get(terminal)?.merchant.code : model.cards.get(card)?.pin
  return right ?? wrongPin
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
