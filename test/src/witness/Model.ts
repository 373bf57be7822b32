// What the engine must answer, in the plainest way that there is: a Map of cards, a Map of requests, and BigInt.
import { Kind, ResponseCode } from "@millrace/protocol"

export const currency = 978

export interface Request {
  readonly terminal: number
  readonly reference: bigint
  readonly kind: number
  readonly card: bigint
  readonly amount: bigint
  readonly original: bigint
}

/** A request with what the model decided about it, and the answer's bytes once it came. */
export interface Decided extends Request {
  readonly response: number
  /** Minor units after it; null where the protocol leaves open what a refusal says. */
  readonly available: bigint | null
  /** Of a purchase or completion: refunded so far. */
  refunded: bigint
  /** Of a pre-authorisation also: cancelled. */
  reversed: boolean
  completed: boolean
  /** The 32 bytes of the first answer; null until it has come. */
  answer: Uint8Array | null
  /** The connection's batch with which it was last sent: what was sent lately may still be on its way. */
  sentWith: number
}

export interface Totals {
  purse: bigint
  cashIn: bigint
  /** The merchants' floats, which recharges come out of. */
  float: bigint
  /** What pre-authorisations hold. */
  held: bigint
  /** Merchants' payable and fee income together. */
  merchants: bigint
}

interface Verdict {
  readonly response: number
  readonly available: bigint | null
}

/**
 * The cards and terminals of one connection. Requests of a card are decided in the order in which they were sent,
 * whatever happens to the process in between, so each one's answer is known when it is sent.
 */
export class Model {
  readonly balances = new Map<bigint, bigint>()
  readonly totals: Totals = { purse: 0n, cashIn: 0n, float: 0n, held: 0n, merchants: 0n }
  readonly #requests = new Map<number, Map<bigint, Decided>>()
  /** terminal → references barred by a reversal that came first, each with the card that it named. */
  readonly #bars = new Map<number, Map<bigint, bigint>>()

  readonly #holds = new Map<string, { readonly card: bigint; readonly amount: bigint }>()

  openCard(card: bigint, balance: bigint): void {
    this.balances.set(card, balance)
    this.totals.purse += balance
    this.totals.cashIn -= balance
  }

  find(terminal: number, reference: bigint): Decided | undefined {
    return this.#requests.get(terminal)?.get(reference)
  }

  forget(decided: Decided): void {
    this.#requests.get(decided.terminal)?.delete(decided.reference)
  }

  /** Decides a request that was never sent before. */
  decide(request: Request, sentWith: number): Decided {
    const { response, available } = this.#judge(request)
    const decided = {
      ...request,
      response,
      available,
      refunded: 0n,
      reversed: false,
      completed: false,
      answer: null,
      sentWith,
    }
    placeIn(this.#requests, request.terminal).set(request.reference, decided)
    return decided
  }

  #judge(request: Request): Verdict {
    const balance = this.balances.get(request.card)
    if (balance === undefined) return refused(ResponseCode.noSuchCard, 0n)
    if (this.#bars.get(request.terminal)?.has(request.reference)) return refused(ResponseCode.tooLate)
    switch (request.kind) {
      case Kind.balance:
        return approved(balance)
      case Kind.purchase:
        return this.#move(request.card, -request.amount, "merchants")
      case Kind.recharge:
        return this.#move(request.card, request.amount, "float")
      case Kind.preauthorisation:
        return this.#hold(request)
      case Kind.completion:
      case Kind.cancellation:
        return this.#end(request)
      case Kind.refund:
        return this.#refund(request)
      case Kind.reversal:
        return this.#reverse(request, balance)
      default:
        throw new Error(`the model knows no kind ${request.kind}`)
    }
  }

  #move(card: bigint, amount: bigint, from: "merchants" | "float" | "held"): Verdict {
    const before = this.balances.get(card)!
    const after = before + amount
    if (after < 0n) return refused(ResponseCode.insufficientFunds, before)
    this.balances.set(card, after)
    this.totals.purse += amount
    this.totals[from] -= amount
    return approved(after)
  }

  #hold({ terminal, reference, card, amount }: Request): Verdict {
    const verdict = this.#move(card, -amount, "held")
    if (verdict.response === 0) this.#holds.set(keyOf(terminal, reference), { card, amount })
    return verdict
  }

  /** Completion or cancellation: found however long ago the hold was made. */
  #end({ kind, terminal, original, card, amount }: Request): Verdict {
    const hold = this.#holds.get(keyOf(terminal, original))
    if (hold === undefined) return refused(ResponseCode.originalUnknown)
    if (hold.card !== card) return refused(ResponseCode.invalidTransaction)
    const isCompletion = kind === Kind.completion
    const isRight = isCompletion ? amount <= hold.amount : amount === 0n || amount === hold.amount
    if (!isRight) return refused(ResponseCode.badAmount)
    this.#holds.delete(keyOf(terminal, original))
    const begun = this.find(terminal, original)
    if (begun !== undefined) begun[isCompletion ? "completed" : "reversed"] = true
    const released = this.#move(card, hold.amount, "held")
    return isCompletion ? this.#move(card, -amount, "merchants") : released
  }

  #refund({ terminal, original, card, amount }: Request): Verdict {
    const purchase = this.find(terminal, original)
    if (purchase === undefined) return refused(ResponseCode.originalUnknown)
    if (
      (purchase.kind !== Kind.purchase && purchase.kind !== Kind.completion) ||
      purchase.card !== card ||
      purchase.response !== 0 ||
      purchase.reversed
    ) {
      return refused(ResponseCode.invalidTransaction)
    }
    if (amount > purchase.amount - purchase.refunded) return refused(ResponseCode.badAmount)
    const verdict = this.#move(card, amount, "merchants")
    if (verdict.response === 0) purchase.refunded += amount
    return verdict
  }

  #reverse({ terminal, original, card, amount }: Request, balance: bigint): Verdict {
    const turned = this.find(terminal, original)
    if (turned === undefined) {
      const bars = placeIn(this.#bars, terminal)
      if (!bars.has(original)) bars.set(original, card)
      return bars.get(original) === card ? approved(balance) : refused(ResponseCode.invalidTransaction)
    }
    if (amount !== 0n && amount !== turned.amount) return refused(ResponseCode.badAmount)
    if (turned.card !== card || unturnable.has(turned.kind)) return refused(ResponseCode.invalidTransaction)
    if (turned.response !== 0 || turned.kind === Kind.balance || turned.reversed) return approved(balance)
    if (turned.refunded > 0n || turned.completed) return refused(ResponseCode.invalidTransaction)
    return this.#turn(turned)
  }

  #turn(turned: Decided): Verdict {
    const isCredit = turned.kind === Kind.recharge || turned.kind === Kind.refund
    const amount = isCredit ? -turned.amount : turned.amount
    const verdict = this.#move(turned.card, amount, sourceOf(turned.kind))
    if (verdict.response !== 0) return verdict
    turned.reversed = true
    this.#holds.delete(keyOf(turned.terminal, turned.reference))
    const purchase = turned.kind === Kind.refund ? this.find(turned.terminal, turned.original) : undefined
    if (purchase !== undefined) purchase.refunded -= turned.amount
    return verdict
  }
}

const keyOf = (terminal: number, reference: bigint): string => `${terminal}/${reference}`

const unturnable: ReadonlySet<number> = new Set([Kind.reversal, Kind.cancellation])

const sourceOf = (kind: number): "merchants" | "float" | "held" => {
  if (kind === Kind.recharge) return "float"
  return kind === Kind.preauthorisation ? "held" : "merchants"
}

const approved = (available: bigint): Verdict => ({ response: ResponseCode.approved, available })
const refused = (response: number, available: bigint | null = null): Verdict => ({ response, available })

const placeIn = <K, A>(places: Map<number, Map<K, A>>, key: number): Map<K, A> => {
  const place = places.get(key) ?? new Map<K, A>()
  places.set(key, place)
  return place
}
