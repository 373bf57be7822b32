// Records as bytes, field by field as the protocol's page has them: also those that no honest client would write.
import { Kind, RECORD_BYTES, RecordAt } from "@millrace/protocol"
import type { Request } from "./witness/Model.ts"

export const writeRequest = (
  view: DataView,
  at: number,
  request: Request,
  flags: number,
  currency: number,
): void => {
  view.setBigUint64(at + RecordAt.reference, request.reference, true)
  view.setBigUint64(at + RecordAt.card, request.card, true)
  view.setBigUint64(at + RecordAt.amount, request.amount, true)
  view.setBigUint64(at + RecordAt.original, request.original, true)
  view.setUint32(at + RecordAt.terminal, request.terminal, true)
  view.setUint8(at + RecordAt.kind, request.kind)
  view.setUint8(at + RecordAt.flags, flags)
  view.setUint16(at + RecordAt.currency, currency, true)
}

let lastReference = BigInt(Date.now()) << 22n

/** Each is given once in this process. */
export const nextReference = (): bigint => {
  lastReference++
  return lastReference
}

/** A balance inquiry, unless told otherwise. */
export const recordOf = (
  request: Partial<Request> & Pick<Request, "terminal" | "card">,
  currency: number,
  flags = 0,
): Uint8Array => {
  const bytes = new Uint8Array(RECORD_BYTES)
  const plain = {
    reference: request.reference ?? nextReference(),
    kind: Kind.balance,
    amount: 0n,
    original: 0n,
  }
  writeRequest(new DataView(bytes.buffer), 0, { ...plain, ...request }, flags, currency)
  return bytes
}

export const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(parts))
