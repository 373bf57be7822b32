// A stage for one rule at a time: a merchant, a terminal, two products, a few cards, and for every kind a request that is
// approved as long as nobody breaks anything.
import { Kind, type KindName } from "@millrace/protocol"
import type { MerchantCommand, ProductCommand } from "../../src/Command.ts"
import type { Command } from "../../src/index.ts"
import { luhnNumber } from "../../src/model/numbers.ts"
import { Journaled, type Request, request } from "../scenario.ts"

const by = "host:test"
export const DAY_MS = 86_400_000
export const MAX = Number.MAX_SAFE_INTEGER
export const PIN = 1_234n
export const CODE = 4_242n
export const WRONG = 99n
export const FORCED = 8
export const PARTIAL = 2
export const CODE_FLAG = 4
/** Reference of the original, of the request, and of what comes between them. */
export const ORIGINAL = 10n
export const BETWEEN = 11n
export const LATER = 20n
/** What cards have, and what every request is about. */
export const BALANCE = 1_000
export const AMOUNT = 100

export interface Setting {
  /** Of the card's product. */
  readonly product?: Partial<ProductCommand>
  /** Of the payee's. */
  readonly payee?: Partial<ProductCommand>
  readonly merchant?: Partial<MerchantCommand>
  readonly float?: number
  /** The card gets a PIN, and the requests carry it. */
  readonly hasPin?: boolean
  readonly hasCode?: boolean
  readonly isIssuedOnly?: boolean
  readonly balance?: number
  readonly transactions?: number
}

const EVERYDAY = 1
const PAYEES = 2

/** The kinds that show a PIN. */
const withPin: ReadonlyArray<number> = [
  Kind.balance,
  Kind.purchase,
  Kind.preauthorisation,
  Kind.transfer,
  Kind.pinChange,
]

export class Stage {
  readonly real: Journaled
  /** The card that all is about. */
  readonly card: bigint
  /** In the same shard as the card. */
  readonly neighbour: bigint
  /** In another shard, of the other product. */
  readonly payee: bigint
  readonly foreign = 9n
  readonly #setting: Setting
  #reference = BETWEEN

  constructor(setting: Setting = {}) {
    this.#setting = setting
    this.real = new Journaled({ shards: 2, transactions: setting.transactions ?? 1024 })
    this.real.time = Date.UTC(2026, 3, 15, 12)
    const merchant = { type: "merchant", by, name: "Bakery", currency: 203, mcc: 5_812 } as const
    this.do({ ...merchant, number: 1, ...setting.merchant })
    this.do({ ...merchant, number: 2, name: "Embassy", currency: 978 })
    if (setting.float !== 0)
      this.do({ type: "float", by, merchant: 1, amount: setting.float ?? 10_000, reference: 1n })
    if (setting.hasCode === true) this.do({ type: "code", by, merchant: 1, verifier: CODE })
    this.do({ type: "terminals", by, first: 1, count: 1, merchant: 1 })
    this.do({ type: "terminals", by, first: 2, count: 1, merchant: 2 })
    const product = { type: "product", by, currency: 203, digits: 13, named: true } as const
    const purses = [{ purse: "bonus" }] as const
    this.do({ ...product, number: EVERYDAY, name: "Everyday", bin: "4001", purses, ...setting.product })
    this.do({ ...product, number: PAYEES, name: "Payee", bin: "4002", purses, ...setting.payee })
    const active = setting.isIssuedOnly !== true
    this.do({ type: "issue", by, product: EVERYDAY, serial: 0, count: 20, nonce: 1, active })
    this.do({ type: "issue", by, product: PAYEES, serial: 0, count: 20, nonce: 1, active: true })
    this.do({ type: "cards", by, first: this.foreign, count: 1, currency: 978, openingBalance: 0 })
    const numbers = (bin: string) => Array.from({ length: 20 }, (_, serial) => luhnNumber(bin, 13, serial))
    const [first, ...others] = numbers("4001")
    const shard = this.real.shardOf(first)
    this.card = first
    // Of twenty numbers some are in each of two shards.
    this.neighbour = others.find((card) => this.real.shardOf(card) === shard) ?? 0n
    this.payee = numbers("4002").find((card) => this.real.shardOf(card) !== shard) ?? 0n
    const balance = setting.balance ?? BALANCE
    if (balance > 0) this.fund(this.card, "main", balance)
    this.fund(this.payee, "main", AMOUNT)
    if (setting.hasPin === true) this.do({ type: "pin", by, card: this.card, verifier: PIN })
  }

  /** A command that must be carried out. */
  do(command: Command): void {
    const result = this.real.control(command)
    if (!result.ok) throw new Error(`${command.type}: ${result.message}`)
  }

  fund(card: bigint, purse: "main" | "bonus", amount: number): void {
    this.#reference += 100n
    this.do({ type: "fund", by, card, purse, amount, reference: this.#reference })
  }

  lifecycle(action: "lock" | "lost" | "stolen" | "blacklist" | "return" | "cancel", card = this.card): void {
    this.do({ type: "lifecycle", by, card, action, reason: "for the test" })
  }

  terminal(some: Partial<Extract<Command, { type: "terminal" }>>): void {
    this.do({ type: "terminal", by, number: 1, ...some })
  }

  suspendMerchant(): void {
    const { merchant } = this.#setting
    const command = { type: "merchant", by, number: 1, name: "Bakery", currency: 203, mcc: 5_812 } as const
    this.do({ ...command, ...merchant, status: "suspended" })
  }

  days(count: number): void {
    this.real.time += count * DAY_MS
  }

  request(kind: number, some: Partial<Request> = {}): Request {
    const pin = this.#setting.hasPin === true && withPin.includes(kind) ? PIN : 0n
    return { ...request({ kind, card: this.card, amount: this.#amountOf(kind), pin }), ...some }
  }

  #amountOf(kind: number): number {
    const moves: ReadonlyArray<number> = [
      Kind.purchase,
      Kind.refund,
      Kind.recharge,
      Kind.preauthorisation,
      Kind.completion,
      Kind.transfer,
    ]
    return moves.includes(kind) ? AMOUNT : 0
  }

  /** What must be approved for the test to be one. */
  approved(value: Request): void {
    const { response } = this.real.send(value)
    if (response !== 0) throw new Error(`${JSON.stringify(value, text)}: ${response}`)
  }

  /** Sends what the kind is about, if it is about anything, and gives the request itself, which would be approved. */
  prepare(name: KindName): Request {
    const kind = Kind[name]
    const original = { reference: LATER, original: ORIGINAL }
    switch (name) {
      case "refund":
      case "reversal":
      case "void":
        this.approved(this.request(Kind.purchase, { reference: ORIGINAL }))
        return this.request(kind, original)
      case "completion":
      case "cancellation":
        this.approved(this.request(Kind.preauthorisation, { reference: ORIGINAL }))
        return this.request(kind, original)
      case "close":
        this.approved(this.request(Kind.purchase, { reference: ORIGINAL }))
        return this.request(kind, { reference: LATER, card: 0n, amount: AMOUNT, counterparty: 1n })
      case "transfer":
        return this.request(kind, { reference: LATER, counterparty: this.payee })
      case "pinChange":
        if (this.#setting.hasPin !== true) this.do({ type: "pin", by, card: this.card, verifier: PIN })
        return this.request(kind, { reference: LATER, counterparty: 555n, pin: PIN })
      default:
        return this.request(kind, { reference: LATER })
    }
  }

  /** So many other requests, until what was asked before is forgotten. */
  forget(): void {
    for (let i = 0n; i < 30n; i++) this.real.send(this.request(Kind.balance, { reference: 100n + i }))
  }
}

const text = (_: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value)
