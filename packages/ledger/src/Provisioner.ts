// Control commands carried out: judged against scheme and shards first, then applied as a whole.
import type { CardsCommand, Command, HostCommand, MerchantCommand, TerminalsCommand } from "./Command.ts"
import { numberHash } from "./hash.ts"
import { CARDS_PER_SHARD_MAX, HOSTS_MAX, MERCHANTS_MAX, TERMINALS_MAX, TERMS_MAX } from "./limits.ts"
import { masked } from "./mask.ts"
import { Account, Postings } from "./Postings.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"

export type ControlRefusalCode =
  /** The command makes no sense. */
  | "bad-message"
  /** A merchant that is named does not exist. */
  | "not-found"
  /** It contradicts what is there: a card or merchant of another currency, a terminal of another merchant. */
  | "conflict"
  /** A table's or an account's limit. */
  | "full"

export interface ControlRefusal {
  readonly ok: false
  readonly code: ControlRefusalCode
  readonly message: string
}

export interface ControlDone {
  readonly ok: true
  readonly created: number
  /** Were there before; a merchant or host may have been changed, cards and terminals never are. */
  readonly existing: number
}

export type ControlResult = ControlDone | ControlRefusal

const refusal = (code: ControlRefusalCode, message: string): ControlRefusal => ({ ok: false, code, message })
const done = (created: number, existing: number): ControlDone => ({ ok: true, created, existing })
const U32 = 0xffff_ffffn

/** A refused command changes nothing; what is not refused can be applied to the end. */
export class Provisioner {
  readonly #scheme: Scheme
  readonly #shards: () => ReadonlyArray<Shard>

  constructor(scheme: Scheme, shards: () => ReadonlyArray<Shard>) {
    this.#scheme = scheme
    this.#shards = shards
  }

  judge(command: Command): ControlResult {
    switch (command.type) {
      case "merchant":
        return this.#judgeMerchant(command)
      case "terminals":
        return this.#judgeTerminals(command)
      case "cards":
        return this.#judgeCards(command)
      case "host":
        return this.#judgeHost(command)
    }
  }

  apply(time: number, command: Command): void {
    switch (command.type) {
      case "merchant":
        this.#putMerchant(time, command)
        break
      case "terminals":
        this.#addTerminals(time, command)
        break
      case "cards":
        this.#addCards(time, command)
        break
      case "host":
        this.#putHost(command)
    }
  }

  #judgeMerchant(command: MerchantCommand): ControlResult {
    const { merchants } = this.#scheme
    const before = this.#scheme.merchant(command.number)
    if (merchants.termsCount === TERMS_MAX) return refusal("full", `there are ${TERMS_MAX} terms`)
    if (before === undefined) {
      if (merchants.count === MERCHANTS_MAX) return refusal("full", `there are ${MERCHANTS_MAX} merchants`)
      if (!merchants.canTakeCurrency(command.currency))
        return refusal("full", "there are too many currencies")
      return done(1, 0)
    }
    if (before.currency !== command.currency) {
      return refusal("conflict", `merchant ${command.number} is paid in currency ${before.currency}`)
    }
    return done(0, 1)
  }

  #putMerchant(time: number, command: MerchantCommand): void {
    const { merchants } = this.#scheme
    this.#reserveAccounts()
    merchants.put(command.number, command.name, command.currency, command.feeBasisPoints, time)
  }

  #judgeTerminals(command: TerminalsCommand): ControlResult {
    const { terminals, merchants } = this.#scheme
    const merchant = merchants.slotOf(command.merchant)
    if (merchant < 0) return refusal("not-found", `merchant ${command.merchant} is not known`)
    let existing = 0
    for (let number = command.first; number < command.first + command.count; number++) {
      const slot = terminals.find(number)
      if (slot < 0) continue
      if (terminals.merchantOf(slot) !== merchant) {
        const owner = merchants.at(terminals.merchantOf(slot)).number
        return refusal("conflict", `terminal ${number} belongs to merchant ${owner}`)
      }
      existing++
    }
    const created = command.count - existing
    return terminals.count + created > TERMINALS_MAX
      ? refusal("full", `there may be ${TERMINALS_MAX} terminals`)
      : done(created, existing)
  }

  #addTerminals(time: number, command: TerminalsCommand): void {
    const { terminals, merchants } = this.#scheme
    const merchant = merchants.slotOf(command.merchant)
    for (let number = command.first; number < command.first + command.count; number++) {
      if (terminals.find(number) < 0) terminals.add(number, merchant, time)
    }
  }

  #judgeHost(command: HostCommand): ControlResult {
    const { hosts } = this.#scheme
    if (hosts.has(command.id)) return done(0, 1)
    return hosts.size === HOSTS_MAX ? refusal("full", `there are ${HOSTS_MAX} hosts`) : done(1, 0)
  }

  #putHost(command: HostCommand): void {
    const { hosts } = this.#scheme
    const keyVersion = hosts.get(command.id)?.keyVersion ?? 1
    const { id, terminals, permissions } = command
    hosts.set(id, { id, terminals, permissions, keyVersion })
  }

  #judgeCards(command: CardsCommand): ControlResult {
    const shards = this.#shards()
    const fresh = new Array<number>(shards.length).fill(0)
    let existing = 0
    const number = new CardNumber(command.first)
    for (let i = 0; i < command.count; i++, number.advance()) {
      const shard = shards[number.hash & (shards.length - 1)]
      const card = shard.cards.find(number.hash, number.lo, number.hi)
      if (card < 0) fresh[shard.number]++
      else if (shard.cards.currency(card) === command.currency) existing++
      else {
        const shown = masked(number.value)
        return refusal("conflict", `card ${shown} is kept in currency ${shard.cards.currency(card)}`)
      }
    }
    for (const shard of shards) {
      if (shard.cards.count + fresh[shard.number] > CARDS_PER_SHARD_MAX) {
        return refusal("full", `a shard may hold ${CARDS_PER_SHARD_MAX} cards`)
      }
      if (!this.#canFund(shard, command, fresh[shard.number])) {
        return refusal("full", "the opening balances would take an account past 2^53 - 1")
      }
    }
    if (!this.#scheme.merchants.canTakeCurrency(command.currency)) {
      return refusal("full", "there are too many currencies")
    }
    return done(command.count - existing, existing)
  }

  #canFund(shard: Shard, command: CardsCommand, cards: number): boolean {
    const amount = command.openingBalance * cards
    if (!Number.isSafeInteger(amount)) return false
    const accounts = this.#scheme.merchants.accountsOf(command.currency)
    // No accounts yet in this currency: all of them are 0.
    return accounts < 0 || shard.accounts.allow(new Funding(accounts, amount).postings)
  }

  #addCards(time: number, command: CardsCommand): void {
    this.#reserveAccounts()
    this.#scheme.merchants.addCurrency(command.currency)
    const shards = this.#shards()
    const funding = new Funding(this.#scheme.merchants.accountsOf(command.currency), command.openingBalance)
    const number = new CardNumber(command.first)
    for (let i = 0; i < command.count; i++, number.advance()) {
      addCard(shards[number.hash & (shards.length - 1)], time, number, command.currency, funding)
    }
  }

  /** Room for one currency and one merchant more, before anything is changed: memory may not be given. */
  #reserveAccounts(): void {
    const { currencies, count } = this.#scheme.merchants
    for (const shard of this.#shards()) shard.accounts.reserve(currencies.length + 1, count + 1)
  }
}

/** A card number that counts up, as two words: bigint arithmetic would be most of a command's time. */
class CardNumber {
  lo: number
  hi: number
  hash: number

  constructor(first: bigint) {
    this.lo = Number(first & U32) | 0
    this.hi = Number(first >> 32n) | 0
    this.hash = numberHash(this.lo, this.hi)
  }

  advance(): void {
    this.lo = (this.lo + 1) | 0
    if (this.lo === 0) this.hi = (this.hi + 1) | 0
    this.hash = numberHash(this.lo, this.hi)
  }

  get value(): bigint {
    return (BigInt(this.hi >>> 0) << 32n) | BigInt(this.lo >>> 0)
  }
}

/** An opening balance's postings: cash in → purse. */
class Funding {
  readonly postings = new Postings()
  readonly isNothing: boolean

  constructor(accounts: number, amount: number) {
    this.isNothing = amount === 0
    this.postings.currency = accounts
    this.postings.amounts[Account.purse] = amount
    this.postings.amounts[Account.cashIn] = -amount
  }
}

const addCard = (
  shard: Shard,
  time: number,
  number: CardNumber,
  currency: number,
  funding: Funding,
): void => {
  if (shard.cards.find(number.hash, number.lo, number.hi) >= 0) return
  const card = shard.cards.add(number.lo, number.hi, currency, time)
  if (!funding.isNothing) shard.apply(card, funding.postings)
}

/** The part of a cards command that concerns one shard that is rebuilt; what is there already stays. */
export const addCardsOfShard = (
  shard: Shard,
  time: number,
  command: CardsCommand,
  accounts: number,
): void => {
  const funding = new Funding(accounts, command.openingBalance)
  const number = new CardNumber(command.first)
  for (let i = 0; i < command.count; i++, number.advance()) {
    if ((number.hash & (shard.shards - 1)) === shard.number) {
      addCard(shard, time, number, command.currency, funding)
    }
  }
}
