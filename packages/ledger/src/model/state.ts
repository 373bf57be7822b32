// The state of a ledger and of its model, side by side, in words that a difference can be read from.
import { purseNames } from "@millrace/protocol"
import { numberHash } from "../hash.ts"
import type { Ledger } from "../Ledger.ts"
import { Account } from "../Postings.ts"
import type { Card } from "./Card.ts"
import type { Model } from "./Model.ts"
import { rowNames, type Terminal } from "./Parties.ts"
import { statusNames } from "./statusTable.ts"

/** Of each account its name in the totals, by its place. */
const accountNames = [
  "purses",
  "payable",
  "feeIncome",
  "cashIn",
  "held",
  "float",
  "commission",
  "promotion",
  "bonusLocked",
  "deposits",
  "breakage",
  "cashOut",
  "inTransit",
] as const

const cardInModel = (card: Card) => [
  card.status,
  card.named,
  ...card.purses,
  ...card.purseExpires.slice(1),
  card.held,
  card.locked,
  card.monthsLeft,
  card.deposit,
  card.expiresDay,
  card.day,
  card.dayAmount,
  card.dayCount,
  card.monthAmount,
  card.monthCount,
  card.pin !== undefined,
  card.tries,
  card.replacedBy !== undefined,
  card.fundReference,
  card.periodMonth,
]

const cardInLedger = (ledger: Ledger, { number, day, month }: Card) => {
  const lo = Number(number & 0xffff_ffffn)
  const hi = Number(number >> 32n)
  const { cards } = ledger.shards[ledger.shardOf(lo, hi)]
  const slot = cards.find(numberHash(lo | 0, hi | 0), lo | 0, hi | 0)
  if (slot < 0) return ["not there"]
  const purses = purseNames.map((_, purse) => purse)
  return [
    statusNames[cards.status(slot)],
    cards.isNamed(slot),
    ...purses.map((purse) => cards.balance(slot, purse)),
    ...purses.slice(1).map((purse) => cards.purseExpires(slot, purse)),
    cards.held(slot),
    cards.bonusLocked(slot),
    cards.monthsLeft(slot),
    cards.deposit(slot),
    cards.expiresDay(slot),
    cards.activeDay(slot),
    cards.dayAmount(slot, day),
    cards.dayCount(slot, day),
    cards.monthAmount(slot, month),
    cards.monthCount(slot, month),
    cards.hasPin(slot),
    cards.pinTries(slot),
    cards.replacedBy(slot) >= 0,
    cards.fundReference(slot),
    cards.periodMonth(slot),
  ]
}

/** What is looked at. */
export interface Concerned {
  readonly cards: ReadonlyArray<Card>
  readonly shards: ReadonlyArray<number>
  readonly terminals: ReadonlyArray<Terminal>
  /** ISO 4217 numeric: whose accounts. */
  readonly currency: number
}

export const everything = (model: Model, currency: number): Concerned => ({
  cards: [...model.cards.values()],
  shards: Array.from({ length: model.shards }, (_, shard) => shard),
  terminals: [...model.terminals.values()],
  currency,
})

export const inModel = (model: Model, { cards, shards, terminals, currency }: Concerned) => ({
  next: model.memory.journal.length + 1,
  cards: cards.map((card) => `${card.number}: ${cardInModel(card).join()}`),
  terminals: terminals.map(({ number, batch, rows, merchant }) => {
    const counts = rowNames.map((name) => `${rows.get(name)?.count ?? 0} of ${rows.get(name)?.sum ?? 0}`)
    return `${number}: ${batch} ${counts.join()} ${merchant.float} ${merchant.codeTries}`
  }),
  accounts: shards.map((shard) => accountNames.map((name) => model.book.total(shard, name, currency)).join()),
})

/** The same of the ledger; the model only says which merchants there are. */
export const inLedger = (
  ledger: Ledger,
  model: Model,
  { cards, shards, terminals: concerned, currency }: Concerned,
): ReturnType<typeof inModel> => {
  const { merchants, terminals } = ledger.scheme
  return {
    next: ledger.next,
    cards: cards.map((card) => `${card.number}: ${cardInLedger(ledger, card).join()}`),
    terminals: concerned.map(({ number, merchant }) => {
      const slot = terminals.find(number)
      const counts = rowNames.map(
        (_, row) => `${terminals.rowCount(slot, row)} of ${terminals.rowSum(slot, row)}`,
      )
      const taker = merchants.slotOf(merchant.number)
      return `${number}: ${terminals.batch(slot)} ${counts.join()} ${merchants.floatTotal(taker)} ${merchants.codeTries(taker)}`
    }),
    accounts: shards.map((shard) =>
      accountNames.map((_, account) => accountOf(ledger, model, shard, account, currency)).join(),
    ),
  }
}

/** Of all merchants of the currency together, where it is kept by merchant. */
const accountOf = (
  ledger: Ledger,
  model: Model,
  shard: number,
  account: number,
  currency: number,
): number => {
  const { merchants } = ledger.scheme
  const { accounts } = ledger.shards[shard]
  if (account !== Account.payable && account !== Account.float) {
    return accounts.general(merchants.accountsOf(currency), account)
  }
  let sum = 0
  for (const { number, currency: own } of model.merchants.values()) {
    if (own !== currency) continue
    const merchant = merchants.slotOf(number)
    sum += account === Account.payable ? accounts.payable(merchant) : accounts.float(merchant)
  }
  return sum
}

/** What must be 0 or nothing, and how many holds stand: every shard's accounts, and its cards and holds beside them. */
export const conservation = (ledger: Ledger, currencies: ReadonlyArray<number>) => {
  const { sum, accounts } = ledger.totals()
  return {
    sum,
    imbalances: ledger.shards.filter(({ number }) => ledger.imbalance(number) !== 0),
    inTransit: currencies.filter((currency) => (accounts[`inTransit.${currency}`] ?? 0n) !== 0n),
    audits: ledger.shards.flatMap(({ number }) =>
      ledger.audit(number).filter(({ purses, cards }) => purses !== cards),
    ),
    holds: ledger.shards.reduce((count, { holds }) => count + holds.count, 0),
  }
}
