/** Each of these failed once. */
import { MemoryDisk } from "@millrace/journal"
import { Kind, OutcomeFlag, ResponseCode } from "@millrace/protocol"
import { Effect, Exit } from "effect"
import { expect, it } from "vitest"
import {
  Caller,
  cards,
  currency,
  firstCard,
  plantDefect,
  provision,
  purchase,
  start,
  terminal,
} from "./lab.ts"

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms))
const balance = (reference: bigint, card: bigint) => ({
  ...purchase(reference, card, 0),
  kind: Kind.balance,
})

it("a defect while reading ahead answers what was not decided, once each, and nobody else", async () => {
  const lab = await start(new MemoryDisk(), { turnRecordsMax: 256 })
  await provision(lab)
  const { lane } = lab.engine
  const innocent = new Caller(lab)
  const caller = new Caller(lab)
  const index = lane.ledger.shards[lane.ledger.card(firstCard)!.shard].cards
  const peek = index.peek.bind(index)
  let calls = 0
  index.peek = (hash) => {
    if (++calls === 65) throw new Error("a defect, planted")
    return peek(hash)
  }
  const outcomes = await caller.ask(
    Array.from({ length: 80 }, (_, i) => purchase(BigInt(i + 1), firstCard, 1)),
  )
  await sleep(50)
  expect(caller.answers.length).toBe(80)
  expect(innocent.answers).toEqual([])
  expect(outcomes.slice(0, 64).every((outcome) => outcome.response === ResponseCode.approved)).toBe(true)
  expect(outcomes.slice(64).every((outcome) => outcome.response === ResponseCode.unavailable)).toBe(true)
  expect([innocent, caller].map((one) => lane.seats.inFlight(one.seat))).toEqual([0, 0])
  await lab.stop()
})

it("a shard comes back while the others never stand still", async () => {
  const lab = await start(new MemoryDisk())
  await provision(lab)
  const { lane } = lab.engine
  const shard = lane.ledger.card(firstCard)!.shard
  const others = Array.from({ length: cards }, (_, i) => firstCard + BigInt(i)).filter(
    (card) => lane.ledger.card(card)!.shard !== shard,
  )
  plantDefect(lane.ledger.shards[shard])
  let busy = true
  let reference = 1_000n
  const traffic = Promise.all(
    [1, 2, 3].map(async () => {
      const caller = new Caller(lab)
      while (busy) await caller.ask(others.slice(0, 30).map((card) => balance(reference++, card)))
    }),
  )
  const victim = new Caller(lab)
  await victim.ask([purchase(1n, firstCard, 1)])
  while (lane.isDown(shard)) await sleep(1)
  const [again] = await victim.ask([purchase(1n, firstCard, 1)])
  expect(again).toMatchObject({ response: ResponseCode.approved, flags: 0 })
  busy = false
  await traffic
  await lab.stop()
})

it("what is decided during one slow sync never outgrows a block", async () => {
  const disk = new MemoryDisk()
  const { storage } = disk
  let held: Array<() => void> | undefined
  const open = storage.open
  const slow = {
    ...storage,
    open: (...how: Parameters<typeof open>) =>
      Effect.map(open(...how), (file) => ({
        ...file,
        writeDurable: (...write: Parameters<typeof file.writeDurable>) => {
          if (held === undefined) file.writeDurable(...write)
          else held.push(() => file.writeDurable(...write))
        },
      })),
  }
  const twin = new MemoryDisk()
  Object.assign(twin, { storage: slow })
  const options = { mailboxRecordsMax: 2 ** 15, turnRecordsMax: 2 ** 15, rememberedTransactions: 2 ** 20 }
  const lab = await start(twin, options, 64 << 20)
  await provision(lab)
  const caller = new Caller(lab)
  held = []
  const total = 90_000
  // Each bars an original that has not come, and journals two slots.
  caller.send(
    Array.from({ length: total }, (_, i) => ({
      kind: Kind.reversal,
      reference: BigInt(i + 1),
      original: (1n << 40n) + BigInt(i),
      card: firstCard + BigInt(i % cards),
      amount: 0,
      currency,
      terminal,
    })),
  )
  await sleep(600)
  const waiting = held
  held = undefined
  for (const go of waiting) go()
  await caller.until(total)
  expect(caller.answers.every((outcome) => outcome.response === ResponseCode.approved)).toBe(true)
  await lab.stop()
})

it("a command that throws half way halts the lane: nothing of it is ever answered or kept", async () => {
  const disk = new MemoryDisk()
  const lab = await start(disk)
  await provision(lab)
  const caller = new Caller(lab)
  const { ledger } = lab.engine.lane
  const next = ledger.next
  let made = 0
  for (const shard of ledger.shards) {
    const add = shard.cards.add.bind(shard.cards)
    shard.cards.add = (...card) => {
      if (++made === 10) throw new RangeError("a defect, planted")
      return add(...card)
    }
  }
  const first = 7_000_000_000_000_001n
  const command = { type: "cards", by: "test", first, count: 20, currency, openingBalance: 5_000 } as const
  expect(Exit.isFailure(await Effect.runPromiseExit(lab.engine.control(command)))).toBe(true)
  expect(Exit.isFailure(await Effect.runPromiseExit(lab.engine.halted))).toBe(true)
  caller.send([purchase(1n, first, 5_000)])
  await sleep(50)
  expect(caller.answers).toEqual([])
  const after = await start(disk.copy())
  expect(after.engine.lane.ledger.next).toBe(next)
  expect(after.engine.lane.ledger.card(first)).toBeUndefined()
  await after.stop()
})

it("a start that remembers another number of transactions than the directory was made with is refused", async () => {
  const disk = new MemoryDisk()
  const lab = await start(disk, { rememberedTransactions: 2 ** 14 })
  await provision(lab)
  const caller = new Caller(lab)
  await caller.ask([purchase(1n, firstCard, 500)])
  await Effect.runPromise(lab.engine.snapshot)
  await lab.stop()
  await expect(start(disk, { rememberedTransactions: 2 ** 13 })).rejects.toThrow(/16384/)
  const again = await start(disk, { rememberedTransactions: 2 ** 14 })
  const [repeat] = await new Caller(again).ask([purchase(1n, firstCard, 500)])
  expect(repeat.flags).toBe(OutcomeFlag.duplicate)
  await again.stop()
})

it("a refused command leaves no time behind for the next block", async () => {
  const lab = await start(new MemoryDisk())
  await provision(lab)
  await Effect.runPromise(
    lab.engine.control({ type: "terminals", by: "test", first: 1, count: 1, merchant: 999 }),
  )
  await sleep(30)
  const before = Date.now()
  await new Caller(lab).ask([purchase(1n, firstCard, 1)])
  const pull = await Effect.runPromise(lab.journal.read(lab.journal.last))
  expect((await Effect.runPromise(pull))!.time).toBeGreaterThanOrEqual(before)
  await lab.stop()
})

it("a disk that has no room for the next segment halts an engine that nobody asks anything", async () => {
  const disk = new MemoryDisk()
  disk.fault = (operation, path) => (operation === "write" && path.endsWith(".seg") ? "ENOSPC" : undefined)
  const lab = await start(disk)
  const exit = await Effect.runPromiseExit(lab.engine.halted)
  expect(String(exit)).toContain("ENOSPC")
  await lab.stop()
})

it("tables that there is no memory for refuse the start, with the setting to change", async () => {
  const refused = start(new MemoryDisk(), { rememberedTransactions: 2 ** 44 })
  await expect(refused).rejects.toMatchObject({
    _tag: "EngineMisconfigured",
    message: expect.stringContaining("engine.rememberedTransactions"),
  })
})

it("a defect on a transfer's other side leaves neither side changed: both shards are made anew", async () => {
  const lab = await start(new MemoryDisk())
  await provision(lab)
  const { ledger } = lab.engine.lane
  const shardOf = (card: bigint) => ledger.card(card)!.shard
  const payee = Array.from({ length: cards }, (_, i) => firstCard + BigInt(i)).find(
    (card) => shardOf(card) !== shardOf(firstCard),
  )!
  const before = [firstCard, payee].map((card) => ledger.card(card)!.balance)
  plantDefect(ledger.shards[shardOf(payee)])
  const caller = new Caller(lab)
  const transfer = { ...purchase(1n, firstCard, 100), kind: Kind.transfer, counterparty: payee }
  const [failed] = await caller.ask([transfer])
  expect(failed.response).toBe(ResponseCode.malfunction)
  while (!lab.engine.lane.allUp) await sleep(1)
  expect([firstCard, payee].map((card) => ledger.card(card)!.balance)).toEqual(before)
  expect(lab.engine.lane.tally.restarts).toBe(2)
  const [again] = await caller.ask([transfer])
  expect(again.response).toBe(ResponseCode.approved)
  expect([firstCard, payee].map((card) => ledger.card(card)!.balance)).toEqual([
    before[0] - 100,
    before[1] + 100,
  ])
  expect(ledger.totals().sum).toBe(0n)
  await lab.stop()
})
