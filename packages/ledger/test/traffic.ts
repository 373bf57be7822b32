// Random traffic for the properties: few terminals, cards and references, so that all that can meet does.
import { Kind } from "@millrace/protocol"
import fc from "fast-check"
import type { Command } from "../src/index.ts"
import { type Request, request } from "./scenario.ts"

export type Step =
  | { readonly do: "request"; readonly request: Request }
  /** Sends an earlier request again, `back` requests ago, perhaps changed. */
  | { readonly do: "repeat"; readonly back: number; readonly change: Partial<Request> }
  | { readonly do: "control"; readonly command: Command }

/** Terminal 3 exists for nobody, cards 7 and 8 are never issued. */
const terminal = fc.constantFrom(1, 1, 2, 11, 3)
const card = fc.constantFrom(1n, 1n, 2n, 3n, 4n, 5n, 6n, 7n)
const kind = fc.constantFrom(
  Kind.balance,
  Kind.purchase,
  Kind.purchase,
  Kind.purchase,
  Kind.refund,
  Kind.refund,
  Kind.recharge,
  Kind.reversal,
  Kind.reversal,
)
const amount = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 400 }) },
  { weight: 4, arbitrary: fc.constantFrom(50, 100) },
  { weight: 1, arbitrary: fc.constantFrom(0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1, 2 ** 52) },
)

/** References go up with the steps, by a little disorder, so that some are forgotten and some come again. */
const requestStep = (position: number): fc.Arbitrary<Step> =>
  fc
    .record({
      kind,
      terminal,
      card,
      amount,
      reference: fc.integer({ min: -4, max: 2 }),
      original: fc.integer({ min: -24, max: 3 }),
      currency: fc.constantFrom(203, 203, 203, 203, 203, 203, 978),
      flags: fc.constantFrom(0, 0, 0, 0, 1, 2),
      counterparty: fc.constantFrom(0n, 0n, 0n, 2n ** 63n + 5n),
      oddKind: fc.constantFrom(...new Array(30).fill(0), 6, 0x7f, 0x80, 0xf2, 256),
    })
    .map(({ oddKind, ...r }) => {
      const base = BigInt(position) + 30n
      const kindByte = oddKind === 0 ? r.kind : oddKind & 0xff
      const zero = kindByte === Kind.balance || (kindByte === Kind.reversal && r.amount % 3 !== 0)
      return {
        do: "request",
        request: request({
          ...r,
          kind: kindByte,
          amount: zero ? 0 : r.amount,
          reference: base + BigInt(r.reference),
          original: r.kind === Kind.refund || r.kind === Kind.reversal ? base + BigInt(r.original) : 0n,
        }),
      }
    })

/** A refund or reversal of what was really sent: otherwise few would find their original. */
const followUp: fc.Arbitrary<Step> = fc
  .record({
    back: fc.integer({ min: 1, max: 12 }),
    kind: fc.constantFrom(Kind.refund, Kind.reversal, Kind.reversal),
    amount: fc.constantFrom(0, 0, 20, 50, 100, 400),
  })
  .map(({ back, kind, amount }) => ({ do: "repeat", back, change: { kind, amount, original: -1n } }))

const repeat: fc.Arbitrary<Step> = fc
  .record({
    back: fc.integer({ min: 1, max: 30 }),
    change: fc.constantFrom<Partial<Request>>(
      {},
      { flags: 1 },
      { amount: 33 },
      { card: 2n },
      { counterparty: 9n },
      { original: 12n },
    ),
  })
  .map((some) => ({ do: "repeat", ...some }))

/** A recharge that takes the purse, or the account of all purses, past the limit unless there is nothing in it. */
const brimming = (position: number): fc.Arbitrary<Step> =>
  fc.constantFrom(1n, 2n, 3n).map((card) => ({
    do: "request",
    request: request({
      kind: Kind.recharge,
      card,
      amount: Number.MAX_SAFE_INTEGER,
      reference: BigInt(position) + 30n + 3n,
    }),
  }))

const by = "host:test"
const control: fc.Arbitrary<Step> = fc
  .oneof(
    fc.record({
      type: fc.constant("merchant" as const),
      by: fc.constant(by),
      number: fc.constantFrom(1, 2, 3),
      name: fc.constantFrom("Bakery", "Kiosk"),
      currency: fc.constantFrom(203, 203, 203, 978),
      feeBasisPoints: fc.constantFrom(0, 150, 151, 333, 10_000),
    }),
    fc.record({
      type: fc.constant("terminals" as const),
      by: fc.constant(by),
      first: fc.constantFrom(1, 11, 21),
      count: fc.constantFrom(1, 2),
      merchant: fc.constantFrom(1, 2, 3, 9),
    }),
    fc.record({
      type: fc.constant("cards" as const),
      by: fc.constant(by),
      first: fc.constantFrom(1n, 3n, 5n),
      count: fc.constantFrom(1, 2),
      currency: fc.constantFrom(203, 203, 978),
      openingBalance: fc.constantFrom(0, 500, 10_000, Number.MAX_SAFE_INTEGER),
    }),
  )
  .map((command) => ({ do: "control", command }))

const stepAt = (position: number): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 10, arbitrary: requestStep(position) },
    { weight: 8, arbitrary: followUp },
    { weight: 4, arbitrary: repeat },
    { weight: 1, arbitrary: control },
    { weight: 1, arbitrary: brimming(position) },
  )

const STEPS_MAX = 90
const positions = Array.from({ length: STEPS_MAX }, (_, position) => stepAt(position))

export const traffic: fc.Arbitrary<ReadonlyArray<Step>> = fc
  .tuple(fc.tuple(...positions), fc.integer({ min: 1, max: STEPS_MAX }))
  .map(([steps, count]) => steps.slice(0, count))

/** The request or command of a step, given the requests so far. */
export const resolve = (step: Step, sent: ReadonlyArray<Request>, position: number): Request | Command => {
  if (step.do === "request") return step.request
  if (step.do === "control") return step.command
  const earlier = sent[Math.max(0, sent.length - step.back)] ?? request({ reference: BigInt(position) + 30n })
  if (step.change.original !== -1n) return { ...earlier, ...step.change }
  // A new request about the earlier one.
  return {
    ...earlier,
    ...step.change,
    flags: 0,
    counterparty: 0n,
    reference: BigInt(position) + 30n + 5n,
    original: earlier.reference,
  }
}

export const isCommand = (value: Request | Command): value is Command => "type" in value
