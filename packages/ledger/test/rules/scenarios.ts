// For every rule the ways to break it, and nothing else: each leaves the request that must be answered with the rule's code.
import { Kind, type KindName, kindNames } from "@millrace/protocol"
import type { Request } from "../scenario.ts"
import { originalScenarios } from "./originals.ts"
import {
  AMOUNT,
  BALANCE,
  BETWEEN,
  CODE,
  CODE_FLAG,
  FORCED,
  LATER,
  MAX,
  ORIGINAL,
  PARTIAL,
  PIN,
  type Setting,
  Stage,
  WRONG,
} from "./stage.ts"

export interface Case {
  readonly stage: Stage
  readonly request: Request
}
/** One case, or several ways to break the same rule. */
export type Scenario = (kind: KindName) => ReadonlyArray<Case>

/** A stage in this setting, the request changed, and something done before it is sent. */
export const broken =
  (
    setting: Setting,
    change: Partial<Request> | ((stage: Stage, request: Request) => Partial<Request>) = {},
    before: (stage: Stage, request: Request) => void = () => {},
  ): Scenario =>
  (kind) => {
    const stage = new Stage(setting)
    const request = stage.prepare(kind)
    before(stage, request)
    return [
      { stage, request: { ...request, ...(typeof change === "function" ? change(stage, request) : change) } },
    ]
  }

const both =
  (...scenarios: ReadonlyArray<Scenario>): Scenario =>
  (kind) =>
    scenarios.flatMap((scenario) => scenario(kind))

const pinned = (change: Partial<Request>, wrong = 0): Scenario =>
  broken(
    { hasPin: true, product: { pin: { rule: "always" }, purses: [{ purse: "bonus" }] } },
    change,
    (stage) => {
      for (let i = 0n; i < BigInt(wrong); i++) {
        stage.real.send(stage.request(Kind.balance, { reference: BETWEEN + i, pin: WRONG }))
      }
    },
  )

const coded = (change: Partial<Request>, wrong = 0): Scenario =>
  broken({ hasCode: true, merchant: { codeAbove: AMOUNT - 1 } }, change, (stage, request) => {
    for (let i = 0n; i < BigInt(wrong); i++) {
      stage.real.send({ ...request, reference: BETWEEN + i, flags: CODE_FLAG, pin: WRONG })
    }
  })

/** A purchase of 1 some days before. */
const limited = (limits: NonNullable<Setting["product"]>["limits"], days: number): Scenario =>
  broken(
    { product: { ...(limits === undefined ? {} : { limits }), purses: [{ purse: "bonus" }] } },
    {},
    (stage) => {
      stage.approved(stage.request(Kind.purchase, { reference: BETWEEN, amount: 1 }))
      stage.days(days)
    },
  )

/** Every kind's funds are short in its own way. */
const funds: Scenario = (kind) => {
  switch (kind) {
    case "completion": {
      const stage = new Stage({ product: { hold: { toleranceBasisPoints: 1_000 } } })
      stage.approved(stage.request(Kind.preauthorisation, { reference: ORIGINAL, amount: BALANCE }))
      const request = stage.request(Kind.completion, {
        reference: LATER,
        original: ORIGINAL,
        amount: BALANCE + 1,
      })
      return [{ stage, request }]
    }
    case "reversal":
    case "void": {
      const stage = new Stage()
      stage.approved(stage.request(Kind.recharge, { reference: ORIGINAL }))
      stage.approved(stage.request(Kind.purchase, { reference: BETWEEN, amount: BALANCE + 1 }))
      return [{ stage, request: stage.request(Kind[kind], { reference: LATER, original: ORIGINAL }) }]
    }
    case "transfer":
      return both(
        broken({}, { amount: BALANCE + 1 }),
        // The fee, too, must be there.
        broken({ product: { transfers: { fee: [{ fixed: 1 }] } } }, { amount: BALANCE }),
      )(kind)
    default:
      return broken({}, { amount: BALANCE + 1 })(kind)
  }
}

/** The money was transferred, and spent by whoever got it. */
const payeeFunds: Scenario = (kind) => {
  const stage = new Stage()
  const counterparty = stage.payee
  stage.approved(stage.request(Kind.transfer, { reference: ORIGINAL, counterparty }))
  stage.approved(stage.request(Kind.purchase, { reference: BETWEEN, card: stage.payee, amount: AMOUNT + 1 }))
  return [{ stage, request: stage.request(Kind[kind], { reference: LATER, original: ORIGINAL }) }]
}

/** The shard's cards have as much as there can be; or, where money goes to a merchant, that merchant has. */
const accountMax: Scenario = (kind) => {
  switch (kind) {
    case "purchase":
    case "completion": {
      const stage = new Stage({ balance: MAX })
      stage.approved(stage.request(Kind.purchase, { reference: BETWEEN, amount: MAX }))
      stage.fund(stage.card, "bonus", AMOUNT)
      return [{ stage, request: stage.prepare(kind) }]
    }
    case "transfer":
      return broken({}, {}, (stage) => stage.fund(stage.payee, "bonus", MAX - AMOUNT))(kind)
    case "recharge":
      return broken({}, {}, (stage) => stage.fund(stage.card, "bonus", MAX - BALANCE))(kind)
    default:
      return broken({}, {}, (stage) => stage.fund(stage.card, "bonus", MAX - BALANCE + AMOUNT))(kind)
  }
}

export const scenarios: { readonly [rule: string]: Scenario } = {
  ...originalScenarios,
  flag: (kind) => broken({}, { flags: kind === "close" ? PARTIAL : FORCED })(kind),
  counterparty: (kind) => [
    ...broken({}, { counterparty: 0n })(kind),
    ...(kind === "transfer" ? broken({}, (stage) => ({ counterparty: stage.card }))(kind) : []),
  ],
  original: broken({}, { original: 5n }),
  cardGiven: broken({}, (stage) => ({ card: stage.card })),
  amount: (kind) => broken({}, { amount: kind === "balance" || kind === "pinChange" ? 1 : 0 })(kind),
  content: broken({}, { currency: 978 }, (stage, request) => stage.approved(request)),
  terminalUnknown: broken({}, { terminal: 99 }),
  terminalSuspended: broken({}, {}, (stage) => stage.terminal({ status: "suspended" })),
  merchantSuspended: broken({}, {}, (stage) => stage.suspendMerchant()),
  terminalKind: (kind) =>
    broken({}, {}, (stage) => stage.terminal({ kinds: kindNames.filter((name) => name !== kind) }))(kind),
  forgotten: broken({ transactions: 32 }, {}, (stage) => stage.forget()),
  barred: broken({}, {}, (stage) =>
    stage.approved(stage.request(Kind.reversal, { reference: BETWEEN, original: LATER })),
  ),
  cardUnknown: broken({}, { card: 77n }),
  currency: both(
    broken({}, { currency: 978 }),
    broken({}, { currency: 978, terminal: 2 }),
    broken({}, (stage) => ({ card: stage.foreign })),
  ),
  totals: both(
    broken({}, { amount: AMOUNT + 1 }),
    broken({}, { original: 1n }),
    broken({}, { counterparty: 2n }),
    broken({}, { counterparty: 1n | (1n << 32n) }),
    broken({}, { amount: AMOUNT + 1, flags: FORCED }),
  ),
  productRecharge: broken({ product: { recharge: { allowed: false } } }),
  productTransfer: broken({ product: { transfers: { allowed: false } } }),
  category: broken({ product: { categories: [[1, 5_811]] } }),
  terminalAmount: broken({}, {}, (stage) => stage.terminal({ amountMax: AMOUNT - 1 })),
  transactionMax: broken({ product: { limits: { transactionMax: AMOUNT - 1 } } }),
  rechargeMin: broken({ product: { recharge: { min: AMOUNT + 1 } } }),
  rechargeMax: broken({ product: { recharge: { max: AMOUNT - 1 } } }),
  balanceMax: both(
    broken({ product: { recharge: { balanceMax: BALANCE + AMOUNT - 1 } } }),
    // What is held counts.
    broken({ product: { recharge: { balanceMax: BALANCE + AMOUNT - 1 } } }, {}, (stage) =>
      stage.approved(stage.request(Kind.preauthorisation, { reference: BETWEEN })),
    ),
  ),
  payeeUnknown: broken({}, { counterparty: 77n }),
  payeeNotActive: both(
    broken({}, {}, (stage) => stage.lifecycle("lock", stage.payee)),
    broken({ payee: { validMonths: 1 } }, {}, (stage) => stage.days(90)),
  ),
  payeeCurrency: broken({}, (stage) => ({ counterparty: stage.foreign })),
  payeeRecharge: broken({ payee: { recharge: { allowed: false } } }),
  payeeBalanceMax: broken({ payee: { recharge: { balanceMax: 2 * AMOUNT - 1 } } }),
  codeUnset: broken({ merchant: { codeAbove: AMOUNT - 1 } }, { flags: CODE_FLAG, pin: CODE }),
  codeTries: coded({ flags: CODE_FLAG, pin: CODE }, 3),
  codeMissing: both(coded({}), coded({ flags: CODE_FLAG }), coded({ pin: CODE }), coded({}, 3)),
  codeWrong: both(coded({ flags: CODE_FLAG, pin: WRONG }), coded({ flags: CODE_FLAG, pin: WRONG }, 1)),
  codeWrongLast: coded({ flags: CODE_FLAG, pin: WRONG }, 2),
  pinUnset: (kind) => {
    const stage = new Stage({ product: { pin: { rule: "above", freeMax: AMOUNT - 1 } } })
    const counterparty = kind === "transfer" ? stage.payee : kind === "pinChange" ? 555n : 0n
    return [{ stage, request: stage.request(Kind[kind], { counterparty, pin: PIN }) }]
  },
  pinTries: pinned({ pin: PIN }, 3),
  pinMissing: pinned({ pin: 0n }),
  pinWrong: both(pinned({ pin: WRONG }), pinned({ pin: WRONG }, 1)),
  pinWrongLast: pinned({ pin: WRONG }, 2),
  dayCount: limited({ dayCountMax: 1 }, 0),
  dayAmount: limited({ dayAmountMax: AMOUNT }, 0),
  monthCount: limited({ monthCountMax: 1 }, 1),
  monthAmount: limited({ monthAmountMax: AMOUNT }, 1),
  merchantFloat: broken({ float: AMOUNT - 2, merchant: { floatLimit: 1 } }),
  funds,
  fundsPartial: broken({}, { amount: BALANCE + 1, flags: PARTIAL }),
  payeeFunds,
  accountMax,
}
