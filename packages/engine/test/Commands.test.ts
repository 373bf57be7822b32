import { type JournalError, MemoryDisk } from "@millrace/journal"
import type { Command } from "@millrace/ledger"
import { Kind, RecordWord } from "@millrace/protocol"
import { Clock, Deferred, Duration, Effect } from "effect"
import { assert, it } from "vitest"
import { makeControl } from "../src/Commands.ts"
import { Caller, currency, firstCard, type Lab, provision, purchase, start } from "./lab.ts"

const short = (number: number): Command => ({
  type: "merchant",
  by: "test",
  number,
  name: `Shop ${number}`,
  currency,
  feeBasisPoints: 0,
})

const long = (number: number): Command => ({
  type: "cards",
  by: "test",
  first: firstCard + BigInt(number * 1_000),
  count: 100,
  currency,
  openingBalance: 0,
})

/** Commands under a clock by which each takes `takesMs`, and that notes for how long who sleeps. */
const slowly = async (lab: Lab, takesMs = 4) => {
  let ms = 0
  const slept: Array<number> = []
  const { lane } = lab.engine
  const carryOut = lane.ledger.control.bind(lane.ledger)
  lane.ledger.control = (time, command) => {
    ms += takesMs
    return carryOut(time, command)
  }
  const { clock, made } = await Effect.runPromise(
    Effect.gen(function* () {
      const real = yield* Clock.Clock
      const clock: Clock.Clock = {
        ...real,
        currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe(),
        monotonicTimeNanosUnsafe: () => BigInt(ms * 1_000_000),
        sleep: (duration) => {
          slept.push(Duration.toMillis(duration))
          return real.sleep(duration)
        },
      }
      const halt = yield* Deferred.make<never, JournalError>()
      const making = makeControl(lane, lab.engine.durable, halt)
      return { clock, made: yield* Effect.provideService(making, Clock.Clock, clock) }
    }),
  )
  const control = {
    isIdle: made.isIdle,
    run: (command: Command, options?: Effect.RunOptions) =>
      Effect.runPromise(Effect.provideService(made.run(command), Clock.Clock, clock), options),
  }
  return { slept, control }
}

/** Of the slots since `from`: "p" for a purchase, "c" for a command's. */
const slotsSince = ({ engine }: Lab, from: number): string => {
  const { memory } = engine.lane.ledger
  let order = ""
  for (let sequence = from; sequence < memory.next; sequence++) {
    const kind = memory.ring[memory.wordOf(sequence) + RecordWord.kindFlagsCurrency] & 0xff
    order += kind === Kind.purchase ? "p" : "c"
  }
  return order
}

const scene = async (takesMs?: number) => {
  const lab = await start(new MemoryDisk())
  await provision(lab)
  return { lab, ...(await slowly(lab, takesMs)) }
}

const purchases = (lab: Lab, count: number) =>
  new Caller(lab).ask(
    Array.from({ length: count }, (_, i) => purchase(BigInt(i + 1), firstCard + BigInt(i % 4), 100)),
  )

it("lets requests that came meanwhile go before the next long one", async () => {
  const { lab, slept, control } = await scene()
  const from = lab.engine.lane.ledger.next
  const both = [1, 2].map((number) => control.run(long(number)))
  await purchases(lab, 3)
  for (const result of await Promise.all(both)) assert.isTrue(result.ok)
  assert.match(slotsSince(lab, from), /^c+pppc+$/)
  assert.isNotEmpty(slept)
  await lab.stop()
})

it("lets a short one go before long ones that wait", async () => {
  const { lab, control } = await scene()
  const order: Array<string> = []
  const note = (what: string) => () => void order.push(what)
  const all = [1, 2, 3].map((number) => control.run(long(number)).then(note("long")))
  all.push(control.run(short(50)).then(note("short")))
  await purchases(lab, 8)
  await Promise.all(all)
  assert.isBelow(order.indexOf("short"), 2)
  await lab.stop()
})

it("lets nobody wait longer than a tenth of a second, however long the last one took", async () => {
  const { lab, slept, control } = await scene(60_000)
  const all = [1, 2, 3].map((number) => control.run(long(number)))
  await purchases(lab, 8)
  await Promise.all(all)
  assert.isAtMost(Math.max(...slept), 100)
  await lab.stop()
})

it("lets nobody wait where there is no traffic", async () => {
  const { lab, slept, control } = await scene()
  for (let number = 1; number < 10; number++) assert.isTrue((await control.run(long(number))).ok)
  assert.isEmpty(slept)
  await lab.stop()
})

it("gives its turn back when who waits for it goes away, and is idle when all have ended", async () => {
  const { lab, control } = await scene()
  const first = control.run(long(1))
  const gone = new AbortController()
  const second = control.run(long(2), { signal: gone.signal }).then(
    () => "answered",
    () => "gone",
  )
  assert.isFalse(control.isIdle())
  gone.abort()
  assert.isTrue((await first).ok)
  assert.equal(await second, "gone")
  assert.isTrue((await control.run(long(3))).ok)
  assert.isTrue(control.isIdle())
  await lab.stop()
})

it("is drained only when commands that waited are answered, too", async () => {
  const lab = await start(new MemoryDisk())
  await provision(lab)
  let answered = 0
  const all = Array.from({ length: 20 }, (_, n) =>
    Effect.runPromise(lab.engine.control(long(n + 1))).then(() => void answered++),
  )
  await purchases(lab, 200)
  await Effect.runPromise(lab.engine.drained)
  assert.equal(answered, 20)
  await Promise.all(all)
  await lab.stop()
})
