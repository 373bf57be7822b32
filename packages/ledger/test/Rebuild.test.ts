// One shard is rebuilt from its image and the journal, beside a scheme and a memory that have gone on.
import { Kind } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Defect, JournalGap, type Ledger } from "../src/index.ts"
import { Run } from "./run.ts"
import { type Block, images, Journaled, request, stateOf } from "./scenario.ts"
import { traffic } from "./traffic.ts"

const rebuild = (
  ledger: Ledger,
  shard: number,
  blocks: ReadonlyArray<Block>,
  snapshot?: { readonly position: number; readonly images: Map<string, ReadonlyArray<Uint8Array>> },
): void => {
  const fresh = ledger.rebuild(shard)
  for (const [name, pieces] of snapshot?.images ?? []) {
    if (fresh.wants(name)) for (const piece of pieces) fresh.restore(name, piece)
  }
  const position = snapshot?.position ?? 0
  for (const { first, time, payload } of blocks) if (first > position) fresh.replay(time, payload, first)
  fresh.swapIn()
}

describe("a shard rebuilt", () => {
  it("is the shard that it was, also when fees have changed and originals are forgotten", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 4),
        fc.constantFrom(16, 64, 1024),
        traffic,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        (shards, transactions, steps, at, fromSnapshot) => {
          const run = new Run({ shards, transactions })
          const cut = Math.floor(at * steps.length)
          for (const step of steps.slice(0, cut)) run.step(step)
          const { ledger, blocks } = run.real
          const snapshot = fromSnapshot ? { position: ledger.next - 1, images: images(ledger) } : undefined
          for (const step of steps.slice(cut)) run.step(step)
          const before = stateOf(ledger)
          for (let shard = 0; shard < shards; shard++) {
            const old = ledger.shards[shard]
            rebuild(ledger, shard, blocks, snapshot)
            expect(ledger.shards[shard]).not.toBe(old)
          }
          expect(stateOf(ledger)).toEqual(before)
        },
      ),
      { numRuns: 80 },
    )
  })

  it("charges back the fee of then, not of now", () => {
    const run = new Journaled({ shards: 2, transactions: 16 }).provision()
    run.code({ reference: 10n, amount: 1_000 })
    const by = "host:test"
    run.control({ type: "merchant", by, number: 1, name: "Bakery", currency: 203, feeBasisPoints: 9_000 })
    run.code({ reference: 11n, kind: Kind.reversal, original: 10n })
    for (let i = 0n; i < 30n; i++) run.code({ reference: 100n + i, amount: 1 })
    const { accounts } = run.ledger.totals()
    // Thirty purchases of 1 at 90 %, rounded down, and nothing left of the reversed one.
    expect(accounts["feeIncome.203"]).toBe(0n)
    expect(accounts["payable.203"]).toBe(30n)
    rebuild(run.ledger, run.shardOf(1n), run.blocks)
    expect(run.ledger.totals().accounts).toEqual(accounts)
  })

  it("takes its place only at the lane's end", () => {
    const run = new Journaled({ shards: 1, transactions: 64 }).provision()
    run.code({ reference: 10n })
    expect(() => rebuild(run.ledger, 0, run.blocks.slice(0, -1))).toThrow(JournalGap)
    expect(() => rebuild(run.ledger, 0, [run.blocks[0], ...run.blocks.slice(2)])).toThrow(JournalGap)
  })
})

describe("a defect in the middle of a decision", () => {
  it("leaves no trace of the request, and the rebuilt shard decides it as if it had never come", () => {
    for (const [kind, plain] of [
      [Kind.purchase, true],
      [Kind.purchase, false],
      [Kind.reversal, true],
    ] as const) {
      const run = new Journaled({ shards: 2, transactions: 64, plain }).provision()
      const twin = new Journaled({ shards: 2, transactions: 64 }).provision()
      for (const each of [run, twin]) each.code({ reference: 10n, amount: 40 })
      const shard = run.ledger.shards[run.shardOf(1n)]
      const before = run.ledger.next
      const bad = request({ reference: 11n, kind, amount: kind === Kind.reversal ? 0 : 70, original: 10n })
      // The accounts are written and the card is not when it breaks: once in the plain way, once in the general.
      const defect = () => {
        throw new Error("a defect")
      }
      shard.cards.changing = defect
      shard.accounts.apply = defect
      expect(() => run.send(bad)).toThrow("a defect")
      expect(run.ledger.next).toBe(before)
      expect(run.ledger.memory.find(1, 11, 0)).toBe(-1)
      rebuild(run.ledger, shard.number, run.blocks)
      expect(run.send(bad)).toEqual(twin.send(bad))
      expect(stateOf(run.ledger)).toEqual(stateOf(twin.ledger))
    }
  })

  it("leaves none either at the end of it: totals, float and horizon are the lane's, and no shard's rebuild puts them right", () => {
    for (const [kind, plain] of [
      [Kind.purchase, true],
      [Kind.recharge, true],
      [Kind.purchase, false],
      [Kind.recharge, false],
      [Kind.reversal, true],
    ] as const) {
      const run = new Journaled({ shards: 2, transactions: 64, plain }).provision()
      const twin = new Journaled({ shards: 2, transactions: 64 }).provision()
      for (const each of [run, twin]) each.code({ reference: 10n, amount: 40 })
      const shard = run.ledger.shards[run.shardOf(1n)]
      const bad = request({ reference: 11n, kind, amount: kind === Kind.reversal ? 0 : 70, original: 10n })
      // All is posted; what is left is the card's history and the answer.
      shard.cards.setLast = () => {
        throw new Error("a defect")
      }
      expect(() => run.send(bad)).toThrow("a defect")
      rebuild(run.ledger, shard.number, run.blocks)
      expect(stateOf(run.ledger)).toEqual(stateOf(twin.ledger))
      expect(run.send(bad)).toEqual(twin.send(bad))
      expect(stateOf(run.ledger)).toEqual(stateOf(twin.ledger))
    }
  })

  it("is raised by a request that is handed to the wrong shard", () => {
    const run = new Journaled({ shards: 2, transactions: 64 }).provision()
    const wrong = 1 - run.shardOf(1n)
    const words = new Uint32Array(16)
    words.set([10, 0, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, Kind.purchase | (203 << 16)])
    expect(() => run.ledger.decide(wrong, 1, words, 0, new Uint32Array(8), 0)).toThrow(Defect)
    expect(run.ledger.decide(1 - wrong, 1, words, 0, new Uint32Array(8), 0)).toBe(1)
  })
})
