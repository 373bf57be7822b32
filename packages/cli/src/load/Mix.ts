// What the load consists of: shares of transaction kinds, drawn from a table, with amounts that keep balances level.
import { Kind, type KindName } from "@millrace/protocol"
import { Result } from "effect"

/** Kinds that need no earlier transaction to refer to. */
export const mixKinds = [
  "purchase",
  "recharge",
  "balance",
  "preauthorisation",
  "transfer",
] as const satisfies ReadonlyArray<KindName>
export type MixKind = (typeof mixKinds)[number]
export type Mix = { readonly [kind in MixKind]: number }

export const defaultMixText = "purchase=80,recharge=15,balance=5"

/** `purchase=80,recharge=15,balance=5`: whole weights, in any order; a kind that is left out has none. */
export const parseMix = (text: string): Result.Result<Mix, string> => {
  const weights: { [kind in MixKind]: number } = {
    purchase: 0,
    recharge: 0,
    balance: 0,
    preauthorisation: 0,
    transfer: 0,
  }
  for (const part of text.split(",")) {
    const match = /^([a-z]+)=(\d{1,6})$/.exec(part.trim())
    if (match === null) return Result.fail(`"${part}" is not a share such as purchase=80`)
    const kind = mixKinds.find((known) => known === match[1])
    if (kind === undefined) return Result.fail(`"${match[1]}" is not one of ${mixKinds.join(", ")}`)
    weights[kind] = Number(match[2])
  }
  if (mixKinds.every((kind) => weights[kind] === 0))
    return Result.fail("all shares are 0: give one kind more, such as purchase=80")
  return Result.succeed(weights)
}

/** Entries of the table that kinds are drawn from, a power of two: a share is right within 1/4096. */
const TABLE_BITS = 12

export const KIND_TABLE_MASK = (1 << TABLE_BITS) - 1

/** Kind bytes in the mix's shares; an index is the low bits of a random number. */
export const kindTable = (mix: Mix): Uint8Array => {
  const size = 1 << TABLE_BITS
  const total = mixKinds.reduce((sum, kind) => sum + mix[kind], 0)
  const table = new Uint8Array(size)
  let at = 0
  let sum = 0
  for (const kind of mixKinds) {
    sum += mix[kind]
    const end = Math.round((sum / total) * size)
    table.fill(Kind[kind], at, end)
    at = end
  }
  return table
}

/** Purchases, transfers and what is held are 1.00 to 41.95, evenly spread; a recharge is some times as much. */
export const PURCHASE_AMOUNT_MIN = 100
/** The highest bits of a random number that make the amount; its lowest choose the kind. */
const AMOUNT_BITS = 12

/** The amount of a purchase, minor units. */
export const purchaseAmount = (random: number): number =>
  PURCHASE_AMOUNT_MIN + (random >>> (32 - AMOUNT_BITS))

/** By kind byte: how many times a purchase's amount a transaction has. A table, since a branch on a random kind is guessed wrong. */
export const amountScales = (mix: Mix): Uint32Array => {
  const scales = new Uint32Array(256).fill(1)
  scales[Kind.recharge] = rechargeScale(mix)
  scales[Kind.balance] = 0
  return scales
}

/** How many times a purchase a recharge is, so that as much comes in as goes out, and a long run stays like its start. */
export const rechargeScale = (mix: Mix): number =>
  mix.recharge === 0 ? 1 : Math.max(1, Math.round((mix.purchase + mix.preauthorisation) / mix.recharge))
