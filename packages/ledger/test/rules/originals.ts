// The rules about originals: what a refund, reversal, void, completion or cancellation may not be about.
import { Kind, type KindName } from "@millrace/protocol"
import type { Request } from "../scenario.ts"
import type { Scenario } from "./scenarios.ts"
import { AMOUNT, BALANCE, BETWEEN, LATER, ORIGINAL, type Setting, Stage } from "./stage.ts"

const about =
  (
    setting: Setting,
    change: Partial<Request> | ((stage: Stage) => Partial<Request>),
    before: (stage: Stage, kind: KindName) => void = () => {},
  ): Scenario =>
  (kind) => {
    const stage = new Stage(setting)
    const request = stage.prepare(kind)
    before(stage, kind)
    return [{ stage, request: { ...request, ...(typeof change === "function" ? change(stage) : change) } }]
  }

/** What the kind would be about, if it had been approved. */
const originalKind = (kind: KindName): number =>
  kind === "completion" || kind === "cancellation" ? Kind.preauthorisation : Kind.purchase

/** An original of a kind that each can't follow. */
const strangers: { readonly [kind in KindName]?: number } = {
  refund: Kind.recharge,
  reversal: Kind.reversal,
  completion: Kind.purchase,
  cancellation: Kind.purchase,
  void: Kind.balance,
}

/** The hold that was prepared, completed; then about the hold again. */
const completed: Scenario = (kind) => {
  const stage = new Stage()
  stage.approved(stage.request(Kind.preauthorisation, { reference: ORIGINAL }))
  stage.approved(stage.request(Kind.completion, { reference: BETWEEN, original: ORIGINAL }))
  return [{ stage, request: stage.request(Kind[kind], { reference: LATER, original: ORIGINAL }) }]
}

export const originalScenarios: { readonly [rule: string]: Scenario } = {
  originalItself: about({}, { original: LATER }),
  originalUnknown: about({}, { original: 999n }),
  originalForgotten: about({ transactions: 32 }, { reference: 1_000n }, (stage) => stage.forget()),
  originalBarred: about({}, { original: BETWEEN }, (stage) =>
    stage.approved(stage.request(Kind.reversal, { reference: BETWEEN + 1n, original: BETWEEN })),
  ),
  originalOfAnotherCard: (kind) => [
    ...about({}, (stage) => ({ card: stage.neighbour }))(kind),
    // In another shard.
    ...about({}, (stage) => ({ card: stage.payee }))(kind),
  ],
  originalOfAnotherKind: about({}, { original: BETWEEN }, (stage, kind) =>
    stage.approved(stage.request(strangers[kind] ?? 0, { reference: BETWEEN, original: 500n })),
  ),
  originalDeclined: about({}, { original: BETWEEN }, (stage, kind) =>
    stage.real.send(stage.request(originalKind(kind), { reference: BETWEEN, amount: BALANCE + 1 })),
  ),
  originalReversed: about({}, {}, (stage) =>
    stage.approved(stage.request(Kind.reversal, { reference: BETWEEN, original: ORIGINAL })),
  ),
  originalCompleted: completed,
  originalRefunded: about({}, {}, (stage) =>
    stage.approved(stage.request(Kind.refund, { reference: BETWEEN, original: ORIGINAL, amount: 1 })),
  ),
  notToday: about({}, {}, (stage) => stage.days(1)),
  amountNotTheOriginals: about({}, { amount: AMOUNT - 1 }),
  refundExceeds: (kind) => [
    ...about({}, { amount: AMOUNT + 1 })(kind),
    ...about({}, { amount: AMOUNT - 1 }, (stage) =>
      stage.approved(stage.request(Kind.refund, { reference: BETWEEN, original: ORIGINAL, amount: 2 })),
    )(kind),
  ],
  toleranceExceeded: about(
    { product: { hold: { toleranceBasisPoints: 1_000 } } },
    { amount: AMOUNT + AMOUNT / 10 + 1 },
  ),
}
