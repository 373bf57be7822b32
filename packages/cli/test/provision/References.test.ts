import { Result } from "effect"
import { expect, it } from "vitest"
import { parseScheme } from "../../src/provision/SchemeFile.ts"

const errors = (text: string): ReadonlyArray<string> => {
  const result = parseScheme(text, "s.yaml")
  return Result.isFailure(result) ? result.failure : []
}

const product = "number: 1, name: P, currency: 978"

it.each([
  [
    "merchants: [{ number: 1, name: A, currency: 978 }, { number: 1, name: B, currency: 978 }]",
    "s.yaml:1:62: merchants[1].number: is that of merchants[0], too",
  ],
  [
    `products: [{ ${product}, bin: 5970 }, { number: 2, name: Q, currency: 978, bin: 597012 }]`,
    "products[1].bin: takes numbers of products[0], which begin with 5970",
  ],
  [
    "terminals: [{ first: 10, count: 100, merchant: 1 }, { first: 200, merchant: 1 }, { first: 50, count: 9, merchant: 2 }]",
    "terminals[2].first: terminals of this entry are in terminals[0] already",
  ],
  [
    "terminals: [{ first: 4294967290, count: 7, merchant: 1 }]",
    "terminals[0].count: the last of these terminals would be beyond 4294967295",
  ],
  [
    "cards: [{ first: 500, currency: 978 }, { first: 1, count: 500, currency: 978 }]",
    "cards[1].first: cards of this entry are in cards[0] already",
  ],
  [
    `products: [{ ${product}, bin: 597001 }]\ncards: [{ first: 5, currency: 963, product: 1 }]`,
    "s.yaml:2:31: cards[0].currency: product 1 is kept in currency 978",
  ],
  [
    "cards: [{ product: 1, count: 1, out: a.csv }, { product: 1, count: 1, out: a.csv }]",
    "cards[1].out: is the file of cards[0]: each entry needs its own",
  ],
  [
    `products: [{ ${product}, bin: 597001 }]\nfunds: [{ product: 1, purse: bonus, amount: 5, reference: 1 }]`,
    "funds[0].purse: product 1 has no purse bonus",
  ],
  [
    "funds: [{ product: 1, count: 5, amount: 5, reference: 9 }, { product: 1, serial: 4, amount: 5, reference: 8 }]",
    "funds[1].reference: must be greater than 9, that of funds[0], which pays into the same cards before",
  ],
])("a contradiction between entries has its place: %s", (text, message) => {
  expect(errors(text)).toEqual([expect.stringContaining(message)])
})

it("what only looks like one is none", () => {
  expect(
    errors(
      `products: [{ ${product}, bin: 5970 }, { number: 2, name: Q, currency: 978, bin: 597012, digits: 17 }]\n` +
        "terminals: [{ first: 20, count: 10, merchant: 1 }, { first: 10, count: 10, merchant: 1 }]\n" +
        "funds: [{ product: 1, count: 5, amount: 5, reference: 9 }, { product: 1, serial: 5, amount: 5, reference: 9 }]",
    ),
  ).toEqual([])
})

it.each([
  [
    "amount: 10000.00",
    "s.yaml:1:31: funds[0].amount: expected minor units: a whole number without a decimal point, found 10000.00",
  ],
  [
    "amount: 12.5",
    "funds[0].amount: expected minor units: a whole number without a decimal point, found 12.5",
  ],
  ["amount: 1e3", "funds[0].amount: expected minor units: a whole number without a decimal point, found 1e3"],
  ["amount: 5, count: 1.0", "funds[0].count: expected a whole number without a decimal point, found 1.0"],
])("a decimal point in a place for whole numbers is refused: %s", (given, message) => {
  expect(errors(`funds: [{ product: 1, ${given}, reference: 1 }]`)).toEqual([
    expect.stringContaining(message),
  ])
})

it.each([
  [
    "recharge: { min: 500, max: 100 }",
    "recharge.max: must not be less than min, which is 500: nothing could be recharged",
  ],
  ["pin: { rule: above }", "pin.rule: needs freeMax, the greatest amount that goes without a PIN"],
  ["hold: { hours: 8761 }", "hold.hours: expected a whole number from 1 to 8760, found 8761"],
  ["transfers: { fee: { fixed: 1, min: 5, max: 3 } }", "max: must not be less than min, which is 5"],
])("a rule of a product that can't hold is refused: %s", (rule, message) => {
  expect(errors(`products: [{ ${product}, bin: 597001, ${rule} }]`)).toEqual([
    expect.stringContaining(message),
  ])
})

it("a message or a parameter is as long as the wire takes it", () => {
  const of = (length: number, parameter: number) =>
    errors(
      `terminals: [{ first: 1, merchant: 1, message: ${"m".repeat(length)}, parameters: { a: ${"p".repeat(parameter)} } }]`,
    )
  expect(of(64, 128)).toEqual([])
  expect(of(65, 129)).toEqual([
    expect.stringContaining("parameters.a: expected a text of 0 to 128 characters"),
    expect.stringContaining("message: expected a text of 1 to 64 characters"),
  ])
})
