// Card products: what the cards of one kind may do, which purses they have, and in which order a purchase draws on them.
import type { PurseName } from "@millrace/protocol"
import { PURSES, Purse } from "./Cards.ts"
import type { Categories, ProductCommand } from "./Command.ts"
import { normal } from "./commands/shapes.ts"
import { Defect, ImageRefused } from "./errors.ts"
import { type Piece, PieceTag, packedPieces, unpackItems } from "./Image.ts"
import { PRODUCTS_MAX } from "./limits.ts"
import { NO_PLAN, type Plans } from "./Plans.ts"

/** Merchant category codes have four digits. */
const MCCS = 10_000
/** A split names at most this many purses, so no order is longer. */
export const DRAWS_MAX = 6
const HOUR_MS = 3_600_000
const NOT_ALLOWED = 0x80
const LIST_MASK = 0x7f

const singleUses = ["no", "empty", "once"] as const
const pinRules = ["never", "always", "above"] as const
export const SingleUse = { no: 0, empty: 1, once: 2 } as const
export const PinRule = { never: 0, always: 1, above: 2 } as const

const HOLD_HOURS_DEFAULT = 168
const PIN_TRIES_DEFAULT = 3
/** Of a card's number. */
export const DIGITS_DEFAULT = 16

/** The product of cards that were made without one: everything is allowed, in any currency, and nothing is asked. */
export const OPEN_PRODUCT = 0

/** Places in `Product.bounds`. */
export const Bound = {
  /** How far purse main may go below 0. */
  credit: 0,
  transactionMax: 1,
  dayAmountMax: 2,
  dayCountMax: 3,
  monthAmountMax: 4,
  monthCountMax: 5,
  rechargeMin: 6,
  rechargeMax: 7,
  balanceMax: 8,
} as const

/** Never changed: a product command makes another one in its place. */
export class Product {
  readonly slot: number
  readonly number: number
  readonly name: string
  /** ISO 4217 numeric; 0 for the built-in product, which has none of its own. */
  readonly currency: number
  readonly bin: string
  readonly digits: number
  readonly named: boolean
  /** `SingleUse` */
  readonly singleUse: number
  /** 0: cards do not expire. */
  readonly validMonths: number
  /** `PinRule` */
  readonly pinRule: number
  readonly pinFreeMax: number
  readonly triesMax: number
  /** Limits: 0 is none. */
  readonly transactionMax: number
  readonly dayAmountMax: number
  readonly dayCountMax: number
  readonly monthAmountMax: number
  readonly monthCountMax: number
  readonly rechargeable: boolean
  readonly rechargeMin: number
  readonly rechargeMax: number
  readonly balanceMax: number
  readonly transferable: boolean
  /** A plan's number. */
  readonly transferFee: number
  readonly deposit: number
  readonly replacementFee: number
  readonly holdMs: number
  readonly toleranceBasisPoints: number
  /** By purse: how far it may go below 0. */
  readonly credit = new Float64Array(PURSES)
  /** By purse: 0 is for ever. */
  readonly validDays = new Uint16Array(PURSES)
  /** Bit p: the cards have purse p. */
  readonly pursesMask: number
  readonly bonusBasisPoints: number
  readonly bonusMin: number
  readonly bonusMax: number
  readonly bonusMonthly: boolean
  readonly dormantMonths: number
  readonly dormantFee: number
  /** May time alone move money of its cards? Then they are looked at once a month. */
  readonly periodic: boolean
  /** Has it purse main alone, always had, and asks for no more than amounts and counts? Then `bounds` say all (Plain.ts). */
  readonly plain: boolean
  /** By `Bound`, with Infinity for what is not limited; nothing can be recharged above −1. */
  readonly bounds: Float64Array
  /** As it was given; undefined for the built-in product. */
  readonly command: ProductCommand | undefined
  /** By MCC: the number of a draw list, and NOT_ALLOWED. */
  readonly #classes: Uint8Array
  readonly #lists: ReadonlyArray<Uint8Array>

  /**
   * @param before what was under this number until now
   * @param wasPeriodic once periodic, always: cards may still be owed a bonus
   */
  constructor(
    slot: number,
    command: ProductCommand | undefined,
    plans: Plans,
    before: Product | undefined,
    wasPeriodic: boolean,
  ) {
    const { pin, limits, recharge, transfers, hold, bonus, dormant } = command ?? {}
    this.slot = slot
    this.command = command
    this.number = command?.number ?? OPEN_PRODUCT
    this.name = command?.name ?? "open"
    this.currency = before?.currency ?? command?.currency ?? 0
    this.bin = before?.bin ?? command?.bin ?? ""
    this.digits = before?.digits ?? command?.digits ?? DIGITS_DEFAULT
    this.named = before?.named ?? command?.named ?? false
    this.singleUse = singleUses.indexOf(command?.singleUse ?? "no")
    this.validMonths = command?.validMonths ?? 0
    this.pinRule = pinRules.indexOf(pin?.rule ?? "never")
    this.pinFreeMax = pin?.freeMax ?? 0
    this.triesMax = pin?.tries ?? PIN_TRIES_DEFAULT
    this.transactionMax = limits?.transactionMax ?? 0
    this.dayAmountMax = limits?.dayAmountMax ?? 0
    this.dayCountMax = limits?.dayCountMax ?? 0
    this.monthAmountMax = limits?.monthAmountMax ?? 0
    this.monthCountMax = limits?.monthCountMax ?? 0
    this.rechargeable = recharge?.allowed ?? true
    this.rechargeMin = recharge?.min ?? 0
    this.rechargeMax = recharge?.max ?? 0
    this.balanceMax = recharge?.balanceMax ?? 0
    this.transferable = transfers?.allowed ?? true
    this.transferFee = transfers?.fee === undefined ? NO_PLAN : plans.put(transfers.fee)
    this.deposit = command?.deposit ?? 0
    this.replacementFee = command?.replacementFee ?? 0
    this.holdMs = (hold?.hours ?? HOLD_HOURS_DEFAULT) * HOUR_MS
    this.toleranceBasisPoints = hold?.toleranceBasisPoints ?? 0
    this.bonusBasisPoints = bonus?.basisPoints ?? 0
    this.bonusMin = bonus?.min ?? 0
    this.bonusMax = bonus?.max ?? 0
    this.bonusMonthly = bonus?.monthly ?? false
    this.dormantMonths = dormant?.afterMonths ?? 0
    this.dormantFee = dormant?.fee ?? 0
    this.pursesMask = this.#putPurses(command)
    const isDormant = this.dormantMonths > 0 && this.dormantFee > 0
    // Any purse but the main one: money that is put there by hand may be given an expiry day.
    this.periodic = this.bonusMonthly || isDormant || this.pursesMask > 1 || wasPeriodic
    const draws = new DrawTable(command)
    this.#classes = draws.classes
    this.#lists = draws.lists
    this.plain =
      !this.periodic &&
      this.singleUse === SingleUse.no &&
      this.pinRule === PinRule.never &&
      this.bonusBasisPoints === 0 &&
      draws.classes === everywhere &&
      draws.lists === mainAlone
    this.bounds = this.#bounds()
  }

  #bounds(): Float64Array {
    const most = (max: number): number => (max > 0 ? max : Number.POSITIVE_INFINITY)
    const bounds = new Float64Array(9)
    bounds[Bound.credit] = this.credit[Purse.main]
    bounds[Bound.transactionMax] = most(this.transactionMax)
    bounds[Bound.dayAmountMax] = most(this.dayAmountMax)
    bounds[Bound.dayCountMax] = most(this.dayCountMax)
    bounds[Bound.monthAmountMax] = most(this.monthAmountMax)
    bounds[Bound.monthCountMax] = most(this.monthCountMax)
    bounds[Bound.rechargeMin] = this.rechargeMin
    bounds[Bound.rechargeMax] = this.rechargeable ? most(this.rechargeMax) : -1
    bounds[Bound.balanceMax] = most(this.balanceMax)
    return bounds
  }

  /** Does the product allow paying at merchants of this category? */
  allows(mcc: number): boolean {
    return (this.#classes[mcc] & NOT_ALLOWED) === 0
  }

  /** The purses that pay at merchants of this category, in order; where the product allows none of it, the whole order. */
  draws(mcc: number): Uint8Array {
    return this.#lists[this.#classes[mcc] & LIST_MASK]
  }

  /** Every purse that pays somewhere, in order. */
  get order(): Uint8Array {
    return this.#lists[0]
  }

  has(purse: number): boolean {
    return ((this.pursesMask >>> purse) & 1) === 1
  }

  #putPurses(command: ProductCommand | undefined): number {
    let mask = 1 << Purse.main
    this.credit[Purse.main] = command?.credit ?? 0
    for (const { purse, credit, validDays } of command?.purses ?? []) {
      mask |= 1 << Purse[purse]
      this.credit[Purse[purse]] = credit ?? 0
      this.validDays[Purse[purse]] = validDays ?? 0
    }
    return mask
  }
}

/**
 * The purses that the product draws on at all, in order: those of the command, or its category purses, bonus and main.
 * Whoever judges a command refuses one that has more than `DRAWS_MAX`.
 */
export const drawOrder = (command: Pick<ProductCommand, "purses" | "order">): ReadonlyArray<PurseName> => {
  const has = new Set<PurseName>(["main", ...(command.purses ?? []).map(({ purse }) => purse)])
  if (command.order !== undefined) return command.order.filter((purse) => has.has(purse))
  const categories = [...has].filter((purse) => purse.startsWith("category"))
  categories.sort((a, b) => Purse[a] - Purse[b])
  return [...categories, ...(has.has("bonus") ? (["bonus"] as const) : []), "main"]
}

const everywhere = new Uint8Array(MCCS)
const mainAlone = [Uint8Array.of(Purse.main)]

/** For every MCC the number of its draw list; list 0 is the whole order. */
class DrawTable {
  readonly classes: Uint8Array
  readonly lists: ReadonlyArray<Uint8Array>

  constructor(command: ProductCommand | undefined) {
    const order = drawOrder(command ?? {}).slice(0, DRAWS_MAX)
    const categories = order.map(
      (name) => command?.purses?.find(({ purse }) => purse === name)?.categories ?? [],
    )
    const allowed = command?.categories ?? []
    if (allowed.length === 0 && categories.every((ranges) => ranges.length === 0)) {
      // Products that ask for no category share one table.
      this.classes = everywhere
      this.lists = order.length === 1 && order[0] === "main" ? mainAlone : [listOf(order, () => true)]
      return
    }
    this.classes = new Uint8Array(MCCS)
    const lists = [listOf(order, () => true)]
    const numbers = new Map([[2 ** order.length - 1, 0]])
    for (let mcc = 0; mcc < MCCS; mcc++) {
      let mask = 0
      for (let i = 0; i < order.length; i++) if (isAmong(categories[i], mcc)) mask |= 1 << i
      if (!isAmong(allowed, mcc)) {
        this.classes[mcc] = NOT_ALLOWED
        continue
      }
      let number = numbers.get(mask)
      if (number === undefined) {
        number = lists.push(listOf(order, (i) => ((mask >>> i) & 1) === 1)) - 1
        numbers.set(mask, number)
      }
      this.classes[mcc] = number
    }
    this.lists = lists
  }
}

const listOf = (order: ReadonlyArray<PurseName>, isIn: (index: number) => boolean): Uint8Array =>
  Uint8Array.from(order.filter((_, index) => isIn(index)).map((purse) => Purse[purse]))

/** No ranges are all categories. */
const isAmong = (ranges: Categories, mcc: number): boolean =>
  ranges.length === 0 || ranges.some(([from, to]) => mcc >= from && mcc <= to)

/** What an image says of one product. */
interface ProductImage {
  readonly command: ProductCommand
  readonly periodic: boolean
  readonly nextSerial: number
}

export class Products {
  readonly #plans: Plans
  readonly #list: Array<Product>
  readonly #slots = new Map<number, number>([[OPEN_PRODUCT, 0]])
  /** By slot. */
  readonly #nextSerials: Array<number> = [0]
  #anyPeriodic = false

  /** Slot 0 is the built-in product. */
  constructor(plans: Plans) {
    this.#plans = plans
    this.#list = [new Product(0, undefined, plans, undefined, false)]
  }

  /** The built-in product included. */
  get count(): number {
    return this.#list.length
  }

  /** Has any product cards that must be looked at once a month? */
  get anyPeriodic(): boolean {
    return this.#anyPeriodic
  }

  at(slot: number): Product {
    return this.#list[slot]
  }

  /** The product's slot, or −1. */
  slotOf(number: number): number {
    return this.#slots.get(number) ?? -1
  }

  /** The serial that the product's next card gets. */
  nextSerial(slot: number): number {
    return this.#nextSerials[slot]
  }

  setNextSerial(slot: number, serial: number): void {
    this.#nextSerials[slot] = serial
  }

  /** Puts a product: a new one, or another in the place of one that is there. Returns its slot. */
  put(command: ProductCommand): number {
    return this.#put(command, false)
  }

  /** Products are immutable objects, so a freeze keeps a short list. */
  freeze(): Generator<Uint8Array, void> {
    const images = this.#list.slice(1).map(({ slot, command, periodic }): ProductImage => {
      if (command === undefined) throw new Defect(`product slot ${slot} has no command`)
      return { command, periodic, nextSerial: this.#nextSerials[slot] }
    })
    return packedPieces(PieceTag.products, images)
  }

  /** The plans are restored already. */
  restore(image: string, piece: Piece): void {
    // The built-in product is in no image.
    if (piece.first !== this.count - 1) throw new ImageRefused(image, "products are missing")
    // The engine's own bytes, under the journal's seal: what was packed by freeze.
    for (const item of unpackItems(image, piece) as ReadonlyArray<ProductImage>) {
      this.#nextSerials[this.#put(item.command, item.periodic)] = item.nextSerial
    }
  }

  #put(given: ProductCommand, isPeriodic: boolean): number {
    // Only the fields of the command, in one order: an image has the same bytes wherever it is made.
    const command = normal(given) as ProductCommand
    const known = this.slotOf(command.number)
    const slot = known >= 0 ? known : this.count
    if (slot === PRODUCTS_MAX) throw new Defect("products are full: the command should have been refused")
    const before = known >= 0 ? this.#list[known] : undefined
    const product = new Product(slot, command, this.#plans, before, before?.periodic ?? isPeriodic)
    this.#list[slot] = product
    this.#slots.set(product.number, slot)
    if (before === undefined) this.#nextSerials[slot] = 0
    this.#anyPeriodic ||= product.periodic
    return slot
  }
}
