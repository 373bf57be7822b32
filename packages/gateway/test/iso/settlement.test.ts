import { type Message, textOf } from "@millrace/iso8583"
import { describe, expect, it } from "vitest"
import { hostWith, Line, responseOf, start } from "./lab.ts"

const totalsOf = (answer: Message) =>
  [74, 75, 76, 77, 86, 87, 88, 89].map((field) => Number(textOf(answer, field)))

describe.each(["iso1987", "iso1993"])("settlement in %s", (dialect) => {
  const is1993 = dialect === "iso1993"
  const mti = (text: string) => (is1993 ? `1${text.slice(1)}` : text)
  const agreed = is1993 ? "500" : "00"
  const differs = is1993 ? "501" : "95"

  it("right totals close the batch; wrong ones get the engine's own, and leave it open", async () => {
    const house = await start([hostWith({ dialect })])
    const line = new Line(house)
    await line.logOn()
    const sale = line.transaction("00", 300)
    await line.ask(mti("0200"), sale)
    await line.ask(mti("0200"), line.transaction("00", 200))
    await line.ask(mti("0200"), line.transaction("21", 50))
    const original = line.original(mti("0200"), sale)
    await line.ask(mti("0400"), line.transaction("00", 300, { [is1993 ? 56 : 90]: original }))
    const settle = (amount: string, net: string) => ({
      ...line.stamp(),
      41: "00001001",
      74: "1",
      75: "0",
      76: "2",
      77: "1",
      86: "50",
      87: "0",
      88: amount,
      89: "300",
      97: net,
    })
    const wrong = await line.ask(mti("0500"), settle("501", "D151"))
    expect(wrong.mti).toBe(mti("0510"))
    expect(responseOf(wrong)).toBe(differs)
    expect(totalsOf(wrong)).toEqual([1, 0, 2, 1, 50, 0, 500, 300])
    expect(textOf(wrong, 97)).toBe("D0000000000000150")
    expect(textOf(wrong, 63)).toBe("000001000000000200000001000000000050")
    expect(responseOf(await line.ask(mti("0500"), settle("500", "C150")))).toBe(differs)
    const close = settle("500", "D150")
    const right = await line.ask(mti("0500"), close)
    expect([responseOf(right), ...totalsOf(right)]).toEqual([agreed, 1, 0, 2, 1, 50, 0, 500, 300])
    expect(house.engine.lane.ledger.terminalTotals(1001)?.debits).toEqual({ count: 0, amount: 0 })
    expect(responseOf(await line.ask(mti("0501"), close))).toBe(agreed)
    expect(responseOf(await line.ask(mti("0500"), { ...line.stamp(), 41: "00001001" }))).toBe(
      is1993 ? "904" : "30",
    )
    line.close()
    await house.stop()
  })
})
