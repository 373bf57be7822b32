// The accounts added up, for people and for the checks that money is conserved. Exact: sums of sums pass 2^53.
import { TERMS_WORDS, TermsWord } from "./Merchants.ts"
import { Account } from "./Postings.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"

export interface AccountTotals {
  /** By `account.currency`, such as `purses.203`; minor units; liabilities positive, assets negative. */
  readonly accounts: Readonly<Record<string, bigint>>
  /** Of all of them: 0. */
  readonly sum: bigint
}

export interface PurseAudit {
  /** ISO 4217 numeric. */
  readonly currency: number
  /** The account. */
  readonly purses: bigint
  /** The sum over the cards. */
  readonly cards: bigint
}

const generalAccounts = [
  ["purses", Account.purse],
  ["feeIncome", Account.feeIncome],
  ["cashIn", Account.cashIn],
  ["held", Account.held],
  ["commission", Account.commission],
  ["promotion", Account.promotion],
  ["bonusLocked", Account.bonusLocked],
  ["deposits", Account.deposits],
  ["breakage", Account.breakage],
  ["cashOut", Account.cashOut],
  ["inTransit", Account.inTransit],
] as const

/** A merchant's amounts are split here, so that neither part's sum over MERCHANTS_MAX of them comes near 2^53. */
const UPPER = 2 ** 27

/** The slot of each merchant's currency's accounts. */
const slotsOf = ({ merchants }: Scheme): Uint8Array => {
  const { terms, count } = merchants
  const slots = new Uint8Array(count)
  for (let merchant = 0; merchant < count; merchant++) {
    slots[merchant] = terms[merchants.termsOf(merchant) * TERMS_WORDS + TermsWord.accounts]
  }
  return slots
}

/** An account that is kept by merchant, summed by the slot of its currency's accounts: one walk, and no BigInt in it. */
const byCurrency = (
  slots: Uint8Array,
  currencies: number,
  amountOf: (merchant: number) => number,
): ReadonlyArray<bigint> => {
  const uppers = new Float64Array(currencies)
  const lowers = new Float64Array(currencies)
  for (let merchant = 0; merchant < slots.length; merchant++) {
    const amount = amountOf(merchant)
    const upper = Math.floor(amount / UPPER)
    uppers[slots[merchant]] += upper
    lowers[slots[merchant]] += amount - upper * UPPER
  }
  return Array.from(uppers, (upper, slot) => BigInt(upper) * BigInt(UPPER) + BigInt(lowers[slot]))
}

/** [account's name, amount] of one shard, for each currency in the order of their accounts' slots. */
const accountsOf = (
  scheme: Scheme,
  shard: Shard,
  slots: Uint8Array,
): ReadonlyArray<ReadonlyArray<readonly [string, bigint]>> => {
  const { accounts } = shard
  const currencies = scheme.merchants.currencies.length
  const payables = byCurrency(slots, currencies, (merchant) => accounts.payable(merchant))
  const floats = byCurrency(slots, currencies, (merchant) => accounts.float(merchant))
  return payables.map((payable, slot) => [
    ...generalAccounts.map(([name, account]) => [name, BigInt(accounts.general(slot, account))] as const),
    ["payable", payable],
    ["float", floats[slot]],
  ])
}

const shardTotals = (scheme: Scheme, shard: Shard, slots: Uint8Array): AccountTotals => {
  const accounts: Record<string, bigint> = {}
  let sum = 0n
  for (const [slot, amounts] of accountsOf(scheme, shard, slots).entries()) {
    for (const [account, amount] of amounts) {
      accounts[`${account}.${scheme.merchants.currencies[slot]}`] = amount
      sum += amount
    }
  }
  return { accounts, sum }
}

/** Of all shards together, and of each. */
export const sumTotals = (
  scheme: Scheme,
  shards: ReadonlyArray<Shard>,
): AccountTotals & { readonly shards: ReadonlyArray<AccountTotals> } => {
  const slots = slotsOf(scheme)
  const each = shards.map((shard) => shardTotals(scheme, shard, slots))
  const accounts: Record<string, bigint> = {}
  let sum = 0n
  for (const shard of each) {
    for (const [name, amount] of Object.entries(shard.accounts)) {
      accounts[name] = (accounts[name] ?? 0n) + amount
    }
    sum += shard.sum
  }
  return { accounts, sum, shards: each }
}

/** The currencies' imbalances, none of which may make up for another's. */
export const shardImbalance = (scheme: Scheme, shard: Shard): number => {
  let imbalance = 0n
  for (const amounts of accountsOf(scheme, shard, slotsOf(scheme))) {
    let sum = 0n
    for (const [, amount] of amounts) sum += amount
    imbalance += sum < 0n ? -sum : sum
  }
  return Number(imbalance)
}

export const auditShard = (scheme: Scheme, shard: Shard): ReadonlyArray<PurseAudit> => {
  const sums = new Map<number, bigint>(scheme.merchants.currencies.map((currency) => [currency, 0n]))
  for (let card = 0; card < shard.cards.count; card++) {
    const currency = shard.cards.currency(card)
    sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(shard.cards.total(card)))
  }
  return [...sums].map(([currency, cards]) => {
    const purses = BigInt(shard.accounts.general(scheme.merchants.accountsOf(currency), Account.purse))
    return { currency, purses, cards }
  })
}
