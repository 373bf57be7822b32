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
  type Request,
  requestTypes,
} from "../src/messages.ts"
import { amount, u64 } from "./arbitraries.ts"

const currency = fc.integer({ min: 1, max: 999 })
const terminal = fc.integer({ min: 1, max: 100_000 })
const requests: { readonly [type in Request["type"]]: fc.Arbitrary<Request> } = {
  echo: fc.record({ type: fc.constant("echo" as const), data: fc.constantFrom(1, "a", null, 2 ** 40) }),
  transact: fc.record(
    {
      type: fc.constant("transact" as const),
      kind: fc.constantFrom("balance" as const, "purchase" as const, "reversal" as const),
      reference: u64,
      card: u64,
      amount,
      currency,
      terminal,
      original: u64,
      counterparty: u64,
      repeat: fc.boolean(),
    },
    { requiredKeys: ["type", "kind", "reference", "card", "amount", "currency", "terminal"] },
  ),
  merchant: fc.record({
    type: fc.constant("merchant" as const),
    number: terminal,
    name: fc.string({ minLength: 1, maxLength: 64 }),
    currency,
    feeBasisPoints: fc.integer({ min: 0, max: 10_000 }),
  }),
  terminals: fc.record({
    type: fc.constant("terminals" as const),
    first: terminal,
    count: fc.integer({ min: 1, max: 8_192 }),
    merchant: terminal,
  }),
  cards: fc.record({
    type: fc.constant("cards" as const),
    first: fc.bigInt({ min: 1n, max: 2n ** 64n - 8_192n }),
    count: fc.integer({ min: 1, max: 8_192 }),
    currency,
    openingBalance: amount,
  }),
  host: fc.record({
    type: fc.constant("host" as const),
    id: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
    terminals: fc.array(
      fc.tuple(terminal, terminal).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
      { maxLength: 5 },
    ),
    permissions: fc.subarray(["transact", "provision", "inspect", "administer"] as const),
  }),
  card: fc.record({ type: fc.constant("card" as const), card: u64 }),
  accounts: fc.record({ type: fc.constant("accounts" as const) }),
}

/** The complaint about a request that differs from a good one in some fields. */
const complaint = (change: object, base: object = merchant) => {
  const result = decodeRequest({ ...base, ...change })
  return Result.isFailure(result) ? `${result.failure.code} ${result.failure.message}` : "none"
}
const merchant = { type: "merchant", number: 1, name: "a", currency: 978, feeBasisPoints: 0 }
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
      { numRuns: 300 },
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
