import { type JournalError, MemoryDisk } from "@millrace/journal"
import type { Command } from "@millrace/ledger"
import { Kind, RecordWord } from "@millrace/protocol"
import { Clock, Deferred, Effect } from "effect"
import { assert, it } from "vitest"
import { makeControl } from "../src/Commands.ts"
import { Caller, firstCard, type Lab, provision, purchase, start } from "./lab.ts"

const merchant = (number: number): Command => ({
  type: "merchant",
  by: "test",
  number,
  name: `Shop ${number}`,
  currency: 840,
  feeBasisPoints: 0,
})

/** Commands under a clock by which each takes 4 ms, and that counts who sleeps. */
const slowly = (lab: Lab) => {
  let ms = 0
  const slept: Array<number> = []
  const run = Effect.gen(function* () {
    const real = yield* Clock.Clock
    const clock: Clock.Clock = {
      ...real,
      currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe(),
      monotonicTimeNanosUnsafe: () => BigInt(ms * 1_000_000),
      sleep: (duration) => {
        slept.push(ms)
        return real.sleep(duration)
      },
    }
    const halt = yield* Deferred.make<never, JournalError>()
    const { lane } = lab.engine
    const control = lane.ledger.control.bind(lane.ledger)
    lane.ledger.control = (time, command) => {
      ms += 4
      return control(time, command)
    }
    const carryOut = yield* makeControl(lane, lab.engine.durable, halt).pipe(
      Effect.provideService(Clock.Clock, clock),
    )
    return (command: Command) => carryOut(command).pipe(Effect.provideService(Clock.Clock, clock))
  })
  return { slept, control: Effect.runPromise(run) }
}

/** Of the slots since `from`: "p" for a purchase, "c" for a command's. */
const lastSlots = ({ engine }: Lab, from: number): string => {
  const { memory } = engine.lane.ledger
  let order = ""
  for (let sequence = from; sequence < memory.next; sequence++) {
    const kind = memory.ring[memory.wordOf(sequence) + RecordWord.kindFlagsCurrency] & 0xff
    order += kind === Kind.purchase ? "p" : "c"
  }
  return order
}

it("lets requests that came meanwhile go before the next command", async () => {
  const lab = await start(new MemoryDisk())
  await provision(lab)
  const { slept, control } = slowly(lab)
  const command = await control
  const from = lab.engine.lane.ledger.next
  const both = [command(merchant(50)), command(merchant(51))].map((one) => Effect.runPromise(one))
  await new Caller(lab).ask([1n, 2n, 3n].map((reference) => purchase(reference, firstCard, 100)))
  for (const result of await Promise.all(both)) assert.isTrue(result.ok)
  assert.match(lastSlots(lab, from), /^c+pppc+$/)
  assert.isNotEmpty(slept)
  await lab.stop()
})

it("lets nobody wait where there is no traffic", async () => {
  const lab = await start(new MemoryDisk())
  await provision(lab)
  const { slept, control } = slowly(lab)
  const command = await control
  for (let number = 50; number < 60; number++) {
    const result = await Effect.runPromise(command(merchant(number)))
    assert.isTrue(result.ok)
  }
  assert.isEmpty(slept)
  await lab.stop()
})

it("gives its turn back when who waits for it goes away", async () => {
  const lab = await start(new MemoryDisk())
  await provision(lab)
  const command = await slowly(lab).control
  const first = Effect.runPromise(command(merchant(50)))
  const gone = new AbortController()
  const second = Effect.runPromise(command(merchant(51)), { signal: gone.signal }).then(
    () => "answered",
    () => "gone",
  )
  gone.abort()
  assert.isTrue((await first).ok)
  assert.equal(await second, "gone")
  assert.isTrue((await Effect.runPromise(command(merchant(52)))).ok)
  await lab.stop()
})
