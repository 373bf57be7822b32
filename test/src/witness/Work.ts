// What one connection asks for: every kind, in proportions that make each rule of the model happen all the time.
import { Kind } from "@millrace/protocol"
import type { Random } from "../Random.ts"
import type { Decided, Model, Request } from "./Model.ts"

/** A request to be sent. `first` moves the model; `repeat` and `altered` speak of one that was answered before. */
export type Step =
  | { readonly mode: "first"; readonly request: Request }
  | { readonly mode: "repeat" | "altered"; readonly request: Request; readonly of: Decided }
  /** So old that it may be forgotten: the first answer, or 68; never a new decision. */
  | { readonly mode: "old"; readonly request: Request; readonly of: Decided }

const weights = {
  purchase: 42,
  preauthorisation: 8,
  completion: 5,
  cancellation: 2,
  recharge: 14,
  balance: 8,
  refund: 7,
  reversal: 7,
  reversalAgain: 2,
  reversalFirst: 3,
  repeat: 4,
  altered: 3,
  unknownCard: 2,
} as const

const purchaseMax = 5_000
const rechargeMax = 16_000
/** Originals are looked for among so many of the last requests. */
const recentMax = 1_024
/** Approved reversals that a second one may be sent for. */
const reversedMax = 32
/** Approved pre-authorisations that may be completed or cancelled, some of them again. */
const holdsMax = 64
/** A request whose reversal went first follows within so many requests. */
const overdueMax = 400
const hotCards = 4
/** A reference's lower bits count within a life; its upper bits are the life's first millisecond. */
const counterBits = 22n

interface Owed {
  readonly due: number
  readonly request: Request
}

export class Work {
  readonly cards: Array<bigint> = []
  readonly terminals: ReadonlyArray<number>
  readonly #random: Random
  readonly #model: Model
  /** Batches that may be on their way at a time: what was sent with an older one has been answered. */
  readonly #depth: number
  readonly #lastReference = new Map<number, bigint>()
  readonly #recent: Array<Decided> = []
  readonly #reversed: Array<Decided> = []
  readonly #owed: Array<Owed> = []
  #reversedCount = 0
  readonly #holds: Array<Decided> = []
  #holdCount = 0
  #count = 0

  constructor(random: Random, model: Model, terminals: ReadonlyArray<number>, depth: number) {
    this.#random = random
    this.#model = model
    this.terminals = terminals
    this.#depth = depth
  }

  /** References begin anew with the clock, as a terminal's that was switched on does. */
  beginLife(nowMs: number): void {
    for (const terminal of this.terminals) {
      const clock = (BigInt(nowMs) << counterBits) - 1n
      const last = this.#lastReference.get(terminal) ?? 0n
      this.#lastReference.set(terminal, clock > last ? clock : last)
    }
  }

  /** What was decided of the last step, so that later ones can refer to it. */
  note(decided: Decided): void {
    this.#recent[this.#count % recentMax] = decided
    if (decided.kind === Kind.reversal && decided.response === 0) {
      this.#reversed[this.#reversedCount++ % reversedMax] = decided
    }
    if (decided.kind === Kind.preauthorisation && decided.response === 0) {
      this.#holds[this.#holdCount++ % holdsMax] = decided
    }
  }

  next(batch: number): Step {
    this.#count++
    const owed = this.#owed[0]
    if (owed !== undefined && owed.due <= this.#count) {
      this.#owed.shift()
      return first(owed.request)
    }
    return this.#draw(batch) ?? first(this.#plain(Kind.balance, 0n))
  }

  balanceOf(card: bigint): Step {
    return first(this.#make(this.#random.pick(this.terminals), Kind.balance, card, 0n))
  }

  /** Undefined when what was drawn refers to something that is not there. */
  #draw(batch: number): Step | undefined {
    const random = this.#random
    switch (random.weighted(weights)) {
      case "purchase":
        return first(this.#plain(Kind.purchase, BigInt(random.between(1, purchaseMax))))
      case "preauthorisation":
        return first(this.#plain(Kind.preauthorisation, BigInt(random.between(1, purchaseMax))))
      case "completion":
        return this.#end(Kind.completion)
      case "cancellation":
        return this.#end(Kind.cancellation)
      case "recharge":
        return first(this.#plain(Kind.recharge, BigInt(random.between(1, rechargeMax))))
      case "balance":
        return undefined
      case "refund":
        return this.#refund()
      case "reversal":
        return this.#reversal(this.#any(this.#recent))
      case "reversalAgain":
        return this.#reversalAgain()
      case "reversalFirst":
        return this.#reversalFirst()
      case "repeat":
        return this.#repeat(batch)
      case "altered":
        return this.#altered(batch)
      case "unknownCard":
        return first(this.#make(random.pick(this.terminals), Kind.purchase, unknownCard(random), 100n))
    }
  }

  /** Of a recent hold, mostly one that stands; sometimes for more than is held, which is refused with 13. */
  #end(kind: number): Step | undefined {
    const hold = this.#any(this.#holds)
    if (hold === undefined) return undefined
    const most = Number(hold.amount) + (this.#random.chance(0.1) ? 1_000 : 0)
    const isWhole = kind === Kind.cancellation && this.#random.chance(0.5)
    const amount = isWhole ? 0n : BigInt(this.#random.between(1, most))
    return first(this.#make(hold.terminal, kind, hold.card, amount, hold.reference))
  }

  #refund(): Step | undefined {
    const purchase = this.#any(this.#recent)
    if (purchase === undefined || !this.#model.balances.has(purchase.card)) return undefined
    // Mostly a part, sometimes the whole, sometimes more than is left: refused with 13.
    const part = this.#random.weighted({ part: 6, whole: 2, more: 1 })
    const most = Number(purchase.amount) + (part === "more" ? 1_000 : 0)
    const amount = part === "whole" ? purchase.amount : BigInt(this.#random.between(1, Math.max(1, most)))
    if (amount === 0n) return undefined
    return first(this.#make(purchase.terminal, Kind.refund, purchase.card, amount, purchase.reference))
  }

  #reversal(of: Decided | undefined): Step | undefined {
    if (of === undefined || !this.#model.balances.has(of.card)) return undefined
    // PROTOCOL.md leaves open what a reversal of a balance inquiry says.
    if (of.kind === Kind.balance) return undefined
    const amount = this.#random.chance(0.5) ? of.amount : 0n
    return first(this.#make(of.terminal, Kind.reversal, of.card, amount, of.reference))
  }

  #reversalAgain(): Step | undefined {
    const reversal = this.#any(this.#reversed)
    if (reversal === undefined) return undefined
    const { terminal, card, original } = reversal
    return first(this.#make(terminal, Kind.reversal, card, 0n, original))
  }

  /** The reversal overtakes its original, which is refused when it comes. */
  #reversalFirst(): Step {
    const original = this.#plain(Kind.purchase, BigInt(this.#random.between(1, purchaseMax)))
    const due = Math.max(this.#owed.at(-1)?.due ?? 0, this.#count + this.#random.between(1, overdueMax))
    this.#owed.push({ due, request: original })
    return first(
      this.#make(original.terminal, Kind.reversal, original.card, original.amount, original.reference),
    )
  }

  #repeat(batch: number): Step | undefined {
    const of = this.#settled(batch)
    return of === undefined ? undefined : { mode: "repeat", request: of, of }
  }

  #altered(batch: number): Step | undefined {
    const of = this.#settled(batch)
    // Only what is remembered can be altered; a refusal without a transaction id may be decided anew.
    if (of === undefined || !isRemembered(of)) return undefined
    const request = this.#random.chance(0.5)
      ? { ...of, amount: of.amount + 1n }
      : { ...of, card: this.#random.pick(this.cards) }
    const isSame = request.amount === of.amount && request.card === of.card
    return isSame || of.kind === Kind.balance ? undefined : { mode: "altered", request, of }
  }

  /** One that was answered and that nothing on its way speaks of. */
  #settled(batch: number): Decided | undefined {
    const decided = this.#any(this.#recent)
    if (decided === undefined || decided.answer === null || decided.sentWith > batch - this.#depth)
      return undefined
    decided.sentWith = batch
    return decided
  }

  #plain(kind: number, amount: bigint): Request {
    const { cards } = this
    const card = this.#random.chance(0.2)
      ? cards[this.#random.between(0, hotCards - 1)]
      : this.#random.pick(cards)
    return this.#make(this.#random.pick(this.terminals), kind, card, amount)
  }

  #make(terminal: number, kind: number, card: bigint, amount: bigint, original = 0n): Request {
    const reference = this.#lastReference.get(terminal)! + 1n
    this.#lastReference.set(terminal, reference)
    return { terminal, reference, kind, card, amount, original }
  }

  #any(among: ReadonlyArray<Decided | undefined>): Decided | undefined {
    return among.length === 0 ? undefined : this.#random.pick(among)
  }
}

const first = (request: Request): Step => ({ mode: "first", request })

const unknownCard = (random: Random): bigint =>
  7_000_000_000_000_000_000n + BigInt(random.between(0, 1_000_000))

/** The first answer carries a transaction id: it stands for ever. */
export const isRemembered = (decided: Decided): boolean =>
  decided.answer?.subarray(16, 24).some((byte) => byte !== 0) ?? false
