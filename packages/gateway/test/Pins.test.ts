import { createCipheriv, createHmac } from "node:crypto"
import { encodePinBlock, Kind, RECORD_BYTES, RecordAt, RecordFlag, recordBytes } from "@millrace/protocol"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { PinDesk, SessionPins } from "../src/Pins.ts"

const schemeKey = Buffer.alloc(32, 3)
const pinKey = Buffer.alloc(32, 5)
const merchantOf = (terminal: number) => (terminal === 1001 ? 4711 : 0)
const pins = new SessionPins(new PinDesk(schemeKey, merchantOf), pinKey)
const allOnes = 2n ** 64n - 1n

const ecb = (key: Uint8Array, block: Uint8Array) =>
  createCipheriv("aes-256-ecb", key, null).setAutoPadding(false).update(block)
const blockOf = (card: bigint, pin: string, fill = new Uint8Array(8), key: Uint8Array = pinKey) =>
  encodePinBlock((block) => ecb(key, block), card, pin, fill)

/** The verifier by text: what a second implementation would do. */
const verifier = (number: bigint, pin: string, isCode = false): bigint => {
  const digits = String(number).padStart(20, "0")
  const text = (isCode ? `c${digits.slice(1)}` : digits) + pin.padEnd(12, "f")
  const key = createHmac("sha256", schemeKey).update("pin verification\0").digest()
  return ecb(key, Buffer.from(text, "hex")).readBigUInt64LE(0)
}

interface Change {
  readonly kind?: number
  readonly flags?: number
  readonly terminal?: number
  readonly card?: bigint
  readonly pin?: Uint8Array
  readonly newPin?: Uint8Array
}
const card = 6_000_000_000_000_000_017n
const record = ({ pin, newPin, ...change }: Change = {}) => {
  const bytes = recordBytes({
    reference: 7n,
    card,
    amount: 5,
    terminal: 1001,
    kind: Kind.purchase,
    currency: 978,
    pinBlock: pin ?? null,
    ...change,
  })
  if (newPin !== undefined) bytes.set(newPin, RecordAt.original)
  return bytes
}
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const translated = (bytes: Uint8Array) => {
  const view = viewOf(bytes)
  pins.translate(view, 0, bytes.length / RECORD_BYTES)
  return view
}
const u64 = (view: DataView, at: number) => view.getBigUint64(at, true)

describe("a record's PIN block", () => {
  it("becomes the card's verifier, whatever the fill, and nothing else of the record changes", () => {
    const cards = fc.bigInt({ min: 1n, max: 10n ** 19n - 1n })
    const pin = fc.stringMatching(/^[0-9]{4,12}$/)
    const fill = fc.uint8Array({ minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(cards, pin, fill, (number, digits, random) => {
        const bytes = record({ card: number, pin: blockOf(number, digits, random) })
        const before = record({ card: number })
        const view = translated(bytes)
        expect(u64(view, RecordAt.pinBlock)).toBe(verifier(number, digits))
        expect(u64(view, RecordAt.pinBlock + 8)).toBe(0n)
        view.setBigUint64(RecordAt.pinBlock, 0n)
        expect(bytes).toEqual(before)
      }),
    )
  })

  it("that is of another card, key or length, or none at all, becomes what never matches", () => {
    for (const change of [
      { pin: blockOf(card + 1n, "1234") },
      { pin: blockOf(card, "1234", new Uint8Array(8), Buffer.alloc(32, 6)) },
      { pin: new Uint8Array(16).fill(9) },
      { card: 2n ** 64n - 1n, pin: blockOf(card, "1234") },
    ]) {
      const view = translated(record(change))
      expect(u64(view, RecordAt.pinBlock)).toBe(allOnes)
      expect(u64(view, RecordAt.pinBlock + 8)).toBe(0n)
    }
  })

  it("is translated where it is, in any number of records, and those without one stay as they are", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 9_999 })), { maxLength: 700 }), (numbers) => {
        const digits = numbers.map((n) => (n === null ? undefined : String(n).padStart(4, "0")))
        const bytes = Buffer.concat(
          digits.map((pin, i) => {
            const number = card + BigInt(i)
            return record(pin === undefined ? { card: number } : { card: number, pin: blockOf(number, pin) })
          }),
        )
        const view = translated(bytes)
        for (const [i, pin] of digits.entries()) {
          const expected = pin === undefined ? 0n : verifier(card + BigInt(i), pin)
          expect(u64(view, i * RECORD_BYTES + RecordAt.pinBlock)).toBe(expected)
        }
      }),
      { numRuns: 15 },
    )
  })

  it("with CODE is the merchant's authorisation code, and only where CODE belongs", () => {
    const coded = (kind: number, terminal = 1001) =>
      u64(
        translated(record({ kind, terminal, flags: RecordFlag.code, pin: blockOf(card, "987654") })),
        RecordAt.pinBlock,
      )
    expect(coded(Kind.recharge)).toBe(verifier(4711n, "987654", true))
    expect(coded(Kind.refund)).toBe(verifier(4711n, "987654", true))
    expect(coded(Kind.purchase)).toBe(verifier(card, "987654"))
    expect(coded(Kind.recharge, 1002)).toBe(allOnes)
    expect(verifier(4711n, "987654", true)).not.toBe(verifier(4711n, "987654"))
  })

  it("of a pinChange is two: the new one becomes the counterparty", () => {
    const change = { kind: Kind.pinChange, pin: blockOf(card, "1234") }
    const view = translated(record({ ...change, newPin: blockOf(card, "567890") }))
    expect(u64(view, RecordAt.pinBlock)).toBe(verifier(card, "1234"))
    expect(u64(view, RecordAt.original)).toBe(0n)
    expect(u64(view, RecordAt.counterparty)).toBe(verifier(card, "567890"))
    // What can't be read must not become a PIN that nobody has.
    const unreadable = translated(record({ ...change, newPin: blockOf(card + 1n, "567890") }))
    expect([u64(unreadable, RecordAt.original), u64(unreadable, RecordAt.counterparty)]).toEqual([0n, 0n])
    const refund = translated(record({ kind: Kind.refund, newPin: blockOf(card, "567890") }))
    expect(u64(refund, RecordAt.original)).not.toBe(0n)
  })
})

describe("a PIN block in a message", () => {
  it("becomes the verifier that records give, of a card or a merchant, or nothing", () => {
    expect(pins.ofCard(card, blockOf(card, "1234"))).toBe(verifier(card, "1234"))
    expect(pins.ofCard(card, blockOf(card + 1n, "1234"))).toBeUndefined()
    expect(pins.ofMerchant(4711, blockOf(4711n, "987654"))).toBe(verifier(4711n, "987654", true))
    expect(pins.ofMerchant(4712, blockOf(4711n, "987654"))).toBeUndefined()
  })
})
