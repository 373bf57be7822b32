// Traffic carried out on a ledger with its journal and on the model beside it: what each said, for whoever compares.
import { Kind, kindNames, type Outcome, purseNames } from "@millrace/protocol"
import type { Command, Ledger, LedgerOptions } from "../src/index.ts"
import { Model } from "../src/model/Model.ts"
import { netOf } from "../src/model/Parties.ts"
import { Journaled, type Request, request } from "./scenario.ts"
import {
  by,
  CURRENCY,
  FOREIGN_CARD,
  issuedCards,
  merchants,
  NO_CARD,
  OPEN_CARDS,
  OTHER_CURRENCY,
  products,
  provisioning,
  START_MS,
  terminals,
} from "./town.ts"
import type { Change, Secret, Step } from "./traffic.ts"

const REPEAT = 1
const CODE = 4
const FORCED = 8
const WRONG = 99_999n
/** Terminal 3 is nobody's. */
const allTerminals = [...terminals, 3]

/** Kinds that each kind can be about; the others can be about any. */
const originalsOf = new Map<number, ReadonlyArray<number>>([
  [Kind.refund, [Kind.purchase, Kind.completion]],
  [Kind.completion, [Kind.preauthorisation]],
  [Kind.cancellation, [Kind.preauthorisation]],
])

/** What became of a step, as the ledger and as the model have it. */
export interface Told {
  readonly what: "request" | "control" | "tick" | "clock"
  readonly request?: Request
  /** The cards that it is about; undefined: any. */
  readonly cards?: ReadonlyArray<bigint>
  readonly expected: unknown
  readonly actual: unknown
}

export class Run {
  readonly real: Journaled
  readonly model: Model
  /** Open cards, one of another currency, one that never was, issued ones, and those that took another's place. */
  readonly #cards: Array<bigint> = [...OPEN_CARDS, FOREIGN_CARD, NO_CARD, ...issuedCards]
  readonly #sent: Array<Request> = []
  readonly #approved: Array<Request> = []
  #position = 0

  constructor(options: LedgerOptions) {
    this.real = new Journaled(options)
    this.real.time = START_MS
    const { memory } = this.real.ledger
    this.model = new Model(memory.rememberedMax, options.shards, (card) => this.real.shardOf(card))
    for (const command of provisioning) {
      const { expected, actual } = this.#control(command)
      if (JSON.stringify(expected) !== JSON.stringify(actual)) {
        throw new Error(`${command.type}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`)
      }
    }
  }

  /** The lane goes on as another ledger, which has the same journal behind it. */
  restart(ledger: Ledger): void {
    this.real.ledger = ledger
    // Where a pass over the cards stands is not part of the state: it begins anew.
    this.model.lookedDay = -1
  }

  step(step: Step): Told {
    this.#position++
    switch (step.do) {
      case "request":
      case "follow":
      case "repeat":
      case "close":
      case "malformed":
        return this.send(this.#request(step))
      case "clock":
        this.real.time += step.ms
        return { what: "clock", cards: [], expected: 0, actual: 0 }
      case "tick": {
        const before = this.real.ledger.next
        const actual = this.real.tick()
        this.model.tick(this.real.time)
        return { what: "tick", expected: this.model.memory.journal.length + 1 - before, actual }
      }
      default:
        return this.#control(this.#command(step))
    }
  }

  send(value: Request): Told {
    this.#sent.push(value)
    const outcome = this.real.send(value)
    const { response, available, sequence, duplicate } = this.model.decide(value, this.real.time)
    const isNew = sequence !== 0 && !duplicate
    if (isNew && (response === 0 || response === 10)) this.#approved.push(value)
    const shard = BigInt(this.real.shardOf(value.card))
    const expected: Outcome & { readonly journaled: number } = {
      reference: value.reference,
      terminal: value.terminal,
      response,
      available: Number(available),
      transaction: sequence === 0 ? 0n : (shard << 48n) | BigInt(sequence),
      flags: duplicate ? 1 : 0,
      journaled: isNew ? 1 : 0,
    }
    const cards = [value.card, value.counterparty, this.#payeeOf(value)]
    return { what: "request", request: value, cards, expected, actual: outcome }
  }

  /** Of a transfer that is turned round. */
  #payeeOf({ terminal, original }: Request): bigint {
    return this.model.memory.find(terminal, original)?.request?.counterparty ?? 0n
  }

  #control(command: Command): Told {
    const before = this.real.ledger.next
    const result = this.real.control(command)
    const expected = this.model.control(this.real.time, command)
    this.model.controlled(this.real.ledger.next - before)
    if (expected.ok && expected.card !== undefined && !this.#cards.includes(expected.card)) {
      this.#cards.push(expected.card)
    }
    const actual = result.ok
      ? {
          ok: true,
          created: result.created,
          existing: result.existing,
          ...(result.card === undefined ? {} : { card: result.card.toString() }),
        }
      : { ok: false, code: result.code }
    const card = expected.ok && expected.card !== undefined ? { card: expected.card.toString() } : {}
    return { what: "control", expected: { ...expected, ...card }, actual }
  }

  // ---- steps made into requests

  #card(place: number): bigint {
    return this.#cards[place % this.#cards.length]
  }

  get #reference(): bigint {
    return 100n + 4n * BigInt(this.#position)
  }

  #request(step: Extract<Step, { do: "request" | "follow" | "repeat" | "close" | "malformed" }>): Request {
    switch (step.do) {
      case "request": {
        const card = this.#card(step.card)
        const terminal = allTerminals[step.terminal]
        return this.#withSecret(step.secret, {
          ...request({ kind: step.kind, terminal, card }),
          reference: this.#reference + BigInt(step.disorder),
          amount: step.kind === Kind.balance || step.kind === Kind.pinChange ? 0 : step.amount,
          currency: step.foreign ? OTHER_CURRENCY : CURRENCY,
          flags: step.kind === Kind.purchase ? step.flags : step.flags & REPEAT,
          counterparty: this.#counterparty(step),
        })
      }
      case "follow":
        return this.#follow(step)
      case "repeat":
        return changed(this.#earlier(step.back), step.change)
      case "close":
        return this.#close(step)
      case "malformed": {
        const { kind, flags, amount } = step
        return request({ kind, flags, amount, reference: this.#reference })
      }
    }
  }

  #counterparty({ kind, payee, amount }: Extract<Step, { do: "request" }>): bigint {
    if (kind === Kind.transfer) return this.#card(payee)
    return kind === Kind.pinChange ? BigInt(amount) : 0n
  }

  #earlier(back: number): Request {
    return this.#sent[Math.max(0, this.#sent.length - 1 - back)] ?? request({ reference: this.#reference })
  }

  /** About the request so many ago that it can be about. */
  #follow(step: Extract<Step, { do: "follow" }>): Request {
    const wanted = originalsOf.get(step.kind)
    // Mostly what was approved, and holds that stand: else few would find anything to be about.
    const isAny = step.back % 4 === 3
    const candidates = (isAny ? this.#sent : this.#approved).filter(({ kind, terminal, reference }) => {
      const fits = wanted?.includes(kind) ?? true
      const isHold = kind === Kind.preauthorisation && wanted !== undefined
      return fits && (isAny || !isHold || this.model.holdOf(terminal, reference) !== undefined)
    })
    const original = candidates[candidates.length - 1 - step.back] ?? candidates[0] ?? this.#earlier(0)
    const { terminal, card, currency } = original
    const amounts = {
      none: 0,
      third: Math.ceil(original.amount / 3),
      half: Math.ceil(original.amount / 2),
      all: original.amount,
      more: original.amount + Math.ceil(original.amount / 10),
      some: step.amount,
    }
    const amount = Math.min(amounts[step.share], Number.MAX_SAFE_INTEGER)
    return this.#withSecret(step.secret, {
      ...request({ kind: step.kind, terminal, currency }),
      card: step.otherCard ? this.#card(step.card) : card,
      reference: this.#reference,
      amount,
      original: original.reference,
      flags: step.flags,
    })
  }

  /** The terminal's totals as they are, or a little off. */
  #close({ terminal, off, forced }: Extract<Step, { do: "close" }>): Request {
    const number = allTerminals[terminal]
    const found = this.model.terminals.get(number)
    const none = { count: 0, sum: 0n }
    const { debits, credits } = found === undefined ? { debits: none, credits: none } : netOf(found)
    const counts = [debits.count + off, credits.count].map((count) => BigInt(Math.max(0, count)))
    return {
      ...request({ kind: Kind.close, terminal: number, card: 0n, reference: this.#reference }),
      amount: Math.max(0, Number(debits.sum)),
      original: credits.sum > 0n ? credits.sum : 0n,
      counterparty: counts[0] | (counts[1] << 32n),
      flags: forced ? FORCED : 0,
    }
  }

  /** Of recharges and refunds the merchant's code, of all others the card's PIN. */
  #withSecret(secret: Secret, value: Request): Request {
    if (secret === "none") return value
    const isCode = value.kind === Kind.recharge || value.kind === Kind.refund
    const right = isCode
      ? this.model.terminals.get(value.terminal)?.merchant.code
      : this.model.cards.get(value.card)?.pin
    const flags = isCode ? value.flags | CODE : value.flags
    return { ...value, flags, pin: secret === "right" ? (right ?? 1n) : WRONG }
  }

  // ---- steps made into commands

  #command(
    step: Extract<Step, { do: "lifecycle" | "fund" | "float" | "secret" | "scheme" | "issue" }>,
  ): Command {
    switch (step.do) {
      case "lifecycle":
        return {
          type: "lifecycle",
          by,
          card: this.#card(step.card),
          action: step.action,
          reason: "asked for",
        }
      case "fund": {
        const card = this.#card(step.card)
        const last = this.model.cards.get(card)?.newest.fundReference ?? 0n
        const reference = atLeastOne(last + BigInt(step.next))
        const purse = purseNames[step.purse]
        const today = this.model.dayOf(this.real.time)
        const days = step.days < 0 || step.purse === 0 ? {} : { expiresDay: today + step.days }
        return { type: "fund", by, card, purse, amount: step.amount, reference, ...days }
      }
      case "float": {
        const { merchant, amount, next } = step
        const last = this.model.merchants.get(merchant)?.floatReference ?? 0n
        return { type: "float", by, merchant, amount, reference: atLeastOne(last + BigInt(next)) }
      }
      case "secret": {
        const verifier = BigInt(step.verifier)
        if (step.card < 0) return { type: "code", by, merchant: step.merchant, verifier }
        return { type: "pin", by, card: this.#card(step.card), verifier }
      }
      case "issue": {
        const serial = Math.max(0, (this.model.products.get(step.product)?.nextSerial ?? 0) + step.next)
        const { product, active } = step
        return { type: "issue", by, product, serial, count: 1, nonce: this.#position, active }
      }
      case "scheme":
        return this.#scheme(step)
    }
  }

  #scheme({ which, pick }: Extract<Step, { do: "scheme" }>): Command {
    const number = allTerminals[pick % allTerminals.length]
    const merchant = merchants[pick % merchants.length]
    const flip = pick % 2 === 0
    switch (which) {
      case "suspendTerminal":
        return { type: "terminal", by, number, status: "suspended" }
      case "resumeTerminal":
        return {
          type: "terminal",
          by,
          number,
          status: "active",
          amountMax: 0,
          kinds: kindNames,
        }
      case "terminalKinds":
        return { type: "terminal", by, number, kinds: ["purchase", "void", "transfer", "pinChange", "close"] }
      case "terminalAmount":
        return { type: "terminal", by, number, amountMax: 150 }
      case "suspendMerchant":
        return { ...merchant, status: "suspended" }
      case "resumeMerchant":
        return merchant
      case "merchantTerms":
        return {
          ...merchant,
          currency: pick === 3 ? OTHER_CURRENCY : merchant.currency,
          feeBasisPoints: pick * 100,
          mcc: flip ? 5_812 : 5_100,
          floatLimit: pick * 100,
          commission: [{ fixed: pick, max: 12 }],
        }
      case "product":
        return products[pick % products.length]
      case "cards":
        return {
          type: "cards",
          by,
          first: BigInt(1 + (pick % 9)),
          count: 2,
          currency: pick === 3 ? OTHER_CURRENCY : CURRENCY,
          openingBalance: pick === 7 ? Number.MAX_SAFE_INTEGER : pick,
          product: pick === 5 ? 1 : 0,
        }
      case "terminals":
        return { type: "terminals", by, first: number, count: 2, merchant: 1 + (pick % 5) }
      case "calendar":
        return { type: "calendar", by, utcOffsetMinutes: (pick % 5) * 420 - 840 }
      case "host":
        return { type: "host", by, id: `host-${pick % 3}`, terminals: [[1, 2]], permissions: ["transact"] }
    }
  }
}

const atLeastOne = (reference: bigint): bigint => (reference > 0n ? reference : 1n)

const changed = (value: Request, change: Change): Request => {
  switch (change) {
    case "nothing":
      return value
    case "repeat":
      return { ...value, flags: value.flags | REPEAT }
    case "amount":
      return { ...value, amount: Math.min(value.amount + 1, Number.MAX_SAFE_INTEGER) }
    case "card":
      return { ...value, card: value.card + 1n }
    case "original":
      return { ...value, original: value.original + 1n }
    case "counterparty":
      return { ...value, counterparty: value.counterparty + 1n }
    case "pin":
      return { ...value, pin: 3n }
  }
}
