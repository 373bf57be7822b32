import { decodeRecord, Kind, RECORD_BYTES } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ACCOUNT_MAX, type Movement } from "../../src/replay/Movements.ts"
import {
  cardPrefix,
  MOVEMENT_TERMINAL,
  movementReference,
  rangesOf,
  writeMovement,
} from "../../src/replay/Scheme.ts"

const movement = fc.record<Movement>({
  line: fc.integer({ min: 2, max: 4_000_001 }),
  account: fc.integer({ min: 1, max: ACCOUNT_MAX }),
  ms: fc.integer({ min: 0, max: 2 ** 41 }),
  side: fc.constantFrom("credit", "debit"),
  amount: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
})

describe("writeMovement", () => {
  it("writes what the movement says, under a reference of the file alone", () => {
    fc.assert(
      fc.property(movement, (one) => {
        const view = new DataView(new ArrayBuffer(2 * RECORD_BYTES))
        writeMovement(one, view, 1)
        expect(decodeRecord(view, RECORD_BYTES)).toEqual({
          reference: movementReference(one),
          card: BigInt(cardPrefix) + BigInt(one.account),
          amount: one.amount,
          original: 0n,
          counterparty: 0n,
          pinBlock: null,
          terminal: MOVEMENT_TERMINAL,
          kind: one.side === "credit" ? Kind.recharge : Kind.purchase,
          flags: 0,
          currency: 203,
        })
      }),
    )
  })
})

describe("rangesOf", () => {
  it("covers each number once, in as few ranges as there are gaps", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40)), (numbers) => {
        const ranges = rangesOf(numbers)
        const covered = ranges.flatMap(({ first, count }) =>
          Array.from({ length: count }, (_, i) => first + i),
        )
        expect(covered).toEqual([...new Set(numbers)].sort((a, b) => a - b))
        for (const [index, range] of ranges.entries()) {
          if (index > 0)
            expect(range.first).toBeGreaterThan(ranges[index - 1].first + ranges[index - 1].count)
        }
      }),
    )
  })
})
