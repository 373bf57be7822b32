// Where the struct of a card or terminal lies, by its number: extendible hashing over small tables, so that no growth is
// a long pause.
import { CARDS_PER_SHARD_MAX } from "./limits.ts"

/** The hash's lower 6 bits have chosen the shard, the next 12 choose the table, the upper 14 the place in it. */
const DIRECTORY_SHIFT = 6
const DIRECTORY_BITS_MAX = 12
const PLACE_SHIFT = 18
const TABLE_MIN = 16
/** 64 KiB: splitting one reads the numbers of some 10,000 structs. */
const TABLE_MAX = 2 ** 14
/**
 * Tables fill evenly, in all shards, so with one load limit all would split within a few thousand cards of each other,
 * and a command that makes 8,192 cards would pay for many. From 0.5 to 0.7 the limits are staggered.
 */
const LOAD_MIN = 0.5
const LOAD_SPREAD = 0.2
/** Tables fill a little unevenly: below the least limit. */
const LOAD_RESERVED = 0.47
const SLOT_MASK = CARDS_PER_SHARD_MAX
const TAG_MASK = ~SLOT_MASK

interface Table {
  /** 8 bits of the hash over 24 bits of slot + 1; 0 is a free place. */
  entries: Int32Array
  count: number
  limit: number
  /** How many bits of the directory lead here. */
  depth: number
}

const tagOf = (hash: number): number => Math.imul(hash, 0x9e3779b1) & TAG_MASK

export class NumberIndex {
  readonly #tables: Array<Table> = []
  /** The entries of table n again, one step nearer. */
  readonly #entries: Array<Int32Array> = []
  #directory = new Int32Array(1)
  #directoryMask = 0
  readonly #pieces: ReadonlyArray<Int32Array>
  readonly #hashOf: (slot: number) => number
  readonly #pieceShift: number
  readonly #pieceMask: number
  readonly #structWords: number
  readonly #stagger: number

  /**
   * @param pieces the structs, 2^pieceShift to a piece, each beginning with the two words of its number; grows as structs
   *   are added
   * @param structWords words of a struct
   * @param hashOf the hash of the number at a slot, for growth
   * @param stagger another number for each index, so that they do not grow all at once
   */
  constructor(
    pieces: ReadonlyArray<Int32Array>,
    pieceShift: number,
    structWords: number,
    hashOf: (slot: number) => number,
    stagger: number,
  ) {
    this.#pieces = pieces
    this.#pieceShift = pieceShift
    this.#pieceMask = (1 << pieceShift) - 1
    this.#structWords = structWords
    this.#hashOf = hashOf
    this.#stagger = stagger
    this.#set(0, this.#newTable(TABLE_MIN, 0, 0))
  }

  /** The slot of the struct with this number (two signed words), or −1. */
  find(hash: number, lo: number, hi: number): number {
    const entries = this.#entries[this.#directory[(hash >>> DIRECTORY_SHIFT) & this.#directoryMask]]
    const mask = entries.length - 1
    const tag = tagOf(hash)
    let i = (hash >>> PLACE_SHIFT) & mask
    for (;;) {
      const entry = entries[i]
      if (entry === 0) return -1
      if ((entry & TAG_MASK) === tag) {
        const slot = (entry & SLOT_MASK) - 1
        const words = this.#pieces[slot >>> this.#pieceShift]
        const at = Math.imul(slot & this.#pieceMask, this.#structWords)
        if (words[at] === lo && words[at + 1] === hi) return slot
      }
      i = (i + 1) & mask
    }
  }

  /** Reading ahead, first: touches where `peek` begins. */
  touchEntry(hash: number): number {
    const entries = this.#entries[this.#directory[(hash >>> DIRECTORY_SHIFT) & this.#directoryMask]]
    return entries[(hash >>> PLACE_SHIFT) & (entries.length - 1)]
  }

  /** Then: the first entry that may be the number's, or 0. */
  peek(hash: number): number {
    const entries = this.#entries[this.#directory[(hash >>> DIRECTORY_SHIFT) & this.#directoryMask]]
    const mask = entries.length - 1
    const tag = tagOf(hash)
    let i = (hash >>> PLACE_SHIFT) & mask
    let entry = entries[i]
    while (entry !== 0 && (entry & TAG_MASK) !== tag) {
      i = (i + 1) & mask
      entry = entries[i]
    }
    return entry
  }

  /** Then: touches the struct that an entry leads to. */
  touch(entry: number): number {
    const slot = (entry & SLOT_MASK) - 1
    if (slot < 0) return 0
    return this.#pieces[slot >>> this.#pieceShift][Math.imul(slot & this.#pieceMask, this.#structWords)]
  }

  /** At last: the slot that an entry of `peek` leads to when it is of this number, else what `find` finds. */
  confirm(entry: number, hash: number, lo: number, hi: number): number {
    const slot = (entry & SLOT_MASK) - 1
    if (slot < 0) return -1
    const words = this.#pieces[slot >>> this.#pieceShift]
    const at = Math.imul(slot & this.#pieceMask, this.#structWords)
    return words[at] === lo && words[at + 1] === hi ? slot : this.find(hash, lo, hi)
  }

  /** Room for so many before the first is added, so that none has to be moved on the way there. */
  reserve(count: number): void {
    if (this.#tables.length > 1 || this.#tables[0].count > 0) return
    let depth = 0
    while (depth < DIRECTORY_BITS_MAX && count > 2 ** depth * TABLE_MAX * LOAD_RESERVED) depth++
    let capacity = TABLE_MIN
    while (capacity < TABLE_MAX && count > capacity * LOAD_RESERVED) capacity *= 2
    this.#directory = Int32Array.from({ length: 2 ** depth }, (_, number) => number)
    this.#directoryMask = this.#directory.length - 1
    for (let number = 0; number < this.#directory.length; number++)
      this.#set(number, this.#newTable(capacity, depth, number))
  }

  /** Adds what is not there yet; its struct carries its number already. */
  add(hash: number, slot: number): void {
    for (;;) {
      const number = this.#directory[(hash >>> DIRECTORY_SHIFT) & this.#directoryMask]
      const table = this.#tables[number]
      if (table.count < table.limit) {
        table.count++
        place(table.entries, hash, slot)
        return
      }
      if (table.entries.length < TABLE_MAX || table.depth === DIRECTORY_BITS_MAX) this.#grow(number)
      else this.#split(number)
    }
  }

  /** Bytes of all tables. */
  get bytes(): number {
    return this.#entries.reduce((sum, entries) => sum + entries.byteLength, 0)
  }

  #grow(number: number): void {
    const { entries, depth } = this.#tables[number]
    const grown = this.#newTable(entries.length * 2, depth, number)
    for (let i = 0; i < entries.length; i++) {
      const slot = (entries[i] & SLOT_MASK) - 1
      if (slot >= 0) put(grown, this.#hashOf(slot), slot)
    }
    this.#set(number, grown)
  }

  /** The numbers whose next bit is set move to a table of their own. */
  #split(number: number): void {
    const { entries, depth } = this.#tables[number]
    if (1 << depth === this.#directory.length) this.#doubleDirectory()
    const other = this.#tables.length
    const bit = 1 << depth
    const zero = this.#newTable(TABLE_MAX, depth + 1, number)
    const one = this.#newTable(TABLE_MAX, depth + 1, other)
    for (let i = 0; i < entries.length; i++) {
      const slot = (entries[i] & SLOT_MASK) - 1
      if (slot < 0) continue
      const hash = this.#hashOf(slot)
      put(((hash >>> DIRECTORY_SHIFT) & bit) === 0 ? zero : one, hash, slot)
    }
    this.#set(number, zero)
    this.#set(other, one)
    const directory = this.#directory
    for (let i = 0; i < directory.length; i++) {
      if (directory[i] === number && (i & bit) !== 0) directory[i] = other
    }
  }

  #doubleDirectory(): void {
    const before = this.#directory
    this.#directory = new Int32Array(before.length * 2)
    this.#directory.set(before)
    this.#directory.set(before, before.length)
    this.#directoryMask = this.#directory.length - 1
  }

  #newTable(capacity: number, depth: number, number: number): Table {
    const share = (Math.imul(number + this.#stagger + 1, 0x9e3779b1) >>> 24) / 256
    const limit = Math.floor(capacity * (LOAD_MIN + LOAD_SPREAD * share))
    return { entries: new Int32Array(capacity), count: 0, limit, depth }
  }

  #set(number: number, table: Table): void {
    this.#tables[number] = table
    this.#entries[number] = table.entries
  }
}

const put = (table: Table, hash: number, slot: number): void => {
  table.count++
  place(table.entries, hash, slot)
}

const place = (entries: Int32Array, hash: number, slot: number): void => {
  const mask = entries.length - 1
  let i = (hash >>> PLACE_SHIFT) & mask
  while (entries[i] !== 0) i = (i + 1) & mask
  entries[i] = tagOf(hash) | (slot + 1)
}
