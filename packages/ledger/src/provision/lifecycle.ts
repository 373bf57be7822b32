// A card's life: which step leads from which state to which, what each does to its money, and what the hotlist says then.
import type { LifecycleAction } from "@millrace/protocol"
import { CardNumber, numberOfWords } from "../CardNumbers.ts"
import { CardStatus, type Cards, cardStatusNames, PURSES } from "../Cards.ts"
import type { LifecycleCommand, ResolvedLifecycle } from "../Command.ts"
import { masked } from "../mask.ts"
import { Account, type Postings } from "../Postings.ts"
import type { Scheme } from "../Scheme.ts"
import type { Shard } from "../Shard.ts"
import { findReplacement, putReplacement } from "./replacement.ts"
import {
  type ControlDone,
  post,
  postingsOf,
  type Resolution,
  refusal,
  resolved,
  type ShardOf,
  type World,
} from "./World.ts"

interface Step {
  readonly from: ReadonlyArray<number>
  readonly to: number
  readonly namedOnly?: boolean
}

const { issued, active, locked, lost, stolen, blacklisted, returned, cancelled, closed } = CardStatus

/** The steps that lead to one state from wherever they may be taken. */
const steps: { readonly [A in Exclude<LifecycleAction, "release" | "replace" | "name">]: Step } = {
  activate: { from: [issued], to: active },
  lock: { from: [active], to: locked },
  unlock: { from: [locked], to: active },
  lost: { from: [active, locked], to: lost, namedOnly: true },
  stolen: { from: [active, locked], to: stolen, namedOnly: true },
  blacklist: { from: [issued, active, locked, lost, stolen, closed], to: blacklisted },
  cancel: { from: [issued], to: cancelled },
  return: { from: [active, locked, closed], to: returned },
}
const replaceFrom: ReadonlyArray<number> = [active, locked, lost, stolen]

/** What the hotlist says of a card in a state that it names. */
const hotCodes: ReadonlyMap<number, number> = new Map([
  [lost, 41],
  [stolen, 43],
  [blacklisted, 5],
])
const HOT_REMOVED = -1
const HOT_SAME = 0

export const resolveLifecycle = (world: World, command: LifecycleCommand): Resolution => {
  const found = world.card(command.card)
  if (!found.ok) return found
  const { shard, slot } = found
  const { cards } = shard
  const status = cards.status(slot)
  const { action } = command
  const refuse = (why: string): Resolution => refusal("conflict", `card ${masked(command.card)} ${why}`)
  const wrong = (): Resolution => refuse(`is ${cardStatusNames[status]}: no ${action}`)
  const isOver = status === returned || status === cancelled

  if (action === "replace") {
    const by = cards.replacedBy(slot)
    if (by >= 0) return repeated(command, { card: numberOf(cards, by), nonce: cards.nonce(by) })
    if (!replaceFrom.includes(status)) return wrong()
    if (!cards.isNamed(slot)) return refuse("is anonymous: no replace")
    const replacement = findReplacement(world, shard, slot)
    if (!replacement.ok) return replacement
    const hot = hotCodes.has(status) ? HOT_SAME : 41
    const { at, card } = replacement
    const done: ResolvedLifecycle = { ...command, resolved: { repeat: false, hot, replacement: at } }
    return finished(world, done, { card, nonce: cards.nonce(slot) })
  }
  if (action === "name") {
    if (isOver) return wrong()
    return cards.isNamed(slot) ? repeated(command) : finished(world, stepped(command, HOT_SAME))
  }
  if (action === "release") {
    if (isOver) return wrong()
    if (status !== blacklisted) return repeated(command)
    return finished(world, stepped(command, hotCodes.get(cards.previousStatus(slot)) ?? HOT_REMOVED))
  }
  const step = steps[action]
  if (status === step.to) return repeated(command, isLeaving(action) ? { paidOut: cards.paidOut(slot) } : {})
  if (!step.from.includes(status)) return wrong()
  if (step.namedOnly === true && !cards.isNamed(slot)) return refuse(`is anonymous: no ${action}`)
  const why = isLeaving(action) ? owing(cards, slot) : undefined
  if (why !== undefined) return refuse(`${why}: no ${action}`)
  const { postings, paidOut } = leaving(world.scheme, cards, slot, action)
  if (!world.canPost(shard, postings)) return refusal("full", "an account would pass 2^53 - 1")
  return finished(
    world,
    stepped(command, hotCodes.get(step.to) ?? HOT_SAME),
    isLeaving(action) ? { paidOut } : {},
  )
}

const stepped = (command: LifecycleCommand, hot: number): ResolvedLifecycle => ({
  ...command,
  resolved: { repeat: false, hot },
})

const repeated = (command: LifecycleCommand, more: Partial<ControlDone> = {}): Resolution =>
  resolved({ ...command, resolved: { repeat: true, hot: HOT_SAME } }, 0, 1, more)

/** A hotlist that is full stops no card from being reported: the engine itself asks the card's status, not the list. */
const finished = (
  { scheme: { hotlist } }: World,
  command: ResolvedLifecycle,
  more: Partial<ControlDone> = {},
): Resolution => {
  const isListable = command.resolved.hot <= 0 || !hotlist.isFull || hotlist.codeOf(command.card) !== 0
  const hot = isListable ? command.resolved.hot : HOT_SAME
  return resolved({ ...command, resolved: { ...command.resolved, hot } }, 1, 0, more)
}

const numberOf = (cards: Cards, slot: number): bigint =>
  numberOfWords(cards.numberLo(slot), cards.numberHi(slot))

/** Why a card's money can't go yet, or undefined. */
const owing = (cards: Cards, slot: number): string | undefined => {
  if (cards.held(slot) !== 0) return "has money held"
  for (let purse = 0; purse < PURSES; purse++) if (cards.balance(slot, purse) < 0) return "is overdrawn"
  return undefined
}

const isLeaving = (action: LifecycleAction): boolean => action === "return" || action === "cancel"

/** What is left on the card goes: the main purse and the deposit to the cardholder, the rest to the scheme. */
const leaving = (
  scheme: Scheme,
  cards: Cards,
  slot: number,
  action: LifecycleAction,
): { readonly postings: Postings; readonly paidOut: number } => {
  const accounts = scheme.merchants.accountsOf(cards.currency(slot))
  if (!isLeaving(action)) return { postings: postingsOf(accounts, []), paidOut: 0 }
  // A card that is cancelled was never active: what was put on it, too, is given back.
  const main = cards.balance(slot, 0)
  const total = cards.total(slot)
  const deposit = cards.deposit(slot)
  const bonusLocked = cards.bonusLocked(slot)
  const paidOut = main + deposit
  const postings = postingsOf(accounts, [
    [Account.purse, -total],
    [Account.deposits, -deposit],
    [Account.bonusLocked, -bonusLocked],
    [Account.cashOut, paidOut],
    [Account.breakage, total - main + bonusLocked],
  ])
  return { postings, paidOut }
}

/** The lane's part: the hotlist, and the serials that a replacement took. */
export const noteLifecycle = ({ hotlist, products }: Scheme, command: ResolvedLifecycle): void => {
  const { repeat, hot, replacement } = command.resolved
  if (repeat) return
  if (hot === HOT_REMOVED) hotlist.remove(command.card)
  else if (hot !== HOT_SAME) hotlist.put(command.card, hot)
  if (replacement !== undefined) {
    products.setNextSerial(products.slotOf(replacement.product), replacement.serial + 1)
  }
}

export const stepCard = (shardOf: ShardOf, command: ResolvedLifecycle, scheme: Scheme): void => {
  const number = new CardNumber(command.card)
  const shard = shardOf(number.hash)
  if (shard === undefined || command.resolved.repeat) return
  const slot = shard.cards.find(number.hash, number.lo, number.hi)
  const { replacement } = command.resolved
  const { action } = command
  if (action === "replace") {
    if (replacement !== undefined) putReplacement(shard, slot, replacement, scheme)
  } else if (action === "name") shard.cards.setNamed(slot)
  else if (action === "release") shard.cards.setStatus(slot, shard.cards.previousStatus(slot))
  else take(shard, slot, action, scheme)
}

const take = (shard: Shard, slot: number, action: keyof typeof steps, scheme: Scheme): void => {
  const { cards } = shard
  const { postings, paidOut } = leaving(scheme, cards, slot, action)
  post(shard, postings)
  if (isLeaving(action)) {
    cards.setPaidOut(slot, paidOut)
    cards.setDeposit(slot, 0)
    for (let purse = 0; purse < PURSES; purse++) cards.addTo(slot, purse, -cards.balance(slot, purse))
    cards.addBonusLocked(slot, -cards.bonusLocked(slot))
    cards.setMonthsLeft(slot, 0)
  }
  if (action === "blacklist") cards.setPreviousStatus(slot, cards.status(slot))
  cards.setStatus(slot, steps[action].to)
}
