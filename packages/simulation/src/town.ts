/** The little world that simulated traffic happens in: few cards, so that all that can meet does. */
import { type Command, cardNumberOf } from "@millrace/ledger"

export const currency = 978
export const by = "simulation"

export const adminHost = "admin"
export const acquirerHost = "acquirer"

export const firstTerminal = 1_001
/** Those of the acquirer's host. */
export const firstHostTerminal = 2_001
export const hostTerminals = 3

export const pin = "4711"
export const wrongPin = "1234"
const issued = 4
const gifts = 2
const serials = (count: number) => Array.from({ length: count }, (_, serial) => serial)
export const everydayCards = serials(issued).map((serial) => cardNumberOf("4001", 13, serial))
export const giftCards = serials(gifts).map((serial) => cardNumberOf("4002", 13, serial))
export const openCards = [7_001n, 7_002n, 7_003n] as const

const bothMerchants: ReadonlyArray<Extract<Command, { type: "merchant" }>> = [
  {
    type: "merchant",
    by,
    number: 1,
    name: "Bakery",
    currency,
    feeBasisPoints: 150,
    rechargeFee: [{ fixed: 2 }],
    commission: [{ basisPoints: 200, max: 9 }],
    mcc: 5_812,
    floatLimit: 100_000,
  },
  { type: "merchant", by, number: 2, name: "Kiosk", currency, mcc: 5_411, floatLimit: 3_000 },
]

export const everyday: Extract<Command, { type: "product" }> = {
  type: "product",
  by,
  number: 1,
  name: "Everyday",
  currency,
  bin: "4001",
  digits: 13,
  named: true,
  pin: { rule: "above", freeMax: 300 },
  limits: { transactionMax: 600, dayAmountMax: 2_500, dayCountMax: 12 },
  recharge: { min: 10, max: 800, balanceMax: 5_000 },
  transfers: { fee: [{ fixed: 1 }] },
  deposit: 20,
  hold: { hours: 1, toleranceBasisPoints: 1_500 },
  purses: [{ purse: "bonus" }, { purse: "points" }],
  order: ["bonus", "points", "main"],
  bonus: { basisPoints: 1_000, min: 50, max: 40 },
}

const gift: Extract<Command, { type: "product" }> = {
  type: "product",
  by,
  number: 2,
  name: "Gift",
  currency,
  bin: "4002",
  digits: 13,
  singleUse: "empty",
  hold: { hours: 1, toleranceBasisPoints: 0 },
  transfers: { allowed: false },
}

/** All that there is before the first client comes. */
export const provisioning = (terminals: number): ReadonlyArray<Command> => [
  ...bothMerchants,
  { type: "float", by, merchant: 1, amount: 5_000, reference: 1n },
  { type: "terminals", by, first: firstTerminal, count: terminals, merchant: 1 },
  { type: "terminals", by, first: firstHostTerminal, count: hostTerminals, merchant: 2 },
  {
    type: "host",
    by,
    id: adminHost,
    terminals: [],
    permissions: ["provision", "operate", "inspect", "administer"],
  },
  {
    type: "host",
    by,
    id: acquirerHost,
    terminals: [[firstHostTerminal, firstHostTerminal + hostTerminals - 1]],
    permissions: ["transact"],
  },
  everyday,
  gift,
  { type: "cards", by, first: openCards[0], count: openCards.length, currency, openingBalance: 2_000 },
  { type: "issue", by, product: 1, serial: 0, count: issued, nonce: 7, active: true },
  { type: "issue", by, product: 2, serial: 0, count: gifts, nonce: 9, active: true },
  ...everydayCards.flatMap((card) => [
    { type: "fund", by, card, purse: "main", amount: 1_500, reference: 1n } as const,
    { type: "fund", by, card, purse: "points", amount: 90, reference: 2n } as const,
  ]),
  ...giftCards.map(
    (card) => ({ type: "fund", by, card, purse: "main", amount: 400, reference: 1n }) as const,
  ),
]

/** Every card that traffic names; the last was never made. */
export const cards: ReadonlyArray<bigint> = [...everydayCards, ...giftCards, ...openCards, 99n]
