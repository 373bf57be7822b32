// The little scheme of the directories in test/data/formats: products, merchants, terminals and cards of every sort.
import { type Command, cardNumberOf } from "@millrace/ledger"

const by = "host:formats"
export const CURRENCY = 978
export const TERMINALS = [1, 2, 3] as const
export const PIN = 0x1122_3344_5566_7788n
export const CODE = 0x0102_0304_0506_0708n
/** A Thursday near the end of a month, so that a few days later months end, bonus and fees fall due. */
export const START_MS = Date.UTC(2026, 0, 29, 9, 0)

const BIN = { everyday: "597001", saver: "597002" } as const
const issued = (bin: string, count: number): ReadonlyArray<bigint> =>
  Array.from({ length: count }, (_, serial) => cardNumberOf(bin, 16, serial))

export const open: ReadonlyArray<bigint> = Array.from(
  { length: 8 },
  (_, n) => 6_100_000_000_000_000n + BigInt(n),
)
export const everyday = issued(BIN.everyday, 4)
/** The one that is lost and replaced. */
const lost = everyday[3]
/** Those that are used. */
export const used = everyday.slice(0, 3)
export const savers = issued(BIN.saver, 3)
/** With the one that replaces the lost one. */
export const cards: ReadonlyArray<bigint> = [
  ...open,
  ...everyday,
  ...savers,
  cardNumberOf(BIN.everyday, 16, everyday.length),
]

const product = { by, type: "product", currency: CURRENCY, named: true } as const
const fund = (
  card: bigint,
  purse: "main" | "bonus" | "category1" | "points",
  amount: number,
  reference: bigint,
) => ({ type: "fund", by, card, purse, amount, reference }) as const

export const provisioning: ReadonlyArray<Command> = [
  { type: "calendar", by, utcOffsetMinutes: 60 },
  {
    type: "merchant",
    by,
    number: 1,
    name: "Mill Lane Bakery",
    currency: CURRENCY,
    purchaseFee: [
      { upTo: 500, fixed: 5 },
      { basisPoints: 80, max: 100 },
    ],
    commission: [{ basisPoints: 200 }],
    mcc: 5_462,
    floatLimit: 10_000_000,
    codeAbove: 1_000,
  },
  { type: "merchant", by, number: 2, name: "River Petrol", currency: CURRENCY, mcc: 5_541, floatLimit: 0 },
  { type: "float", by, merchant: 2, amount: 30_000, reference: 1n },
  { type: "code", by, merchant: 1, verifier: CODE },
  { type: "terminals", by, first: 1, count: 2, merchant: 1 },
  { type: "terminals", by, first: 3, count: 1, merchant: 2 },
  { type: "terminal", by, number: 2, parameters: { footer: "Thank you" }, message: "keep the card" },
  {
    ...product,
    number: 1,
    name: "Everyday",
    bin: BIN.everyday,
    validMonths: 24,
    pin: { rule: "above", freeMax: 2_500 },
    limits: { transactionMax: 20_000, dayAmountMax: 60_000, dayCountMax: 400 },
    recharge: { min: 100, balanceMax: 500_000 },
    transfers: {
      fee: [
        { upTo: 1_000, fixed: 2 },
        { basisPoints: 50, max: 20 },
      ],
    },
    deposit: 300,
    replacementFee: 150,
    hold: { hours: 48, toleranceBasisPoints: 1_500 },
    credit: 500,
    purses: [
      { purse: "bonus", validDays: 3 },
      { purse: "category1", categories: [[5_400, 5_499]] },
      { purse: "points" },
    ],
    bonus: { basisPoints: 1_000, max: 400 },
  },
  {
    ...product,
    number: 2,
    name: "Saver",
    bin: BIN.saver,
    validMonths: 3,
    purses: [{ purse: "bonus" }],
    bonus: { basisPoints: 500, monthly: true },
    dormant: { afterMonths: 1, fee: 35 },
  },
  { type: "cards", by, first: open[0], count: open.length, currency: CURRENCY, openingBalance: 100_000 },
  {
    type: "issue",
    by,
    product: 1,
    serial: 0,
    count: everyday.length,
    nonce: 71,
    active: true,
    holder: "A. Holder",
  },
  { type: "issue", by, product: 2, serial: 0, count: savers.length, nonce: 72, active: true },
  ...everyday.flatMap((card) => [
    fund(card, "main", 80_000, 1n),
    { type: "pin", by, card, verifier: PIN } as const,
  ]),
  fund(everyday[0], "bonus", 900, 2n),
  fund(everyday[0], "category1", 700, 3n),
  fund(everyday[1], "bonus", 500, 2n),
  fund(everyday[1], "points", 55, 3n),
  ...savers.map((card) => fund(card, "main", 20_000, 1n)),
  { type: "host", by, id: "acquirer", terminals: [[1, 3]], permissions: ["transact"] },
]

/** What happens to the scheme between the rounds of traffic, by round. */
export const later: ReadonlyMap<number, ReadonlyArray<Command>> = new Map([
  [2, [{ type: "lifecycle", by, card: open[7], action: "lock", reason: "forgotten in the shop" }]],
  [3, [{ type: "lifecycle", by, card: lost, action: "lost", reason: "told by its holder" }]],
  [
    4,
    [
      { type: "lifecycle", by, card: lost, action: "replace", reason: "a new one" },
      { type: "lifecycle", by, card: open[7], action: "unlock", reason: "found" },
      { type: "host", by, id: "acquirer", terminals: [[1, 3]], permissions: ["transact"], rotateKey: true },
    ],
  ],
  [5, [{ type: "lifecycle", by, card: open[6], action: "blacklist", reason: "fraud" }]],
  [7, [{ type: "terminal", by, number: 3, amountMax: 9_000 }]],
])
