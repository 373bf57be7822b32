import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { packMessage, unpackMessage } from "../src/index.ts"
import {
  decodeError,
  decodeLogon,
  decodeRequest,
  decodeResponse,
  errorCodes,
  requestTypes,
} from "../src/messages.ts"
import { requests } from "./requests.ts"

/** The complaint about a request that differs from a good one in some fields. */
const complaint = (change: object, base: object = merchant) => {
  const result = decodeRequest({ ...base, ...change })
  return Result.isFailure(result) ? `${result.failure.code} ${result.failure.message}` : "none"
}
const merchant = { type: "merchant", number: 1, name: "a", currency: 978, feeBasisPoints: 0 }
const plain = { type: "merchant", number: 1, name: "a", currency: 978 }
const transact = {
  type: "transact",
  kind: "purchase",
  reference: 1,
  card: 1,
  amount: 1,
  currency: 978,
  terminal: 1,
}

describe("messages", () => {
  it("decode on the other side to what was sent", () => {
    expect(Object.keys(requests).sort()).toEqual([...requestTypes].sort())
    fc.assert(
      fc.property(fc.oneof(...Object.values(requests)), (request) => {
        const unpacked = unpackMessage(packMessage({ ...request }))
        expect(unpacked.ok && decodeRequest(unpacked.value)).toEqual(Result.succeed(request))
      }),
      { numRuns: 600 },
    )
  })

  it("name the field that is wrong and what was expected", () => {
    expect(complaint({})).toBe("none")
    expect(complaint({ number: 0 })).toMatch(/^bad-message merchant: number: .*between 1 and 4294967295/)
    expect(complaint({ number: "1" })).toMatch(/merchant: number: Expected number \| bigint/)
    expect(complaint({ name: undefined })).toMatch(/merchant: name: /)
    expect(complaint({ currency: 1_000 })).toMatch(/merchant: currency: .*between 1 and 999/)
    expect(complaint({ feeBasisPoints: 1.5 })).toMatch(/merchant: feeBasisPoints: Expected an integer/)
    expect(complaint({ kind: "gift" }, transact)).toMatch(/transact: kind: Expected "balance" \| "purchase"/)
    expect(complaint({ amount: 2n ** 53n }, transact)).toMatch(/transact: amount: .*9007199254740991/)
    expect(complaint({ reference: 1.5 }, transact)).toMatch(/transact: reference: /)
    expect(complaint({ reference: 2n ** 64n }, transact)).toMatch(/transact: reference: /)
    const host = { type: "host", id: "a", terminals: [], permissions: [] }
    expect(complaint({ id: "a b" }, host)).toMatch(/host: id: /)
    expect(
      complaint(
        {
          terminals: [
            [1, 2],
            [4, 3],
          ],
        },
        host,
      ),
    ).toMatch(/host: terminals: a range's end/)
    expect(complaint({ terminals: [[1, "x"]] }, host)).toMatch(/host: terminals.0.1: /)
    expect(complaint({ terminals: Array(65).fill([1, 2]) }, host)).toMatch(/host: terminals: .*64/)
    expect(complaint({ permissions: ["all"] }, host)).toMatch(/host: permissions.0: Expected "transact"/)
    const cards = { type: "cards", first: 2n ** 64n - 2n, count: 2, currency: 978, openingBalance: 0 }
    expect(complaint({}, cards)).toBe("none")
    expect(complaint({ count: 3 }, cards)).toMatch(/cards: the last card/)
    expect(complaint({ count: 8_193 }, cards)).toMatch(/cards: count: .*8192/)
    const terminals = { type: "terminals", first: 0xffff_ffff, count: 2, merchant: 1 }
    expect(complaint({}, terminals)).toMatch(/terminals: the last terminal/)
    expect(complaint({ count: 1 }, terminals)).toBe("none")
  })

  it("say which flag, PIN or fee does not fit", () => {
    const block = new Uint8Array(16)
    expect(complaint({ partial: true, pin: block }, transact)).toBe("none")
    expect(complaint({ partial: true, kind: "refund" }, transact)).toBe(
      "bad-message transact: partial: does not go with a refund",
    )
    expect(complaint({ partial: false, kind: "refund", code: true }, transact)).toBe("none")
    expect(complaint({ code: true }, transact)).toMatch(/transact: code: does not go with a purchase/)
    expect(complaint({ forced: true }, transact)).toMatch(/transact: forced: does not go/)
    expect(complaint({ pin: block.subarray(1) }, transact)).toMatch(
      /transact: pin: expected 16 bytes, got 15/,
    )
    expect(complaint({ newPin: block }, transact)).toMatch(/transact: newPin: goes with a pinChange alone/)
    const change = { ...transact, kind: "pinChange", amount: 0, newPin: block }
    expect(complaint({}, change)).toBe("none")
    expect(complaint({ original: 1 }, change)).toMatch(/transact: newPin: takes the place of original/)
    expect(complaint({ purchaseFee: [{ fixed: 1 }] })).toMatch(/merchant: feeBasisPoints: says the same/)
    const fee = (rechargeFee: unknown) => complaint({ rechargeFee }, plain)
    expect(
      fee([
        { upTo: 5, fixed: 1 },
        { basisPoints: 100, min: 1, max: 2 },
      ]),
    ).toBe("none")
    expect(fee([{ upTo: 5 }])).toMatch(/merchant: rechargeFee.0.upTo: the last tier/)
    expect(fee([{ fixed: 1 }, {}])).toMatch(/merchant: rechargeFee.0.upTo: only the last/)
    expect(fee([{ upTo: 5 }, { upTo: 5 }, {}])).toMatch(/merchant: rechargeFee.1.upTo: must be greater/)
    expect(fee([{ min: 2, max: 1 }])).toMatch(/merchant: rechargeFee.0.max: must not be less/)
    expect(fee([])).toMatch(/merchant: rechargeFee: /)
    expect(fee(Array(9).fill({}))).toMatch(/merchant: rechargeFee: /)
  })

  it("say what is wrong with a card's or terminal's command", () => {
    const float = { type: "float", merchant: 1, amount: -5, reference: 1 }
    expect(complaint({}, float)).toBe("none")
    expect(complaint({ amount: 0 }, float)).toMatch(/float: amount: must not be 0/)
    const life = { type: "lifecycle", card: 1, action: "lock", reason: "asked for" }
    expect(complaint({}, life)).toBe("none")
    expect(complaint({ reason: "" }, life)).toMatch(/lifecycle: reason: /)
    expect(complaint({ reason: "x".repeat(81) }, life)).toMatch(/lifecycle: reason: .*80/)
    expect(complaint({ action: "lose" }, life)).toMatch(/lifecycle: action: Expected "activate"/)
    const issue = { type: "issue", product: 1, serial: 0, count: 1_001 }
    expect(complaint({}, issue)).toMatch(/issue: count: .*1000/)
    const product = { type: "product", number: 1, name: "a", currency: 978, bin: "600000" }
    expect(complaint({}, product)).toBe("none")
    expect(complaint({ bin: "60" }, product)).toMatch(/product: bin: /)
    expect(complaint({ categories: [[5, 4]] }, product)).toMatch(/product: categories: a range's end/)
    expect(complaint({ purses: [{ purse: "main" }] }, product)).toMatch(/product: purses.0.purse: /)
    expect(complaint({ pin: { rule: "above", tries: 16 } }, product)).toMatch(/product: pin.tries: .*15/)
    const terminal = { type: "terminal", number: 1 }
    expect(complaint({ kinds: ["sale"] }, terminal)).toMatch(/terminal: kinds.0: Expected "balance"/)
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`p${i}`, ""]))
    expect(complaint({ parameters: many }, terminal)).toMatch(/terminal: parameters: expected at most 32/)
    expect(complaint({ parameters: { "1x": "" } }, terminal)).toMatch(
      /terminal: parameters.1x: a name matches/,
    )
    expect(complaint({ parameters: { p: 1 } }, terminal)).toMatch(/terminal: parameters.p: /)
    expect(complaint({ checkValue: "12345" }, { type: "check-card", card: 1 })).toMatch(
      /check-card: checkValue: /,
    )
    expect(complaint({ card: 1, count: 51 }, { type: "history" })).toMatch(/history: count: .*50/)
  })

  it("refuse a type that is not known, and none", () => {
    expect(complaint({ type: "mine" })).toBe('unknown-type no request is called "mine"')
    expect(complaint({ type: "toString" })).toMatch(/^unknown-type/)
    expect(complaint({ type: "x".repeat(1_000) }).length).toBeLessThan(100)
    expect(complaint({ type: 5 })).toMatch(/^bad-message type/)
  })

  it("ignore keys of a later version", () => {
    expect(complaint({ colour: "red" })).toBe("none")
  })

  it("take exactly one identity and nonces of the right size", () => {
    const hello = (change: object) =>
      decodeLogon("hello", {
        type: "hello",
        protocol: 1,
        identity: { host: "dev" },
        nonce: new Uint8Array(16),
        ...change,
      })
    expect(Result.isSuccess(hello({}))).toBe(true)
    expect(Result.isSuccess(hello({ identity: { terminal: 1 } }))).toBe(true)
    expect(Result.isFailure(hello({ identity: { host: "dev", terminal: 1 } }))).toBe(true)
    expect(Result.isFailure(hello({ identity: { terminal: 0 } }))).toBe(true)
    expect(Result.isFailure(hello({ identity: {} }))).toBe(true)
    expect(Result.isFailure(hello({ nonce: new Uint8Array(15) }))).toBe(true)
    expect(Result.isFailure(hello({ nonce: new Uint8Array(33) }))).toBe(true)
    expect(Result.isFailure(hello({ type: "logon" }))).toBe(true)
  })

  it("decode each answer, and an error in the place of any", () => {
    for (const type of requestTypes) {
      const error = { type: "error", code: "busy", message: "later" }
      expect(decodeResponse(type, error)).toEqual(Result.succeed(error))
      expect(Result.isFailure(decodeResponse(type, { type: "hello" }))).toBe(true)
    }
    expect(decodeResponse("cards", { type: "cards.ok", created: 5, existing: 0 })).toEqual(
      Result.succeed({ type: "cards.ok", created: 5, existing: 0 }),
    )
    const accounts = { type: "accounts.ok", accounts: { purses: -5, other: 5n }, sum: 0 }
    expect(decodeResponse("accounts", accounts)).toEqual(
      Result.succeed({ type: "accounts.ok", accounts: { purses: -5n, other: 5n }, sum: 0n }),
    )
    expect(Result.isSuccess(decodeError({ type: "error", code: "from-later", message: "" }))).toBe(true)
    expect(new Set(errorCodes).size).toBe(errorCodes.length)
  })

  it("answer any map with a request or a problem", () => {
    const type = fc.oneof(fc.constantFrom(...requestTypes), fc.string())
    fc.assert(
      fc.property(type, fc.object({ withBigInt: true, withNullPrototype: true }), (name, fields) => {
        const result = decodeRequest({ ...fields, type: name })
        if (Result.isFailure(result)) expect(["bad-message", "unknown-type"]).toContain(result.failure.code)
      }),
      { numRuns: 300 },
    )
  })
})
