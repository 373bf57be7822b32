// What stands between a peer and its figures: the promise it must show, and the wire that must not lose an answer.
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { CARD_FIRST, CARDS, type Debit, OPENING_BALANCE, Refusal } from "../src/peers/Debit.ts"
import type { RunningPeer } from "../src/peers/Peer.ts"
import { showPromise } from "../src/peers/promise.ts"
import { Wire } from "../src/peers/Wire.ts"

interface Fault {
  readonly forgets?: boolean
  readonly neverCompares?: boolean
  readonly overdraws?: boolean
  readonly knowsEveryCard?: boolean
}

/** An engine of two maps, with a fault. */
const engineWith = (fault: Fault): RunningPeer => {
  const balances = new Map<number, number>()
  const known = new Map<string, { readonly content: string; readonly answer: number }>()
  const decide = ({ card, amount }: Debit): number => {
    const exists = card < CARD_FIRST + CARDS || fault.knowsEveryCard === true
    if (!exists) return Refusal.noSuchCard
    const left = (balances.get(card) ?? OPENING_BALANCE) - amount
    if (left < 0 && fault.overdraws !== true) return Refusal.insufficientFunds
    balances.set(card, left)
    return left
  }
  const debit = (asked: Debit): number => {
    const key = `${asked.terminal}:${asked.referenceHi}:${asked.referenceLo}`
    const content = `${asked.card}:${asked.amount}`
    const first = known.get(key)
    if (first !== undefined && fault.forgets !== true) {
      return first.content === content || fault.neverCompares === true ? first.answer : Refusal.otherContent
    }
    const answer = decide(asked)
    known.set(key, { content, answer })
    return answer
  }
  return {
    version: "two maps",
    settings: [],
    pids: () => [],
    open: () => Promise.resolve({ send: (debits, done) => done(debits.map(debit)), close: () => {} }),
    books: () => Promise.resolve({ transactions: known.size, debited: 0 }),
    stop: () => Promise.resolve(),
  }
}

/** Undefined when the promise was shown. */
const broken = (fault: Fault, batch: number): Promise<unknown> =>
  showPromise(engineWith(fault), batch, CARD_FIRST).then(
    () => undefined,
    (error: unknown) => error,
  )

describe("the promise", () => {
  for (const batch of [1, 50]) {
    it(`is shown by an engine that keeps it, and its books agree, in requests of ${batch}`, async () => {
      const engine = engineWith({})
      const kept = await showPromise(engine, batch, CARD_FIRST)
      assert.strictEqual((await engine.books()).transactions, kept.transactions)
    })

    it(`is not shown by an engine that forgets, compares nothing, overdraws or invents cards, in requests of ${batch}`, async () => {
      const faults: ReadonlyArray<Fault> = [
        { forgets: true },
        { neverCompares: true },
        { overdraws: true },
        { knowsEveryCard: true },
      ]
      for (const fault of faults) assert.instanceOf(await broken(fault, batch), Error, JSON.stringify(fault))
    })
  }
})

describe("the wire", () => {
  it("reads answers that come in any pieces, in order, and writes what one turn sends in one piece", async () => {
    const came: Array<string> = []
    // Says back what it hears, a byte at a time.
    const server = createServer((socket) => {
      socket.setNoDelay(true)
      socket.on("data", (chunk) => {
        came.push(chunk.toString())
        for (const byte of chunk) socket.write(Uint8Array.of(byte))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const answers: Array<string> = []
    let wire: Wire | undefined
    await new Promise<void>((resolve, reject) => {
      const read = (bytes: Buffer, at: number): number => {
        const end = bytes.indexOf("\n", at)
        if (end < 0) return -1
        answers.push(bytes.toString("utf8", at, end))
        if (answers.length === 3) resolve()
        return end + 1
      }
      Wire.open(port, read, reject).then((opened) => {
        wire = opened
        for (const word of ["one", "two", "three"]) opened.write(`${word}\n`)
      }, reject)
    })
    assert.deepStrictEqual(answers, ["one", "two", "three"])
    assert.deepStrictEqual(came, ["one\ntwo\nthree\n"])
    wire?.close()
    server.close()
  })
})
