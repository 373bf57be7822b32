import { bytesOf, type MacOf, textOf } from "@millrace/iso8583"
import { describe, expect, it } from "vitest"
import { hostWith, type IsoHouse, Line, pinCard, responseOf, start, thePin } from "./lab.ts"
import { checkSecrets } from "./secrets.ts"

const withHouse = async (
  host: Parameters<typeof hostWith>[0],
  run: (house: IsoHouse, line: Line) => Promise<void>,
): Promise<void> => {
  const house = await start([hostWith(host)])
  const line = new Line(house)
  try {
    await run(house, line)
  } finally {
    line.close()
    await house.stop()
  }
}

describe("network messages", () => {
  it("an echo is answered before and after the logon; anything else only after it", () =>
    withHouse({}, async (house, line) => {
      const echo = () => line.ask("0800", { ...line.stamp(), 70: "301" })
      expect(responseOf(await echo())).toBe("00")
      expect(responseOf(await line.ask("0200", line.transaction("00", 1)))).toBe("58")
      expect(responseOf(await line.logOn())).toBe("00")
      expect(responseOf(await echo())).toBe("00")
      expect(responseOf(await line.ask("0200", line.transaction("00", 1)))).toBe("00")
      expect(responseOf(await line.ask("0800", { ...line.stamp(), 70: "002" }))).toBe("00")
      expect(responseOf(await line.ask("0200", line.transaction("00", 1)))).toBe("58")
      expect(house.balance()).toBe(9_999)
      expect(house.iso.tally.refusals.get("not-logged-on")).toBe(2)
    }))

  it("a host that is not in the scheme, or may not transact there, is refused with the same words", async () => {
    for (const id of ["nobody", "reader"]) {
      await withHouse({ id }, async (house, line) => {
        const answer = await line.logOn()
        expect([...answer.fields.keys()].sort((a, b) => a - b)).toEqual([7, 11, 39, 70])
        expect(responseOf(answer)).toBe("05")
        expect(house.iso.tally.refusals.get("logon")).toBe(1)
      })
    }
  })
})

describe.each([
  { mac: "x919", pin: "format0", dialect: "iso1987" },
  { mac: "x919", pin: "format0", dialect: "iso1987-bcd" },
  { mac: "cmac", pin: "format4", dialect: "iso1987" },
  { mac: "cmac", pin: "format4", dialect: "iso1993" },
  { mac: "cmac", pin: "format0", dialect: "iso1987" },
] as const)("$dialect with $mac and $pin", (host) => {
  const is1993 = host.dialect === "iso1993"
  const mti = (text: string) => (is1993 ? `1${text.slice(1)}` : text)
  const [ok, wrongPin, malfunction] = is1993 ? ["000", "117", "909"] : ["00", "55", "96"]
  const keyChange = (line: Line) =>
    is1993
      ? line.ask("1804", { ...line.stamp(), 24: "811" })
      : line.ask("0800", { ...line.stamp(), 70: "161" })

  it("answers and requests carry right MACs; a wrong one or none is refused, counted and moves nothing", () =>
    withHouse(host, async (house, line) => {
      await line.logOn()
      await line.ask(mti("0200"), line.transaction("00", 100))
      expect(line.macsRight).toEqual([true, true])
      const sale = line.transaction("00", 100)
      const wrong: MacOf = () => Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
      const tampered: MacOf = (bytes) =>
        line.macOf?.(bytes.map((byte, i) => (i === 30 ? byte ^ 1 : byte))) ?? bytes
      expect(responseOf(await line.ask(mti("0200"), sale, wrong))).toBe(malfunction)
      expect(responseOf(await line.ask(mti("0200"), sale, tampered))).toBe(malfunction)
      const { macKey } = line
      line.macKey = undefined
      expect(responseOf(await line.ask(mti("0200"), sale))).toBe(malfunction)
      line.macKey = macKey
      expect(house.balance()).toBe(9_900)
      expect(house.iso.tally.refusals.get("mac")).toBe(3)
      expect(responseOf(await line.ask(mti("0200"), sale))).toBe(ok)
    }))

  it("a right PIN passes, a wrong one is counted, one of another card never matches", () =>
    withHouse(host, async (house, line) => {
      await line.logOn()
      const ask = async (block: Uint8Array) =>
        responseOf(await line.ask(mti("0200"), line.transaction("00", 1, { 2: String(pinCard), 52: block })))
      expect(await ask(line.pinBlock(pinCard, "0000"))).toBe(wrongPin)
      expect(house.engine.lane.ledger.card(pinCard)?.pinTriesLeft).toBe(2)
      expect(await ask(line.pinBlock(pinCard, thePin))).toBe(ok)
      expect(house.engine.lane.ledger.card(pinCard)?.pinTriesLeft).toBe(3)
      // Format 0 leaves the check digit out.
      expect(await ask(line.pinBlock(pinCard + 10n, thePin))).toBe(wrongPin)
      expect(await ask(Buffer.alloc(host.pin === "format0" ? 8 : 16, 0))).toBe(wrongPin)
      const answer = line.answers.at(-1)
      expect(answer === undefined ? undefined : bytesOf(answer, 52)).toBeUndefined()
      checkSecrets(house, [thePin])
    }))

  it("after a key change the new keys hold, and what was sent under the old ones is still taken", () =>
    withHouse(host, async (house, line) => {
      await line.logOn()
      const { macOf: oldMac, macKey, pinKey } = line
      const answer = await keyChange(line)
      expect(line.macKey).not.toEqual(macKey)
      expect(line.pinKey).not.toEqual(pinKey)
      expect(textOf(answer, 48)).toMatch(/^[0-9A-F]+$/)
      expect(responseOf(await line.ask(mti("0200"), line.transaction("00", 1), oldMac))).toBe(ok)
      expect(responseOf(await line.ask(mti("0200"), line.transaction("00", 1)))).toBe(ok)
      const block = line.pinBlock(pinCard, thePin)
      const paid = line.transaction("00", 1, { 2: String(pinCard), 52: block })
      expect(responseOf(await line.ask(mti("0200"), paid))).toBe(ok)
      expect(house.balance()).toBe(9_998)
      await keyChange(line)
      expect(responseOf(await line.ask(mti("0200"), line.transaction("00", 1), oldMac))).toBe(malfunction)
    }))
})

describe("a card whose PIN was wrong three times", () => {
  it("is refused with the text for the terminal's operator", () =>
    withHouse({}, async (_, line) => {
      await line.logOn()
      const ask = (pin: string) => {
        const block = line.pinBlock(pinCard, pin)
        return line.ask("0200", line.transaction("00", 1, { 2: String(pinCard), 52: block }))
      }
      const answers = [await ask("0000"), await ask("0001"), await ask("0002"), await ask(thePin)]
      expect(answers.map(responseOf)).toEqual(["55", "55", "75", "75"])
      expect(textOf(answers[2], 44)).toBe("retain card")
      expect(textOf(answers[2], 62)).toBe("retain card")
      expect(answers[0].fields.has(44)).toBe(false)
    }))
})

describe("keys on request", () => {
  it("a logon brings none, a key change does", () =>
    withHouse({ keys: "request" }, async (_, line) => {
      expect((await line.logOn()).fields.has(48)).toBe(false)
      await line.ask("0800", { ...line.stamp(), 70: "161" })
      expect(line.pinKey).toHaveLength(16)
    }))
})
