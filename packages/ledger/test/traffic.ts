// Random traffic for the properties: steps as plain values, which a run makes requests and commands of.
import { Kind, type LifecycleAction, lifecycleActions } from "@millrace/protocol"
import fc from "fast-check"
import { merchants, products } from "./town.ts"

/** What is sent in the PIN field. */
export type Secret = "none" | "right" | "wrong"

interface Drawn {
  readonly kind: number
  /** Which of the town's terminals; one more is nobody's. */
  readonly terminal: number
  /** Which of the cards that there are by then. */
  readonly card: number
  readonly amount: number
  readonly secret: Secret
  readonly flags: number
}

export type Step =
  | (Drawn & {
      readonly do: "request"
      readonly payee: number
      readonly disorder: number
      readonly foreign: boolean
    })
  /** About one of the requests before that it can be about. */
  | (Drawn & {
      readonly do: "follow"
      readonly back: number
      readonly share: Share
      readonly otherCard: boolean
    })
  /** An earlier request again, perhaps changed. */
  | { readonly do: "repeat"; readonly back: number; readonly change: Change }
  | { readonly do: "close"; readonly terminal: number; readonly off: 0 | 1; readonly forced: boolean }
  | { readonly do: "malformed"; readonly kind: number; readonly flags: number; readonly amount: number }
  | { readonly do: "lifecycle"; readonly card: number; readonly action: Action }
  | {
      readonly do: "fund"
      readonly card: number
      readonly purse: number
      readonly amount: number
      readonly next: number
      /** The purse's last day, from today on; −1: not said. */
      readonly days: number
    }
  | { readonly do: "float"; readonly merchant: number; readonly amount: number; readonly next: number }
  | { readonly do: "secret"; readonly card: number; readonly merchant: number; readonly verifier: number }
  | { readonly do: "scheme"; readonly which: Scheme; readonly pick: number }
  | { readonly do: "issue"; readonly product: number; readonly next: number; readonly active: boolean }
  | { readonly do: "clock"; readonly ms: number }
  | { readonly do: "tick" }

/** Of the original's amount. */
export type Share = "none" | "third" | "half" | "all" | "more" | "some"
export type Change = "nothing" | "repeat" | "amount" | "card" | "original" | "counterparty" | "pin"
export type Action = LifecycleAction
export type Scheme = (typeof schemes)[number]

const schemes = [
  "suspendTerminal",
  "resumeTerminal",
  "terminalKinds",
  "terminalAmount",
  "suspendMerchant",
  "resumeMerchant",
  "merchantTerms",
  "product",
  "cards",
  "terminals",
  "calendar",
  "host",
] as const

const TERMINALS = 7
const CARDS = 20
const oneOf = <T>(...values: ReadonlyArray<T>) => fc.constantFrom(...values)
/** Mostly the first value. */
const mostly = <T>(usual: T, weight: number, ...others: ReadonlyArray<T>) =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: others.length, arbitrary: oneOf(...others) })

const terminal = fc.oneof(
  { weight: 12, arbitrary: oneOf(0, 1, 2) },
  { weight: 3, arbitrary: fc.nat({ max: TERMINALS - 1 }) },
)
/** The cards of the products come behind the open ones; the last places are cards that replaced others. */
const card = fc.oneof(
  { weight: 4, arbitrary: oneOf(0, 1, 6, 7, 8, 16) },
  { weight: 4, arbitrary: fc.nat({ max: CARDS - 1 }) },
)
const amount = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 250 }) },
  { weight: 3, arbitrary: oneOf(10, 50, 100, 250, 300) },
  { weight: 2, arbitrary: fc.integer({ min: 250, max: 2_600 }) },
)
const secret = oneOf<Secret>("none", "none", "right", "right", "right", "wrong")
const repeatFlag = mostly(0, 12, 1)

const request: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("request" as const),
  kind: oneOf<number>(
    Kind.purchase,
    Kind.purchase,
    Kind.purchase,
    Kind.purchase,
    Kind.purchase,
    Kind.preauthorisation,
    Kind.preauthorisation,
    Kind.preauthorisation,
    Kind.recharge,
    Kind.recharge,
    Kind.recharge,
    Kind.transfer,
    Kind.transfer,
    Kind.balance,
    Kind.pinChange,
  ),
  terminal,
  card,
  amount,
  secret,
  flags: fc.tuple(repeatFlag, oneOf(0, 2)).map(([repeat, partial]) => repeat | partial),
  payee: card,
  /** References go up with the steps, by a little disorder, so that some come again and some come too late. */
  disorder: mostly(0, 8, -5, -9, -3, 1, 2),
  foreign: mostly(false, 30, true),
})

const follow: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("follow" as const),
  kind: oneOf<number>(
    Kind.refund,
    Kind.refund,
    Kind.refund,
    Kind.completion,
    Kind.completion,
    Kind.completion,
    Kind.cancellation,
    Kind.cancellation,
    Kind.reversal,
    Kind.reversal,
    Kind.reversal,
    Kind.void,
    Kind.void,
  ),
  back: oneOf(0, 0, 0, 1, 1, 2, 3, 4, 6, 7, 9, 11),
  share: oneOf<Share>("none", "third", "third", "half", "all", "all", "more", "some"),
  otherCard: mostly(false, 14, true),
  terminal,
  card,
  amount,
  secret: oneOf<Secret>("right", "right", "none", "wrong"),
  flags: repeatFlag,
})

const repeat: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("repeat" as const),
  back: fc.nat({ max: 30 }),
  change: oneOf<Change>(
    "nothing",
    "nothing",
    "repeat",
    "repeat",
    "pin",
    "amount",
    "card",
    "original",
    "counterparty",
  ),
})

const close: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("close" as const),
  terminal,
  off: mostly(0 as const, 2, 1 as const),
  forced: mostly(false, 2, true),
})

const malformed: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("malformed" as const),
  kind: oneOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0x7f, 0x80, 0x84, 0xf2),
  flags: oneOf(0, 0, 1, 2, 4, 8, 0x80),
  amount: oneOf(0, 1, Number.MAX_SAFE_INTEGER),
})

const lifecycle: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("lifecycle" as const),
  card,
  // What makes a card good again comes more often: else there would soon be none.
  action: oneOf<Action>(
    ...lifecycleActions,
    "activate",
    "unlock",
    "unlock",
    "release",
    "release",
    "release",
    "replace",
  ),
})

const fund: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("fund" as const),
  card,
  purse: oneOf(0, 0, 1, 1, 2, 2, 3, 8, 4),
  amount: fc.oneof({ weight: 12, arbitrary: amount }, { weight: 1, arbitrary: fc.constant(2 ** 53 - 1) }),
  next: mostly(1, 8, 0, -1),
  days: oneOf(-1, -1, 0, 3, 40),
})

const float: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("float" as const),
  merchant: fc.integer({ min: 1, max: 5 }),
  amount: oneOf(500, 1_000, 3_000, -700, -5_000, 2 ** 53 - 1),
  next: mostly(1, 8, 0, -1),
})

const secretSet: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("secret" as const),
  card: fc.integer({ min: -2, max: CARDS - 1 }),
  merchant: fc.integer({ min: 1, max: 5 }),
  verifier: fc.integer({ min: 1, max: 3 }),
})

const scheme: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("scheme" as const),
  which: oneOf(...schemes, "resumeTerminal" as const, "resumeMerchant" as const),
  pick: fc.nat({ max: merchants.length * products.length - 1 }),
})

const issue: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("issue" as const),
  product: fc.integer({ min: 1, max: 6 }),
  next: mostly(0, 4, -1, 1),
  active: fc.boolean(),
})

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const clock: fc.Arbitrary<Step> = fc
  .oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 600 }).map((minutes) => minutes * MINUTE) },
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 9 }).map((days) => days * DAY) },
    { weight: 2, arbitrary: fc.integer({ min: 20, max: 60 }).map((days) => days * DAY) },
  )
  .map((ms) => ({ do: "clock", ms }))

/** By how often they come. */
export const stepsByWeight: ReadonlyArray<readonly [number, fc.Arbitrary<Step>]> = [
  [40, request],
  [26, follow],
  [8, repeat],
  [3, close],
  [1, malformed],
  [4, lifecycle],
  [5, fund],
  [2, float],
  [2, secretSet],
  [2, scheme],
  [1, issue],
  [3, clock],
  [3, fc.constant<Step>({ do: "tick" })],
]

export const step: fc.Arbitrary<Step> = fc.oneof(
  ...stepsByWeight.map(([weight, arbitrary]) => ({ weight, arbitrary })),
)

export const STEPS_MAX = 100
export const traffic: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(step, {
  minLength: 1,
  maxLength: STEPS_MAX,
  size: "max",
})
