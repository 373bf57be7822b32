import { encode, type Message, message } from "@millrace/iso8583"
import { AMOUNT_MAX } from "@millrace/protocol"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Dialogue } from "../../src/iso/Dialogue.ts"
import { currency, firstCard, hostWith, type IsoHouse, start } from "./lab.ts"

describe.each(["iso1987", "iso1987-bcd", "iso1993"])("whatever comes in %s", (name) => {
  const host = hostWith({ dialect: name })
  const { dialect } = host
  const is1993 = name === "iso1993"
  let house: IsoHouse
  beforeAll(async () => {
    house = await start([host])
  })
  afterAll(() => house.stop())

  const bytesOf = (one: Message): Uint8Array => {
    const encoded = encode(one, dialect)
    if (encoded._tag === "Failure") throw new Error(encoded.failure.message)
    return encoded.success
  }
  const stamp = { 7: "1122103000", 11: "000001", 12: is1993 ? "261122103000" : "103000" }
  const loggedOn = (): Dialogue => {
    const dialogue = new Dialogue(
      {
        scheme: house.engine.lane.ledger.scheme,
        schemeKey: house.schemeKey,
        nowMs: () => Date.UTC(2026, 10, 22, 10, 30),
        nowSeconds: () => 1,
        oldKeysSecondsMax: 1,
        asked: () => {},
      },
      host,
    )
    const logon = is1993 ? message("1804", { ...stamp, 24: "801" }) : message("0800", { ...stamp, 70: "001" })
    expect(dialogue.hear(bytesOf(logon))).toMatchObject({ _tag: "Answered", response: 0 })
    return dialogue
  }

  /** A valid message of any request type, with any fields of any values that fit. */
  const valid = fc
    .record({
      mti: fc.constantFrom(...dialect.requests.keys()),
      code: fc.constantFrom("00", "02", "20", "21", "31", "40", "99"),
      amount: fc.integer({ min: 0, max: 999_999_999_999 }),
      terminal: fc.constantFrom("00001001", "99999999", "        ", "-1      ", "SHOP1   "),
      original: fc.stringMatching(/^[0-9]{22}$/),
      total: fc.bigInt({ min: 0n, max: 10n ** 16n - 1n }),
      net: fc.constantFrom("C", "D"),
      payee: fc.stringMatching(/^[ -~]{1,28}$/),
    })
    .map(({ mti, code, amount, terminal, original, total, net, payee }) => {
      const isClose = mti.slice(1) === "500"
      const sum = String(total).padStart(16, "0")
      const totals = { 74: sum.slice(6), 76: sum.slice(0, 10), 86: sum, 88: sum, 89: "1", 97: net + sum }
      return message(mti, {
        2: String(firstCard),
        3: `${code}0000`,
        4: String(amount),
        ...stamp,
        41: terminal,
        49: String(currency),
        103: payee,
        [is1993 ? 56 : 90]: is1993 ? `${original}${original.slice(0, 2)}00` : original.padEnd(42, "0"),
        ...(is1993 ? { 24: "831" } : { 70: "301", 95: `${original}${original}`.slice(0, 42) }),
        ...(isClose ? totals : {}),
      })
    })

  const heard = (bytes: Uint8Array): void => {
    const verdict = loggedOn().hear(bytes)
    if (verdict._tag !== "Asked") return
    const { amount, terminal } = verdict.record
    expect(amount).toBeLessThanOrEqual(AMOUNT_MAX)
    expect(terminal >= 1001 && terminal <= 1004).toBe(true)
  }

  it("gets a verdict and never throws: random bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), heard), { numRuns: 400 })
  })

  it("gets a verdict and never throws: valid messages, cut and changed ones", () => {
    const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 })
    fc.assert(
      fc.property(valid, changes, fc.nat(400), (one, all, cut) => {
        const bytes = bytesOf(one)
        heard(bytes)
        heard(bytes.subarray(0, Math.min(cut, bytes.length)))
        const changed = bytes.slice()
        for (const [at, value] of all) changed[at % changed.length] = value
        heard(changed)
      }),
      { numRuns: 400 },
    )
  })
})
