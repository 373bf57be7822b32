import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  decodeOutcome,
  encodeOutcome,
  makeTransactionId,
  OUTCOME_BYTES,
  OUTCOME_WORDS,
  OutcomeAt,
  OutcomeWord,
  outcomeBytes,
  transactionSequence,
  transactionShard,
  writeOutcome,
} from "../src/index.ts"
import { outcome, u16, u32 } from "./arbitraries.ts"

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

describe("Outcome", () => {
  it("decodes to what was encoded, and touches no byte beside its own", () => {
    fc.assert(
      fc.property(outcome, fc.integer({ min: 0, max: 9 }), (value, at) => {
        const bytes = new Uint8Array(OUTCOME_BYTES + 20).fill(0xaa)
        encodeOutcome(value, viewOf(bytes), at)
        expect(decodeOutcome(viewOf(bytes), at)).toEqual(value)
        const outside = [...bytes.subarray(0, at), ...bytes.subarray(at + OUTCOME_BYTES)]
        expect(outside.every((byte) => byte === 0xaa)).toBe(true)
      }),
    )
  })

  it("writes the same bytes in the fast form", () => {
    fc.assert(
      fc.property(outcome, (value) => {
        const half = (x: bigint) => [Number(x & 0xffff_ffffn), Number(x >> 32n)] as const
        const fast = new Uint8Array(OUTCOME_BYTES).fill(0xaa)
        const [refLo, refHi] = half(value.reference)
        const [avLo, avHi] = half(BigInt(value.available))
        const [txLo, txHi] = half(value.transaction)
        const { terminal, response, flags } = value
        writeOutcome(viewOf(fast), 0, refLo, refHi, avLo, avHi, txLo, txHi, terminal, response, flags)
        expect(fast).toEqual(outcomeBytes(value))
      }),
    )
  })

  it("refuses to encode what does not fit, with the field's name", () => {
    const base = { reference: 1n, available: 0, transaction: 0n, terminal: 1, response: 0, flags: 0 }
    expect(() => outcomeBytes({ ...base, available: -1 })).toThrow(/^available /)
    expect(() => outcomeBytes({ ...base, response: 65_536 })).toThrow(/^response /)
    expect(() => outcomeBytes({ ...base, transaction: -1n })).toThrow(/^transaction /)
  })

  it("has word indexes that say the same as the byte offsets", () => {
    expect(OUTCOME_WORDS * 4).toBe(OUTCOME_BYTES)
    for (const field of ["reference", "available", "transaction"] as const) {
      expect(OutcomeWord[`${field}Lo`] * 4).toBe(OutcomeAt[field])
      expect(OutcomeWord[`${field}Hi`] * 4).toBe(OutcomeAt[field] + 4)
    }
    expect(OutcomeWord.terminal * 4).toBe(OutcomeAt.terminal)
    expect(OutcomeWord.responseFlags * 4).toBe(OutcomeAt.response)
  })

  it("takes a transaction id apart again", () => {
    fc.assert(
      fc.property(u16, u32, u16, (shard, lo, hi) => {
        const sequence = hi * 2 ** 32 + lo
        const id = makeTransactionId(shard, sequence)
        expect([transactionShard(id), transactionSequence(id)]).toEqual([shard, sequence])
      }),
    )
    expect(() => makeTransactionId(65_536, 1)).toThrow(RangeError)
    expect(() => makeTransactionId(1, 2 ** 48)).toThrow(RangeError)
  })
})
