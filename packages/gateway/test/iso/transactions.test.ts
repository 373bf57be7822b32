import { type Message, textOf } from "@millrace/iso8583"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { firstCard, hostWith, type IsoHouse, Line, responseOf, start } from "./lab.ts"

/** Field 54 of an answer, as an amount. */
const balanceIn = (answer: Message): number => {
  const found = /^0002840C(\d{12})$/.exec(textOf(answer, 54) ?? "")
  return found === null ? Number.NaN : Number(found[1])
}

describe.each(["iso1987", "iso1987-bcd", "iso1993"])("transactions in %s", (dialect) => {
  const is1993 = dialect === "iso1993"
  const mti = (text: string) => (is1993 ? `1${text.slice(1)}` : text)
  const ok = is1993 ? "000" : "00"
  const originalField = is1993 ? 56 : 90
  let house: IsoHouse
  let line: Line
  let card = firstCard

  beforeAll(async () => {
    house = await start([hostWith({ dialect })])
    line = new Line(house)
    await line.logOn()
  })
  afterAll(async () => {
    line.close()
    await house.stop()
  })
  /** A card that no test has touched. */
  const fresh = () => String(++card)

  it("a sale is answered with response, authorisation, retrieval number and the balance that is left", async () => {
    const pan = fresh()
    const sale = line.transaction("00", 1_250, { 2: pan })
    const answer = await line.ask(mti("0200"), sale)
    expect(answer.mti).toBe(mti("0210"))
    expect(responseOf(answer)).toBe(ok)
    expect(textOf(answer, 11)).toBe(sale[11])
    expect(textOf(answer, 38)).toMatch(/^\d{6}$/)
    expect(textOf(answer, 37)).toMatch(/^\d{12}$/)
    expect(balanceIn(answer)).toBe(8_750)
    expect(house.balance(BigInt(pan))).toBe(8_750)
  })

  it("the card may come on track 2, the balance without an amount", async () => {
    const pan = fresh()
    const { 2: _, 4: __, 49: ___, ...rest } = line.transaction("31", 0)
    const answer = await line.ask(mti("0200"), { ...rest, 35: `${pan}=30121010000012345678` })
    expect(responseOf(answer)).toBe(ok)
    expect(balanceIn(answer)).toBe(10_000)
    expect(answer.fields.has(35)).toBe(false)
  })

  it("a load puts money onto the card", async () => {
    const pan = fresh()
    const answer = await line.ask(mti("0200"), line.transaction("21", 500, { 2: pan }))
    expect([responseOf(answer), balanceIn(answer)]).toEqual([ok, 10_500])
  })

  it("a refund gives back what its original took, and not more", async () => {
    const pan = fresh()
    const sale = line.transaction("00", 1_000, { 2: pan })
    await line.ask(mti("0200"), sale)
    const original = { 2: pan, [originalField]: line.original(mti("0200"), sale) }
    const part = await line.ask(mti("0200"), line.transaction("20", 400, original))
    const over = await line.ask(mti("0200"), line.transaction("20", 700, original))
    expect([responseOf(part), balanceIn(part)]).toEqual([ok, 9_400])
    expect(responseOf(over)).toBe(is1993 ? "110" : "13")
    const { [originalField]: _, ...without } = line.transaction("20", 1, original)
    expect(responseOf(await line.ask(mti("0200"), without))).toBe(is1993 ? "904" : "30")
  })

  it("a pre-authorisation holds, its completion takes what was used and lets the rest go", async () => {
    const pan = fresh()
    const hold = line.transaction("00", 3_000, { 2: pan })
    const held = await line.ask(mti("0100"), hold)
    expect([held.mti, responseOf(held), balanceIn(held)]).toEqual([mti("0110"), ok, 7_000])
    const advice = line.transaction("00", 2_000, {
      2: pan,
      [originalField]: line.original(mti("0100"), hold),
    })
    const done = await line.ask(mti("0220"), advice)
    expect([done.mti, responseOf(done), balanceIn(done)]).toEqual([mti("0230"), ok, 8_000])
  })

  it("a hold is let go by its reversal and by its cancellation; a completed one stays", async () => {
    const pan = fresh()
    const hold = async () => {
      const asked = line.transaction("00", 1_000, { 2: pan })
      await line.ask(mti("0100"), asked)
      return { 2: pan, [originalField]: line.original(mti("0100"), asked) }
    }
    await line.ask(mti("0400"), line.transaction("00", 1_000, await hold()))
    await line.ask(mti("0100"), line.transaction("02", 1_000, await hold()))
    expect(house.balance(BigInt(pan))).toBe(10_000)
    const third = await hold()
    await line.ask(mti("0220"), line.transaction("00", 1_000, third))
    expect(responseOf(await line.ask(mti("0400"), line.transaction("00", 1_000, third)))).toBe(
      is1993 ? "902" : "12",
    )
    const unknown = { 2: pan, [originalField]: line.original(mti("0100"), line.transaction("00", 1)) }
    const advice = await line.ask(mti("0220"), line.transaction("00", 1, unknown))
    expect([advice.mti, responseOf(advice)]).toEqual([mti("0230"), is1993 ? "914" : "25"])
    expect(house.balance(BigInt(pan))).toBe(9_000)
  })

  it("a reversal of what was done turns it round, once; its repeat and a second one move nothing", async () => {
    const pan = fresh()
    const sale = line.transaction("00", 600, { 2: pan })
    await line.ask(mti("0200"), sale)
    const original = { 2: pan, [originalField]: line.original(mti("0200"), sale) }
    const reversal = line.transaction("00", 600, original)
    const answers = [
      await line.ask(mti("0400"), reversal),
      await line.ask(mti("0401"), reversal),
      await line.ask(mti("0420"), line.transaction("00", 600, original)),
    ]
    expect(answers.map((answer) => answer.mti)).toEqual([mti("0410"), mti("0410"), mti("0430")])
    expect(answers.map(responseOf)).toEqual(is1993 ? ["400", "400", "400"] : ["00", "00", "00"])
    expect(house.balance(BigInt(pan))).toBe(10_000)
  })

  it("a reversal that comes first bars its original; with the same STAN and time as it, too", async () => {
    const pan = fresh()
    const sale = line.transaction("00", 600, { 2: pan })
    const { 3: _, ...rest } = sale
    const reversal = { ...rest, 3: "000000", [originalField]: line.original(mti("0200"), sale) }
    const advice = await line.ask(mti("0420"), reversal)
    const late = await line.ask(mti("0200"), sale)
    expect(responseOf(advice)).toBe(is1993 ? "400" : "00")
    expect(responseOf(late)).toBe(is1993 ? "911" : "68")
    expect(house.balance(BigInt(pan))).toBe(10_000)
  })

  it("a repeat gets the first answer; the same number with another content is a duplicate", async () => {
    const pan = fresh()
    const sale = line.transaction("00", 100, { 2: pan })
    const first = await line.ask(mti("0200"), sale)
    const repeat = await line.ask(mti("0201"), sale)
    const again = await line.ask(mti("0200"), sale)
    const other = await line.ask(mti("0200"), { ...sale, 4: "200" })
    expect([repeat, again].map((answer) => textOf(answer, 38))).toEqual([
      textOf(first, 38),
      textOf(first, 38),
    ])
    expect(responseOf(other)).toBe(is1993 ? "913" : "94")
    expect(house.balance(BigInt(pan))).toBe(9_900)
  })

  it("a void takes back a sale of the day; a transfer pays another card", async () => {
    const [pan, payee] = [fresh(), fresh()]
    const sale = line.transaction("00", 100, { 2: pan })
    await line.ask(mti("0200"), sale)
    const original = { 2: pan, [originalField]: line.original(mti("0200"), sale) }
    expect(responseOf(await line.ask(mti("0200"), line.transaction("02", 100, original)))).toBe(ok)
    const paid = await line.ask(mti("0200"), line.transaction("40", 2_500, { 2: pan, 103: payee }))
    expect(responseOf(paid)).toBe(ok)
    expect([house.balance(BigInt(pan)), house.balance(BigInt(payee))]).toEqual([7_500, 12_500])
  })

  it("what the card lacks, an unknown card and a terminal of somebody else are declined", async () => {
    const pan = fresh()
    const asks = [
      line.transaction("00", 1_000_000, { 2: pan }),
      line.transaction("00", 1, { 2: "5999999999999999" }),
      line.transaction("00", 1, { 2: pan, 41: "00001005" }),
      line.transaction("00", 1, { 2: pan, 41: "SHOP1" }),
      line.transaction("99", 1, { 2: pan }),
    ]
    const responses = []
    for (const ask of asks) responses.push(responseOf(await line.ask(mti("0200"), ask)))
    expect(responses).toEqual(is1993 ? ["116", "111", "120", "120", "902"] : ["51", "14", "58", "58", "12"])
  })
})

describe("replacement amounts", () => {
  it("a reversal by less than all gives back the rest", async () => {
    const house = await start()
    const line = new Line(house)
    await line.logOn()
    const sale = line.transaction("00", 1_000)
    await line.ask("0200", sale)
    const partial = line.transaction("00", 1_000, {
      90: line.original("0200", sale),
      95: `${"400".padStart(12, "0")}${"0".repeat(12)}C00000000C00000000`,
    })
    expect(responseOf(await line.ask("0400", partial))).toBe("00")
    expect(house.balance()).toBe(9_600)
    line.close()
    await house.stop()
  })
})
