// The ledger once more, as simply as it can be said: maps, lists and bigints, and every rule as a sentence.
import { Kind, type KindName, kindName, ResponseCode as R } from "@millrace/protocol"
import type { Command } from "../Command.ts"
import { Book, type Move, Moves } from "./Book.ts"
import { type Card, openProduct, type Product } from "./Card.ts"
import { type ControlAnswer, control } from "./commands.ts"
import * as kinds from "./kinds.ts"
import { Memory } from "./Memory.ts"
import type { Hold, Merchant, Terminal } from "./Parties.ts"
import { periodic } from "./periodic.ts"
import { dayOf, monthOf } from "./plans.ts"
import type { Request } from "./Request.ts"
import { statusTable } from "./statusTable.ts"
import { Refusal, refuse, Trial, type Verdict } from "./Trial.ts"
import { reversal, voiding } from "./undo.ts"

export interface Answer {
  readonly response: number
  readonly available: bigint
  readonly sequence: number
  readonly duplicate: boolean
}

const judges: { readonly [kind in KindName]: (trial: Trial) => Verdict } = {
  balance: kinds.balance,
  purchase: kinds.purchase,
  refund: kinds.refund,
  recharge: kinds.recharge,
  reversal,
  preauthorisation: kinds.preauthorisation,
  completion: kinds.completion,
  cancellation: kinds.cancellation,
  void: voiding,
  transfer: kinds.transfer,
  pinChange: kinds.pinChange,
  close: kinds.close,
}

const noAmount: ReadonlyArray<number> = [Kind.balance, Kind.pinChange]
const anyAmount: ReadonlyArray<number> = [Kind.reversal, Kind.cancellation, Kind.void, Kind.close]
export class Model {
  readonly cards = new Map<bigint, Card>()
  readonly products = new Map<number, Product>([[0, openProduct]])
  readonly merchants = new Map<number, Merchant>()
  readonly terminals = new Map<number, Terminal>()
  readonly hosts = new Set<string>()
  readonly memory: Memory
  readonly book = new Book()
  readonly shards: number
  readonly shardOf: (card: bigint) => number
  holds: Array<Hold> = []
  utcOffsetMinutes = 0
  /** The day on which the cards were last looked at for what time alone does. */
  lookedDay = -1

  constructor(remembered: number, shards: number, shardOf: (card: bigint) => number) {
    this.memory = new Memory(remembered)
    this.shards = shards
    this.shardOf = shardOf
  }

  dayOf(time: number): number {
    return dayOf(time, this.utcOffsetMinutes)
  }

  productOf(card: Card): Product {
    return this.products.get(card.product) ?? openProduct
  }

  holdOf(terminal: number, reference: bigint): Hold | undefined {
    return this.holds.find((hold) => hold.terminal === terminal && hold.reference === reference)
  }

  /** What was held goes back to its purse. */
  released({ card, purse, amount }: Hold): ReadonlyArray<Move> {
    const moves = new Moves(this.shardOf)
    moves.held(card.newest, -amount)
    moves.purse(card.newest, purse, amount)
    return moves.list
  }

  /** The hold is no more; whoever asks for what began it is told why. */
  dropHold(hold: Hold, mark: "completed" | "reversed"): void {
    this.holds = this.holds.filter((other) => other !== hold)
    const original = this.memory.find(hold.terminal, hold.reference)
    if (original?.request !== undefined) original.mark = mark
  }

  decide(request: Request, time: number): Answer {
    const answer = (response: number) => ({ response, available: 0n, sequence: 0, duplicate: false })
    const malformed = formatOf(request)
    if (malformed !== 0) return answer(malformed)
    const known = this.memory.find(request.terminal, request.reference)
    if (known?.request !== undefined) {
      if (contentOf(known.request) !== contentOf(request)) return answer(R.duplicate)
      const { response, available, sequence } = known
      return { response, available, sequence, duplicate: true }
    }
    const terminal = this.terminals.get(request.terminal)
    if (terminal === undefined || (request.kind !== Kind.reversal && !mayWork(terminal, request.kind)))
      return answer(R.notPermittedToTerminal)
    if (known === undefined && request.reference <= this.memory.horizon(request.terminal)) {
      return answer(R.tooLate)
    }
    return this.#decideNew(new Trial(this, request, terminal, time), known !== undefined)
  }

  /** Whatever is decided from here on is remembered. */
  #decideNew(trial: Trial, barred: boolean): Answer {
    const judged = outcomeOf(() => judge(trial, barred))
    trial.looked()
    const verdict = typeof judged === "number" ? undefined : judged
    const response = typeof judged === "number" ? judged : judged.response
    const { request, day, month } = trial
    const { amount = 0n, moves = [], back = [], drawn = [], companions = 0 } = verdict ?? {}
    this.book.apply(moves, day)
    const at = this.memory.journal.length
    const entry = {
      what: "transaction",
      terminal: request.terminal,
      reference: request.reference,
      card: request.card,
      request,
      response,
      amount,
      day,
      month,
      back,
      drawn,
      companions,
    } as const
    this.memory.add(entry)
    verdict?.besides()
    const available = response === R.partiallyApproved ? amount : trial.available()
    this.memory.journal[at] = { ...this.memory.journal[at], available }
    this.memory.addOthers(companions)
    if (verdict?.row !== undefined) count(trial.terminal, verdict.row, amount)
    return { response, available, sequence: at + 1, duplicate: false }
  }

  control(time: number, command: Command): ControlAnswer {
    const answer = control(this, time, command)
    if (answer.ok && mayBeDue.includes(command.type)) this.lookedDay = -1
    return answer
  }

  /** What command slots the ledger journaled: how many is a matter of their encoding. */
  controlled(slots: number): void {
    this.memory.addOthers(slots)
  }

  /** Holds that ran out, and what is due by the month and the day. */
  tick(time: number): void {
    for (const hold of this.holds.filter(({ expiresMs }) => expiresMs <= time)) this.expire(hold, time)
    periodic(this, time)
  }

  /** One hold that ran out. */
  expire(hold: Hold, time: number): void {
    this.book.apply(this.released(hold), this.dayOf(time))
    hold.card.newest.giveBack(hold.day, monthOf(hold.day), hold.amount)
    this.dropHold(hold, "reversed")
    this.memory.addOthers(1)
  }
}

/** Commands after which something may be due at once. */
const mayBeDue: ReadonlyArray<Command["type"]> = ["product", "calendar", "fund", "lifecycle"]

const outcomeOf = (judge: () => Verdict): Verdict | number => {
  try {
    return judge()
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown.response
    throw thrown
  }
}

const judge = (trial: Trial, barred: boolean): Verdict => {
  const { request, merchant, asked } = trial
  // Every kind that the format lets through has a name.
  const name = kindName(request.kind) as KindName
  if (barred) refuse(R.tooLate)
  if (name === "close") return judges.close(trial)
  if (asked === undefined) return refuse(R.noSuchCard)
  if (asked.currency !== request.currency || merchant.currency !== request.currency) {
    refuse(R.invalidTransaction)
  }
  const codes = statusTable[name]
  if (codes !== undefined && codes[asked.status] !== 0) refuse(codes[asked.status])
  if (codes !== undefined && asked.isExpired(trial.day) && codes.expired !== 0) refuse(codes.expired)
  trial.holder = asked.newest
  if (codes !== undefined && codes[asked.newest.status] !== 0) refuse(codes[asked.newest.status])
  return judges[name](trial)
}

const mayWork = ({ active, merchant, kinds }: Terminal, kind: number): boolean =>
  active && merchant.command.status !== "suspended" && (kinds?.includes(kindName(kind) ?? "") ?? true)

const count = ({ rows }: Terminal, name: NonNullable<Verdict["row"]>, amount: bigint): void => {
  const row = rows.get(name) ?? { count: 0, sum: 0n }
  rows.set(name, { count: row.count + 1, sum: row.sum + amount })
}

/** Flags by kind: every kind may say that it is a repeat. */
const flagsOf = (kind: number): number => {
  if (kind === Kind.purchase) return 1 | 2
  if (kind === Kind.refund || kind === Kind.recharge) return 1 | 4
  return kind === Kind.close ? 1 | 8 : 1
}

const formatOf = (request: Request): number => {
  const { kind, flags, amount, card, original, counterparty } = request
  if (kind === 0 || kind >= 0x80 || (flags & ~flagsOf(kind)) !== 0) return R.format
  if (kind > Kind.close) return R.invalidTransaction
  if (noAmount.includes(kind) && amount !== 0) return R.badAmount
  if (!noAmount.includes(kind) && !anyAmount.includes(kind) && amount === 0) return R.badAmount
  if (kind === Kind.transfer && (counterparty === 0n || counterparty === card)) return R.invalidTransaction
  if (kind === Kind.pinChange && (counterparty === 0n || original !== 0n)) return R.invalidTransaction
  if (kind === Kind.close && original >= 2n ** 53n) return R.badAmount
  return kind === Kind.close && card !== 0n ? R.invalidTransaction : 0
}

/** All but the PIN and the word that it is a repeat. */
/** All but the PINs, a new one included, and the flag of a repeat. */
const contentOf = ({ pin: _, flags, counterparty, ...content }: Request): string =>
  [...Object.values(content), content.kind === Kind.pinChange ? 0 : counterparty, flags & ~1].join()
