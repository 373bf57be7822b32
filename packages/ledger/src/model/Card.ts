// Products and cards of the model, and what a card can pay with.
import { type PurseName, purseNames } from "@millrace/protocol"
import type { Categories, FeePlan, ProductCommand } from "../Command.ts"
import type { StatusName } from "./statusTable.ts"

export const BONUS = 1

export type Status = StatusName

interface PurseRule {
  readonly categories: Categories
  readonly credit: bigint
  readonly validDays: number
}

export interface Product {
  readonly command: ProductCommand
  readonly purses: ReadonlyMap<number, PurseRule>
  readonly order: ReadonlyArray<number>
  readonly transferFee: FeePlan | undefined
  nextSerial: number
}

const included = (categories: Categories, mcc: number): boolean =>
  categories.length === 0 || categories.some(([from, to]) => from <= mcc && mcc <= to)

const placeOf = (name: PurseName): number => purseNames.indexOf(name)

/** The points purse is drawn only by a product that says so. */
const defaultOrder = (purses: ReadonlyMap<number, PurseRule>): ReadonlyArray<number> =>
  [2, 3, 4, 5, 6, 7, 1, 0].filter((purse) => purses.has(purse))

export const productOf = (command: ProductCommand, nextSerial: number): Product => {
  const purses = new Map<number, PurseRule>([
    [0, { categories: [], credit: BigInt(command.credit ?? 0), validDays: 0 }],
  ])
  for (const { purse, categories = [], credit = 0, validDays = 0 } of command.purses ?? []) {
    purses.set(placeOf(purse), { categories, credit: BigInt(credit), validDays })
  }
  const order = command.order?.map(placeOf) ?? defaultOrder(purses)
  return { command, purses, order, transferFee: command.transfers?.fee, nextSerial }
}

/** Of cards that name no product: everything is allowed. */
export const openProduct: Product = productOf(
  { type: "product", by: "", number: 0, name: "open", currency: 0, bin: "" },
  0,
)

export class Card {
  readonly number: bigint
  readonly currency: number
  readonly product: number
  status: Status
  previous: Status = "issued"
  named = false
  purses: Array<bigint> = purseNames.map(() => 0n)
  /** The last day of each purse; 0: none. */
  purseExpires: Array<number> = purseNames.map(() => 0)
  held = 0n
  locked = 0n
  monthsLeft = 0
  deposit = 0n
  expiresDay = 0
  /** The day and month that the counters are of. */
  day: number
  month: number
  dayAmount = 0n
  dayCount = 0
  monthAmount = 0n
  monthCount = 0
  pin: bigint | undefined
  tries = 0
  replacedBy: Card | undefined
  fundReference = 0n
  lastFund = ""
  periodMonth: number

  constructor(number: bigint, currency: number, product: number, status: Status, day: number, month: number) {
    this.number = number
    this.currency = currency
    this.product = product
    this.status = status
    this.day = day
    this.month = month
    this.periodMonth = month
  }

  /** Where the money is: with the last card of the replacements. */
  get newest(): Card {
    return this.replacedBy?.newest ?? this
  }

  isExpired(day: number): boolean {
    return this.expiresDay !== 0 && day > this.expiresDay
  }

  /** Counters of an earlier day or month begin anew; they never go back. */
  touch(day: number, month: number): void {
    if (this.day < day) {
      this.dayAmount = 0n
      this.dayCount = 0
      this.day = day
    }
    if (this.month < month) {
      this.monthAmount = 0n
      this.monthCount = 0
      this.month = month
    }
  }

  /** Money comes into a purse: empty and past its last day, it has none any more. */
  refresh(purse: number, day: number): void {
    const last = this.purseExpires[purse]
    if (purse > 0 && last !== 0 && day > last && this.purses[purse] <= 0n) this.purseExpires[purse] = 0
  }

  use(day: number, month: number, amount: bigint): void {
    this.touch(day, month)
    this.dayAmount += amount
    this.dayCount++
    this.monthAmount += amount
    this.monthCount++
  }

  /** What was used did not happen; a counter that has begun anew since then knows nothing of it. */
  giveBack(day: number, month: number, amount: bigint): void {
    const less = (a: bigint, b: bigint) => (a > b ? a - b : 0n)
    if (this.day === day) {
      this.dayAmount = less(this.dayAmount, amount)
      this.dayCount = Math.max(0, this.dayCount - 1)
    }
    if (this.month === month) {
      this.monthAmount = less(this.monthAmount, amount)
      this.monthCount = Math.max(0, this.monthCount - 1)
    }
  }
}

export const creditOf = (product: Product, purse: number): bigint => product.purses.get(purse)?.credit ?? 0n

/** Does the product pay at merchants of this category at all? */
export const allows = (product: Product, mcc: number): boolean =>
  included(product.command.categories ?? [], mcc)

/** The purses that pay there, in the product's order. */
export const draws = (product: Product, mcc: number): ReadonlyArray<number> =>
  product.order.filter((purse) => included(product.purses.get(purse)?.categories ?? [], mcc))

/** What one purse can pay today. */
export const purseAvailable = (card: Card, product: Product, purse: number, day: number): bigint => {
  const last = card.purseExpires[purse]
  if (last !== 0 && day > last) return 0n
  const sum = card.purses[purse] + creditOf(product, purse)
  return sum > 0n ? sum : 0n
}

/** What the card can pay at a merchant of this category; where it can't pay at all, what it could pay elsewhere. */
export const availableOf = (card: Card, product: Product, mcc: number, day: number): bigint =>
  (allows(product, mcc) ? draws(product, mcc) : product.order).reduce(
    (sum, purse) => sum + purseAvailable(card, product, purse, day),
    0n,
  )
