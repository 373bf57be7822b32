// Questions: what a card, a terminal, a product or a transaction is like; they change nothing.
import { Schema } from "effect"
import {
  Activity,
  Amount,
  CardNumber,
  I64,
  integer,
  may,
  Number32,
  SignedAmount,
  U16,
  U32,
  U64,
} from "./fields.ts"
import { CountAndSum } from "./merchants.ts"

/** Transactions of one `history`. */
export const HISTORY_MAX = 50
/** Changes of the hotlist in one answer. */
export const HOTLIST_CHANGES_MAX = 1_000

/** Amounts by purse name. Text, not PurseName: a later server may know more. */
const Purses = Schema.Record(Schema.String, SignedAmount)
const Version = integer(0, Number.MAX_SAFE_INTEGER)

export const Card = Schema.Struct({ type: Schema.Literal("card"), card: U64 })
export const CardOk = Schema.Struct({
  type: Schema.Literal("card.ok"),
  card: U64,
  currency: U16,
  /** Of the main purse. */
  balance: SignedAmount,
  /** What it can pay with, over all purses. */
  available: Amount,
  held: Amount,
  /** To be released month by month. */
  bonusLocked: Amount,
  deposit: Amount,
  /** Text: a later server may know more. */
  status: Schema.String,
  product: U16,
  named: Schema.Boolean,
  /** Those that hold something, and main. */
  purses: Purses,
  /** Used today and this month. */
  counters: Schema.Struct({ dayAmount: Amount, dayCount: U32, monthAmount: Amount, monthCount: U32 }),
  pinSet: Schema.Boolean,
  triesLeft: U32,
  /** The last day on which it is good, as days since 1970-01-01; 0: no end. */
  expires: U16,
  /** Masked: the card that took this one's place. */
  replacedBy: may(Schema.String),
})

/** A transaction as it was decided; card numbers are masked. */
export const TransactionView = Schema.Struct({
  /** A kind of the wire, or what happened without a request: arrival, departure, expiry, periodic. A later server may know more. */
  kind: Schema.String,
  response: U16,
  amount: Amount,
  /** What was moved: the amount, a part of it (response 10), or 0 when it was declined. */
  approved: Amount,
  card: Schema.String,
  terminal: U32,
  reference: U64,
  original: U64,
  currency: U16,
  /** Business day, as days since 1970-01-01. */
  day: U16,
  /** In the journal. */
  sequence: Version,
  available: Amount,
  /** transfer: the card at the other end. */
  counterparty: may(Schema.String),
  /** Turned round by a reversal or void. */
  reversed: Schema.Boolean,
})
export type TransactionView = typeof TransactionView.Type

/** A card's last transactions, newest first, those of the cards that it replaces too. */
export const History = Schema.Struct({
  type: Schema.Literal("history"),
  card: CardNumber,
  count: integer(1, HISTORY_MAX),
})
export const HistoryOk = Schema.Struct({
  type: Schema.Literal("history.ok"),
  transactions: Schema.Array(TransactionView),
})

/** What became of a transaction. */
export const Query = Schema.Struct({ type: Schema.Literal("query"), terminal: Number32, reference: U64 })
export const QueryOk = Schema.Struct({ type: Schema.Literal("query.ok"), transaction: TransactionView })

/** A transaction for a receipt that is printed again: the terminal's last, or the one that is named. */
export const Receipt = Schema.Struct({
  type: Schema.Literal("receipt"),
  terminal: Number32,
  reference: may(U64),
})
export const ReceiptOk = Schema.Struct({
  type: Schema.Literal("receipt.ok"),
  transaction: TransactionView,
  merchant: Schema.Struct({ number: U32, name: Schema.String, mcc: U16 }),
})

/** What a terminal has done since its last close. */
export const Totals = Schema.Struct({ type: Schema.Literal("totals"), terminal: Number32 })
export const TotalsOk = Schema.Struct({
  type: Schema.Literal("totals.ok"),
  terminal: U32,
  batch: U32,
  /** By name: purchase, completion, refund, recharge, transfer, debitReversal, creditReversal. */
  rows: Schema.Record(Schema.String, CountAndSum),
  /** What a `close` is compared with. */
  debits: CountAndSum,
  credits: CountAndSum,
})

/** Cards to be refused or retained: all of them, or the changes since a version. */
export const Hotlist = Schema.Struct({
  type: Schema.Literal("hotlist"),
  /** The version that the asker has; 0 or left out: the base. */
  since: may(Version),
  max: may(integer(1, HOTLIST_CHANGES_MAX)),
})
export const HotlistOk = Schema.Struct({
  type: Schema.Literal("hotlist.ok"),
  /** The last one of these changes, to ask on from. */
  version: Version,
  /** In the order of their versions; code 0: no longer listed. */
  changes: Schema.Array(Schema.Struct({ version: Version, card: CardNumber, code: U16 })),
  /** There are later ones: ask again with this version. */
  more: Schema.Boolean,
})

/** What a terminal downloads of itself. */
export const TerminalInfo = Schema.Struct({ type: Schema.Literal("terminal-info"), terminal: Number32 })
export const TerminalInfoOk = Schema.Struct({
  type: Schema.Literal("terminal-info.ok"),
  terminal: U32,
  merchant: U32,
  status: Activity,
  /** Text: a later server may know more. */
  kinds: Schema.Array(Schema.String),
  /** 0: no limit. */
  amountMax: Amount,
  parameters: Schema.Record(Schema.String, Schema.String),
  /** Grows when the parameters change. */
  parametersVersion: U32,
  message: may(Schema.String),
  batch: U32,
  lastReference: U64,
})

export const MerchantInfo = Schema.Struct({ type: Schema.Literal("merchant-info"), merchant: Number32 })
export const MerchantInfoOk = Schema.Struct({
  type: Schema.Literal("merchant-info.ok"),
  number: U32,
  name: Schema.String,
  currency: U16,
  mcc: U16,
  status: Activity,
  /** What is left of it for recharges, before the limit. */
  float: SignedAmount,
  floatLimit: Amount,
  settlement: Schema.String,
  codeSet: Schema.Boolean,
  /** Left out: no amount needs a code. */
  codeAbove: may(Amount),
  /** Left out: no alarm. */
  floatBelow: may(Amount),
  /** The float is below its alarm threshold. */
  alarm: Schema.Boolean,
})

export const ProductInfo = Schema.Struct({
  type: Schema.Literal("product-info"),
  number: integer(0, 65_535),
})
export const ProductInfoOk = Schema.Struct({
  type: Schema.Literal("product-info.ok"),
  number: U16,
  name: Schema.String,
  currency: U16,
  bin: Schema.String,
  digits: U16,
  named: Schema.Boolean,
  singleUse: Schema.String,
  validMonths: U16,
  pinRule: Schema.String,
  pinFreeMax: Amount,
  pinTries: U16,
  transactionMax: Amount,
  dayAmountMax: Amount,
  dayCountMax: U32,
  monthAmountMax: Amount,
  monthCountMax: U32,
  rechargeable: Schema.Boolean,
  rechargeMin: Amount,
  rechargeMax: Amount,
  balanceMax: Amount,
  transferable: Schema.Boolean,
  deposit: Amount,
  replacementFee: Amount,
  holdHours: U32,
  toleranceBasisPoints: U16,
  /** The purses that its cards have, with their credit lines. */
  purses: Purses,
  bonusBasisPoints: U16,
  dormantMonths: U16,
  dormantFee: Amount,
  /** What `issue` goes on with. */
  nextSerial: Version,
})

/** Totals of each account over all shards. */
export const Accounts = Schema.Struct({ type: Schema.Literal("accounts") })
export const AccountsOk = Schema.Struct({
  type: Schema.Literal("accounts.ok"),
  accounts: Schema.Record(Schema.String, I64),
  /** Always 0: money is conserved. */
  sum: I64,
})
