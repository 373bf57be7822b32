// What the till has to tell of a command: lines for people, an object for programs, a response for scripts.
import type { Unknown } from "@millrace/client"
import { ResponseCode, responseDigits } from "@millrace/protocol"
import type { ResponseOf, TransactionView } from "@millrace/protocol/messages"
import { authOf, type Receipt, receiptLines, rrnOf, unknownLines } from "./Receipt.ts"
import type { Place } from "./Shop.ts"
import { stanOf } from "./Stans.ts"

/** What was printed, the same for programs, and what a script may expect: "00", "none" or "refused". */
export interface Told {
  readonly lines: ReadonlyArray<string>
  readonly json: { readonly [field: string]: unknown }
  readonly response?: string
}

export const NO_ANSWER = "none"
export const REFUSED = "refused"
/** A mistake of the cashier's: nothing was sent. */
export const mistake = (sentence: string): Told => ({
  lines: [sentence],
  json: { mistake: sentence },
  response: REFUSED,
})

/** The journal sequence is the lower 48 bits of a transaction's id. */
const sequenceOf = (transaction: bigint): number => Number(transaction & 0xffff_ffff_ffffn)

type Head = Pick<Receipt, "merchant" | "terminal" | "currency" | "reference" | "kind" | "amount" | "card">

export const receiptOf = (head: Head, answer: ResponseOf<"transact">): Receipt => ({
  ...head,
  sequence: sequenceOf(answer.transaction),
  response: answer.response,
  approved: answer.approved,
  available: answer.response === ResponseCode.partiallyApproved ? 0 : answer.available,
  message: answer.message,
  duplicate: answer.duplicate,
})

export const reprintOf = (place: Place, transaction: TransactionView): Receipt => {
  const { kind, response, amount, approved, card, reference, sequence, available, counterparty, reversed } =
    transaction
  const close = kind === "close"
  return {
    ...place,
    reference,
    kind,
    amount,
    card: close ? undefined : card,
    sequence,
    response,
    approved,
    available: close ? undefined : available,
    counterparty,
    reversed,
    duplicate: true,
  }
}

export const toldReceipt = (done: string, receipt: Receipt): Told => {
  const { kind, amount, sequence, response, available, reference, card, approved, message, duplicate } =
    receipt
  const named = sequence === 0 ? {} : { rrn: rrnOf(sequence), auth: authOf(sequence) }
  return {
    lines: receiptLines(receipt),
    json: {
      do: done,
      kind,
      card,
      amount,
      response: responseDigits(response),
      approved,
      available,
      stan: stanOf(reference),
      reference,
      ...named,
      message,
      duplicate,
    },
    response: responseDigits(response),
  }
}

export const toldUnknown = (head: Head, { sent, reason }: Unknown): Told => {
  const sentences = sent
    ? ["It is turned round by itself:", "hand nothing out, and sell again."]
    : reason === "pending"
      ? ["Not sent: a reversal has to go first."]
      : ["Not sent: nothing was done."]
  const { kind, amount, reference, card } = head
  const json = { do: kind, kind, card, amount, response: null, stan: stanOf(reference), reference, sent }
  return { lines: unknownLines(head, sentences), json, response: NO_ANSWER }
}
