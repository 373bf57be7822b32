// Receipts as text, forty characters wide, as a till's printer would bring them.
import { ResponseCode, referenceMs, responseDigits, responseText } from "@millrace/protocol"
import type { ResponseOf } from "@millrace/protocol/messages"
import { amountText } from "./Money.ts"
import { stanOf } from "./Stans.ts"

const WIDTH = 40

export interface Receipt {
  readonly merchant: string
  readonly terminal: number
  readonly currency: number
  readonly reference: bigint
  /** In the journal: what retrieval reference and authorisation code are made of; 0 when nothing was remembered. */
  readonly sequence: number
  /** Masked; undefined for what is about no card. */
  readonly card: string | undefined
  readonly kind: string
  readonly amount: number
  readonly response: number
  /** What moved, when it is not the amount. */
  readonly approved?: number | undefined
  readonly available: number | undefined
  /** A transfer's other card, masked. */
  readonly counterparty?: string | undefined
  /** For the operator: "retain card". */
  readonly message?: string | undefined
  /** It was printed before. */
  readonly duplicate?: boolean
  /** Turned round since. */
  readonly reversed?: boolean
}

const titles: { readonly [kind: string]: string } = {
  balance: "BALANCE",
  purchase: "PURCHASE",
  refund: "REFUND",
  recharge: "RECHARGE",
  reversal: "REVERSAL",
  preauthorisation: "PRE-AUTHORISATION",
  completion: "COMPLETION",
  cancellation: "CANCELLATION",
  void: "VOID",
  transfer: "TRANSFER",
  pinChange: "PIN CHANGE",
  close: "CLOSE",
}

export const titleOf = (kind: string): string => titles[kind] ?? kind.toUpperCase()

const RULE = "-".repeat(WIDTH)

export const centred = (text: string): string =>
  `${" ".repeat(Math.max(0, Math.floor((WIDTH - text.length) / 2)))}${text}`

/** One thing at each side; on two lines when they do not fit on one. */
export const sides = (left: string, right: string): ReadonlyArray<string> =>
  left.length + right.length < WIDTH
    ? [left + right.padStart(WIDTH - left.length)]
    : [left, right.padStart(WIDTH)]

/** The clock on the wall: what the reference was made from, so that a reprint shows it too. */
export const timeText = (reference: bigint): string => {
  const time = new Date(referenceMs(reference))
  const two = (number: number) => String(number).padStart(2, "0")
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}

const lastDigits = (sequence: number, digits: number): string =>
  String(sequence).slice(-digits).padStart(digits, "0")

/** Twelve digits that find a transaction again. */
export const rrnOf = (sequence: number): string => lastDigits(sequence, 12)
/** The authorisation code: six digits. */
export const authOf = (sequence: number): string => lastDigits(sequence, 6)

const isApproved = (response: number): boolean =>
  response === ResponseCode.approved || response === ResponseCode.partiallyApproved

const outcomeLines = (receipt: Receipt): ReadonlyArray<string> => {
  const { response, sequence, approved, currency } = receipt
  const digits = responseDigits(response)
  if (!isApproved(response)) return [`DECLINED ${digits}`, responseText(response)]
  const auth = sequence === 0 ? "" : `Auth ${authOf(sequence)}`
  if (response !== ResponseCode.partiallyApproved) return sides(`APPROVED ${digits}`, auth)
  return [
    ...sides(`APPROVED IN PART ${digits}`, auth),
    ...sides("Approved", amountText(approved ?? 0, currency)),
  ]
}

/** Head and foot of everything that is printed. */
export const printed = (
  { merchant, terminal, reference }: Pick<Receipt, "merchant" | "terminal" | "reference">,
  body: ReadonlyArray<string>,
  duplicate = false,
): ReadonlyArray<string> => [
  RULE,
  centred(merchant),
  ...(duplicate ? [centred("*** DUPLICATE ***")] : []),
  ...sides(`Terminal ${terminal}`, timeText(reference)),
  ...body,
  RULE,
]

export const receiptLines = (receipt: Receipt): ReadonlyArray<string> => {
  const { reference, sequence, card, kind, amount, currency, response } = receipt
  const { available, counterparty, message } = receipt
  const rrn = sequence === 0 ? "" : `RRN ${rrnOf(sequence)}`
  return printed(
    receipt,
    [
      ...sides(`STAN ${String(stanOf(reference)).padStart(6, "0")}`, rrn),
      ...(card === undefined ? [] : [`Card ${card}`]),
      ...(counterparty === undefined ? [] : [`To   ${counterparty}`]),
      ...sides(titleOf(kind), amount === 0 ? "" : amountText(amount, currency)),
      ...outcomeLines(receipt),
      // Who was declined may not be the holder: what is on the card is not for them.
      ...(available === undefined || !isApproved(response)
        ? []
        : sides("Available", amountText(available, currency))),
      ...(receipt.reversed === true ? ["TURNED ROUND SINCE"] : []),
      ...(message === undefined ? [] : [centred(`*** ${message.toUpperCase()} ***`)]),
    ].map((line) => line.trimEnd()),
    receipt.duplicate,
  )
}

/** What no receipt may say: neither approved nor declined. */
export const unknownLines = (
  receipt: Pick<Receipt, "merchant" | "terminal" | "reference" | "card" | "kind" | "amount" | "currency">,
  sentences: ReadonlyArray<string>,
): ReadonlyArray<string> =>
  printed(receipt, [
    `STAN ${String(stanOf(receipt.reference)).padStart(6, "0")}`,
    ...(receipt.card === undefined ? [] : [`Card ${receipt.card}`]),
    ...sides(titleOf(receipt.kind), receipt.amount === 0 ? "" : amountText(receipt.amount, receipt.currency)),
    "NO ANSWER",
    ...sentences,
  ])

/** The day's end: what was done since the last close, and whether both sides agree. */
export const closeLines = (
  head: Pick<Receipt, "merchant" | "terminal" | "reference" | "currency">,
  totals: Pick<ResponseOf<"totals">, "batch" | "rows" | "debits" | "credits">,
  response: number,
): ReadonlyArray<string> => {
  const row = (name: string, { count, amount }: { readonly count: number; readonly amount: number }) =>
    `${name.padEnd(16)}${String(count).padStart(5)}${amountText(amount, head.currency).padStart(WIDTH - 21)}`
  return printed(head, [
    ...sides("CLOSE OF DAY", `Batch ${totals.batch}`),
    ...Object.entries(totals.rows)
      .filter(([, { count }]) => count > 0)
      .map(([name, one]) => row(name, one)),
    row("DEBITS", totals.debits),
    row("CREDITS", totals.credits),
    isApproved(response)
      ? "TOTALS AGREE: a new batch begins"
      : `DECLINED ${responseDigits(response)} ${responseText(response)}`,
  ])
}
