// A request of every type, at random: what the tests of messages send.
import fc from "fast-check"
import { flagsOf, Kind, kindNames, purseNames, RecordFlag } from "../src/index.ts"
import { LifecycleAction, type Request } from "../src/messages.ts"
import { amount, u64 } from "./arbitraries.ts"

const currency = fc.integer({ min: 1, max: 999 })
const number = fc.integer({ min: 1, max: 100_000 })
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const card = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })
const name = fc.string({ minLength: 1, maxLength: 64 })
const reason = fc.string({ minLength: 1, maxLength: 80 })
const basisPoints = fc.integer({ min: 0, max: 10_000 })
const block = fc.uint8Array({ minLength: 16, maxLength: 16 })
const status = fc.constantFrom("active" as const, "suspended" as const)
const purse = fc.constantFrom(...purseNames)
const checkValue = fc.stringMatching(/^[0-9]{6}$/)
const range = (max: number) =>
  fc
    .tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
const categories = fc.array(range(9_999), { maxLength: 4 })

const type = <const T extends string>(value: T): fc.Arbitrary<T> => fc.constant(value)
/** All of these fields, and any of those. */
const record = <R extends object, O extends object>(
  required: { [key in keyof R]: fc.Arbitrary<R[key]> },
  optional: { [key in keyof O]: fc.Arbitrary<O[key]> },
): fc.Arbitrary<R & Partial<O>> =>
  fc
    .tuple(fc.record(required), fc.record(optional, { requiredKeys: [] }))
    .map(([all, any]) => ({ ...all, ...any }) as R & Partial<O>) // the two halves of the same type

const tiers = fc
  .tuple(
    fc.uniqueArray(positive, { maxLength: 7 }),
    fc.record({ fixed: amount, basisPoints, min: fc.constant(0), max: amount }, { requiredKeys: [] }),
  )
  .map(([ends, tier]) => [...ends.sort((a, b) => a - b).map((upTo) => ({ ...tier, upTo })), tier])

const transact = fc
  .record(
    {
      kind: fc.constantFrom(...kindNames),
      reference: u64,
      card: u64,
      amount,
      currency,
      terminal: number,
      original: u64,
      counterparty: u64,
      repeat: fc.boolean(),
      pin: block,
    },
    { requiredKeys: ["kind", "reference", "card", "amount", "currency", "terminal"] },
  )
  .map((fields) => {
    const bits = flagsOf(Kind[fields.kind])
    return {
      type: "transact" as const,
      ...fields,
      ...((bits & RecordFlag.partial) === 0 ? {} : { partial: true }),
      ...((bits & RecordFlag.code) === 0 ? {} : { code: true }),
      ...((bits & RecordFlag.forced) === 0 ? {} : { forced: true }),
    }
  })

const product = record(
  {
    type: type("product"),
    number: fc.integer({ min: 1, max: 65_535 }),
    name,
    currency,
    bin: fc.stringMatching(/^[1-9][0-9]{3,11}$/),
  },
  {
    digits: fc.integer({ min: 13, max: 19 }),
    named: fc.boolean(),
    singleUse: fc.constantFrom("no" as const, "empty" as const, "once" as const),
    validMonths: fc.integer({ min: 0, max: 120 }),
    pin: record(
      { rule: fc.constantFrom("never" as const, "always" as const, "above" as const) },
      { freeMax: amount, tries: fc.integer({ min: 1, max: 15 }) },
    ),
    limits: record({}, { transactionMax: amount, dayAmountMax: amount, monthCountMax: fc.nat(65_535) }),
    recharge: record({}, { allowed: fc.boolean(), min: amount, max: amount, balanceMax: amount }),
    transfers: record({}, { allowed: fc.boolean(), fee: tiers }),
    deposit: amount,
    replacementFee: amount,
    categories,
    hold: record({}, { hours: fc.integer({ min: 1, max: 8_760 }), toleranceBasisPoints: basisPoints }),
    purses: fc.array(
      record(
        { purse: fc.constantFrom("bonus" as const, "category1" as const, "points" as const) },
        { name, categories, credit: amount, validDays: fc.nat(365) },
      ),
      { maxLength: 3 },
    ),
    credit: amount,
    order: fc.array(purse, { minLength: 1, maxLength: 6 }),
    bonus: record({ basisPoints }, { min: amount, max: amount, monthly: fc.boolean() }),
    dormant: fc.record({ afterMonths: fc.integer({ min: 1, max: 60 }), fee: positive }),
  },
)

export const requests: { readonly [type in Request["type"]]: fc.Arbitrary<Request> } = {
  echo: fc.record({ type: type("echo"), data: fc.constantFrom(1, "a", null, 2 ** 40) }),
  transact,
  merchant: record(
    { type: type("merchant"), number, name, currency },
    {
      purchaseFee: tiers,
      rechargeFee: tiers,
      commission: tiers,
      mcc: fc.integer({ min: 0, max: 9_999 }),
      status,
      floatLimit: amount,
      codeAbove: amount,
      settlement: fc.constantFrom("day" as const, "week" as const, "month" as const),
      alarm: record({}, { floatBelow: amount }),
    },
  ),
  float: fc.record({
    type: type("float"),
    merchant: number,
    amount: fc.oneof(
      positive,
      positive.map((a) => -a),
    ),
    reference: card,
  }),
  code: fc.record({ type: type("code"), merchant: number, code: block }),
  terminals: fc.record({
    type: type("terminals"),
    first: number,
    count: fc.integer({ min: 1, max: 8_192 }),
    merchant: number,
  }),
  terminal: record(
    { type: type("terminal"), number },
    {
      status,
      kinds: fc.uniqueArray(fc.constantFrom(...kindNames)),
      amountMax: amount,
      parameters: fc.dictionary(fc.stringMatching(/^[a-z]{1,20}$/), fc.string({ maxLength: 50 }), {
        maxKeys: 5,
      }),
      message: name,
    },
  ),
  "rotate-key": fc.oneof(
    fc.constant({ type: "rotate-key" as const, host: "acquirer" }),
    fc.constant({ type: "rotate-key" as const, terminal: 1001 }),
  ),
  "rotate-data-key": fc.constant({ type: "rotate-data-key" as const }),
  "iso-keys": fc.constant({ type: "iso-keys" as const, id: "acquirer" }),
  host: fc.record({
    type: type("host"),
    id: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
    terminals: fc.array(range(100_000), { maxLength: 5 }),
    permissions: fc.subarray(["transact", "provision", "inspect", "administer", "operate"] as const),
  }),
  calendar: fc.record({ type: type("calendar"), utcOffsetMinutes: fc.integer({ min: -840, max: 840 }) }),
  product,
  cards: record(
    {
      type: type("cards"),
      first: fc.bigInt({ min: 1n, max: 2n ** 64n - 8_192n }),
      count: fc.integer({ min: 1, max: 8_192 }),
      currency,
      openingBalance: amount,
    },
    { product: fc.integer({ min: 0, max: 65_535 }) },
  ),
  issue: record(
    {
      type: type("issue"),
      product: number.map((n) => 1 + (n % 65_535)),
      serial: amount,
      count: fc.integer({ min: 1, max: 1_000 }),
    },
    { active: fc.boolean(), holder: name },
  ),
  lifecycle: record(
    { type: type("lifecycle"), card, action: fc.constantFrom(...LifecycleAction.literals), reason },
    { holder: name },
  ),
  fund: record(
    { type: type("fund"), card, purse, amount: positive, reference: card },
    { expiresDay: fc.nat(65_535) },
  ),
  pin: fc.record({ type: type("pin"), card, pin: block }),
  "check-card": fc.record({ type: type("check-card"), card, checkValue }),
  card: fc.record({ type: type("card"), card: u64 }),
  history: fc.record({ type: type("history"), card, count: fc.integer({ min: 1, max: 50 }) }),
  query: fc.record({ type: type("query"), terminal: number, reference: u64 }),
  receipt: record({ type: type("receipt"), terminal: number }, { reference: u64 }),
  totals: fc.record({ type: type("totals"), terminal: number }),
  hotlist: record({ type: type("hotlist") }, { since: amount, max: fc.integer({ min: 1, max: 1_000 }) }),
  "terminal-info": fc.record({ type: type("terminal-info"), terminal: number }),
  "merchant-info": fc.record({ type: type("merchant-info"), merchant: number }),
  "product-info": fc.record({ type: type("product-info"), number: fc.integer({ min: 0, max: 65_535 }) }),
  accounts: fc.record({ type: type("accounts") }),
}
