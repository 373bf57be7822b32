// What the tests of commands share: a scheme and shards with every command kept as it would be journaled, and looked at after each.
import type { LifecycleAction, PurseName } from "@millrace/protocol"
import { expect } from "vitest"
import { CardNumber } from "../../src/CardNumbers.ts"
import { CardStatus, type CardStatusName, PURSES, Purse } from "../../src/Cards.ts"
import {
  type Command,
  commandProblem,
  decodeCommand,
  encodeCommand,
  type ProductCommand,
  type ResolvedCommand,
} from "../../src/Command.ts"
import { Account, type Postings } from "../../src/Postings.ts"
import { applyToShard, type ControlResult, Provisioner } from "../../src/Provisioner.ts"
import { postingsOf } from "../../src/provision/World.ts"
import { Scheme } from "../../src/Scheme.ts"
import { Shard } from "../../src/Shard.ts"

export const by = "host:test"
export const DAY = 20_000
const DAY_MS = 86_400_000

/** What is done to a card beside commands, as transactions would. */
type Change = (shard: Shard, slot: number) => void

type Entry =
  | { readonly time: number; readonly words: Int32Array }
  | { readonly card: bigint; readonly change: Change }

const find = (shards: ReadonlyArray<Shard>, card: bigint): { shard: Shard; slot: number } => {
  const { hash, lo, hi } = new CardNumber(card)
  const shard = shards[hash & (shards.length - 1)]
  return { shard, slot: shard.cards.find(hash, lo, hi) }
}

const decoded = (words: Int32Array): ResolvedCommand => {
  const command = decodeCommand(words, 0)
  if (typeof command === "string") throw new Error(command)
  return command
}

export class World {
  readonly scheme = new Scheme()
  readonly shards: ReadonlyArray<Shard>
  readonly provisioner: Provisioner
  readonly journal: Array<Entry> = []
  time = DAY * DAY_MS

  constructor(shards = 4) {
    this.shards = Array.from({ length: shards }, (_, shard) => new Shard(shard, shards))
    this.provisioner = new Provisioner(this.scheme, () => this.shards)
  }

  /** Judges, resolves, journals, applies; a refusal must change nothing, and what is journaled must resolve to itself. */
  control(command: Command): ControlResult {
    const message = commandProblem(command)
    if (message !== undefined) return { ok: false, code: "bad-message", message }
    const before = this.state()
    const resolution = this.provisioner.resolve(++this.time, command)
    expect(this.state()).toEqual(before)
    if (!resolution.ok) return resolution
    const words = encodeCommand(resolution.command)!
    const again = this.provisioner.resolve(this.time, decoded(words))
    expect(again).toEqual(resolution)
    if (again.ok) expect(encodeCommand(again.command)).toEqual(words)
    this.provisioner.apply(this.time, resolution.command)
    this.journal.push({ time: this.time, words })
    this.conserves()
    return resolution.result
  }

  /** Must succeed. */
  do(command: Command): ControlResult & { readonly ok: true } {
    const result = this.control(command)
    if (!result.ok) throw new Error(result.message)
    return result
  }

  step(card: bigint, action: LifecycleAction, reason = "asked for"): ControlResult {
    return this.control({ type: "lifecycle", by, card, action, reason })
  }

  /** `cards` of the product, and the first one's number. */
  issue(product: number, count = 1, active = true): bigint {
    const serial = this.scheme.products.nextSerial(this.scheme.products.slotOf(product))
    const result = this.do({ type: "issue", by, product, serial, count, nonce: 7, active })
    return result.firstCard!
  }

  fund(card: bigint, amount: number, purse: PurseName = "main"): ControlResult {
    const { shard, slot } = this.at(card)
    const reference = shard.cards.fundReference(shard.cards.newest(slot)) + 1n
    return this.control({ type: "fund", by, card, purse, amount, reference })
  }

  alter(card: bigint, change: Change): void {
    const { shard, slot } = this.at(card)
    change(shard, slot)
    this.journal.push({ card, change })
    this.conserves()
  }

  at(card: bigint): { readonly shard: Shard; readonly slot: number } {
    return find(this.shards, card)
  }

  balance(card: bigint, purse: PurseName = "main"): number {
    const { shard, slot } = this.at(card)
    return shard.cards.balance(slot, Purse[purse])
  }

  status(card: bigint): number {
    const { shard, slot } = this.at(card)
    return shard.cards.status(slot)
  }

  /** Of an account, over all shards. */
  total(account: number, currency = 203): number {
    const accounts = this.scheme.merchants.accountsOf(currency)
    return this.shards.reduce((sum, shard) => sum + shard.accounts.general(accounts, account), 0)
  }

  /** In every shard the accounts add up to 0, and what is kept by card is what its account says. */
  conserves(): void {
    const { merchants } = this.scheme
    for (const { accounts, cards } of this.shards) {
      for (const [place, currency] of merchants.currencies.entries()) {
        // Near the limit a sum of numbers would not be exact.
        let sum = 0n
        for (const account of Object.values(Account)) sum += BigInt(accounts.general(place, account))
        for (let slot = 0; slot < merchants.count; slot++) {
          if (merchants.at(slot).currency === currency)
            sum += BigInt(accounts.payable(slot) + accounts.float(slot))
        }
        expect(sum).toBe(0n)
        const kept = { purse: 0, held: 0, deposits: 0, bonusLocked: 0 }
        for (let slot = 0; slot < cards.count; slot++) {
          if (cards.currency(slot) !== currency) continue
          kept.purse += cards.total(slot)
          kept.held += cards.held(slot)
          kept.deposits += cards.deposit(slot)
          kept.bonusLocked += cards.bonusLocked(slot)
        }
        for (const [name, amount] of Object.entries(kept)) {
          expect([name, accounts.general(place, Account[name as keyof typeof kept])]).toEqual([name, amount])
        }
      }
    }
    for (let slot = 0; slot < merchants.count; slot++) {
      const stripes = this.shards.reduce((sum, { accounts }) => sum + accounts.float(slot), 0)
      expect(stripes).toBe(merchants.floatTotal(slot))
    }
  }

  /** The journal alone gives the same scheme and shards, and each shard alone, beside the scheme as it is now, the same shard. */
  recovers(): void {
    const replayed = new World(this.shards.length)
    for (const entry of this.journal) {
      if ("change" in entry) {
        const { shard, slot } = find(replayed.shards, entry.card)
        entry.change(shard, slot)
      } else {
        const resolution = replayed.provisioner.resolve(entry.time, decoded(entry.words))
        if (!resolution.ok) throw new Error(resolution.message)
        expect(encodeCommand(resolution.command)).toEqual(entry.words)
        replayed.provisioner.apply(entry.time, decoded(entry.words))
      }
    }
    expect(replayed.state()).toEqual(this.state())
    for (const live of this.shards) {
      const shard = new Shard(live.number, live.shards)
      shard.accounts.reserve(this.scheme.merchants.currencies.length, this.scheme.merchants.count)
      for (const entry of this.journal) {
        if (!("change" in entry)) applyToShard(shard, entry.time, decoded(entry.words), this.scheme)
        else {
          const { hash, lo, hi } = new CardNumber(entry.card)
          if ((hash & (shard.shards - 1)) === shard.number)
            entry.change(shard, shard.cards.find(hash, lo, hi))
        }
      }
      expect(shardState(shard, this.scheme)).toEqual(shardState(live, this.scheme))
    }
  }

  state(): unknown {
    return {
      scheme: schemeState(this.scheme),
      shards: this.shards.map((shard) => shardState(shard, this.scheme)),
    }
  }
}

/** Moves money on a card's shard as a transaction would. */
export const move = (
  shard: Shard,
  currencyAccounts: number,
  amounts: ReadonlyArray<readonly [number, number]>,
): void => {
  const postings: Postings = postingsOf(currencyAccounts, amounts)
  postings.assertBalanced()
  shard.accounts.apply(postings)
}

export const setStatus =
  (status: CardStatusName): Change =>
  (shard, slot) =>
    shard.cards.setStatus(slot, CardStatus[status])

export const product = (some: Partial<ProductCommand> = {}): ProductCommand => ({
  type: "product",
  by,
  number: 1,
  name: "Gift",
  currency: 203,
  bin: "900000",
  ...some,
})

const schemeState = (scheme: Scheme): unknown => {
  const { merchants, terminals, products, hosts, hotlist, plans } = scheme
  const range = (count: number) => Array.from({ length: count }, (_, slot) => slot)
  return {
    merchants: range(merchants.count).map((slot) => [
      merchants.at(slot),
      merchants.floatTotal(slot),
      merchants.floatReference(slot),
      merchants.hasCode(slot),
      merchants.codeTries(slot),
      merchants.isActive(slot),
      merchants.floatLimit(slot),
      merchants.codeAbove(slot),
    ]),
    currencies: [...merchants.currencies],
    terms: merchants.termsCount,
    plans: range(plans.count).map((plan) => plans.at(plan)),
    terminals: range(terminals.size).map((slot) => terminals.view(slot)),
    products: range(products.count).map((slot) => [products.at(slot).command, products.nextSerial(slot)]),
    hosts: [...hosts.values()],
    hotlist: hotlist.changes(0, 1_000),
    removed: hotlist.changes(1, 1_000),
    utcOffsetMinutes: scheme.calendar.utcOffsetMinutes,
  }
}

const shardState = ({ cards, accounts }: Shard, { merchants }: Scheme): unknown => ({
  cards: Array.from({ length: cards.count }, (_, slot) => [
    `${cards.numberLo(slot)} ${cards.numberHi(slot)} currency ${cards.currency(slot)} status ${cards.status(slot)}`,
    `before ${cards.previousStatus(slot)} named ${cards.isNamed(slot)} product ${cards.product(slot)}`,
    `issued ${cards.issuedDay(slot)} expires ${cards.expiresDay(slot)} nonce ${cards.nonce(slot)}`,
    `deposit ${cards.deposit(slot)} held ${cards.held(slot)} locked ${cards.bonusLocked(slot)}`,
    Array.from({ length: PURSES }, (_, purse) => [
      cards.balance(slot, purse),
      cards.purseExpires(slot, purse),
    ]),
    `months ${cards.monthsLeft(slot)} period ${cards.periodMonth(slot)} active ${cards.activeDay(slot)}`,
    `day ${cards.dayAmount(slot, DAY)} ${cards.dayCount(slot, DAY)} pin ${cards.hasPin(slot)} ${cards.pinTries(slot)}`,
    `by ${cards.replacedBy(slot)} of ${cards.replaces(slot)} reference ${cards.fundReference(slot)}`,
  ]),
  general: merchants.currencies.map((_, place) =>
    Object.values(Account).map((account) => accounts.general(place, account)),
  ),
  merchants: Array.from({ length: merchants.count }, (_, slot) => [
    accounts.payable(slot),
    accounts.float(slot),
  ]),
})
