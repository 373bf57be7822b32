// The state of a ledger and of its model, side by side, in words that a difference can be read from.
import { expect } from "vitest"
import { numberHash } from "../src/hash.ts"
import { Account } from "../src/Postings.ts"
import type { Card } from "./model/Card.ts"
import { purseNames } from "./model/Card.ts"
import { rowNames, type Terminal } from "./model/Parties.ts"
import type { Run, Told } from "./run.ts"
import { CURRENCY, OTHER_CURRENCY } from "./town.ts"

const statusNames = [
  "issued",
  "active",
  "locked",
  "lost",
  "stolen",
  "blacklisted",
  "returned",
  "cancelled",
  "closed",
] as const

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

const cardInLedger = ({ real }: Run, { number, day, month }: Card) => {
  const { ledger } = real
  const lo = Number(number & 0xffff_ffffn) | 0
  const hi = Number(number >> 32n) | 0
  const { cards } = ledger.shards[real.shardOf(number)]
  const slot = cards.find(numberHash(lo, hi), lo, hi)
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
interface Concerned {
  readonly cards: ReadonlyArray<Card>
  readonly shards: ReadonlyArray<number>
  readonly terminals: ReadonlyArray<Terminal>
}

const inModel = ({ model }: Run, { cards, shards, terminals }: Concerned) => ({
  next: model.memory.journal.length + 1,
  cards: cards.map((card) => `${card.number}: ${cardInModel(card).join()}`),
  terminals: terminals.map(({ number, batch, rows, merchant }) => {
    const counts = rowNames.map((name) => `${rows.get(name)?.count ?? 0} of ${rows.get(name)?.sum ?? 0}`)
    return `${number}: ${batch} ${counts.join()} ${merchant.float} ${merchant.codeTries}`
  }),
  accounts: shards.map((shard) => accountNames.map((name) => model.book.total(shard, name, CURRENCY)).join()),
})

const inLedger = (run: Run, { cards, shards, terminals: concerned }: Concerned) => {
  const { ledger } = run.real
  const { merchants, terminals } = ledger.scheme
  return {
    next: ledger.next,
    cards: cards.map((card) => `${card.number}: ${cardInLedger(run, card).join()}`),
    terminals: concerned.map(({ number, merchant }) => {
      const slot = terminals.find(number)
      const counts = rowNames.map(
        (_, row) => `${terminals.rowCount(slot, row)} of ${terminals.rowSum(slot, row)}`,
      )
      const taker = merchants.slotOf(merchant.number)
      return `${number}: ${terminals.batch(slot)} ${counts.join()} ${merchants.floatTotal(taker)} ${merchants.codeTries(taker)}`
    }),
    accounts: shards.map((shard) => accountNames.map((_, account) => accountOf(run, shard, account)).join()),
  }
}

/** Of all merchants of the currency together, where it is kept by merchant. */
const accountOf = ({ model, real }: Run, shard: number, account: number): number => {
  const { merchants } = real.ledger.scheme
  const { accounts } = real.ledger.shards[shard]
  if (account !== Account.payable && account !== Account.float) {
    return accounts.general(merchants.accountsOf(CURRENCY), account)
  }
  let sum = 0
  for (const { number, currency } of model.merchants.values()) {
    if (currency !== CURRENCY) continue
    const merchant = merchants.slotOf(number)
    sum += account === Account.payable ? accounts.payable(merchant) : accounts.float(merchant)
  }
  return sum
}

/** Of a request what it is about; of anything else all that there is, and that money is conserved. */
export const expectAgreement = (run: Run, { what, cards, request }: Told): void => {
  const concerned = cards === undefined ? everything(run) : aboutCards(run, cards, request?.terminal)
  const actual = inLedger(run, concerned)
  const expected = inModel(run, concerned)
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual, what).toEqual(expected)
  if (cards === undefined) expectConserved(run, what)
}

const aboutCards = ({ model, real }: Run, numbers: ReadonlyArray<bigint>, terminal = 0): Concerned => {
  const asked = numbers.flatMap((number) => model.cards.get(number) ?? [])
  const cards = [...new Set([...asked, ...asked.map((card) => card.newest)])]
  const shards = [...new Set(cards.map(({ number }) => real.shardOf(number)))]
  const at = model.terminals.get(terminal)
  return { cards, shards, terminals: at === undefined ? [] : [at] }
}

const everything = ({ model }: Run): Concerned => ({
  cards: [...model.cards.values()],
  shards: Array.from({ length: model.shards }, (_, shard) => shard),
  terminals: [...model.terminals.values()],
})

/** Every shard's accounts add up to 0, currency by currency, and its cards and holds to its accounts. */
const expectConserved = ({ model, real: { ledger } }: Run, what: string): void => {
  const { sum, accounts } = ledger.totals()
  const actual = {
    sum,
    imbalances: ledger.shards.filter(({ number }) => ledger.imbalance(number) !== 0),
    inTransit: [CURRENCY, OTHER_CURRENCY].filter(
      (currency) => (accounts[`inTransit.${currency}`] ?? 0n) !== 0n,
    ),
    audits: ledger.shards.flatMap(({ number }) =>
      ledger.audit(number).filter(({ purses, cards }) => purses !== cards),
    ),
    holds: ledger.shards.reduce((count, { holds }) => count + holds.count, 0),
  }
  const { imbalances, inTransit, audits, holds } = actual
  const isWhole = sum === 0n && holds === model.holds.length
  if (!isWhole || imbalances.length + inTransit.length + audits.length > 0) {
    expect(actual, what).toEqual({
      sum: 0n,
      imbalances: [],
      inTransit: [],
      audits: [],
      holds: model.holds.length,
    })
  }
}
