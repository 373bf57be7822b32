// A snapshot is of one moment, however long it is read while transactions go on.
import { Kind } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { PIECE_BYTES_MAX } from "../src/index.ts"
import { Run } from "./run.ts"
import { images, Journaled, request } from "./scenario.ts"
import { traffic } from "./traffic.ts"

const CARDS = 10_000
const options = { shards: 1, transactions: 1024 }

/** More cards than one piece of an image holds, so that some are captured while others are still owed. */
const many = (): Journaled => {
  const run = new Journaled(options).provision()
  for (let first = 0; first < CARDS; first += 5_000) {
    const command = { type: "cards", by: "host:test", currency: 203, openingBalance: 500 } as const
    run.control({ ...command, first: 1_000n + BigInt(first), count: 5_000 })
  }
  return run
}

/** At each step: decide for a few cards, pull a piece, or change the scheme. */
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.array(fc.integer({ min: 0, max: CARDS - 1 }), { minLength: 1, maxLength: 40 }),
    },
    { weight: 3, arbitrary: fc.constant("pull" as const) },
    { weight: 1, arbitrary: fc.constant("scheme" as const) },
  ),
  { minLength: 4, maxLength: 30 },
)

describe("a frozen ledger", () => {
  it("gives the image of the moment, whatever happens while it is read; twice, and after one that was given up", () => {
    const run = many()
    let reference = 1_000n
    let round = 0
    const trade = (cards: ReadonlyArray<number>) => {
      for (const card of cards) {
        const kind = card % 2 === 0 ? Kind.recharge : Kind.purchase
        run.send(request({ kind, amount: 1, card: 1_000n + BigInt(card), reference: ++reference }))
        // Cards that many steps touch: the first change counts, and only it.
        run.send(
          request({
            kind: Kind.recharge,
            amount: 3,
            card: 1_000n + BigInt(card % 7),
            reference: ++reference,
          }),
        )
      }
    }
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 6 }), (steps, givenUpAfter) => {
        const expected = images(run.ledger)
        const sources = [...run.ledger.freeze()]
        const pulled = new Map<string, Array<Uint8Array>>(sources.map(({ name }) => [name, []]))
        let current = 0
        const pull = () => {
          const source = sources[current]
          if (source === undefined) return
          const piece = source.next()
          if (piece === null) current++
          else pulled.get(source.name)!.push(piece.slice())
        }
        for (const step of steps) {
          if (step === "pull") pull()
          else if (step === "scheme") {
            const by = "host:test"
            round++
            const name = `Merchant ${round}`
            run.control({
              type: "merchant",
              by,
              number: 100 + (round % 90),
              name,
              currency: 203,
              feeBasisPoints: round % 100,
            })
            run.control({ type: "terminals", by, first: 1_000 + (round % 300), count: 2, merchant: 1 })
            run.control({
              type: "cards",
              by,
              first: 500_000n + BigInt(round % 400),
              count: 3,
              currency: 203,
              openingBalance: 7,
            })
          } else trade(step)
        }
        while (current < sources.length) pull()
        run.ledger.thaw()
        for (const [name, pieces] of expected) {
          expect(pulled.get(name)!.length, name).toBe(pieces.length)
          for (const [index, piece] of pieces.entries()) {
            expect(Buffer.compare(piece, pulled.get(name)![index]), `${name} ${index}`).toBe(0)
            expect(piece.length).toBeLessThanOrEqual(PIECE_BYTES_MAX)
          }
        }
        // One that is given up leaves shadow words behind, which must not be taken for the next one's.
        const abandoned = run.ledger.freeze().at(-1)!
        for (let i = 0; i < givenUpAfter; i++) abandoned.next()
        trade([1, 2, 3, 5_000, 9_999])
        run.ledger.thaw()
      }),
      { numRuns: 40 },
    )
    expect(run.ledger.imbalance(0)).toBe(0)
  })

  it("gives the image of the moment while every kind of traffic goes on", () => {
    fc.assert(
      fc.property(traffic, fc.double({ min: 0, max: 1, noNaN: true }), (steps, at) => {
        const run = new Run({ shards: 2, transactions: 64 })
        const { ledger } = run.real
        const cut = Math.floor(at * steps.length)
        for (const step of steps.slice(0, cut)) run.step(step)
        const expected = images(ledger)
        const pulled = new Map<string, Array<Uint8Array>>()
        const sources = [...ledger.freeze()]
        for (const step of steps.slice(cut)) {
          run.step(step)
          const source = sources[0]
          const piece = source?.next() ?? null
          if (source === undefined) continue
          if (piece === null) sources.shift()
          else pulled.set(source.name, [...(pulled.get(source.name) ?? []), piece])
        }
        for (const source of sources) {
          for (let piece = source.next(); piece !== null; piece = source.next()) {
            pulled.set(source.name, [...(pulled.get(source.name) ?? []), piece])
          }
        }
        ledger.thaw()
        expect([...pulled.keys()]).toEqual([...expected.keys()])
        for (const [name, pieces] of expected) expect(pulled.get(name), name).toEqual(pieces)
      }),
      { numRuns: 40 },
    )
  })

  it("can't be frozen twice", () => {
    const run = many()
    run.ledger.freeze()
    expect(() => run.ledger.freeze()).toThrow(/frozen already/)
    run.ledger.thaw()
    run.ledger.freeze()
  })
})
