// The little world that random traffic happens in: products of every sort, and few cards, so that all that can meet does.

import type { ProductCommand } from "../src/Command.ts"
import type { Command } from "../src/index.ts"
import { luhnNumber } from "../src/model/numbers.ts"

export const by = "host:test"
export const CURRENCY = 203
export const OTHER_CURRENCY = 978

/** Where time begins: near the end of a month. */
export const START_MS = Date.UTC(2026, 0, 29, 22, 0)

const product = (number: number, name: string, some: Partial<ProductCommand>): ProductCommand => ({
  type: "product",
  by,
  number,
  name,
  currency: CURRENCY,
  bin: `400${number}`,
  digits: 13,
  ...some,
})

/** Each with what it may be changed to. */
export const products: ReadonlyArray<ProductCommand> = [
  product(1, "Everyday", {
    named: true,
    validMonths: 14,
    pin: { rule: "above", freeMax: 300 },
    limits: {
      transactionMax: 600,
      dayAmountMax: 900,
      dayCountMax: 3,
      monthAmountMax: 2_500,
      monthCountMax: 7,
    },
    recharge: { min: 10, max: 800, balanceMax: 2_500 },
    transfers: {
      fee: [
        { upTo: 100, fixed: 1 },
        { basisPoints: 120, min: 2, max: 5 },
      ],
    },
    deposit: 20,
    replacementFee: 15,
    hold: { hours: 48, toleranceBasisPoints: 1_500 },
    credit: 100,
    purses: [
      { purse: "bonus", validDays: 20 },
      { purse: "category1", categories: [[5_800, 5_899]], credit: 10 },
      { purse: "category2", categories: [[5_000, 5_499]] },
      { purse: "points" },
    ],
    bonus: { basisPoints: 1_000, min: 50, max: 40 },
  }),
  product(2, "Gift", {
    named: true,
    singleUse: "once",
    recharge: { allowed: false },
    hold: { hours: 2, toleranceBasisPoints: 500 },
    deposit: 5,
  }),
  product(3, "Voucher", {
    singleUse: "empty",
    limits: { dayCountMax: 2, monthCountMax: 4 },
    categories: [[5_000, 5_899]],
    transfers: { allowed: false },
    purses: [{ purse: "bonus" }, { purse: "points", validDays: 10 }],
    order: ["points", "main", "bonus"],
    bonus: { basisPoints: 2_500 },
  }),
  product(4, "Saver", {
    named: true,
    validMonths: 2,
    pin: { rule: "always", tries: 2 },
    purses: [{ purse: "bonus" }],
    bonus: { basisPoints: 5_000, monthly: true },
    dormant: { afterMonths: 2, fee: 7 },
    deposit: 10,
  }),
  // What Plain decides, with every bound that it knows.
  product(5, "Basic", {
    limits: {
      transactionMax: 300,
      dayAmountMax: 500,
      dayCountMax: 4,
      monthAmountMax: 900,
      monthCountMax: 9,
    },
    recharge: { min: 20, max: 400, balanceMax: 900 },
    credit: 50,
  }),
  // Changed.
  product(5, "Basic", { purses: [{ purse: "bonus" }], bonus: { basisPoints: 1_000 } }),
  product(5, "Basic", { recharge: { allowed: false } }),
  product(5, "Basic", { credit: Number.MAX_SAFE_INTEGER }),
  product(1, "Everyday", {
    named: true,
    recharge: { allowed: false },
    purses: [{ purse: "bonus" }],
    credit: 0,
  }),
  product(4, "Saver", {
    named: true,
    pin: { rule: "never" },
    categories: [[5_000, 5_499]],
    dormant: { afterMonths: 1, fee: 90 },
  }),
  product(2, "Gift", { named: false }),
  // A bonus that no purse is there for.
  product(3, "Voucher", { singleUse: "once", purses: [{ purse: "points" }], bonus: { basisPoints: 2_500 } }),
]

export const merchants: ReadonlyArray<Extract<Command, { type: "merchant" }>> = [
  {
    type: "merchant",
    by,
    number: 1,
    name: "Bakery",
    currency: CURRENCY,
    feeBasisPoints: 150,
    rechargeFee: [{ fixed: 2 }],
    commission: [
      { upTo: 99, basisPoints: 100 },
      { basisPoints: 200, max: 9 },
    ],
    mcc: 5_812,
    codeAbove: 200,
  },
  { type: "merchant", by, number: 2, name: "Kiosk", currency: CURRENCY, mcc: 5_411, floatLimit: 1_000 },
  { type: "merchant", by, number: 3, name: "Airport", currency: CURRENCY, mcc: 4_582, floatLimit: 1_000_000 },
  { type: "merchant", by, number: 4, name: "Embassy", currency: OTHER_CURRENCY, feeBasisPoints: 333 },
]

/** Terminals of each merchant; 3 is nobody's. */
export const terminals = [1, 2, 11, 12, 21, 31] as const

export const OPEN_CARDS = [1n, 2n, 3n, 4n] as const
/** In another currency. */
export const FOREIGN_CARD = 9n
/** Never issued. */
export const NO_CARD = 77n

const issued = (product: number, serials: number): ReadonlyArray<bigint> =>
  Array.from({ length: serials }, (_, serial) => luhnNumber(`400${product}`, 13, serial))

export const issuedCards: ReadonlyArray<bigint> = [
  ...issued(1, 4),
  ...issued(2, 2),
  ...issued(3, 2),
  ...issued(4, 2),
  ...issued(5, 2),
]

export const CODE = 4_242n
export const PIN = 1_234n

const fund = (
  card: bigint,
  purse: "main" | "bonus" | "category1" | "points",
  amount: number,
  reference: bigint,
) => ({ type: "fund", by, card, purse, amount, reference }) as const

const [first, second, third, , gift1, gift2, voucher1, voucher2, saver1, saver2, basic1, basic2] = issuedCards

/** Everything at once, to begin with. */
export const provisioning: ReadonlyArray<Command> = [
  ...merchants,
  { type: "float", by, merchant: 1, amount: 3_000, reference: 1n },
  { type: "code", by, merchant: 1, verifier: CODE },
  { type: "terminals", by, first: 1, count: 2, merchant: 1 },
  { type: "terminals", by, first: 11, count: 2, merchant: 2 },
  { type: "terminals", by, first: 21, count: 1, merchant: 3 },
  { type: "terminals", by, first: 31, count: 1, merchant: 4 },
  ...products.slice(0, 5),
  { type: "cards", by, first: 1n, count: 4, currency: CURRENCY, openingBalance: 1_000 },
  { type: "cards", by, first: FOREIGN_CARD, count: 1, currency: OTHER_CURRENCY, openingBalance: 1_000 },
  { type: "issue", by, product: 1, serial: 0, count: 3, nonce: 7, active: true },
  { type: "issue", by, product: 1, serial: 3, count: 1, nonce: 8 },
  { type: "issue", by, product: 2, serial: 0, count: 2, nonce: 9, active: true },
  { type: "issue", by, product: 3, serial: 0, count: 2, nonce: 9, active: true },
  { type: "issue", by, product: 4, serial: 0, count: 2, nonce: 9, active: true },
  { type: "issue", by, product: 5, serial: 0, count: 2, nonce: 9, active: true },
  fund(first, "main", 700, 1n),
  fund(first, "bonus", 60, 2n),
  fund(first, "category1", 50, 3n),
  fund(first, "points", 33, 4n),
  fund(second, "main", 400, 1n),
  fund(second, "bonus", 40, 2n),
  fund(second, "category1", 30, 3n),
  fund(third, "category1", 100, 1n),
  fund(third, "bonus", 100, 2n),
  fund(third, "main", 100, 3n),
  fund(gift1, "main", 250, 1n),
  fund(gift2, "main", 250, 1n),
  fund(voucher1, "main", 100, 1n),
  fund(voucher1, "points", 80, 2n),
  fund(voucher2, "main", 300, 1n),
  fund(saver1, "main", 500, 1n),
  fund(saver2, "main", 5, 1n),
  fund(basic1, "main", 400, 1n),
  fund(basic2, "main", 100, 1n),
  { type: "pin", by, card: first, verifier: PIN },
  { type: "pin", by, card: second, verifier: PIN },
  { type: "pin", by, card: saver1, verifier: PIN },
  { type: "pin", by, card: 1n, verifier: PIN },
]
