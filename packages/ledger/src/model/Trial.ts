// One request on trial in the model: whom it concerns, and the rules that several kinds share.
import { ResponseCode as R } from "@millrace/protocol"
import { type Move, Moves } from "./Book.ts"
import { allows, availableOf, type Card, type Product } from "./Card.ts"
import type { Model } from "./Model.ts"
import type { Merchant, RowName, Terminal } from "./Parties.ts"
import { lastDayOf, monthOf } from "./plans.ts"
import type { Request } from "./Request.ts"

/** Thrown by whatever rule is broken first. */
export class Refusal {
  readonly response: number

  constructor(response: number) {
    this.response = response
  }
}

export const refuse = (response: number): never => {
  throw new Refusal(response)
}

/** What a kind decides when no rule is broken. */
export interface Verdict {
  readonly response: number
  /** What was moved. */
  readonly amount: bigint
  readonly moves: ReadonlyArray<Move>
  readonly back: ReadonlyArray<Move>
  readonly drawn: ReadonlyArray<readonly [purse: number, amount: bigint]>
  /** Slots beside its own. */
  readonly companions: number
  readonly row: RowName | undefined
  /** What else happens: after the money moved and the slot is journaled. */
  readonly besides: () => void
}

export const verdict = (some: Partial<Verdict>): Verdict => ({
  response: R.approved,
  amount: 0n,
  moves: [],
  back: [],
  drawn: [],
  companions: 0,
  row: undefined,
  besides: () => {},
  ...some,
})

export class Trial {
  readonly model: Model
  readonly request: Request
  readonly amount: bigint
  readonly terminal: Terminal
  readonly merchant: Merchant
  readonly time: number
  readonly day: number
  readonly month: number
  /** The card that the request names. */
  readonly asked: Card | undefined
  /** The card whose money it is: of a replaced card the newest, once the card's own status let the request through. */
  holder: Card | undefined
  /** A PIN or code was looked at: what that changes, whatever else is decided. */
  looked: () => void = () => {}

  constructor(model: Model, request: Request, terminal: Terminal, time: number) {
    this.model = model
    this.request = request
    this.amount = BigInt(request.amount)
    this.terminal = terminal
    this.merchant = terminal.merchant
    this.time = time
    this.day = model.dayOf(time)
    this.month = monthOf(this.day)
    this.asked = model.cards.get(request.card)
    this.holder = this.asked
  }

  get card(): Card {
    return this.holder!
  }

  get product(): Product {
    return this.model.productOf(this.card)
  }

  get mcc(): number {
    return this.merchant.command.mcc ?? 0
  }

  moves(): Moves {
    return new Moves(this.model.shardOf)
  }

  available(): bigint {
    const { holder } = this
    return holder === undefined ? 0n : availableOf(holder, this.model.productOf(holder), this.mcc, this.day)
  }

  mayPayHere(): void {
    if (!allows(this.product, this.mcc)) refuse(R.notPermittedToCard)
  }

  terminalAmount(): void {
    const { amountMax } = this.terminal
    if (amountMax > 0n && this.amount > amountMax) refuse(R.overLimit)
  }

  transactionMax(): void {
    const max = BigInt(this.product.command.limits?.transactionMax ?? 0)
    if (max > 0n && this.amount > max) refuse(R.overLimit)
  }

  /** The most that a card may have, held money included. */
  balanceMax(card: Card): void {
    const max = BigInt(this.model.productOf(card).command.recharge?.balanceMax ?? 0)
    if (max > 0n && card.purses[0] + card.held + this.amount > max) refuse(R.overLimit)
  }

  /** The merchant's second person, for what is above the merchant's threshold. */
  code(): void {
    const { merchant } = this
    const { codeAbove } = merchant.command
    if (codeAbove === undefined || this.amount <= BigInt(codeAbove)) return
    const isGiven = (this.request.flags & 4) !== 0 && this.request.pin !== 0n
    if (merchant.code === undefined || !isGiven) refuse(R.wrongPin)
    if (merchant.codeTries >= 3) refuse(R.pinTriesExceeded)
    if (this.request.pin === merchant.code) {
      this.looked = () => {
        merchant.codeTries = 0
      }
      return
    }
    const tries = merchant.codeTries + 1
    this.looked = () => {
      merchant.codeTries = tries
    }
    refuse(tries >= 3 ? R.pinTriesExceeded : R.wrongPin)
  }

  /** The cardholder's PIN: looked at where it is needed, and where it is given to a card that has one. */
  pin(isNeeded: boolean): void {
    const card = this.asked!
    const triesMax = this.product.command.pin?.tries ?? 3
    const isGiven = this.request.pin !== 0n
    if (card.pin === undefined) {
      if (isNeeded) refuse(R.wrongPin)
      return
    }
    if (!isNeeded && !isGiven) return
    if (card.tries >= triesMax) refuse(R.pinTriesExceeded)
    if (!isGiven) refuse(R.wrongPin)
    const tries = this.request.pin === card.pin ? 0 : card.tries + 1
    this.looked = () => {
      card.tries = tries
    }
    if (tries > 0) refuse(tries >= triesMax ? R.pinTriesExceeded : R.wrongPin)
  }

  needsPin(): boolean {
    const { rule = "never", freeMax = 0 } = this.product.command.pin ?? {}
    return rule === "always" || (rule === "above" && this.amount > BigInt(freeMax))
  }

  /** Counters of another day or month count as 0. */
  counters(): void {
    const { card } = this
    const {
      dayCountMax = 0,
      dayAmountMax = 0,
      monthCountMax = 0,
      monthAmountMax = 0,
    } = this.product.command.limits ?? {}
    const today = card.day >= this.day
    const thisMonth = card.month >= this.month
    if (dayCountMax > 0 && (today ? card.dayCount : 0) + 1 > dayCountMax) refuse(R.overFrequency)
    if (dayAmountMax > 0 && (today ? card.dayAmount : 0n) + this.amount > BigInt(dayAmountMax)) {
      refuse(R.overLimit)
    }
    if (monthCountMax > 0 && (thisMonth ? card.monthCount : 0) + 1 > monthCountMax) refuse(R.overFrequency)
    if (monthAmountMax > 0 && (thisMonth ? card.monthAmount : 0n) + this.amount > BigInt(monthAmountMax)) {
      refuse(R.overLimit)
    }
  }

  /** The last of all rules. */
  accounts(moves: ReadonlyArray<Move>): void {
    if (!this.model.book.allows(moves)) refuse(R.overLimit)
  }

  /** A single-use card has served. */
  /** Only a good card closes: one that is lost stays lost. */
  close(card: Card): void {
    if (card.status !== "active") return
    const { singleUse = "no" } = this.model.productOf(card).command
    const isEmpty = card.held === 0n && card.purses.reduce((sum, amount) => sum + amount, 0n) <= 0n
    if (singleUse === "once" || (singleUse === "empty" && isEmpty)) card.status = "closed"
  }
}

export const reopen = (card: Card): void => {
  if (card.status === "closed") card.status = "active"
}

/** The last day of a card that is issued today. */
export const expiryOf = (product: Product, month: number): number => {
  const { validMonths = 0 } = product.command
  return validMonths === 0 ? 0 : lastDayOf(month + validMonths)
}
