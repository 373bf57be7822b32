import { makeReference } from "@millrace/protocol"
import { describe, expect, it } from "vitest"
import { closeLines, type Receipt, receiptLines, timeText } from "../../src/pos/Receipt.ts"
import { Stans, stanOf } from "../../src/pos/Stans.ts"

const reference = makeReference(Date.UTC(2026, 4, 4, 12), 7)

const receipt: Receipt = {
  merchant: "Mill Street Corner Shop",
  terminal: 880_001,
  currency: 978,
  reference,
  sequence: 1_234_567,
  card: "597088******0000",
  kind: "purchase",
  amount: 1_250,
  response: 0,
  available: 8_750,
}

const text = (change: Partial<Receipt> = {}) => receiptLines({ ...receipt, ...change }).join("\n")

describe("a receipt", () => {
  it("has everything that finds the transaction again", () => {
    expect(text()).toBe(
      [
        "----------------------------------------",
        "        Mill Street Corner Shop",
        `Terminal 880001      ${timeText(reference)}`,
        "STAN 000007             RRN 000001234567",
        "Card 597088******0000",
        "PURCHASE                       EUR 12.50",
        "APPROVED 00                  Auth 234567",
        "Available                      EUR 87.50",
        "----------------------------------------",
      ].join("\n"),
    )
  })

  it("of a declined transaction has the reason, no authorisation code and no balance", () => {
    const declined = text({ response: 51 })
    expect(declined).toContain("DECLINED 51\nInsufficient funds\n---")
    expect(declined).not.toMatch(/Auth|Available/)
  })

  it("says what a part is, that it is a copy, that it counts no more, and what to do with the card", () => {
    expect(text({ response: 10, approved: 900, available: 0 })).toMatch(/IN PART 10.*\nApproved +EUR 9\.00\n/)
    expect(text({ duplicate: true })).toContain("\n           *** DUPLICATE ***\n")
    expect(text({ reversed: true })).toContain("\nTURNED ROUND SINCE\n")
    expect(text({ response: 43, message: "retain card" })).toContain("*** RETAIN CARD ***")
    expect(text({ kind: "transfer", counterparty: "597088******0018" })).toContain(
      "\nTo   597088******0018\n",
    )
    expect(text({ sequence: 0, response: 58 })).not.toContain("RRN")
  })

  it("is never wider than its paper", () => {
    const wide = text({
      terminal: 4_294_967_295,
      amount: 2 ** 53 - 1,
      kind: "preauthorisation",
      available: 2 ** 53 - 1,
    })
    for (const line of wide.split("\n")) expect(line.length).toBeLessThanOrEqual(40)
  })
})

it("the close lists what was done, and whether both agree", () => {
  const totals = {
    batch: 3,
    rows: { purchase: { count: 2, amount: 4_250 }, refund: { count: 0, amount: 0 } },
    debits: { count: 2, amount: 4_250 },
    credits: { count: 0, amount: 0 },
  }
  const agreed = closeLines(receipt, totals, 0).join("\n")
  expect(agreed).toMatch(/CLOSE OF DAY +Batch 3\npurchase +2 +EUR 42\.50\nDEBITS/)
  expect(agreed).toContain("TOTALS AGREE")
  expect(closeLines(receipt, totals, 95).join("\n")).toContain("DECLINED 95 Totals do not agree")
})

describe("trace numbers", () => {
  it("go on from the terminal's last, in the lower part of references that only grow", () => {
    const stans = new Stans(makeReference(5_000, 41))
    const [one, two, three] = [stans.next(4_000), stans.next(6_000), stans.next(6_000)]
    expect([one, two, three].map(stanOf)).toEqual([42, 43, 44])
    expect(one).toBe(makeReference(5_000, 42))
    expect(two > one && three > two).toBe(true)
    expect(stanOf(new Stans(makeReference(5_000, (1 << 21) | 41)).next(0))).toBe(42)
  })

  it("begin again after the last without a reference that was there before", () => {
    const stans = new Stans(makeReference(5_000, 999_998))
    const [last, first] = [stans.next(5_000), stans.next(5_000)]
    expect([stanOf(last), stanOf(first)]).toEqual([999_999, 1])
    expect(first > last).toBe(true)
  })
})
