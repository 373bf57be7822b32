// The accounts added up, for people and for the checks that money is conserved. Exact: sums of sums pass 2^53.
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
] as const

const payableIn = (scheme: Scheme, shard: Shard, currency: number): bigint => {
  let sum = 0n
  for (let merchant = 0; merchant < scheme.merchants.count; merchant++) {
    if (scheme.merchants.at(merchant).currency === currency) sum += BigInt(shard.accounts.payable(merchant))
  }
  return sum
}

/** [account's name, amount] of one shard in the currency of an accounts' slot. */
const accountsIn = (scheme: Scheme, shard: Shard, slot: number): Array<readonly [string, bigint]> => [
  ...generalAccounts.map(([name, account]) => [name, BigInt(shard.accounts.general(slot, account))] as const),
  ["payable", payableIn(scheme, shard, scheme.merchants.currencies[slot])],
]

export const sumTotals = (scheme: Scheme, shards: ReadonlyArray<Shard>): AccountTotals => {
  const accounts: Record<string, bigint> = {}
  let sum = 0n
  for (const shard of shards) {
    for (const [slot, currency] of scheme.merchants.currencies.entries()) {
      for (const [account, amount] of accountsIn(scheme, shard, slot)) {
        const name = `${account}.${currency}`
        accounts[name] = (accounts[name] ?? 0n) + amount
        sum += amount
      }
    }
  }
  return { accounts, sum }
}

/** The currencies' imbalances, none of which may make up for another's. */
export const shardImbalance = (scheme: Scheme, shard: Shard): number => {
  let imbalance = 0n
  for (const slot of scheme.merchants.currencies.keys()) {
    let sum = 0n
    for (const [, amount] of accountsIn(scheme, shard, slot)) sum += amount
    imbalance += sum < 0n ? -sum : sum
  }
  return Number(imbalance)
}

export const auditShard = (scheme: Scheme, shard: Shard): ReadonlyArray<PurseAudit> => {
  const sums = new Map<number, bigint>(scheme.merchants.currencies.map((currency) => [currency, 0n]))
  for (let card = 0; card < shard.cards.count; card++) {
    const currency = shard.cards.currency(card)
    sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(shard.cards.purse(card)))
  }
  return [...sums].map(([currency, cards]) => {
    const purses = BigInt(shard.accounts.general(scheme.merchants.accountsOf(currency), Account.purse))
    return { currency, purses, cards }
  })
}
