// Terminals: found at any number, each with its horizon, its last reference, its settings and its batch.
import { Kind } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { PieceTag, readPiece } from "../src/Image.ts"
import { MESSAGE_DEFAULT, ROWS, Row, Terminals } from "../src/Terminals.ts"

const change = (terminals: Terminals, number: number, settings: object): void =>
  terminals.change(terminals.find(number), { type: "terminal", by: "test", number, ...settings })

const pull = (terminals: Terminals): ReadonlyArray<Uint8Array> => {
  const pieces = terminals.freeze().flatMap((table) => [...table])
  terminals.thaw()
  return pieces
}

const restoredFrom = (pieces: ReadonlyArray<Uint8Array>): Terminals => {
  const terminals = new Terminals()
  for (const bytes of pieces) {
    const piece = readPiece("scheme", bytes)
    if (piece.tag === PieceTag.terminals) terminals.restore("scheme", piece)
    else if (piece.tag === PieceTag.terminalBatches) terminals.restoreBatches("scheme", piece)
    else terminals.restoreSettings("scheme", piece)
  }
  return terminals
}

/** Everything that can be asked of a terminal. */
const all = (terminals: Terminals, slot: number) => ({
  view: terminals.view(slot),
  last: terminals.lastReference(slot),
  rows: Array.from({ length: ROWS }, (_, row) => [
    terminals.rowSum(slot, row),
    terminals.rowCount(slot, row),
  ]),
  // The horizon, found by asking.
  horizon: [0, 1, 2, 3, 5, 9].map((lo) => [0, 1, 2].map((hi) => terminals.isForgotten(slot, lo, hi))),
})

describe("terminals", () => {
  it("are found at any number of 32 bits, and begin with everything allowed", () => {
    const terminals = new Terminals()
    for (const number of [1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      expect(terminals.find(number)).toBe(-1)
      const slot = terminals.add(number, 7, 1_700_000_000_123)
      expect(terminals.find(number)).toBe(slot)
      expect(terminals.find(number | 0)).toBe(slot)
      expect(terminals.view(slot)).toMatchObject({ number, merchant: 7, active: true, keyVersion: 1 })
      expect(terminals.view(slot)).toMatchObject({ createdMs: 1_700_000_000_123, amountMax: 0, batch: 1 })
      expect(terminals.view(slot)).toMatchObject({
        parameters: {},
        parametersVersion: 0,
        message: MESSAGE_DEFAULT,
      })
      expect(terminals.view(slot).kinds).toEqual(Object.keys(Kind))
      for (let kind = 1; kind < 31; kind++) expect(terminals.allows(slot, kind)).toBe(true)
      expect(terminals.lastReference(slot)).toBe(0n)
    }
    expect(terminals.size).toBe(5)
  })

  it("change what a command names, and keep the rest", () => {
    const terminals = new Terminals()
    terminals.add(1, 0, 0)
    terminals.add(2, 0, 0)
    const untouched = all(terminals, 1)
    change(terminals, 1, { status: "suspended" })
    expect(terminals.isActive(0)).toBe(false)
    change(terminals, 1, { kinds: ["balance", "reversal"], amountMax: 2 ** 53 - 1 })
    expect(terminals.view(0)).toMatchObject({ active: false, keyVersion: 1, kinds: ["balance", "reversal"] })
    expect(terminals.allows(0, Kind.reversal)).toBe(true)
    expect(terminals.allows(0, Kind.purchase)).toBe(false)
    expect(terminals.amountMax(0)).toBe(2 ** 53 - 1)
    change(terminals, 1, { status: "active", kinds: [] })
    expect(terminals.view(0)).toMatchObject({ active: true, kinds: [], amountMax: 2 ** 53 - 1 })
    change(terminals, 1, { message: "call the bank" })
    expect(terminals.view(0)).toMatchObject({ message: "call the bank", parametersVersion: 0 })
    change(terminals, 1, { message: "" })
    expect(terminals.view(0).message).toBe(MESSAGE_DEFAULT)
    expect(all(terminals, 1)).toEqual(untouched)
  })

  it("count the versions of their parameters: the same ones again are none", () => {
    const terminals = new Terminals()
    terminals.add(1, 0, 0)
    const version = (parameters: Record<string, string>) => {
      change(terminals, 1, { parameters })
      expect(terminals.view(0).parameters).toEqual(parameters)
      return terminals.view(0).parametersVersion
    }
    expect(version({})).toBe(0)
    expect(version({ a: "1", b: "2" })).toBe(1)
    expect(version({ b: "2", a: "1" })).toBe(1)
    change(terminals, 1, { message: "call" })
    expect(version({ a: "1" })).toBe(2)
    expect(version({})).toBe(3)
    expect(terminals.view(0).message).toBe("call")
  })

  it("raise their horizon and never lower it; reference 0 always counts as forgotten", () => {
    const reference = fc.bigInt({ min: 0n, max: 2n ** 64n - 2n })
    const near = fc.tuple(
      fc.constantFrom(0n, 1n, 0x8000_0000n, 0xffff_ffffn),
      fc.bigInt({ min: 0n, max: 2n }),
    )
    const any = fc.oneof(
      reference,
      near.map(([hi, lo]) => (hi << 32n) | lo),
    )
    const lo = (reference: bigint) => Number(reference & 0xffff_ffffn) | 0
    const hi = (reference: bigint) => Number(reference >> 32n) | 0
    fc.assert(
      fc.property(fc.array(any), fc.array(any), (raised, asked) => {
        const terminals = new Terminals()
        terminals.add(0xffff_fff0, 0, 0)
        let horizon = 0n
        for (const reference of raised) {
          terminals.raiseHorizon(0, lo(reference), hi(reference))
          if (reference > horizon) horizon = reference
          terminals.raiseHorizon(-1, -1, -1)
          for (const reference of [...asked, ...raised, horizon + 1n]) {
            expect(terminals.isForgotten(0, lo(reference), hi(reference))).toBe(reference <= horizon)
          }
        }
      }),
    )
  })

  it("total their batch by rows, until it is closed", () => {
    const row = fc.integer({ min: 0, max: ROWS - 1 })
    const counted = fc.record({ slot: fc.integer({ min: 0, max: 2 }), row, amount: fc.nat() })
    const step = fc.oneof(
      { weight: 8, arbitrary: counted },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 }).map((close) => ({ close })) },
    )
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const terminals = new Terminals()
        const model = [1, 2, 3].map((number) => {
          terminals.add(number, 0, 0)
          return { batch: 1, rows: Array.from({ length: ROWS }, () => [0, 0]) }
        })
        for (const step of steps) {
          if ("close" in step) {
            terminals.closeBatch(step.close)
            model[step.close] = { batch: model[step.close].batch + 1, rows: model[0].rows.map(() => [0, 0]) }
          } else {
            terminals.count(step.slot, step.row, step.amount)
            terminals.note(step.slot, step.amount, -1)
            model[step.slot].rows[step.row][0] += step.amount
            model[step.slot].rows[step.row][1]++
            expect(terminals.lastReference(step.slot)).toBe((0xffff_ffffn << 32n) | BigInt(step.amount))
          }
          for (const [slot, { batch, rows }] of model.entries()) {
            expect(terminals.batch(slot)).toBe(batch)
            expect(all(terminals, slot).rows).toEqual(rows)
            expect(terminals.isActive(slot) && terminals.allows(slot, Kind.purchase)).toBe(true)
            expect(terminals.amountMax(slot)).toBe(0)
          }
        }
      }),
    )
    expect(Object.values(Row)).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it("give the image of the moment of the freeze, while all of them change", () => {
    const terminals = new Terminals()
    const count = 3_000
    const touch = (slot: number, by: number) => {
      terminals.raiseHorizon(slot, by, by % 3)
      terminals.note(slot, by, slot)
      terminals.count(slot, by % ROWS, by)
      if (by % 5 === 0) terminals.closeBatch(slot)
      if (by % 7 === 0) change(terminals, slot + 1, { parameters: { a: `${by}` }, amountMax: by })
      if (by % 11 === 0) change(terminals, slot + 1, { message: `${by}`, status: "suspended" })
    }
    for (let slot = 0; slot < count; slot++) {
      terminals.add(slot + 1, slot % 10, slot)
      touch(slot, slot % 23)
    }
    const expected = Array.from({ length: count }, (_, slot) => all(terminals, slot))
    const pieces: Array<Uint8Array> = []
    for (const table of terminals.freeze()) {
      for (const piece of table) {
        pieces.push(piece)
        for (let slot = 0; slot < terminals.size; slot += 3) touch(slot, pieces.length + slot)
        touch(terminals.add(terminals.size + 1, 1, 1), 77)
      }
    }
    terminals.thaw()
    const restored = restoredFrom(pieces)
    expect(restored.size).toBe(count)
    let wrong = 0
    for (let slot = 0; slot < count; slot++) if (restored.find(slot + 1) !== slot) wrong++
    expect(wrong).toBe(0)
    expect(Array.from({ length: count }, (_, slot) => all(restored, slot))).toEqual(expected)
    expect(pull(restored).map((piece) => Buffer.from(piece).toString("base64"))).toEqual(
      pieces.map((piece) => Buffer.from(piece).toString("base64")),
    )
    expect(() => restoredFrom(pieces.slice(1))).toThrow(/terminals are missing/)
  })
})
