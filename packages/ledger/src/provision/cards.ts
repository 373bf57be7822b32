// Cards made: with numbers that are given, or with a product's next serials.
import { lastDayOfMonth, monthOfDay } from "../Calendar.ts"
import { CardNumber, cardNumberOf, type NumberWords, SerialNumbers, serialsOf } from "../CardNumbers.ts"
import { CardStatus } from "../Cards.ts"
import type { CardsCommand, IssueCommand, ResolvedCards, ResolvedIssue } from "../Command.ts"
import { CARDS_PER_SHARD_MAX } from "../limits.ts"
import { masked } from "../mask.ts"
import { Account } from "../Postings.ts"
import { OPEN_PRODUCT, type Product } from "../Products.ts"
import type { Scheme } from "../Scheme.ts"
import type { Shard } from "../Shard.ts"
import {
  type ControlRefusal,
  post,
  postingsOf,
  type Resolution,
  refusal,
  resolved,
  type ShardOf,
  type World,
} from "./World.ts"

const fullOfCards = `a shard may hold ${CARDS_PER_SHARD_MAX} cards`
const fullOfMoney = "an account would pass 2^53 - 1"

export const resolveCards = (world: World, command: CardsCommand): Resolution => {
  const { scheme, shards, day } = world
  const { merchants, products } = scheme
  const { product: productNumber = OPEN_PRODUCT, currency, count } = command
  const product = products.slotOf(productNumber)
  if (product < 0) return refusal("not-found", `product ${productNumber} is not known`)
  const kept = products.at(product).currency
  if (product > 0 && kept !== currency) {
    return refusal("conflict", `product ${productNumber} is kept in currency ${kept}`)
  }
  const fresh = new Array<number>(shards.length).fill(0)
  let existing = 0
  const number = new CardNumber(command.first)
  for (let i = 0; i < count; i++, number.advance()) {
    const shard = world.shardOf(number.hash)
    const { cards } = shard
    const card = cards.find(number.hash, number.lo, number.hi)
    if (card < 0) fresh[shard.number]++
    else if (cards.currency(card) !== currency) {
      return refusal("conflict", `card ${masked(number.value)} is kept in currency ${cards.currency(card)}`)
    } else if (cards.product(card) !== product) {
      const other = products.at(cards.product(card)).number
      return refusal("conflict", `card ${masked(number.value)} is of product ${other}`)
    } else existing++
  }
  const opening = [Account.purse, command.openingBalance] as const
  const problem = roomProblem(world, merchants.accountsOf(currency), fresh, opening)
  if (problem !== undefined) return problem
  if (!merchants.canTakeCurrency(currency)) return refusal("full", "there are too many currencies")
  return resolved({ ...command, resolved: { day } }, count - existing, existing)
}

/** Is there room for so many cards in each shard, and for what comes in with each? */
const roomProblem = (
  world: World,
  accounts: number,
  fresh: ReadonlyArray<number>,
  [account, each]: readonly [account: number, each: number],
): ControlRefusal | undefined => {
  for (const shard of world.shards) {
    const cards = fresh[shard.number]
    if (shard.cards.count + cards > CARDS_PER_SHARD_MAX) return refusal("full", fullOfCards)
    const amount = each * cards
    const postings = postingsOf(accounts, [
      [account, amount],
      [Account.cashIn, -amount],
    ])
    if (!world.canPost(shard, postings)) return refusal("full", fullOfMoney)
  }
  return undefined
}

/** Those that are there already stay as they are. */
export const addCards = (shardOf: ShardOf, command: ResolvedCards, scheme: Scheme): void => {
  const { currency, openingBalance } = command
  const { day } = command.resolved
  const month = monthOfDay(day)
  const product = scheme.products.slotOf(command.product ?? OPEN_PRODUCT)
  const opening = postingsOf(scheme.merchants.accountsOf(currency), [
    [Account.purse, openingBalance],
    [Account.cashIn, -openingBalance],
  ])
  const number = new CardNumber(command.first)
  for (let i = 0; i < command.count; i++, number.advance()) {
    const shard = shardOf(number.hash)
    if (shard === undefined || shard.cards.find(number.hash, number.lo, number.hi) >= 0) continue
    const card = shard.cards.add(number.lo, number.hi, currency, CardStatus.active, product, day, month)
    shard.cards.addTo(card, 0, openingBalance)
    post(shard, opening)
  }
}

// ---- issue

/** The last day of cards that are made at `day`; 0: they have none. */
export const expiryOf = (product: Product, day: number): number =>
  product.validMonths === 0 ? 0 : lastDayOfMonth(monthOfDay(day) + product.validMonths)

export const resolveIssue = (world: World, command: IssueCommand): Resolution => {
  const { scheme, shards, day } = world
  const { serial, count } = command
  const slot = scheme.products.slotOf(command.product)
  if (slot < 0) return refusal("not-found", `product ${command.product} is not known`)
  const product = scheme.products.at(slot)
  const { bin, digits, deposit } = product
  const serials = serialsOf(bin, digits)
  if (serial + count > serials) return refusal("full", `product ${product.number} has ${serials} serials`)
  const next = scheme.products.nextSerial(slot)
  if (serial !== next) {
    return (
      repeatedIssue(world, command, product) ??
      refusal("conflict", `the next serial of product ${product.number} is ${next}`)
    )
  }
  const fresh = new Array<number>(shards.length).fill(0)
  const number = new SerialNumbers(bin, digits, serial)
  for (let i = 0; i < count; i++, number.advance()) {
    const shard = world.shardOf(number.hash)
    if (shard.cards.find(number.hash, number.lo, number.hi) >= 0) {
      return refusal("conflict", `card ${masked(number.value)} is there already`)
    }
    fresh[shard.number]++
  }
  const accounts = scheme.merchants.accountsOf(product.currency)
  const problem = roomProblem(world, accounts, fresh, [Account.deposits, deposit])
  if (problem !== undefined) return problem
  const expiresDay = expiryOf(product, day)
  return resolved({ ...command, resolved: { repeat: false, day, expiresDay, deposit } }, count, 0, {
    firstCard: cardNumberOf(bin, digits, serial),
    nonce: command.nonce,
  })
}

/**
 * Serials below the next one are not enough: one may have been passed over, or be a replacing card's. So all the cards
 * must be there, issued together. The nonce given now may be another one: it is not the sender's to keep.
 */
const repeatedIssue = (world: World, command: IssueCommand, product: Product): Resolution | undefined => {
  const { serial, count } = command
  let nonce: number | undefined
  const number = new SerialNumbers(product.bin, product.digits, serial)
  for (let i = 0; i < count; i++, number.advance()) {
    const { cards } = world.shardOf(number.hash)
    const card = cards.find(number.hash, number.lo, number.hi)
    if (card < 0 || cards.product(card) !== product.slot || cards.replaces(card) >= 0) return undefined
    nonce ??= cards.nonce(card)
    if (cards.nonce(card) !== nonce) return undefined
  }
  const { day } = world
  return resolved({ ...command, resolved: { repeat: true, day, expiresDay: 0, deposit: 0 } }, 0, count, {
    firstCard: cardNumberOf(product.bin, product.digits, serial),
    nonce: nonce ?? command.nonce,
  })
}

/** The scheme's part: the serials are gone. */
export const takeSerials = (scheme: Scheme, command: ResolvedIssue): void => {
  const { product, serial, count } = command
  if (!command.resolved.repeat) scheme.products.setNextSerial(scheme.products.slotOf(product), serial + count)
}

export const issueCards = (shardOf: ShardOf, command: ResolvedIssue, scheme: Scheme): void => {
  if (command.resolved.repeat) return
  const { day, expiresDay, deposit } = command.resolved
  const product = scheme.products.at(scheme.products.slotOf(command.product))
  const paid = postingsOf(scheme.merchants.accountsOf(product.currency), [
    [Account.deposits, deposit],
    [Account.cashIn, -deposit],
  ])
  const status = command.active === true ? CardStatus.active : CardStatus.issued
  const number = new SerialNumbers(product.bin, product.digits, command.serial)
  for (let i = 0; i < command.count; i++, number.advance()) {
    const shard = shardOf(number.hash)
    if (shard === undefined) continue
    const card = addOfProduct(shard, number, product, status, day, expiresDay, command.nonce)
    shard.cards.setDeposit(card, deposit)
    post(shard, paid)
  }
}

/** A card with nothing on it. */
export const addOfProduct = (
  shard: Shard,
  number: NumberWords,
  product: Product,
  status: number,
  day: number,
  expiresDay: number,
  nonce: number,
): number => {
  const { cards } = shard
  const { currency, slot, named } = product
  const card = cards.add(number.lo, number.hi, currency, status, slot, day, monthOfDay(day))
  cards.setExpiresDay(card, expiresDay)
  cards.setNonce(card, nonce)
  if (named) cards.setNamed(card)
  return card
}
