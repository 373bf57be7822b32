/** Questions: what is there, and what became of it. They are answered when all that they tell of is durable. */
import type { Engine } from "@millrace/engine"
import { masked, SlotKind, type TransactionView } from "@millrace/ledger"
import { kindName, type MessageMap, purseNames, ResponseCode } from "@millrace/protocol"
import { HOTLIST_CHANGES_MAX, type Request, type RequestOf } from "@millrace/protocol/messages"
import { Effect } from "effect"
import type { CheckValues } from "../CheckValues.ts"
import { type Answer, refuse } from "./answer.ts"

export type QuestionType =
  | "check-card"
  | "card"
  | "history"
  | "query"
  | "receipt"
  | "totals"
  | "hotlist"
  | "terminal-info"
  | "merchant-info"
  | "product-info"
  | "accounts"

export interface QuestionTools {
  readonly engine: Engine["Service"]
  readonly checkValues: CheckValues
  readonly nowMs: () => number
}

const HOUR_MS = 3_600_000

/** What happened without a request. */
const ownKinds = new Map<number, string>([
  [SlotKind.arrival, "arrival"],
  [SlotKind.departure, "departure"],
  [SlotKind.expired, "expiry"],
  [SlotKind.periodic, "periodic"],
])

const transactionMap = (view: TransactionView): MessageMap => ({
  kind: kindName(view.kind) ?? ownKinds.get(view.kind) ?? `kind ${view.kind}`,
  response: view.response,
  amount: view.amount,
  approved: view.approved,
  card: masked(view.card),
  terminal: view.terminal,
  reference: view.reference,
  original: view.original,
  currency: view.currency,
  day: view.day,
  sequence: view.sequence,
  // A part was approved: that is what stands there, and nothing was left.
  available: view.response === ResponseCode.partiallyApproved ? 0 : view.available,
  counterparty: view.counterparty === 0n ? undefined : masked(view.counterparty),
  reversed: view.reversed,
})

/** Makes the function that answers one question. */
export const makeQuestions = ({ engine, checkValues, nowMs }: QuestionTools) => {
  const { ledger } = engine.lane
  const { scheme } = ledger

  /** What is read may not be durable yet: it is told when it is. */
  const whenDurable = (message: MessageMap): Answer => Effect.as(engine.durable, message)
  /** The answer made of what was found, or `not-found`. */
  const told = <A>(found: A | undefined, what: string, map: (found: A) => MessageMap): Answer =>
    found === undefined ? refuse("not-found", `no such ${what}`) : whenDurable(map(found))

  const card = (number: bigint): Answer =>
    told(ledger.card(number), "card", (view) => ({
      type: "card.ok",
      card: number,
      currency: view.currency,
      balance: view.balance,
      available: view.available,
      held: view.held,
      bonusLocked: view.bonusLocked,
      deposit: view.deposit,
      status: view.status,
      product: view.product,
      named: view.named,
      purses: view.purses,
      counters: {
        dayAmount: view.dayAmount,
        dayCount: view.dayCount,
        monthAmount: view.monthAmount,
        monthCount: view.monthCount,
      },
      pinSet: view.pinSet,
      triesLeft: view.pinTriesLeft,
      expires: view.expiresDay,
      replacedBy: view.replacedBy === undefined ? undefined : masked(view.replacedBy),
    }))

  const checkCard = ({ card: number, checkValue }: RequestOf<"check-card">): Answer => {
    const checked = checkValues.check(number, ledger.card(number)?.nonce, checkValue, nowMs())
    return whenDurable({ type: "check-card.ok", valid: checked.valid, triesLeft: checked.triesLeft })
  }

  const history = ({ card: number, count }: RequestOf<"history">): Answer =>
    ledger.card(number) === undefined
      ? refuse("not-found", "no such card")
      : whenDurable({
          type: "history.ok",
          transactions: ledger.history(number, count).map(transactionMap),
        })

  const query = ({ terminal, reference }: RequestOf<"query">): Answer =>
    told(ledger.find(terminal, reference), "transaction is remembered", (view) => ({
      type: "query.ok",
      transaction: transactionMap(view),
    }))

  const receipt = ({ terminal, reference }: RequestOf<"receipt">): Answer => {
    const slot = scheme.terminals.find(terminal)
    if (slot < 0) return refuse("not-found", "no such terminal")
    const asked = reference ?? scheme.terminals.lastReference(slot)
    const merchant = scheme.merchant(scheme.terminal(terminal)?.merchant ?? 0)
    return told(ledger.find(terminal, asked), "transaction is remembered", (view) => ({
      type: "receipt.ok",
      transaction: transactionMap(view),
      merchant: { number: merchant?.number ?? 0, name: merchant?.name ?? "", mcc: merchant?.mcc ?? 0 },
    }))
  }

  const totals = (terminal: number): Answer =>
    told(ledger.terminalTotals(terminal), "terminal", ({ batch, rows, debits, credits }) => ({
      type: "totals.ok",
      terminal,
      batch,
      rows,
      debits,
      credits,
    }))

  const hotlist = ({ since = 0, max = HOTLIST_CHANGES_MAX }: RequestOf<"hotlist">): Answer => {
    // One more than is told, to know whether there is one.
    const found = scheme.hotlist.changes(since, max + 1)
    const more = found.length > max
    const changes = found.slice(0, max)
    const version = more ? changes[changes.length - 1].version : scheme.hotlist.version
    return whenDurable({ type: "hotlist.ok", version, changes, more })
  }

  const terminalInfo = (number: number): Answer =>
    told(scheme.terminal(number), "terminal", (view) => ({
      type: "terminal-info.ok",
      terminal: number,
      merchant: view.merchant,
      status: view.active ? "active" : "suspended",
      kinds: view.kinds,
      amountMax: view.amountMax,
      parameters: view.parameters,
      parametersVersion: view.parametersVersion,
      message: view.message,
      batch: view.batch,
      lastReference: scheme.terminals.lastReference(scheme.terminals.find(number)),
    }))

  const merchantInfo = (number: number): Answer =>
    told(scheme.merchant(number), "merchant", (view) => {
      const slot = scheme.merchants.slotOf(number)
      const float = scheme.merchants.floatTotal(slot)
      const { floatBelow } = view.alarm
      return {
        type: "merchant-info.ok",
        number,
        name: view.name,
        currency: view.currency,
        mcc: view.mcc,
        status: view.status,
        float,
        floatLimit: view.floatLimit,
        settlement: view.settlement,
        codeSet: scheme.merchants.hasCode(slot),
        codeAbove: view.codeAbove < 0 ? undefined : view.codeAbove,
        floatBelow,
        alarm: floatBelow !== undefined && float < floatBelow,
      }
    })

  const productInfo = (number: number): Answer =>
    told(scheme.product(number), "product", (view) => ({
      type: "product-info.ok",
      number,
      name: view.name,
      currency: view.currency,
      bin: view.bin,
      digits: view.digits,
      named: view.named,
      singleUse: view.command?.singleUse ?? "no",
      validMonths: view.validMonths,
      pinRule: view.command?.pin?.rule ?? "never",
      pinFreeMax: view.pinFreeMax,
      pinTries: view.triesMax,
      transactionMax: view.transactionMax,
      dayAmountMax: view.dayAmountMax,
      dayCountMax: view.dayCountMax,
      monthAmountMax: view.monthAmountMax,
      monthCountMax: view.monthCountMax,
      rechargeable: view.rechargeable,
      rechargeMin: view.rechargeMin,
      rechargeMax: view.rechargeMax,
      balanceMax: view.balanceMax,
      transferable: view.transferable,
      deposit: view.deposit,
      replacementFee: view.replacementFee,
      holdHours: view.holdMs / HOUR_MS,
      toleranceBasisPoints: view.toleranceBasisPoints,
      purses: Object.fromEntries(
        purseNames.flatMap((name, purse) =>
          (view.pursesMask & (1 << purse)) === 0 ? [] : [[name, view.credit[purse]]],
        ),
      ),
      bonusBasisPoints: view.bonusBasisPoints,
      dormantMonths: view.dormantMonths,
      dormantFee: view.dormantFee,
      nextSerial: scheme.products.nextSerial(view.slot),
    }))

  const accounts = (): Answer => {
    const { accounts: all, sum } = ledger.totals()
    return whenDurable({ type: "accounts.ok", accounts: all, sum })
  }

  return (request: Extract<Request, { type: QuestionType }>): Answer => {
    switch (request.type) {
      case "check-card":
        return checkCard(request)
      case "card":
        return card(request.card)
      case "history":
        return history(request)
      case "query":
        return query(request)
      case "receipt":
        return receipt(request)
      case "totals":
        return totals(request.terminal)
      case "hotlist":
        return hotlist(request)
      case "terminal-info":
        return terminalInfo(request.terminal)
      case "merchant-info":
        return merchantInfo(request.merchant)
      case "product-info":
        return productInfo(request.number)
      case "accounts":
        return accounts()
    }
  }
}
