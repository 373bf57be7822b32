// State is what the journal says: replayed from its beginning, or from a snapshot and the tail, it is the same to the byte.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ImageRefused, JournalGap, Ledger, ReplayDiverged, SLOT_BYTES } from "../src/index.ts"
import { expectAgreement } from "./compare.ts"
import { Run } from "./run.ts"
import { type Block, images, Journaled, recovered, stateOf } from "./scenario.ts"
import { traffic } from "./traffic.ts"

const options = fc.record({
  shards: fc.constantFrom(1, 2, 4),
  transactions: fc.constantFrom(16, 32, 64, 1024),
})
/** Where in a run something happens, as a share of its steps. */
const share = fc.double({ min: 0, max: 1, noNaN: true })

describe("replay", () => {
  it("of the whole journal gives the same state", () => {
    fc.assert(
      fc.property(options, traffic, (options, steps) => {
        const run = new Run(options)
        for (const step of steps) run.step(step)
        expect(stateOf(recovered(options, run.real.blocks))).toEqual(stateOf(run.real.ledger))
      }),
      { numRuns: 50 },
    )
  })

  it("of a snapshot's tail, with the memory refilled, gives the same state", () => {
    fc.assert(
      fc.property(options, traffic, share, (options, steps, at) => {
        const run = new Run(options)
        const cut = Math.floor(at * steps.length)
        for (const step of steps.slice(0, cut)) run.step(step)
        const { ledger } = run.real
        const snapshot = { position: ledger.next - 1, images: images(ledger) }
        for (const step of steps.slice(cut)) run.step(step)
        const again = recovered(options, run.real.blocks, snapshot)
        expect(stateOf(again)).toEqual(stateOf(ledger))
      }),
      { numRuns: 60 },
    )
  })

  it("gives a lane that keeps on deciding as the model does", () => {
    fc.assert(
      fc.property(options, traffic, share, share, (options, steps, first, second) => {
        const run = new Run(options)
        const [snapshotAt, restartAt] = [first, second].sort().map((at) => Math.floor(at * steps.length))
        for (const step of steps.slice(0, snapshotAt)) run.step(step)
        const { ledger } = run.real
        const snapshot = { position: ledger.next - 1, images: images(ledger) }
        for (const step of steps.slice(snapshotAt, restartAt)) run.step(step)
        run.restart(recovered(options, run.real.blocks, snapshot))
        for (const step of steps.slice(restartAt)) {
          const told = run.step(step)
          expect(told.actual).toEqual(told.expected)
          expectAgreement(run, told)
        }
      }),
      { numRuns: 60 },
    )
  })
})

const blocksOf = (): { readonly blocks: ReadonlyArray<Block>; readonly run: Journaled } => {
  const run = new Journaled({ shards: 2, transactions: 64 }).provision()
  run.code({ reference: 10n, amount: 100 })
  run.code({ reference: 11n, kind: 5, original: 10n })
  return { run, blocks: run.blocks }
}

describe("replay refuses", () => {
  it("a decision that was not the journaled one, and names its slot", () => {
    for (const [byte, what] of [
      [16, "another amount"],
      [40, "another balance"],
      [48, "another response"],
      [52, "other terms"],
    ] as const) {
      const { blocks } = blocksOf()
      const purchase = blocks.at(-2)!
      purchase.payload[byte] ^= 1
      let thrown: unknown
      try {
        recovered({ shards: 2, transactions: 64 }, blocks)
      } catch (error) {
        thrown = error
      }
      // An altered amount replays as itself, and then its balance is the one that differs.
      expect(thrown, what).toBeInstanceOf(ReplayDiverged)
      expect((thrown as ReplayDiverged).sequence, what).toBe(purchase.first)
    }
  })

  it("a block that ends within a decision of two slots", () => {
    const { blocks } = blocksOf()
    const reversal = blocks.at(-1)!
    const cut = { ...reversal, payload: reversal.payload.slice(0, SLOT_BYTES) }
    expect(() => recovered({ shards: 2, transactions: 64 }, [...blocks.slice(0, -1), cut])).toThrow(
      ReplayDiverged,
    )
  })

  it("slots that no request leads to", () => {
    const { blocks } = blocksOf()
    const reversal = blocks.at(-1)!
    const orphan = { ...reversal, payload: reversal.payload.slice(SLOT_BYTES) }
    expect(() => recovered({ shards: 2, transactions: 64 }, [...blocks.slice(0, -1), orphan])).toThrow(
      /does not follow from any request/,
    )
  })

  it("blocks out of order, and a memory that can't be filled", () => {
    const { blocks, run } = blocksOf()
    const gap = [...blocks.slice(0, -2), blocks.at(-1)!]
    expect(() => recovered({ shards: 2, transactions: 64 }, gap)).toThrow(JournalGap)

    const position = run.ledger.next - 1
    const ledger = new Ledger({ shards: 2, transactions: 64 })
    for (const [name, pieces] of images(run.ledger)) for (const piece of pieces) ledger.restore(name, piece)
    expect(() => ledger.resume(position + 1)).toThrow(JournalGap)
    ledger.resume(1)
    expect(() => ledger.replay(1, new Uint8Array(SLOT_BYTES), position + 1)).toThrow(JournalGap)
  })
})

describe("an image is refused", () => {
  const restoreAll = (ledger: Ledger, from: Ledger, but: (name: string, index: number) => boolean) => {
    for (const [name, pieces] of images(from)) {
      for (const [index, piece] of pieces.entries()) if (!but(name, index)) ledger.restore(name, piece)
    }
    ledger.resume(1)
  }

  it("when any piece of it is missing", () => {
    const { run } = blocksOf()
    for (const [name, pieces] of images(run.ledger)) {
      for (const index of pieces.keys()) {
        const ledger = new Ledger({ shards: 2, transactions: 64 })
        const missing = (n: string, i: number) => n === name && i === index
        expect(() => restoreAll(ledger, run.ledger, missing), `${name} ${index}`).toThrow(Error)
      }
    }
  })

  it("when it is of another number of shards, another version, or cut short", () => {
    const { run } = blocksOf()
    const piece = images(run.ledger).get("shard-0")![0]
    expect(() => new Ledger({ shards: 4, transactions: 64 }).restore("shard-0", piece)).toThrow(ImageRefused)
    const later = piece.slice()
    later[2]++
    expect(() => new Ledger({ shards: 2 }).restore("shard-0", later)).toThrow(/version/)
    expect(() => new Ledger({ shards: 2 }).restore("shard-0", piece.slice(0, -1))).toThrow(/cut short/)
    expect(() => new Ledger({ shards: 2 }).restore("shard-7", piece)).toThrow(ImageRefused)
  })

  it("when its parts are of different moments", () => {
    const { run } = blocksOf()
    const before = images(run.ledger)
    run.code({ reference: 20n })
    const after = images(run.ledger)
    const ledger = new Ledger({ shards: 2, transactions: 64 })
    for (const [name, pieces] of before) {
      for (const piece of name === "shard-1" ? after.get(name)! : pieces) ledger.restore(name, piece)
    }
    expect(() => ledger.resume(1)).toThrow(ImageRefused)
  })
})
