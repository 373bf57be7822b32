/** Power goes at every operation of the disk while money moves between two shards, or from a float to a card. */
import { type DiskOperation, MemoryDisk } from "@millrace/journal"
import { Kind, type Outcome, OutcomeFlag, type RecordInput, ResponseCode } from "@millrace/protocol"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Caller, currency, firstCard, type Lab, merchant, provision, start, terminal } from "./lab.ts"

const floatGiven = 5_000
const opened = 10_000
const payer = firstCard

/** The first card of another shard than the payer's. */
const payeeOf = ({ engine }: Lab): bigint => {
  const shard = engine.lane.ledger.card(payer)?.shard
  for (let card = payer + 1n; ; card++) {
    const other = engine.lane.ledger.card(card)
    if (other === undefined) throw new Error("all cards are of one shard")
    if (other.shard !== shard) return card
  }
}

/** Transfers both ways, one that is turned round, one without the money; recharges until the float is used up, one turned round. */
const requests = (payee: bigint): ReadonlyArray<RecordInput> => {
  const at = { terminal, currency }
  const transfer = { ...at, kind: Kind.transfer, card: payer, counterparty: payee }
  const recharge = { ...at, kind: Kind.recharge, card: payee }
  return [
    { ...transfer, reference: 1n, amount: 2_500 },
    { ...recharge, reference: 2n, amount: 3_000 },
    { ...transfer, reference: 3n, card: payee, counterparty: payer, amount: 700 },
    { ...at, reference: 4n, kind: Kind.reversal, card: payer, original: 1n, amount: 0 },
    { ...recharge, reference: 5n, amount: 2_001 },
    { ...at, reference: 6n, kind: Kind.reversal, card: payee, original: 2n, amount: 0 },
    { ...recharge, reference: 7n, amount: 5_000 },
    { ...transfer, reference: 8n, amount: 999_999 },
  ]
}
const expected = [0, 0, 0, 0, ResponseCode.overLimit, 0, 0, ResponseCode.insufficientFunds]

const fund = async (lab: Lab): Promise<void> => {
  const of = { by: "test", number: merchant, name: "Corner shop", currency, feeBasisPoints: 150 }
  for (const command of [
    { ...of, type: "merchant", floatLimit: 0 },
    { type: "float", by: "test", merchant, amount: floatGiven, reference: 1n },
  ] as const) {
    const result = await Effect.runPromise(lab.engine.control(command))
    if (!result.ok) throw new Error(result.message)
  }
}

/** Where the money is: it may be in one place only, in every shard. */
const audited = (lab: Lab) => {
  const { ledger } = lab.engine.lane
  const { accounts, sum } = ledger.totals()
  expect(sum).toBe(0n)
  for (const shard of ledger.shards) {
    expect(ledger.imbalance(shard.number)).toBe(0)
    for (const { purses, cards } of ledger.audit(shard.number)) expect(cards).toBe(purses)
  }
  expect(accounts[`inTransit.${currency}`]).toBe(0n)
  const balances = [payer, payeeOf(lab)].map((card) => ledger.card(card)?.balance ?? Number.NaN)
  const float = Number(accounts[`float.${currency}`])
  expect(balances[0] + balances[1] + float).toBe(2 * opened + floatGiven)
  return { balances, float }
}

type Keep = (sector: number) => boolean

interface Run {
  readonly left: MemoryDisk
  readonly answered: ReadonlyArray<Outcome>
  readonly operations: number
}

/** One by one, each its own block, or all at once; until the power goes at the operation `stop` after provisioning. */
const runUntil = async (stop: number, keep: Keep, together: boolean): Promise<Run> => {
  const disk = new MemoryDisk({ crashable: true })
  const lab = await start(disk)
  await provision(lab)
  await fund(lab)
  const caller = new Caller(lab)
  let operations = 0
  let sectors = 0
  let left: MemoryDisk | undefined
  let answered: ReadonlyArray<Outcome> = []
  let gone = () => {}
  const powerGone = new Promise<void>((resolve) => {
    gone = resolve
  })
  disk.fault = (operation: DiskOperation) => {
    if (operation !== "write" && operation !== "sync" && left === undefined) return undefined
    if (left === undefined && operations++ < stop) return undefined
    if (left === undefined) {
      answered = caller.answers.slice()
      left = disk.crash(() => keep(sectors++))
      gone()
    }
    return "EIO"
  }
  const records = requests(payeeOf(lab))
  const work = async () => {
    if (together) await caller.ask(records)
    else for (const record of records) await caller.ask([record])
  }
  await Promise.race([work(), powerGone])
  if (left === undefined) answered = caller.answers.slice()
  const after = left ?? disk.crash(() => keep(sectors++))
  disk.fault = undefined
  await lab.stop()
  return { left: after, answered, operations }
}

/** Recovers, sends everything again in its order, and says where the money is. */
const goOn = async (left: MemoryDisk, answered: ReadonlyArray<Outcome>) => {
  const lab = await start(left)
  audited(lab)
  const caller = new Caller(lab)
  for (const [i, record] of requests(payeeOf(lab)).entries()) {
    const [outcome] = await caller.ask([record])
    expect(outcome.response, `request ${i}`).toBe(expected[i])
    const before = answered.find((first) => first.reference === record.reference)
    if (before !== undefined) expect(outcome).toEqual({ ...before, flags: OutcomeFlag.duplicate })
    audited(lab)
  }
  const where = audited(lab)
  await lab.stop()
  return where
}

const survivals: ReadonlyArray<readonly [string, Keep]> = [
  ["nothing that was not synced", () => false],
  ["everything that was written", () => true],
  ["the first half of it", (sector) => sector < 1],
  ["the second half of it", (sector) => sector >= 1],
  ["every other sector", (sector) => sector % 2 === 0],
]

describe.each([
  ["one by one", false],
  ["in one block", true],
] as const)("transfers across shards and recharges out of a float, %s", (_, together) => {
  it("after a crash at every operation: the money is in one place, a retry gets the first answer", async () => {
    const whole = await runUntil(Number.POSITIVE_INFINITY, () => true, together)
    expect(whole.answered.length).toBe(expected.length)
    const where = await goOn(whole.left, whole.answered)
    expect(where).toEqual({ balances: [10_700, 14_300], float: 0 })
    // At least a write and a sync for each block; were it fewer, nothing would be enumerated.
    expect(whole.operations).toBeGreaterThanOrEqual(together ? 2 : 2 * expected.length)
    for (let stop = 0; stop < whole.operations; stop++) {
      for (const [survives, keep] of survivals) {
        const { left, answered } = await runUntil(stop, keep, together)
        expect(await goOn(left, answered), `operation ${stop}, ${survives} survives`).toEqual(where)
      }
    }
  }, 120_000)
})
