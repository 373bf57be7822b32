// Merchants, terminals and holds of the model.
import type { MerchantCommand } from "../Command.ts"
import type { Card } from "./Card.ts"

export interface Merchant {
  readonly number: number
  readonly currency: number
  command: MerchantCommand
  /** Over all shards. */
  float: bigint
  floatReference: bigint
  floatAmount: number
  code: bigint | undefined
  codeTries: number
}

/** What a terminal counts between its closes. */
export const rowNames = [
  "purchase",
  "completion",
  "refund",
  "recharge",
  "transfer",
  "debitReversal",
  "creditReversal",
] as const
export type RowName = (typeof rowNames)[number]

export interface Terminal {
  readonly number: number
  readonly merchant: Merchant
  active: boolean
  /** Undefined: all. */
  kinds: ReadonlyArray<string> | undefined
  amountMax: bigint
  readonly rows: Map<RowName, { count: number; sum: bigint }>
  batch: number
}

export interface Hold {
  readonly terminal: number
  readonly reference: bigint
  readonly card: Card
  readonly purse: number
  readonly amount: bigint
  readonly expiresMs: number
  readonly day: number
}

/** Debits and credits since the last close, less what was turned round. */
export const netOf = ({ rows }: Terminal) => {
  const add = (plus: ReadonlyArray<RowName>, minus: RowName) => {
    const back = rows.get(minus)
    return plus.reduce(
      (net, name) => ({
        count: net.count + (rows.get(name)?.count ?? 0),
        sum: net.sum + (rows.get(name)?.sum ?? 0n),
      }),
      { count: -(back?.count ?? 0), sum: -(back?.sum ?? 0n) },
    )
  }
  return {
    debits: add(["purchase", "completion", "transfer"], "debitReversal"),
    credits: add(["refund", "recharge"], "creditReversal"),
  }
}
