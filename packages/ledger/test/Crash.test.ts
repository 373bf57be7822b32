// A crash at every position of the journal, one after the other: the money is in one place, and a retry gets the first answer.
import { decodeOutcome, Kind, type Outcome, OutcomeFlag } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { type Ledger, ReplayDiverged, SLOT_BYTES } from "../src/index.ts"
import { CODE, CODE_FLAG, LATER, ORIGINAL, Stage } from "./rules/stage.ts"
import { type Block, images, type Request, recovered, requestWords } from "./scenario.ts"

const options = { shards: 2, transactions: 1024 }
const slotsOf = ({ payload }: Block): number => payload.length / SLOT_BYTES
const endOf = (block: Block | undefined): number =>
  block === undefined ? 0 : block.first + slotsOf(block) - 1

/** What is watched: with a bonus and a commission, so that as much moves as can. */
const stage = (): Stage =>
  new Stage({
    product: {
      purses: [{ purse: "bonus" }],
      bonus: { basisPoints: 1_000 },
      transfers: { fee: [{ fixed: 3 }] },
    },
    merchant: { rechargeFee: [{ fixed: 2 }], commission: [{ basisPoints: 200 }], codeAbove: 1 },
    hasCode: true,
  })

/** Each a row of requests, of which a crash may leave any number. */
const stories: { readonly [name: string]: (on: Stage) => ReadonlyArray<Request> } = {
  "a transfer between two shards, and its reversal": (on) => [
    on.request(Kind.transfer, { reference: ORIGINAL, counterparty: on.payee }),
    on.request(Kind.reversal, { reference: LATER, original: ORIGINAL }),
    on.request(Kind.balance, { reference: LATER + 1n, card: on.payee }),
  ],
  "a recharge out of the float, and its void": (on) => [
    on.request(Kind.recharge, { reference: ORIGINAL, flags: CODE_FLAG, pin: CODE }),
    on.request(Kind.void, { reference: LATER, original: ORIGINAL }),
    on.request(Kind.balance, { reference: LATER + 1n }),
  ],
  "a hold, and its completion": (on) => [
    on.request(Kind.preauthorisation, { reference: ORIGINAL }),
    on.request(Kind.completion, { reference: LATER, original: ORIGINAL, amount: 70 }),
    on.request(Kind.refund, {
      reference: LATER + 1n,
      original: LATER,
      amount: 70,
      flags: CODE_FLAG,
      pin: CODE,
    }),
  ],
}

const send = (ledger: Ledger, time: number, value: Request): Outcome => {
  const out = new Uint32Array(8)
  const shard = ledger.shardOf(Number(value.card & 0xffff_ffffn), Number(value.card >> 32n))
  ledger.decide(shard, time, requestWords(value), 0, out, 0)
  return decodeOutcome(new DataView(out.buffer), 0)
}

/** All the accounts of all shards, and that nothing came or went. */
const moneyOf = (ledger: Ledger): string => {
  const { sum, shards, accounts } = ledger.totals()
  expect(sum).toBe(0n)
  expect(accounts["inTransit.203"] ?? 0n).toBe(0n)
  for (const { number } of ledger.shards) {
    expect(ledger.imbalance(number)).toBe(0)
    for (const { purses, cards } of ledger.audit(number)) expect(cards).toBe(purses)
  }
  return shards.map((shard) => Object.entries(shard.accounts).join()).join("; ")
}

for (const [name, story] of Object.entries(stories)) {
  describe(name, () => {
    const on = stage()
    const { real } = on
    const requests = story(on)
    const before = real.blocks.length
    const money = [moneyOf(real.ledger)]
    const answers = requests.map((value) => {
      const { journaled: _, ...outcome } = real.send(value)
      money.push(moneyOf(real.ledger))
      return outcome
    })

    it("is approved, step by step", () => {
      expect(answers.map(({ response }) => response)).toEqual(requests.map(() => 0))
      expect(money[1]).not.toBe(money[0])
      expect(money[2]).not.toBe(money[1])
    })

    for (let kept = before; kept <= real.blocks.length; kept++) {
      const done = kept - before
      it(`cut off behind ${done} of its steps, from every snapshot before`, () => {
        const blocks = real.blocks.slice(0, kept)
        for (let taken = before; taken <= kept; taken++) {
          const at = recovered(options, real.blocks.slice(0, taken))
          const snapshot = { position: endOf(real.blocks[taken - 1]), images: images(at) }
          const ledger = recovered(options, blocks, snapshot)
          expect(moneyOf(ledger)).toBe(money[done])
          // Every step again: what was done gets its first answer, what was not is done now, once.
          for (const [index, value] of requests.entries()) {
            const flags = index < done ? OutcomeFlag.duplicate : 0
            expect(send(ledger, real.time, value)).toEqual({ ...answers[index], flags })
          }
          const once = moneyOf(ledger)
          expect(once).toBe(money[requests.length])
          for (const value of requests)
            expect(send(ledger, real.time, value).flags).toBe(OutcomeFlag.duplicate)
          expect(moneyOf(ledger)).toBe(once)
        }
      })
    }

    it("is refused whole when it is cut off within a step", () => {
      let cuts = 0
      for (let kept = before; kept < real.blocks.length; kept++) {
        const block = real.blocks[kept]
        for (let slots = 1; slots < slotsOf(block); slots++) {
          const cut = { ...block, payload: block.payload.slice(0, slots * SLOT_BYTES) }
          expect(() => recovered(options, [...real.blocks.slice(0, kept), cut])).toThrow(ReplayDiverged)
          cuts++
        }
      }
      expect(cuts).toBeGreaterThan(0)
    })
  })
}
