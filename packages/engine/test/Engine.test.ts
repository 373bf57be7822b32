import { MemoryDisk } from "@millrace/journal"
import { OutcomeFlag, ResponseCode } from "@millrace/protocol"
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  Caller,
  firstCard,
  plantDefect,
  provision,
  purchase,
  start,
  stateOf,
  terminal,
  traffic,
} from "./lab.ts"

const crashable = () => new MemoryDisk({ crashable: true })
const repeats = (outcomes: ReadonlyArray<{ flags: number }>) =>
  outcomes.filter((outcome) => (outcome.flags & OutcomeFlag.duplicate) !== 0).length

describe("durability", () => {
  it("answers nothing, not even a balance, before the sync has returned", async () => {
    const disk = new MemoryDisk()
    const lab = await start(disk)
    await provision(lab)
    const caller = new Caller(lab)
    await caller.ask([purchase(1n, firstCard, 5)])
    const { append } = lab.journal
    expect(append).toBeDefined()
    disk.fault = (operation) => (operation === "sync" || operation === "write" ? "EIO" : undefined)
    caller.send([purchase(2n, firstCard, 5), purchase(1n, firstCard, 5)])
    const failure = await Effect.runPromise(Effect.flip(lab.engine.halted))
    expect(failure._tag).toBe("StorageFailed")
    await new Promise((done) => setTimeout(done, 20))
    // Not even the repeat of what is durable: after a failed write nobody knows what is on the disk.
    expect(caller.answers.length).toBe(1)
    disk.fault = undefined
    await lab.stop()
  })

  it("after a crash every answered request is there, and the state is that of the durable journal", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 900 }), async (seed, answered) => {
        const disk = crashable()
        const lab = await start(disk)
        await provision(lab)
        const caller = new Caller(lab)
        const records = traffic(seed, 1_000)
        const first = await caller.ask(records.slice(0, answered))
        const before = stateOf(lab)
        caller.send(records.slice(answered))
        const after = await start(disk.crash())
        const again = new Caller(after)
        const second = await again.ask(records.slice(0, answered))
        const byReference = new Map(second.map((outcome) => [outcome.reference, outcome]))
        for (const outcome of first) {
          expect(byReference.get(outcome.reference)).toEqual({ ...outcome, flags: OutcomeFlag.duplicate })
        }
        expect(stateOf(after).equals(before)).toBe(true)
        await after.stop()
        await lab.stop()
      }),
      { numRuns: 8 },
    )
  })
})

describe("recovery", () => {
  it("snapshot and tail give what the whole journal gives, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 }),
        async (seed, runs) => {
          const disk = crashable()
          const lab = await start(disk)
          await provision(lab)
          const caller = new Caller(lab)
          let reference = 1n
          for (const [i, count] of runs.entries()) {
            await caller.ask(traffic(seed + i, count, reference))
            reference += BigInt(count)
            if (i < runs.length - 1) await Effect.runPromise(lab.engine.snapshot)
          }
          const state = stateOf(lab)
          await lab.stop()

          const whole = disk.copy()
          for (const path of whole.files().keys())
            if (path.startsWith("snapshots/")) whole.put(path, undefined)
          const fromSnapshot = await start(disk)
          const fromJournal = await start(whole)
          expect(fromJournal.engine.recovered.snapshot).toBe(0)
          if (runs.length > 1) expect(fromSnapshot.engine.recovered.snapshot).toBeGreaterThan(0)
          expect(stateOf(fromSnapshot).equals(state)).toBe(true)
          expect(stateOf(fromJournal).equals(state)).toBe(true)
          await fromSnapshot.stop()
          await fromJournal.stop()
        },
      ),
      { numRuns: 6 },
    )
  })

  it("holds through many lives, with snapshots taken while traffic goes on and a memory that forgets", async () => {
    let disk = crashable()
    let reference = 1n
    let state: Buffer | undefined
    for (let life = 0; life < 5; life++) {
      const lab = await start(disk, { rememberedTransactions: 2 ** 13 })
      if (state === undefined) await provision(lab)
      else expect(stateOf(lab).equals(state)).toBe(true)
      const caller = new Caller(lab)
      const records = traffic(life, 4_000, reference)
      reference += 4_000n
      const answered = caller.ask(records)
      const position = await Effect.runPromise(lab.engine.snapshot)
      await answered
      expect(position).toBeGreaterThan(0)
      expect([0, 1, 2, 3].map((shard) => lab.engine.lane.ledger.imbalance(shard))).toEqual([0, 0, 0, 0])
      state = stateOf(lab)
      disk = disk.crash()
      await lab.stop()
    }
  })
})

describe("a shard with a defect", () => {
  it("is rebuilt from snapshot and journal while the others go on", async () => {
    const lab = await start(new MemoryDisk())
    await provision(lab)
    const caller = new Caller(lab)
    const { lane } = lab.engine
    await caller.ask(traffic(1, 700))
    await Effect.runPromise(lab.engine.snapshot)
    await caller.ask(traffic(2, 700, 701n))
    const before = stateOf(lab)

    const shard = lane.ledger.card(firstCard)!.shard
    const others = Array.from({ length: 60 }, (_, i) => firstCard + BigInt(i)).filter(
      (card) => lane.ledger.card(card)!.shard !== shard,
    )
    const broken = lane.ledger.shards[shard]
    plantDefect(broken)
    const refused = await caller.ask([
      { ...purchase(2_001n, firstCard, 1), kind: 4 },
      purchase(2_002n, firstCard, 1),
    ])
    expect(refused.map((outcome) => outcome.response)).toEqual([
      ResponseCode.malfunction,
      ResponseCode.unavailable,
    ])
    expect(refused.every((outcome) => outcome.transaction === 0n)).toBe(true)
    const served = await caller.ask(
      others.map((card, i) => ({ ...purchase(3_000n + BigInt(i), card, 1), kind: 1, amount: 0 })),
    )
    expect(served.every((outcome) => outcome.response === ResponseCode.approved)).toBe(true)

    while (lane.isDown(shard)) await new Promise((done) => setTimeout(done, 5))
    expect(lane.ledger.shards[shard]).not.toBe(broken)
    expect(lane.tally.restarts).toBe(1)
    // What the record that broke it had asked for was not done, and can be done now.
    const [again] = await caller.ask([{ ...purchase(2_001n, firstCard, 1), kind: 4 }])
    expect(again.response).toBe(ResponseCode.approved)
    expect(again.flags).toBe(0)
    const [repeated] = await caller.ask([traffic(1, 1)[0]])
    expect(repeats([repeated])).toBe(1)
    expect(stateOf(lab).equals(before)).toBe(false)
    await lab.stop()
  })

  it("has the state it had before, byte for byte, whatever came before the defect", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 0, max: 600 }), async (seed, snapshotAfter) => {
        const lab = await start(new MemoryDisk())
        await provision(lab)
        const caller = new Caller(lab)
        const records = traffic(seed, 900)
        await caller.ask(records.slice(0, snapshotAfter))
        await Effect.runPromise(lab.engine.snapshot)
        await caller.ask(records.slice(snapshotAfter))
        const before = stateOf(lab)
        const { lane } = lab.engine
        for (let shard = 0; shard < 4; shard++) plantDefect(lane.ledger.shards[shard])
        const cards = Array.from({ length: 60 }, (_, i) => firstCard + BigInt(i))
        await caller.ask(cards.map((card, i) => ({ ...purchase(5_000n + BigInt(i), card, 1), kind: 4 })))
        while ([0, 1, 2, 3].some((shard) => lane.isDown(shard)))
          await new Promise((done) => setTimeout(done, 5))
        expect(lane.tally.restarts).toBe(4)
        expect(stateOf(lab).equals(before)).toBe(true)
        await lab.stop()
      }),
      { numRuns: 5 },
    )
  })
})

describe("limits", () => {
  it("a full mailbox takes no more and says when there is room; nothing is lost", async () => {
    const lab = await start(new MemoryDisk(), { mailboxRecordsMax: 16, turnRecordsMax: 8 })
    await provision(lab)
    const caller = new Caller(lab)
    const records = Array.from({ length: 500 }, (_, i) => purchase(BigInt(i + 1), firstCard, 1))
    const outcomes = await caller.ask(records)
    expect(outcomes.map((outcome) => outcome.reference)).toEqual(records.map((record) => record.reference))
    expect(outcomes.map((outcome) => outcome.available)).toEqual(records.map((_, i) => 9_999 - i))
    await lab.stop()
  })

  it("options that contradict each other are refused with the numbers", async () => {
    await expect(start(new MemoryDisk(), { rememberedTransactions: 64 })).rejects.toThrow(
      /rememberedTransactions is 64/,
    )
  })

  it("the same request twice in one batch is decided once", async () => {
    const lab = await start(new MemoryDisk())
    await provision(lab)
    const caller = new Caller(lab)
    const [first, second] = await caller.ask([purchase(9n, firstCard, 100), purchase(9n, firstCard, 100)])
    expect(second).toEqual({ ...first, flags: OutcomeFlag.duplicate })
    expect(first.terminal).toBe(terminal)
    await lab.stop()
  })
})
