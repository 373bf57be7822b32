import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  decodeRecord,
  encodeRecord,
  Kind,
  littleEndianHost,
  RECORD_BYTES,
  RECORD_WORDS,
  RecordAt,
  RecordWord,
  recordBytes,
  writeRecord,
} from "../src/index.ts"
import { record, u8, u16, u32 } from "./arbitraries.ts"

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const base = { reference: 1n, card: 2n, amount: 3, terminal: 4, kind: Kind.purchase, currency: 978 }

describe("Record", () => {
  it("decodes to what was encoded, and touches no byte beside its own", () => {
    fc.assert(
      fc.property(record, fc.integer({ min: 0, max: 9 }), (value, at) => {
        const bytes = new Uint8Array(RECORD_BYTES + 20).fill(0xaa)
        encodeRecord(value, viewOf(bytes), at)
        expect(decodeRecord(viewOf(bytes), at)).toEqual(value)
        const outside = [...bytes.subarray(0, at), ...bytes.subarray(at + RECORD_BYTES)]
        expect(outside.every((byte) => byte === 0xaa)).toBe(true)
      }),
    )
  })

  it("decodes any 64 bytes, and encodes them to the same unless the amount is over 2^53 - 1", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        const value = decodeRecord(viewOf(bytes), 0)
        if (Number.isSafeInteger(value.amount)) expect(recordBytes(value)).toEqual(bytes)
        else expect(() => recordBytes(value)).toThrow(/amount/)
      }),
    )
  })

  it("refuses to encode what does not fit, with the field's name", () => {
    const cases: ReadonlyArray<readonly [string, object]> = [
      ["reference", { reference: 2n ** 64n }],
      ["card", { card: -1n }],
      ["amount", { amount: 2 ** 53 }],
      ["amount", { amount: 1.5 }],
      ["amount", { amount: Number.NaN }],
      ["original", { original: -1n }],
      ["counterparty", { counterparty: 2n ** 64n }],
      ["pinBlock", { pinBlock: new Uint8Array(8) }],
      ["terminal", { terminal: 2 ** 32 }],
      ["kind", { kind: 256 }],
      ["flags", { flags: -1 }],
      ["currency", { currency: 65_536 }],
    ]
    for (const [field, change] of cases) {
      expect(() => recordBytes({ ...base, ...change }), field).toThrow(new RegExp(`^${field} `))
    }
  })

  it("writes the same bytes in the fast form", () => {
    fc.assert(
      fc.property(
        fc.array(u32, { minLength: 9, maxLength: 9 }),
        u8,
        u8,
        u16,
        (words, kind, flags, currency) => {
          const [refLo, refHi, cardLo, cardHi, amountLo, amountHi, origLo, origHi, terminal] = words
          const amountHiSafe = amountHi % 2 ** 21
          const fast = new Uint8Array(RECORD_BYTES).fill(0xaa)
          writeRecord(
            viewOf(fast),
            0,
            refLo,
            refHi,
            cardLo,
            cardHi,
            amountLo,
            amountHiSafe,
            origLo,
            origHi,
            terminal,
            kind,
            flags,
            currency,
          )
          const u64 = (lo: number, hi: number) => (BigInt(hi) << 32n) | BigInt(lo)
          const slow = recordBytes({
            reference: u64(refLo, refHi),
            card: u64(cardLo, cardHi),
            amount: amountHiSafe * 2 ** 32 + amountLo,
            original: u64(origLo, origHi),
            terminal,
            kind,
            flags,
            currency,
          })
          expect(fast).toEqual(slow)
        },
      ),
    )
  })

  it("has word indexes that say the same as the byte offsets", () => {
    expect(littleEndianHost).toBe(true)
    expect(RECORD_WORDS * 4).toBe(RECORD_BYTES)
    for (const field of ["reference", "card", "amount", "original", "counterparty"] as const) {
      expect(RecordWord[`${field}Lo`] * 4).toBe(RecordAt[field])
      expect(RecordWord[`${field}Hi`] * 4).toBe(RecordAt[field] + 4)
    }
    for (const i of [0, 1, 2, 3] as const)
      expect(RecordWord[`pinBlock${i}`] * 4).toBe(RecordAt.pinBlock + i * 4)
    expect(RecordWord.terminal * 4).toBe(RecordAt.terminal)
    expect(RecordWord.kindFlagsCurrency * 4).toBe(RecordAt.kind)
    const words = new Uint32Array(recordBytes({ ...base, flags: 1, reference: 0x0102030405060708n }).buffer)
    expect(words[RecordWord.referenceLo]).toBe(0x05060708)
    expect(words[RecordWord.referenceHi]).toBe(0x01020304)
    expect(words[RecordWord.kindFlagsCurrency]).toBe(Kind.purchase | (1 << 8) | (978 << 16))
  })
})
