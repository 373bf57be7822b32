// The control commands of the model: what is refused, what is a repeat, and what changes.
import { purseNames } from "@millrace/protocol"
import type {
  CardsCommand,
  Command,
  FloatCommand,
  FundCommand,
  IssueCommand,
  LifecycleCommand,
  MerchantCommand,
  PinCommand,
  ProductCommand,
  TerminalCommand,
  TerminalsCommand,
} from "../Command.ts"
import { MAX, type Move, Moves } from "./Book.ts"
import { BONUS, Card, type Product, productOf, type Status } from "./Card.ts"
import type { Model } from "./Model.ts"
import { luhnNumber } from "./numbers.ts"
import type { Merchant } from "./Parties.ts"
import { least, monthOf } from "./plans.ts"
import { expiryOf } from "./Trial.ts"

interface Done {
  readonly ok: true
  readonly created: number
  readonly existing: number
  readonly card?: bigint
}
export type ControlAnswer =
  | Done
  | { readonly ok: false; readonly code: "bad-message" | "not-found" | "conflict" | "full" }

const done = (created: number, existing: number): Done => ({ ok: true, created, existing })
const repeat = done(0, 1)
const refused = (code: "bad-message" | "not-found" | "conflict" | "full"): ControlAnswer => ({
  ok: false,
  code,
})

export const control = (model: Model, time: number, command: Command): ControlAnswer => {
  switch (command.type) {
    case "merchant":
      return putMerchant(model, command)
    case "float":
      return payFloat(model, command)
    case "code": {
      const merchant = model.merchants.get(command.merchant)
      if (merchant === undefined) return refused("not-found")
      const answer = merchant.code === undefined ? done(1, 0) : repeat
      merchant.code = command.verifier
      merchant.codeTries = 0
      return answer
    }
    case "terminals":
      return addTerminals(model, command)
    case "terminal":
      return changeTerminal(model, command)
    case "product":
      return putProduct(model, command)
    case "cards":
      return addCards(model, time, command)
    case "issue":
      return issue(model, time, command)
    case "lifecycle":
      return lifecycle(model, time, command)
    case "fund":
      return fund(model, time, command)
    case "pin":
      return setPin(model, command)
    case "calendar":
      model.utcOffsetMinutes = command.utcOffsetMinutes
      return repeat
    case "host": {
      const isThere = model.hosts.has(command.id)
      model.hosts.add(command.id)
      return isThere ? repeat : done(1, 0)
    }
  }
}

// ---- who takes money

const putMerchant = (model: Model, command: MerchantCommand): ControlAnswer => {
  const { number, currency } = command
  const merchant = model.merchants.get(number)
  if (merchant === undefined) {
    model.merchants.set(number, {
      number,
      currency,
      command,
      float: 0n,
      floatReference: 0n,
      floatAmount: 0,
      code: undefined,
      codeTries: 0,
    })
    return done(1, 0)
  }
  if (merchant.currency !== currency) return refused("conflict")
  merchant.command = command
  return repeat
}

/** References of a merchant's float go up; the last one again is a repeat. */
const payFloat = (model: Model, command: FloatCommand): ControlAnswer => {
  const merchant = model.merchants.get(command.merchant)
  if (merchant === undefined) return refused("not-found")
  if (command.reference === merchant.floatReference && command.amount === merchant.floatAmount) return repeat
  if (command.reference <= merchant.floatReference) return refused("conflict")
  const amount = BigInt(command.amount)
  const after = merchant.float + amount
  if (amount < 0n && after < -BigInt(merchant.command.floatLimit ?? 0)) return refused("conflict")
  const moves = new Moves(model.shardOf)
  const shard = model.shardOf(BigInt(merchant.number))
  moves.ofMerchant(shard, "float", merchant, amount)
  moves.ofMerchant(shard, "cashIn", merchant, -amount)
  if (after > MAX || after < -MAX || !model.book.allows(moves.list)) return refused("full")
  model.book.apply(moves.list, NO_DAY)
  merchant.floatReference = command.reference
  merchant.floatAmount = command.amount
  return done(1, 0)
}

const addTerminals = (model: Model, command: TerminalsCommand): ControlAnswer => {
  const merchant = model.merchants.get(command.merchant)
  if (merchant === undefined) return refused("not-found")
  const numbers = Array.from({ length: command.count }, (_, i) => command.first + i)
  const there = numbers.filter((number) => model.terminals.has(number))
  if (there.some((number) => model.terminals.get(number)?.merchant !== merchant)) return refused("conflict")
  for (const number of numbers) addTerminal(model, number, merchant)
  return done(numbers.length - there.length, there.length)
}

const addTerminal = (model: Model, number: number, merchant: Merchant): void => {
  if (model.terminals.has(number)) return
  const rows = new Map()
  model.terminals.set(number, {
    number,
    merchant,
    active: true,
    kinds: undefined,
    amountMax: 0n,
    rows,
    batch: 1,
  })
}

/** What is absent stays. */
const changeTerminal = (model: Model, command: TerminalCommand): ControlAnswer => {
  const terminal = model.terminals.get(command.number)
  if (terminal === undefined) return refused("not-found")
  if (command.status !== undefined) terminal.active = command.status === "active"
  if (command.kinds !== undefined) terminal.kinds = command.kinds
  if (command.amountMax !== undefined) terminal.amountMax = BigInt(command.amountMax)
  return repeat
}

// ---- what cards are made

const putProduct = (model: Model, command: ProductCommand): ControlAnswer => {
  const before = model.products.get(command.number)
  if (before === undefined) {
    const others = [...model.products.values()].map((product) => product.command)
    const overlap = ({ bin, digits = 16 }: ProductCommand) =>
      digits === (command.digits ?? 16) && (bin.startsWith(command.bin) || command.bin.startsWith(bin))
    if (others.some((other) => other.number !== 0 && overlap(other))) return refused("conflict")
    model.products.set(command.number, productOf(command, 0))
    return done(1, 0)
  }
  const fixed = ({ currency, bin, digits = 16, named = false }: ProductCommand) =>
    [currency, bin, digits, named].join()
  if (fixed(before.command) !== fixed(command)) return refused("conflict")
  model.products.set(command.number, productOf(command, before.nextSerial))
  return repeat
}

const addCards = (model: Model, time: number, command: CardsCommand): ControlAnswer => {
  const { currency, product = 0 } = command
  const kept = model.products.get(product)?.command.currency
  if (kept === undefined) return refused("not-found")
  if (product !== 0 && kept !== currency) return refused("conflict")
  const numbers = Array.from({ length: command.count }, (_, i) => command.first + BigInt(i))
  const there = numbers.flatMap((number) => model.cards.get(number) ?? [])
  if (there.some((card) => card.currency !== currency || card.product !== product)) return refused("conflict")
  const day = model.dayOf(time)
  const fresh = numbers
    .filter((number) => !model.cards.has(number))
    .map((number) => new Card(number, currency, product, "active", day, monthOf(day)))
  const moves = new Moves(model.shardOf)
  for (const card of fresh) {
    moves.purse(card, 0, BigInt(command.openingBalance))
    moves.general(card, "cashIn", -BigInt(command.openingBalance))
  }
  if (!model.book.allows(moves.list)) return refused("full")
  model.book.apply(moves.list, NO_DAY)
  for (const card of fresh) model.cards.set(card.number, card)
  return done(fresh.length, there.length)
}

const numberOf = ({ command }: Product, serial: number): bigint =>
  luhnNumber(command.bin, command.digits ?? 16, serial)

/** Serials are taken one after the other; the last ones again are a repeat. */
const issue = (model: Model, time: number, command: IssueCommand): ControlAnswer => {
  const product = model.products.get(command.product)
  if (product === undefined) return refused("not-found")
  const { serial, count } = command
  const numbers = Array.from({ length: count }, (_, i) => numberOf(product, serial + i))
  if (serial !== product.nextSerial)
    return isIssued(model, product, numbers) ? done(0, count) : refused("conflict")
  if (numbers.some((number) => model.cards.has(number))) return refused("conflict")
  const deposit = BigInt(product.command.deposit ?? 0)
  const moves = new Moves(model.shardOf)
  const fresh = numbers.map((number) => makeCard(model, time, product, number, command.active === true))
  for (const card of fresh) {
    moves.deposit(card, deposit)
    moves.general(card, "cashIn", -deposit)
  }
  if (!model.book.allows(moves.list)) return refused("full")
  model.book.apply(moves.list, NO_DAY)
  for (const card of fresh) model.cards.set(card.number, card)
  product.nextSerial += count
  return done(count, 0)
}

/** A card that took another's place was not issued: it took its serial on its way. */
const isIssued = (model: Model, product: Product, numbers: ReadonlyArray<bigint>): boolean =>
  numbers.every((number) => {
    const card = model.cards.get(number)
    const replaced = [...model.cards.values()].some((other) => other.replacedBy === card)
    return card !== undefined && card.product === product.command.number && !replaced
  })

const makeCard = (model: Model, time: number, product: Product, number: bigint, active: boolean): Card => {
  const { command } = product
  const day = model.dayOf(time)
  const status = active ? "active" : "issued"
  const card = new Card(number, command.currency, command.number, status, day, monthOf(day))
  card.expiresDay = expiryOf(product, monthOf(day))
  card.named = command.named ?? false
  return card
}

// ---- a card's life

interface Path {
  readonly from: ReadonlyArray<Status>
  readonly to: Status
}
const paths: { readonly [action: string]: Path } = {
  activate: { from: ["issued"], to: "active" },
  lock: { from: ["active"], to: "locked" },
  unlock: { from: ["locked"], to: "active" },
  lost: { from: ["active", "locked"], to: "lost" },
  stolen: { from: ["active", "locked"], to: "stolen" },
  blacklist: { from: ["issued", "active", "locked", "lost", "stolen", "closed"], to: "blacklisted" },
  cancel: { from: ["issued"], to: "cancelled" },
  return: { from: ["active", "locked", "closed"], to: "returned" },
}

/** A command sets a purse's last day itself, where it does: nothing is forgotten by the way. */
const NO_DAY = 0

const isOver = ({ status }: Card): boolean => status === "returned" || status === "cancelled"

const lifecycle = (model: Model, time: number, command: LifecycleCommand): ControlAnswer => {
  const card = model.cards.get(command.card)
  const { action } = command
  if (card === undefined) return refused("not-found")
  if (action === "replace") return replace(model, time, card)
  if (action === "name" || action === "release") {
    if (isOver(card)) return refused("conflict")
    const isDone = action === "name" ? card.named : card.status !== "blacklisted"
    if (isDone) return repeat
    if (action === "name") card.named = true
    else card.status = card.previous
    return done(1, 0)
  }
  const { from, to } = paths[action]
  if (card.status === to) return repeat
  if (!from.includes(card.status)) return refused("conflict")
  if ((action === "lost" || action === "stolen") && !card.named) return refused("conflict")
  const isLeaving = action === "return" || action === "cancel"
  if (isLeaving && (card.held !== 0n || card.purses.some((sum) => sum < 0n))) return refused("conflict")
  const moves = isLeaving ? leaving(model, card) : []
  const paidOut = card.purses[0] + card.deposit
  if (!model.book.allows(moves)) return refused("full")
  model.book.apply(moves, NO_DAY)
  if (isLeaving) {
    card.monthsLeft = 0
    card.fundReference = paidOut
  }
  if (action === "blacklist") card.previous = card.status
  card.status = to
  return done(1, 0)
}

/** The cardholder gets the main purse and the deposit; the rest is the scheme's. */
const leaving = (model: Model, card: Card): ReadonlyArray<Move> => {
  const moves = new Moves(model.shardOf)
  moves.general(card, "cashOut", card.deposit)
  moves.deposit(card, -card.deposit)
  for (const [purse, sum] of card.purses.entries()) {
    moves.purse(card, purse, -sum)
    moves.general(card, purse === 0 ? "cashOut" : "breakage", sum)
  }
  moves.general(card, "breakage", card.locked)
  moves.locked(card, -card.locked)
  return moves.list
}

/** A new card of the product in the same shard takes all that the old one had, but its PIN. */
const replace = (model: Model, time: number, old: Card): ControlAnswer => {
  if (old.replacedBy !== undefined) return { ...repeat, card: old.replacedBy.number }
  if (!["active", "locked", "lost", "stolen"].includes(old.status) || !old.named) return refused("conflict")
  const product = model.productOf(old)
  if (product.command.bin === "") return refused("conflict")
  const main = old.purses[0] > 0n ? old.purses[0] : 0n
  const fee = least(BigInt(product.command.replacementFee ?? 0), main)
  const paid = new Moves(model.shardOf)
  paid.purse(old, 0, -fee)
  paid.general(old, "feeIncome", fee)
  if (!model.book.allows(paid.list)) return refused("full")
  model.book.apply(paid.list, NO_DAY)
  const shard = model.shardOf(old.number)
  let serial = product.nextSerial
  while (model.shardOf(numberOf(product, serial)) !== shard || model.cards.has(numberOf(product, serial)))
    serial++
  product.nextSerial = serial + 1
  const fresh = makeCard(model, time, product, numberOf(product, serial), true)
  fresh.named = true
  const { purses, purseExpires, held, locked, monthsLeft, deposit, fundReference, lastFund, periodMonth } =
    old
  const { day, month, dayAmount, dayCount, monthAmount, monthCount } = old
  Object.assign(fresh, {
    purses,
    purseExpires,
    held,
    locked,
    monthsLeft,
    deposit,
    fundReference,
    lastFund,
    periodMonth,
  })
  Object.assign(fresh, { day, month, dayAmount, dayCount, monthAmount, monthCount })
  old.purses = purseNames.map(() => 0n)
  old.purseExpires = [...purseExpires]
  old.held = 0n
  old.locked = 0n
  old.deposit = 0n
  old.dayAmount = 0n
  old.monthAmount = 0n
  old.replacedBy = fresh
  if (old.status !== "stolen") old.status = "lost"
  model.cards.set(fresh.number, fresh)
  return { ...done(1, 0), card: fresh.number }
}

// ---- what the issuer does to a card in use

/** Of a replaced card the newest is meant. Bonus and points are the issuer's expense. */
const fund = (model: Model, time: number, command: FundCommand): ControlAnswer => {
  const card = model.cards.get(command.card)?.newest
  if (card === undefined) return refused("not-found")
  if (isOver(card)) return refused("conflict")
  const payment = `${command.purse} ${command.amount}`
  if (command.reference === card.fundReference && payment === card.lastFund) return repeat
  if (command.reference <= card.fundReference) return refused("conflict")
  const purse = purseNames.indexOf(command.purse)
  const rule = model.productOf(card).purses.get(purse)
  if (rule === undefined) return refused("conflict")
  const day = model.dayOf(time)
  const expires = command.expiresDay ?? (rule.validDays === 0 ? 0 : day + rule.validDays)
  if (expires !== 0 && expires < day) return refused("bad-message")
  const amount = BigInt(command.amount)
  const moves = new Moves(model.shardOf)
  moves.purse(card, purse, amount)
  const isGift = purse === BONUS || command.purse === "points"
  moves.general(card, isGift ? "promotion" : "cashIn", -amount)
  if (!model.book.allows(moves.list)) return refused("full")
  if (purse !== 0 && (expires > 0 || card.purses[purse] <= 0n)) card.purseExpires[purse] = expires
  model.book.apply(moves.list, NO_DAY)
  card.fundReference = command.reference
  card.lastFund = payment
  return done(1, 0)
}

const setPin = (model: Model, command: PinCommand): ControlAnswer => {
  const card = model.cards.get(command.card)
  if (card === undefined) return refused("not-found")
  if (isOver(card) || card.replacedBy !== undefined) return refused("conflict")
  const answer = card.pin === undefined ? done(1, 0) : repeat
  card.pin = command.verifier
  card.tries = 0
  return answer
}
