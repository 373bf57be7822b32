/** Walks the blocks of one segment in order, checking each against what must come next. */
import { Effect } from "effect"
import {
  type BlockHeader,
  blockExtent,
  blockHeaderBytes,
  decodeBlockHeader,
  formatVersion,
  isPadding,
  isZero,
  pageBytes,
  type SegmentHeader,
  sectorBytes,
  tagBytes,
} from "./format.ts"
import {
  JournalDamaged,
  restoreRemedy,
  type StorageFailed,
  VersionUnsupported,
  versionRemedy,
} from "./JournalError.ts"
import type { StorageFile } from "./Storage.ts"
import { mac, type Secrets, sameBytes } from "./seal.ts"
import { asItComes, type Opening } from "./Walk.ts"

/** One group commit, as it was appended. */
export interface Block {
  /** Sequence of its first entry; it holds `count` of them. */
  readonly first: number
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly payload: Uint8Array
  /** Version of what the payload holds, as its segment says. */
  readonly content: number
  readonly epoch: number
  /** 16 bytes that no other block has: it stands for this one and all before it. */
  readonly tag: Uint8Array
  /** File name of its segment, and the byte offset in it. */
  readonly segment: string
  readonly at: number
}

/** Bytes of a segment, behind a block, that hold nothing and are known: all the same. */
export interface Padding {
  readonly from: number
  readonly to: number
}

export type Step =
  | { readonly kind: "block"; readonly block: Block }
  /** The cursor must refill before it can go on. */
  | { readonly kind: "more" }
  /** A clean end's mark. */
  | { readonly kind: "mark" }
  /** The file's end, or a sector that was never written. */
  | { readonly kind: "blank" }
  /** Not what must be here. `header` when the block's header itself is sound, `padding` when all of it is but the padding. */
  | {
      readonly kind: "bad"
      readonly reason: string
      readonly header: BlockHeader | undefined
      readonly padding?: Padding
    }
  | { readonly kind: "version"; readonly found: number }

const more: Step = { kind: "more" }
const mark: Step = { kind: "mark" }
const blank: Step = { kind: "blank" }
const nothing = new Uint8Array(0)
const notAuthentic = "the block isn't authentic"

export class SegmentCursor {
  readonly name: string
  /** Where the next block is, and what it must be. */
  at = pageBytes
  first: number
  tag: Uint8Array
  number = 1
  /** Of the last block; the next one's isn't lower. */
  epoch: number
  readonly #header: SegmentHeader
  readonly #secrets: Secrets
  /** Blocks that end before this sequence are walked over without being decrypted. */
  readonly #from: number
  /** Bytes of the file that there is any use in reading. */
  readonly #end: number
  readonly #opening: Opening
  #window: Buffer = Buffer.alloc(0)
  #base = 0
  #filled = 0
  #ended = false
  #needed = 0

  constructor(
    name: string,
    header: SegmentHeader,
    secrets: Secrets,
    end: number,
    from = 0,
    opening: Opening = asItComes,
  ) {
    this.name = name
    this.#header = header
    this.#secrets = secrets
    this.#from = from
    this.#end = end
    this.#opening = opening
    this.first = header.first
    this.tag = header.previousTag
    this.epoch = header.epoch
  }

  /** Reads on from where the next block is. */
  refill(file: StorageFile): Effect.Effect<void, StorageFailed> {
    const { windowBytes } = this.#opening
    const length = Math.min(Math.max(windowBytes, this.#needed), Math.max(0, this.#end - this.at))
    this.#window = this.#opening.window(length, this.#window)
    return Effect.map(file.read(this.at, this.#window.subarray(0, length)), (filled) => {
      this.#base = this.at
      this.#filled = filled
      this.#ended = filled < length || this.at + filled >= this.#end
      this.#needed = 0
    })
  }

  next(): Step {
    const offset = this.at - this.#base
    const available = this.#filled - offset
    if (available < sectorBytes && !this.#ended) return more
    if (available <= 0 || isZero(this.#window, offset, offset + Math.min(sectorBytes, available)))
      return blank
    if (available < blockHeaderBytes) return this.#bad("the file ends inside a block header")
    const reading = decodeBlockHeader(this.#window, offset)
    if (reading.kind === "version") return reading
    if (reading.kind === "bad") return this.#bad(reading.reason)
    const header = reading.header
    const wrong = this.#misplaced(header)
    if (wrong !== undefined) return this.#bad(wrong, header)
    const extent = blockExtent(header.payload)
    if (available < extent && !this.#ended) {
      this.#needed = extent
      return more
    }
    return this.#open(header, offset, Math.min(extent, available), extent)
  }

  #open(header: BlockHeader, offset: number, available: number, extent: number): Step {
    const window = this.#window
    const sealedEnd = blockHeaderBytes + header.payload + tagBytes
    if (available < sealedEnd) return this.#bad("the file ends inside the block", header)
    const aad = window.subarray(offset, offset + blockHeaderBytes)
    const sealed = window.subarray(offset + blockHeaderBytes, offset + sealedEnd - tagBytes)
    const tag = window.subarray(offset + sealedEnd - tagBytes, offset + sealedEnd)
    if (header.end) {
      if (!sameBytes(mac(this.#secrets.macKey, aad), tag))
        return this.#bad("the end mark isn't authentic", header)
      if (!isPadding(window, offset + sealedEnd, offset + available))
        return this.#bad("padding was changed", header)
      this.at += extent
      return mark
    }
    const skipped = header.first + header.count <= this.#from
    const payload = skipped ? nothing : this.#unseal(header.number, aad, sealed, tag)
    if (payload === null) return this.#bad(notAuthentic, header)
    if (!isPadding(window, offset + sealedEnd, offset + available)) {
      const step = this.#bad("padding was changed", header)
      const isThere = available === extent
      return isThere ? { ...step, padding: { from: this.at + sealedEnd, to: this.at + extent } } : step
    }
    this.tag = Buffer.from(tag)
    const block = {
      first: header.first,
      count: header.count,
      time: header.time,
      payload,
      content: this.#header.content,
      epoch: header.epoch,
      tag: this.tag,
      segment: this.name,
      at: this.at,
    }
    this.at += extent
    this.first += header.count
    this.number++
    this.epoch = header.epoch
    return { kind: "block", block }
  }

  #unseal(number: number, aad: Uint8Array, sealed: Uint8Array, tag: Uint8Array): Uint8Array | null {
    const { name, at, first } = this
    const refusal = () => damagedSegment(name, at, first, notAuthentic)
    return this.#opening.unseal(this.#secrets.cipherKey, number, aad, sealed, tag, refusal)
  }

  #misplaced(header: BlockHeader): string | undefined {
    if (header.format !== this.#header.format)
      return `the block has format ${header.format} in a segment of format ${this.#header.format}`
    if (header.segment !== this.#header.number) return `the block belongs to segment ${header.segment}`
    if (header.number !== this.number)
      return `block ${header.number} stands where block ${this.number} belongs`
    if (header.first !== this.first) return `the block begins with sequence ${header.first}`
    if (header.end ? header.payload !== 0 : header.count === 0) return "the block holds an impossible count"
    if (!sameBytes(header.previousTag, this.tag)) return "the block doesn't follow the one before (chain)"
    if (header.epoch < this.epoch) return `the block is of epoch ${header.epoch}, after ${this.epoch}`
    return undefined
  }

  #bad(reason: string, header?: BlockHeader): Extract<Step, { readonly kind: "bad" }> {
    return { kind: "bad", reason, header }
  }

  /** Says of a step that can't be gone on from what is wrong and where. */
  refuse(reason: string): JournalDamaged {
    return damagedSegment(this.name, this.at, this.first, reason)
  }

  unsupported(found: number): VersionUnsupported {
    return unsupportedSegment(this.name, found)
  }
}

export const segmentPath = (name: string): string => `journal/${name}`

export const damagedSegment = (name: string, at: number, expected: number, reason: string): JournalDamaged =>
  new JournalDamaged({ file: segmentPath(name), at, expected, reason, remedy: restoreRemedy })

export const unsupportedSegment = (name: string, found: number): VersionUnsupported =>
  new VersionUnsupported({
    file: segmentPath(name),
    found,
    supported: formatVersion,
    what: "format",
    remedy: versionRemedy(found, formatVersion),
  })
