// What the ledger tells of itself: a card, its history, one request, a terminal's totals. Reads only.
import { KIND_RESERVED_FROM, Kind, type PurseName, purseNames, RecordWord } from "@millrace/protocol"
import { CardNumber, numberOfWords } from "./CardNumbers.ts"
import { CardStatus, type CardStatusName, cardStatusNames } from "./Cards.ts"
import { pursesGive } from "./kinds/spend.ts"
import { type Memory, REVERSED } from "./Memory.ts"
import type { Scheme } from "./Scheme.ts"
import type { Shard } from "./Shard.ts"
import {
  amountAt,
  dayAt,
  isApprovedAt,
  kindAt,
  movedAt,
  responseAt,
  SLOT_WORDS,
  SlotKind,
  SlotWord,
  u53At,
} from "./Slot.ts"
import { Row } from "./Terminals.ts"

/** Amounts are minor units; days are business days since the epoch. */
export interface CardView {
  readonly number: bigint
  readonly status: CardStatusName
  /** The product's number; 0 is the open product. */
  readonly product: number
  /** ISO 4217 numeric. */
  readonly currency: number
  /** The main purse. */
  readonly balance: number
  /** What can be spent at a merchant that every purse in the product's order is good for. */
  readonly available: number
  readonly held: number
  readonly bonusLocked: number
  readonly deposit: number
  /** Those that hold something, and main. */
  readonly purses: Readonly<Partial<Record<PurseName, number>>>
  readonly dayAmount: number
  readonly dayCount: number
  readonly monthAmount: number
  readonly monthCount: number
  readonly pinSet: boolean
  readonly pinTriesLeft: number
  readonly issuedDay: number
  /** The last day on which it is good; 0: no such day. */
  readonly expiresDay: number
  readonly named: boolean
  /** What the check value is made from. */
  readonly nonce: number
  readonly replacedBy: bigint | undefined
  readonly replaces: bigint | undefined
  /** Of the last movement that a command made. */
  readonly fundReference: bigint
  readonly shard: number
}

export interface TransactionView {
  /** A kind of the wire, or SlotKind.arrival, departure, expired or periodic. */
  readonly kind: number
  readonly response: number
  /** As asked for. */
  readonly amount: number
  /** What moved: 0 when it was declined. */
  readonly approved: number
  readonly card: bigint
  readonly terminal: number
  readonly reference: bigint
  readonly original: bigint
  /** Second card of a transfer; 0n for a PIN change, whose field is no business of readers. */
  readonly counterparty: bigint
  readonly currency: number
  /** Business day. */
  readonly day: number
  readonly available: number
  readonly sequence: number
  /** It was turned round by a reversal or void. */
  readonly reversed: boolean
}

export interface TotalsRow {
  readonly count: number
  /** Minor units. */
  readonly amount: number
}

export interface TerminalTotals {
  readonly terminal: number
  readonly batch: number
  readonly rows: Readonly<Record<keyof typeof Row, TotalsRow>>
  /** What a close must state. */
  readonly debits: TotalsRow
  readonly credits: TotalsRow
}

const u64At = (words: Int32Array, at: number): bigint => numberOfWords(words[at], words[at + 1])

export class Views {
  readonly #scheme: Scheme
  readonly #memory: Memory
  readonly #shards: () => ReadonlyArray<Shard>

  constructor(scheme: Scheme, memory: Memory, shards: () => ReadonlyArray<Shard>) {
    this.#scheme = scheme
    this.#memory = memory
    this.#shards = shards
  }

  card(number: bigint): CardView | undefined {
    const found = this.#find(number)
    if (found === undefined) return undefined
    const { shard, card } = found
    const { cards } = shard
    const { day, month } = this.#scheme.calendar
    const product = this.#scheme.products.at(cards.product(card))
    const numberAt = (slot: number): bigint | undefined =>
      slot < 0 ? undefined : numberOfWords(cards.numberLo(slot), cards.numberHi(slot))
    const kept = cards.status(card)
    const mayExpire = kept === CardStatus.issued || kept === CardStatus.active || kept === CardStatus.locked
    const status = mayExpire && cards.isExpired(card, day) ? CardStatus.expired : kept
    const purses: Partial<Record<PurseName, number>> = {}
    for (const [purse, name] of purseNames.entries()) {
      if (purse === 0 || cards.balance(card, purse) !== 0) purses[name] = cards.balance(card, purse)
    }
    const available = pursesGive(cards, card, product, product.order, day)
    return {
      number,
      status: cardStatusNames[status],
      product: product.number,
      currency: cards.currency(card),
      balance: cards.balance(card, 0),
      available,
      held: cards.held(card),
      bonusLocked: cards.bonusLocked(card),
      deposit: cards.deposit(card),
      purses,
      dayAmount: cards.dayAmount(card, day),
      dayCount: cards.dayCount(card, day),
      monthAmount: cards.monthAmount(card, month),
      monthCount: cards.monthCount(card, month),
      pinSet: cards.hasPin(card),
      pinTriesLeft: Math.max(0, product.triesMax - cards.pinTries(card)),
      issuedDay: cards.issuedDay(card),
      expiresDay: cards.expiresDay(card),
      named: cards.isNamed(card),
      nonce: cards.nonce(card),
      replacedBy: numberAt(cards.replacedBy(card)),
      replaces: numberAt(cards.replaces(card)),
      fundReference: cards.fundReference(card),
      shard: shard.number,
    }
  }

  history(number: bigint, count: number): ReadonlyArray<TransactionView> {
    const found = this.#find(number)
    if (found === undefined) return []
    const { shard } = found
    const heads: Array<number> = []
    for (let card = found.card; card >= 0; card = shard.cards.replaces(card)) {
      heads.push(this.#memory.newest(shard, card))
    }
    const history: Array<TransactionView> = []
    while (history.length < count) {
      // The newest of what the card and those that it replaced have left to tell.
      let newest = 0
      for (let i = 1; i < heads.length; i++) if (heads[i] > heads[newest]) newest = i
      const sequence = heads[newest]
      if (sequence === 0) break
      heads[newest] = this.#memory.older(sequence)
      history.push(this.#transaction(sequence))
    }
    return history
  }

  find(terminal: number, reference: bigint): TransactionView | undefined {
    const { lo, hi } = new CardNumber(reference)
    const index = this.#memory.find(terminal | 0, lo, hi)
    if (index < 0 || this.#memory.isBar(index)) return undefined
    return this.#transaction(this.#memory.sequenceAt(index * SLOT_WORDS))
  }

  terminalTotals(number: number): TerminalTotals | undefined {
    const { terminals } = this.#scheme
    const terminal = terminals.find(number)
    if (terminal < 0) return undefined
    const row = (place: number): TotalsRow => ({
      count: terminals.rowCount(terminal, place),
      amount: terminals.rowSum(terminal, place),
    })
    const rows = {
      purchase: row(Row.purchase),
      completion: row(Row.completion),
      refund: row(Row.refund),
      recharge: row(Row.recharge),
      transfer: row(Row.transfer),
      debitReversal: row(Row.debitReversal),
      creditReversal: row(Row.creditReversal),
    }
    const { purchase, completion, transfer, refund, recharge, debitReversal, creditReversal } = rows
    return {
      terminal: number,
      batch: terminals.batch(terminal),
      rows,
      debits: net([purchase, completion, transfer], debitReversal),
      credits: net([refund, recharge], creditReversal),
    }
  }

  #find(number: bigint): { readonly shard: Shard; readonly card: number } | undefined {
    const { lo, hi, hash } = new CardNumber(number)
    const shards = this.#shards()
    const shard = shards[hash & (shards.length - 1)]
    const card = shard.cards.find(hash, lo, hi)
    return card < 0 ? undefined : { shard, card }
  }

  #transaction(sequence: number): TransactionView {
    const { ring, doubles, marks } = this.#memory
    const at = this.#memory.wordOf(sequence)
    const kind = kindAt(ring, at)
    const isWire = kind < KIND_RESERVED_FROM
    const approved = !isWire || isApprovedAt(ring, at) ? movedAt(ring, doubles, at) : 0
    const isPeriodic = kind === SlotKind.periodic
    // Only a transfer names a card there.
    const hasCounterparty = kind === SlotKind.arrival || kind === SlotKind.departure || kind === Kind.transfer
    return {
      kind,
      response: responseAt(ring, at),
      amount: isPeriodic ? u53At(ring, at + RecordWord.amountLo) : amountAt(ring, at),
      approved,
      card: u64At(ring, at + RecordWord.cardLo),
      terminal: ring[at + RecordWord.terminal] >>> 0,
      reference: u64At(ring, at + RecordWord.referenceLo),
      original: isWire ? u64At(ring, at + RecordWord.originalLo) : 0n,
      counterparty: hasCounterparty ? u64At(ring, at + RecordWord.counterpartyLo) : 0n,
      currency: ring[at + RecordWord.kindFlagsCurrency] >>> 16,
      day: dayAt(ring, at),
      available: doubles[(at + SlotWord.available) >>> 1],
      sequence,
      reversed: marks[at / SLOT_WORDS] === REVERSED,
    }
  }
}

const net = (rows: ReadonlyArray<TotalsRow>, reversed: TotalsRow): TotalsRow => ({
  count: rows.reduce((sum, row) => sum + row.count, 0) - reversed.count,
  amount: rows.reduce((sum, row) => sum + row.amount, 0) - reversed.amount,
})
