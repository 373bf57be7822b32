// Every table of the scheme has an end, and says so; what is there already goes on.
import { expect, it } from "vitest"
import { type Command, Ledger } from "../src/index.ts"
import { HOSTS_MAX, PRODUCTS_MAX, TERMINALS_MAX, TERMINALS_PER_COMMAND_MAX } from "../src/limits.ts"
import { product } from "./provision/world.ts"

const by = "host:test"
const ledger = new Ledger({ shards: 1, transactions: 2 ** 10 })
let time = Date.UTC(2026, 0, 1)
const control = (command: Command) => ledger.control(++time, command)
const done = (command: Command) => {
  const result = control(command)
  if (!result.ok) throw new Error(result.message)
}

const merchant = (number: number): Command => ({
  type: "merchant",
  by,
  number,
  name: "Shop",
  currency: 978,
  feeBasisPoints: 80,
  floatLimit: 0,
})
const host = (n: number): Command => ({
  type: "host",
  by,
  id: `host-${n}`,
  permissions: ["transact"],
  terminals: [],
})
const terminals = (first: number, count: number): Command => ({
  type: "terminals",
  by,
  first,
  count,
  merchant: 1,
})

it("hosts, products and terminals are refused beyond their number, and those before stay", () => {
  done(merchant(1))
  for (let n = 0; n < HOSTS_MAX; n++) done(host(n))
  expect(control(host(HOSTS_MAX))).toMatchObject({ ok: false, code: "full" })
  done(host(7))
  // One of them is there from the beginning: that of cards by their numbers.
  for (let n = 1; n < PRODUCTS_MAX; n++) done(product({ number: n, bin: String(100_000 + n), currency: 978 }))
  expect(control(product({ number: PRODUCTS_MAX + 1, bin: "999999", currency: 978 }))).toMatchObject({
    code: "full",
  })
  for (let first = 1; first < TERMINALS_MAX; first += TERMINALS_PER_COMMAND_MAX) {
    done(terminals(first, TERMINALS_PER_COMMAND_MAX))
  }
  expect(control(terminals(TERMINALS_MAX + 1, 1))).toMatchObject({ code: "full" })
  done(terminals(1, TERMINALS_PER_COMMAND_MAX))
})
