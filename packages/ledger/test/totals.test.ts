// Totals that are added up fast are the same as those added up one by one.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ACCOUNT_MAX, Ledger } from "../src/index.ts"
import { Account, Postings } from "../src/Postings.ts"

const currencies = [203, 978, 840]
const shards = [0, 1, 2, 3]

const amount = fc.oneof(
  fc.integer({ min: -ACCOUNT_MAX, max: ACCOUNT_MAX }),
  fc.constantFrom(0, 1, -1, ACCOUNT_MAX, -ACCOUNT_MAX, 2 ** 27, -(2 ** 27), 2 ** 27 - 1, -(2 ** 27) - 1),
)
/** A merchant's currency and payable in each shard; often all at the edge, so that the sums pass 2^53 by far. */
const merchants = fc.oneof(
  fc.array(fc.tuple(fc.nat(2), fc.tuple(amount, amount, amount, amount)), { maxLength: 40 }),
  fc.array(fc.tuple(fc.nat(2), fc.constant(shards.map(() => ACCOUNT_MAX))), { maxLength: 40 }),
  fc.array(fc.tuple(fc.nat(2), fc.constant(shards.map(() => -ACCOUNT_MAX))), { maxLength: 40 }),
)

const ledgerOf = (payables: ReadonlyArray<readonly [number, ReadonlyArray<number>]>): Ledger => {
  const ledger = new Ledger({ shards: shards.length, transactions: 1024 })
  for (const [merchant, [currency, amounts]] of payables.entries()) {
    ledger.control(1, {
      type: "merchant",
      by: "host:test",
      number: merchant + 1,
      name: "Bakery",
      currency: currencies[currency],
      feeBasisPoints: merchant,
    })
    for (const [shard, amount] of amounts.entries()) {
      const postings = new Postings()
      postings.begin(merchant, ledger.scheme.merchants.accountsOf(currencies[currency]))
      postings.add(Account.payable, amount)
      ledger.shards[shard].accounts.apply(postings)
    }
  }
  return ledger
}

const naive = (ledger: Ledger, ofShards: ReadonlyArray<number>): Record<string, bigint> => {
  const sums: Record<string, bigint> = {}
  for (const currency of ledger.scheme.merchants.currencies) {
    sums[`payable.${currency}`] = 0n
    for (let merchant = 0; merchant < ledger.scheme.merchants.count; merchant++) {
      if (ledger.scheme.merchants.at(merchant).currency !== currency) continue
      for (const shard of ofShards) {
        sums[`payable.${currency}`] += BigInt(ledger.shards[shard].accounts.payable(merchant))
      }
    }
  }
  return sums
}

const sumOf = (sums: Record<string, bigint>): bigint =>
  Object.values(sums).reduce((sum, one) => sum + one, 0n)
const magnitude = (amount: bigint): bigint => [amount, -amount][Number(amount < 0n)]

describe("totals", () => {
  it("are what the merchants' payables are one by one, of each shard and of all, exactly", () => {
    fc.assert(
      fc.property(merchants, (payables) => {
        const ledger = ledgerOf(payables)
        const totals = ledger.totals()
        const all = naive(ledger, shards)
        expect(totals.accounts).toMatchObject(all)
        expect(totals.sum).toBe(sumOf(all))
        for (const shard of shards) {
          const own = naive(ledger, [shard])
          expect(totals.shards[shard].accounts).toMatchObject(own)
          expect(totals.shards[shard].sum).toBe(sumOf(own))
          const imbalance = Object.values(own).reduce((sum, one) => sum + magnitude(one), 0n)
          expect(ledger.imbalance(shard)).toBe(Number(imbalance))
        }
      }),
      { numRuns: 300 },
    )
  })

  it("name every account of every currency", () => {
    const { accounts, shards } = ledgerOf([
      [0, [1, 2, 3, 4]],
      [1, [0, 0, 0, 5]],
    ]).totals()
    const assets = ["cashIn", "commission", "promotion", "cashOut", "inTransit"]
    const liabilities = [
      "purses",
      "payable",
      "float",
      "held",
      "bonusLocked",
      "deposits",
      "breakage",
      "feeIncome",
    ]
    const names = [...assets, ...liabilities].flatMap((name) => [`${name}.203`, `${name}.978`])
    for (const each of [accounts, ...shards.map((shard) => shard.accounts)]) {
      expect(Object.keys(each).sort()).toEqual(names.sort())
    }
    expect(accounts).toMatchObject({ "payable.203": 10n, "payable.978": 5n, "purses.203": 0n })
  })
})
