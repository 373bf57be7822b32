// The cards that must not be taken, as terminals without a connection copy them: each change has a version of its own.
import { Defect } from "./errors.ts"
import { numberHash } from "./hash.ts"
import { type Piece, PieceTag } from "./Image.ts"
import { HOTLIST_MAX } from "./limits.ts"
import { NumberIndex } from "./NumberIndex.ts"
import { capturedPieces, Pages } from "./Pages.ts"

/** 16 bytes a card that is or was on the list. */
const ENTRY_WORDS = 4
const EntryWord = {
  numberLo: 0,
  numberHi: 1,
  /** The response code; 0: it came off the list. */
  code: 2,
  /** Of the card's last change. */
  version: 3,
} as const

const LOG_SLACK = 4_096

export interface HotlistEntry {
  readonly version: number
  readonly card: bigint
  /** The response code: 41, 43 or 5; 0 when the card came off the list. */
  readonly code: number
}

/**
 * A card is there once, under the version of its last change: whoever has all up to a version and asks for what came
 * after it has the list. A card that came off stays, with code 0, for those who still have it.
 */
export class Hotlist {
  readonly #entries = new Pages(PieceTag.hotlist, ENTRY_WORDS)
  readonly #index: NumberIndex
  /** Places of entries in the order of their versions; where an entry has changed again since, a stale item is left. */
  #order: Array<number> = []
  /** Of each item of `#order`. */
  #versions: Array<number> = []
  #version = 0
  /** Entries from an image are not in order yet. */
  #isOrdered = true

  constructor() {
    const { words, pageShift, structWords } = this.#entries
    this.#index = new NumberIndex(words, pageShift, structWords, (entry) => this.#hash(entry), 0)
  }

  /** Of the last change; 0 before the first. */
  get version(): number {
    return this.#version
  }

  /** Cards that are or were on the list. */
  get count(): number {
    return this.#entries.count
  }

  /** Items kept to find changes by: not many more than twice the cards. */
  get logged(): number {
    return this.#order.length
  }

  get isFull(): boolean {
    return this.count === HOTLIST_MAX
  }

  /** What the list says of a card; 0 when it is not on it. */
  codeOf(card: bigint): number {
    const entry = this.#find(card)
    return entry < 0 ? 0 : this.#entries.word(entry, EntryWord.code)
  }

  /** Puts a card on the list, or changes its code. The same code again is no change. */
  put(card: bigint, code: number): void {
    if (this.codeOf(card) === code) return
    const known = this.#find(card)
    const entry = known >= 0 ? known : this.#add(card)
    this.#entries.setWord(entry, EntryWord.code, code)
    this.#entries.setWord(entry, EntryWord.version, ++this.#version)
    this.#log(entry)
  }

  /** A card that is not on the list is no change. */
  remove(card: bigint): void {
    this.put(card, 0)
  }

  /** At most `max` changes after version `since`, oldest first; for 0, for whoever has nothing, only cards on the list. */
  changes(since: number, max: number): Array<HotlistEntry> {
    this.#putInOrder()
    const changes: Array<HotlistEntry> = []
    for (let i = this.#firstAfter(since); i < this.#order.length && changes.length < max; i++) {
      const entry = this.#order[i]
      const version = this.#entries.word(entry, EntryWord.version) >>> 0
      const code = this.#entries.word(entry, EntryWord.code)
      const isStale = version !== this.#versions[i]
      if (!isStale && (code !== 0 || since > 0)) changes.push({ version, card: this.#card(entry), code })
    }
    return changes
  }

  // ---- snapshots

  freeze(): Generator<Uint8Array, void> {
    this.#entries.freeze()
    return capturedPieces(this.#entries)
  }

  thaw(): void {
    this.#entries.thaw()
  }

  restore(image: string, piece: Piece): void {
    this.#entries.restore(image, piece, "hotlist entries", HOTLIST_MAX)
    this.#isOrdered = false
    for (let entry = piece.first; entry < piece.first + piece.count; entry++) {
      this.#index.add(this.#hash(entry), entry)
      // The last change was some card's, and that card has not changed since.
      this.#version = Math.max(this.#version, this.#entries.word(entry, EntryWord.version) >>> 0)
    }
  }

  #hash(entry: number): number {
    return numberHash(
      this.#entries.word(entry, EntryWord.numberLo),
      this.#entries.word(entry, EntryWord.numberHi),
    )
  }

  #card(entry: number): bigint {
    const lo = this.#entries.word(entry, EntryWord.numberLo)
    const hi = this.#entries.word(entry, EntryWord.numberHi)
    return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
  }

  #find(card: bigint): number {
    const lo = Number(card & 0xffff_ffffn) | 0
    const hi = Number(card >> 32n) | 0
    return this.#index.find(numberHash(lo, hi), lo, hi)
  }

  #add(card: bigint): number {
    if (this.isFull) throw new Defect("the hotlist is full: the command should have been refused")
    const entry = this.#entries.place()
    this.#entries.setWord(entry, EntryWord.numberLo, Number(card & 0xffff_ffffn))
    this.#entries.setWord(entry, EntryWord.numberHi, Number(card >> 32n))
    this.#index.add(this.#hash(entry), entry)
    return entry
  }

  #log(entry: number): void {
    this.#putInOrder()
    // The entry carries its new version already when what came from an image is put in order.
    if (this.#versions.at(-1) !== this.#version) {
      this.#order.push(entry)
      this.#versions.push(this.#version)
    }
    // Not more than half of the items are stale for long, whatever goes on and off the list.
    if (this.#order.length > this.count * 2 + LOG_SLACK) this.#sort()
  }

  #putInOrder(): void {
    if (!this.#isOrdered) this.#sort()
  }

  #sort(): void {
    const versions = new Uint32Array(this.count)
    const order = Array.from({ length: this.count }, (_, entry) => {
      versions[entry] = this.#entries.word(entry, EntryWord.version)
      return entry
    })
    this.#order = order.sort((a, b) => versions[a] - versions[b])
    this.#versions = this.#order.map((entry) => versions[entry])
    this.#isOrdered = true
  }

  /** The first item of `#order` whose version is greater. */
  #firstAfter(since: number): number {
    let from = 0
    let to = this.#versions.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#versions[middle] <= since) from = middle + 1
      else to = middle
    }
    return from
  }
}
