import { SLOT_BYTES, SlotBit, SlotDouble, SlotKind, SlotWord, SplitDouble, SplitWord } from "@millrace/ledger"
import { Kind, packMessage, RecordWord } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { entriesOf, entryJson, entryLine } from "../../src/journal/Slots.ts"

const CARD = 5_970_010_000_000_018n
const OTHER = 5_970_010_000_000_026n
const DAY = 20_000
const everything = { card: undefined, terminal: undefined, kind: undefined }

/** A slot by its words and doubles. */
const slot = (
  kind: number,
  fields: {
    readonly card?: bigint
    readonly counterparty?: bigint
    readonly original?: bigint
    readonly amount?: number
    readonly response?: number
    readonly bits?: number
    readonly available?: number
    readonly turnedKind?: number
  } = {},
): Uint8Array => {
  const bytes = new Uint8Array(SLOT_BYTES)
  const words = new Uint32Array(bytes.buffer)
  const u64 = (at: number, value: bigint) => {
    words[at] = Number(value & 0xffff_ffffn)
    words[at + 1] = Number(value >> 32n)
  }
  u64(RecordWord.referenceLo, 77n)
  u64(RecordWord.cardLo, fields.card ?? CARD)
  u64(RecordWord.amountLo, BigInt(fields.amount ?? 0))
  u64(RecordWord.originalLo, fields.original ?? 0n)
  u64(RecordWord.counterpartyLo, fields.counterparty ?? 0n)
  new Float64Array(bytes.buffer)[SlotDouble.available] = fields.available ?? 0
  words[SlotWord.response] = (fields.response ?? 0) | (DAY << 16)
  words[SlotWord.terms] = fields.bits ?? 0
  words[RecordWord.terminal] = 1_001
  words[RecordWord.kindFlagsCurrency] = kind | ((fields.turnedKind ?? 0) << 8) | (978 << 16)
  return bytes
}

const split = (mask: number, amounts: ReadonlyArray<number>, expiresMs = 0): Uint8Array => {
  const bytes = new Uint8Array(SLOT_BYTES)
  const doubles = new Float64Array(bytes.buffer)
  doubles.set(amounts)
  doubles[SplitDouble.expiresMs] = expiresMs
  const words = new Uint32Array(bytes.buffer)
  words[SplitWord.maskExpires] = mask
  words[SplitWord.kindFlags] = SlotKind.split
  return bytes
}

const control = (command: { readonly [field: string]: unknown }): Uint8Array => {
  const payload = packMessage(command)
  const slots = 1 + Math.ceil(payload.length / 60)
  const bytes = new Uint8Array(slots * SLOT_BYTES)
  const words = new Uint32Array(bytes.buffer)
  words[RecordWord.amountLo] = payload.length
  words[RecordWord.kindFlagsCurrency] = SlotKind.control
  for (let i = 1; i < slots; i++) {
    bytes.set(payload.subarray((i - 1) * 60, i * 60), i * SLOT_BYTES)
    bytes[i * SLOT_BYTES + 60] = SlotKind.more
  }
  return bytes
}

const entries = (slots: ReadonlyArray<Uint8Array>, filter = {}) => {
  const payload = Uint8Array.from(slots.flatMap((one) => [...one]))
  return [...entriesOf({ first: 10, time: 0, payload }, { ...everything, ...filter })]
}

describe("entriesOf", () => {
  it("tells a decision with its split as one entry", () => {
    const bits = SlotBit.split | SlotBit.pinGiven
    const found = entries([
      slot(Kind.purchase, { amount: 850, available: 1_000, bits }),
      split(0b101, [250, 600]),
      slot(Kind.balance, { available: 1_000 }),
    ])
    expect(found).toMatchObject([
      {
        sequence: 10,
        kind: "purchase",
        card: "597001******0018",
        amount: 850,
        response: "00",
        available: 1_000,
        day: "2024-10-04",
        pin: "right",
        purses: { main: 250, category1: 600 },
      },
      { sequence: 12, kind: "balance" },
    ])
    expect(entryLine(found[0])).toMatch(
      / purchase {2}terminal=1001 reference=77 card=597001\*{6}0018 amount=850 currency=978 response=00 \(Approved\) available=1000 .*purses=\{"main":250,"category1":600\}$/,
    )
  })

  it("tells a partial approval, a hold's end, a hold that ran out, and what time did to a card", () => {
    const found = entries([
      slot(Kind.purchase, { amount: 4_000, response: 10, available: 2_500, bits: SlotBit.closes }),
      slot(Kind.preauthorisation, { amount: 500, bits: SlotBit.split }),
      split(0b1, [500], 86_400_000),
      slot(SlotKind.expired, { amount: 500, bits: 2, available: 700 }),
      slot(SlotKind.periodic, {
        amount: 25,
        original: 100n,
        counterparty: (690n << 32n) | 0b110n,
        available: 40,
      }),
    ])
    expect(found).toMatchObject([
      { response: "10", approved: 2_500, closes: true },
      { holds: "1970-01-02T00:00:00.000Z", purses: { main: 500 } },
      { kind: "expired", purse: "category1", amount: 500, available: 700 },
      {
        kind: "periodic",
        month: "2027-07",
        released: 25,
        fee: 100,
        expiredPurses: "bonus,category1",
        lost: 40,
      },
    ])
    expect(found[0]).not.toHaveProperty("available")
    expect(found[3]).not.toHaveProperty("terminal")
  })

  it("finds a transfer by either card, and masks both", () => {
    const transfer = slot(Kind.transfer, { amount: 500, counterparty: OTHER })
    const arrival = slot(SlotKind.arrival, { card: OTHER, counterparty: CARD, amount: 500, original: 10n })
    const turned = slot(SlotKind.turned, { counterparty: OTHER, amount: 500, turnedKind: Kind.transfer })
    const slots = [transfer, arrival, turned, slot(Kind.balance)]
    expect(entries(slots, { card: OTHER }).map(({ kind }) => kind)).toEqual(["transfer", "arrival", "turned"])
    expect(entries(slots, { card: OTHER })[1]).toMatchObject({
      card: "597001******0026",
      counterparty: "597001******0018",
      fee: 10,
    })
    expect(entries(slots).map(entryJson).join()).not.toMatch(/\d{13}/)
  })

  it("tells a terminal's totals of a close, which has no card", () => {
    const [found] = entries([
      slot(Kind.close, {
        card: 0n,
        amount: 900,
        original: 300n,
        counterparty: 4n | (2n << 32n),
        response: 95,
      }),
    ])
    expect(found).toMatchObject({ debits: 900, debitCount: 4, credits: 300, creditCount: 2, response: "95" })
    expect(found).not.toHaveProperty("card")
  })

  it("never shows what stands for a PIN or a code, or a holder", () => {
    const verifier = 0x1122_3344_5566_7788n
    const found = entries([
      slot(Kind.pinChange, {
        counterparty: verifier,
        original: verifier,
        bits: SlotBit.pinGiven | SlotBit.pinWrong,
      }),
      control({ type: "pin", by: "host:dev", card: CARD, verifier }),
      control({ type: "code", by: "host:dev", merchant: 7, verifier }),
      control({ type: "lifecycle", by: "host:dev", card: CARD, action: "name", reason: "r", holder: "Ada" }),
    ])
    expect(found[0]).toMatchObject({ kind: "pinChange", pin: "wrong" })
    const said = found.map((one) => entryLine(one) + entryJson(one)).join("\n")
    expect(said).not.toContain(String(verifier))
    expect(said).not.toMatch(/verifier|Ada|\d{13}/)
    expect(found[1].command).toEqual({ type: "pin", by: "host:dev", card: "597001******0018" })
  })

  it("finds commands by the card or terminal that they name, in ranges too", () => {
    const slots = [
      control({ type: "cards", by: "b", first: CARD - 5n, count: 10, currency: 978, openingBalance: 0 }),
      control({ type: "fund", by: "b", card: CARD, purse: "main", amount: 5, reference: 1n }),
      control({ type: "terminals", by: "b", first: 1_000, count: 5, merchant: 7 }),
      control({ type: "terminal", by: "b", number: 1_001, amountMax: 5 }),
    ]
    const types = (filter: object) => entries(slots, filter).map(({ command }) => command?.["type"])
    expect(types({ card: CARD })).toEqual(["cards", "fund"])
    expect(types({ card: OTHER })).toEqual([])
    expect(types({ terminal: 1_001 })).toEqual(["terminals", "terminal"])
    expect(types({ kind: "purchase" })).toEqual([])
  })
})
