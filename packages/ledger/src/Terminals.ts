// The terminals of the scheme, found by number: what each may do, the horizon of its references, and its batch's totals.
import { Kind, type KindName, kindNames } from "@millrace/protocol"
import type { TerminalCommand } from "./Command.ts"
import { Defect, ImageRefused } from "./errors.ts"
import { numberHash } from "./hash.ts"
import { type Piece, PieceTag, packedPieces, unpackItems } from "./Image.ts"
import { TERMINALS_MAX } from "./limits.ts"
import { NumberIndex } from "./NumberIndex.ts"
import { capturedPieces, Pages } from "./Pages.ts"

/** 128 bytes: what purchases and recharges touch lies in the first cache line, the other rows in the second. */
const TERMINAL_WORDS = 32
const TerminalWord = {
  number: 0,
  /** 0: the index knows numbers of two words. */
  numberHi: 1,
  /** The merchant's slot. */
  merchant: 2,
  /** u8 status, u24 key version */
  statusKey: 3,
  /** The greatest reference that was forgotten: what is not greater and not remembered is refused. */
  horizonLo: 4,
  horizonHi: 5,
  /** The last request that was remembered. */
  lastLo: 6,
  lastHi: 7,
  /** Bit k: kind k may be asked for. LIMITED: there is an amountMax to read. */
  kinds: 8,
} as const
const TerminalDouble = {
  /** 0: no limit of its own. */
  amountMax: 10,
} as const
/** By row: the word of its count (u32). */
const countWords = [9, 16, 13, 12, 17, 18, 19] as const
/** By row: the double of its sum, minor units. */
const sumDoubles = [5, 11, 12, 7, 13, 14, 15] as const

/** What no request touches: 16 bytes a terminal. */
const BATCH_WORDS = 4
const BatchWord = {
  /** Batches count from 1. */
  batch: 2,
  /** Place in the list of settings, plus 1; 0: it has none. */
  settings: 3,
} as const
const BatchDouble = { createdMs: 0 } as const

export const TerminalStatus = { active: 1, suspended: 2 } as const

/** The rows of a batch's totals: approved amounts, each summed and counted. */
export const Row = {
  purchase: 0,
  completion: 1,
  refund: 2,
  recharge: 3,
  transfer: 4,
  /** Purchases, completions and transfers that were turned round. */
  debitReversal: 5,
  /** Refunds and recharges that were turned round. */
  creditReversal: 6,
} as const
export const ROWS = 7

const ALL_KINDS = 0x7fff_ffff
const LIMITED = 1 << 31
/** What the operator is told with an answer that says to keep the card, where nothing else was set. */
export const MESSAGE_DEFAULT = "retain card"

/** Never changed, only replaced. */
interface Settings {
  readonly slot: number
  readonly parameters: Readonly<Record<string, string>>
  readonly version: number
  /** "": none of its own. */
  readonly message: string
}

export interface TerminalView {
  readonly number: number
  readonly merchant: number
  readonly active: boolean
  readonly keyVersion: number
  readonly createdMs: number
  readonly kinds: ReadonlyArray<KindName>
  /** Minor units; 0: no limit of its own. */
  readonly amountMax: number
  readonly parameters: Readonly<Record<string, string>>
  /** Grows with each change of the parameters; 0 before the first. */
  readonly parametersVersion: number
  readonly message: string
  readonly batch: number
}

/** What Pages makes of structs of this size: constants, since a decision reads a dozen words. */
const PAGE_SHIFT = 9
const PAGE_MASK = 2 ** PAGE_SHIFT - 1
const WORDS_SHIFT = 5

export class Terminals {
  readonly #pages = new Pages(PieceTag.terminals, TERMINAL_WORDS)
  readonly #batches = new Pages(PieceTag.terminalBatches, BATCH_WORDS)
  readonly #settings: Array<Settings> = []
  readonly #index: NumberIndex
  /** The pages' own. */
  readonly #words: ReadonlyArray<Int32Array>
  readonly #doubles: ReadonlyArray<Float64Array>

  constructor() {
    const { words, doubles, pageShift, structWords } = this.#pages
    if (pageShift !== PAGE_SHIFT || structWords !== 1 << WORDS_SHIFT)
      throw new Defect("terminals lie in other pages")
    this.#words = words
    this.#doubles = doubles
    const hashOf = (slot: number): number => numberHash(this.#word(slot, TerminalWord.number), 0)
    this.#index = new NumberIndex(words, pageShift, structWords, hashOf, 0)
  }

  /** How many there are. */
  get size(): number {
    return this.#pages.count
  }

  /** How many have their batch: in a whole image as many as there are terminals. */
  get batchCount(): number {
    return this.#batches.count
  }

  get settingsCount(): number {
    return this.#settings.length
  }

  /** The terminal's slot, or −1. `number` is its 32 bits, signed or not. */
  find(number: number): number {
    return this.#index.find(numberHash(number, 0), number | 0, 0)
  }

  /** Reading ahead, step by step: see `Decider.readAhead`. */
  peek(number: number): number {
    return this.#index.peek(numberHash(number, 0))
  }

  /** The slot that an entry leads to when it is this number's, or what `find` finds. */
  confirm(entry: number, number: number): number {
    return this.#index.confirm(entry, numberHash(number, 0), number | 0, 0)
  }

  isActive(slot: number): boolean {
    return (this.#word(slot, TerminalWord.statusKey) & 0xff) === TerminalStatus.active
  }

  merchantOf(slot: number): number {
    return this.#word(slot, TerminalWord.merchant)
  }

  allows(slot: number, kind: number): boolean {
    return ((this.#word(slot, TerminalWord.kinds) >>> kind) & 1) === 1
  }

  /** Is it active, may the kind be asked for, and has it no limit of its own? */
  isOpenTo(slot: number, kind: number): boolean {
    return (
      (this.#word(slot, TerminalWord.kinds) & LIMITED) === 0 && this.isActive(slot) && this.allows(slot, kind)
    )
  }

  /** 0: no limit of its own. */
  amountMax(slot: number): number {
    const limited = (this.#word(slot, TerminalWord.kinds) & LIMITED) !== 0
    return limited ? this.#pages.double(slot, TerminalDouble.amountMax) : 0
  }

  /** Was a reference like this, or a later one, remembered and forgotten? Reference 0 always counts as forgotten. */
  isForgotten(slot: number, lo: number, hi: number): boolean {
    const horizonHi = this.#word(slot, TerminalWord.horizonHi)
    if (hi !== horizonHi) return hi >>> 0 < horizonHi >>> 0
    return lo >>> 0 <= this.#word(slot, TerminalWord.horizonLo) >>> 0
  }

  /** A slot below 0 is nobody's. */
  raiseHorizon(slot: number, lo: number, hi: number): void {
    if (slot < 0 || this.isForgotten(slot, lo, hi)) return
    this.#setWord(slot, TerminalWord.horizonLo, lo)
    this.#setWord(slot, TerminalWord.horizonHi, hi)
  }

  /** The terminal's last request that was remembered has this reference. */
  note(slot: number, lo: number, hi: number): void {
    this.#setWord(slot, TerminalWord.lastLo, lo)
    this.#setWord(slot, TerminalWord.lastHi, hi)
  }

  /** 0 before the first request. */
  lastReference(slot: number): bigint {
    const lo = this.#word(slot, TerminalWord.lastLo)
    const hi = this.#word(slot, TerminalWord.lastHi)
    return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
  }

  // ---- the batch

  /** Counts `times` transactions of `amount` altogether in a row of the terminal's batch. */
  count(slot: number, row: number, amount: number, times = 1): void {
    const word = countWords[row]
    this.#setWord(slot, word, this.#word(slot, word) + times)
    this.#doubles[slot >>> PAGE_SHIFT][((slot & PAGE_MASK) << (WORDS_SHIFT - 1)) + sumDoubles[row]] += amount
  }

  rowSum(slot: number, row: number): number {
    return this.#pages.double(slot, sumDoubles[row])
  }

  rowCount(slot: number, row: number): number {
    return this.#word(slot, countWords[row]) >>> 0
  }

  /** All rows begin at 0 again, under the next batch number. */
  closeBatch(slot: number): void {
    for (let row = 0; row < ROWS; row++) {
      this.#pages.setWord(slot, countWords[row], 0)
      this.#pages.setDouble(slot, sumDoubles[row], 0)
    }
    this.#batches.setWord(slot, BatchWord.batch, this.batch(slot) + 1)
  }

  /** The number of the batch that is open. */
  batch(slot: number): number {
    return this.#batches.word(slot, BatchWord.batch) >>> 0
  }

  // ---- provisioning

  add(number: number, merchant: number, createdMs: number): number {
    if (this.size === TERMINALS_MAX) throw new RangeError(`more than ${TERMINALS_MAX} terminals`)
    const slot = this.#pages.place()
    this.#pages.setWord(slot, TerminalWord.number, number)
    this.#pages.setWord(slot, TerminalWord.merchant, merchant)
    this.#pages.setWord(slot, TerminalWord.statusKey, TerminalStatus.active | (1 << 8))
    this.#pages.setWord(slot, TerminalWord.kinds, ALL_KINDS)
    this.#batches.place()
    this.#batches.setDouble(slot, BatchDouble.createdMs, createdMs)
    this.#batches.setWord(slot, BatchWord.batch, 1)
    this.#index.add(numberHash(number, 0), slot)
    return slot
  }

  /** Changes what the command names; the rest stays. */
  change(slot: number, command: TerminalCommand): void {
    const { status, kinds, amountMax, parameters, message, rotateKey } = command
    if (rotateKey === true) {
      // The version lies above the status.
      const word = this.#word(slot, TerminalWord.statusKey)
      this.#pages.setWord(slot, TerminalWord.statusKey, word + (1 << 8))
    }
    if (status !== undefined) this.setStatus(slot, status)
    if (kinds !== undefined) this.setKinds(slot, kinds)
    if (amountMax !== undefined) this.setAmountMax(slot, amountMax)
    if (parameters !== undefined) this.setParameters(slot, parameters)
    if (message !== undefined) this.setMessage(slot, message)
  }

  keyVersion(slot: number): number {
    return this.#word(slot, TerminalWord.statusKey) >>> 8
  }

  setStatus(slot: number, status: keyof typeof TerminalStatus): void {
    const keyVersion = this.#word(slot, TerminalWord.statusKey) & ~0xff
    this.#pages.setWord(slot, TerminalWord.statusKey, keyVersion | TerminalStatus[status])
  }

  setKinds(slot: number, kinds: ReadonlyArray<KindName>): void {
    let mask = this.#word(slot, TerminalWord.kinds) & LIMITED
    for (const kind of kinds) mask |= 1 << Kind[kind]
    this.#pages.setWord(slot, TerminalWord.kinds, mask)
  }

  setAmountMax(slot: number, amount: number): void {
    const kinds = this.#word(slot, TerminalWord.kinds) & ~LIMITED
    this.#pages.setWord(slot, TerminalWord.kinds, amount > 0 ? kinds | LIMITED : kinds)
    this.#pages.setDouble(slot, TerminalDouble.amountMax, amount)
  }

  /** All parameters anew. The same ones again are no change. */
  setParameters(slot: number, parameters: Readonly<Record<string, string>>): void {
    const before = this.#settingsOf(slot)
    // In one order, so that an image has the same bytes wherever it is made.
    const sorted = Object.fromEntries(Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1)))
    if (JSON.stringify(sorted) === JSON.stringify(before.parameters)) return
    this.#putSettings({ ...before, parameters: sorted, version: before.version + 1 })
  }

  setMessage(slot: number, message: string): void {
    this.#putSettings({ ...this.#settingsOf(slot), message })
  }

  /** `merchant` of the view is the merchant's slot. */
  view(slot: number): TerminalView {
    const { parameters, version, message } = this.#settingsOf(slot)
    return {
      number: this.#word(slot, TerminalWord.number) >>> 0,
      merchant: this.merchantOf(slot),
      active: this.isActive(slot),
      keyVersion: this.keyVersion(slot),
      createdMs: this.#batches.double(slot, BatchDouble.createdMs),
      kinds: kindNames.filter((name) => this.allows(slot, Kind[name])),
      amountMax: this.amountMax(slot),
      parameters,
      parametersVersion: version,
      message: message === "" ? MESSAGE_DEFAULT : message,
      batch: this.batch(slot),
    }
  }

  // ---- snapshots

  freeze(): ReadonlyArray<Generator<Uint8Array, void>> {
    this.#pages.freeze()
    this.#batches.freeze()
    return [
      capturedPieces(this.#pages),
      capturedPieces(this.#batches),
      packedPieces(PieceTag.terminalSettings, this.#settings.slice()),
    ]
  }

  thaw(): void {
    this.#pages.thaw()
    this.#batches.thaw()
  }

  restore(image: string, piece: Piece): void {
    this.#pages.restore(image, piece, "terminals", TERMINALS_MAX)
    for (let slot = piece.first; slot < piece.first + piece.count; slot++) {
      this.#index.add(numberHash(this.#word(slot, TerminalWord.number), 0), slot)
    }
  }

  restoreBatches(image: string, piece: Piece): void {
    this.#batches.restore(image, piece, "terminals' batches", TERMINALS_MAX)
  }

  restoreSettings(image: string, piece: Piece): void {
    if (piece.first !== this.#settings.length)
      throw new ImageRefused(image, "terminals' settings are missing")
    // The engine's own bytes, under the journal's seal: what was packed by freeze.
    for (const settings of unpackItems(image, piece) as ReadonlyArray<Settings>) this.#settings.push(settings)
  }

  #word(slot: number, word: number): number {
    return this.#words[slot >>> PAGE_SHIFT][((slot & PAGE_MASK) << WORDS_SHIFT) + word]
  }

  #setWord(slot: number, word: number, value: number): void {
    this.#pages.changing(slot)
    this.#words[slot >>> PAGE_SHIFT][((slot & PAGE_MASK) << WORDS_SHIFT) + word] = value
  }

  #settingsOf(slot: number): Settings {
    const place = this.#batches.word(slot, BatchWord.settings)
    return place === 0 ? { slot, parameters: {}, version: 0, message: "" } : this.#settings[place - 1]
  }

  #putSettings(settings: Settings): void {
    const place = this.#batches.word(settings.slot, BatchWord.settings)
    if (place > 0) this.#settings[place - 1] = settings
    else this.#batches.setWord(settings.slot, BatchWord.settings, this.#settings.push(settings))
  }
}
