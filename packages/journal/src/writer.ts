/** The journal's hot path: seals a block and makes it durable, with one write on its way and one sealed behind it. */
import {
  blockExtent,
  blockExtentMax,
  blockHeaderBytes,
  encodeBlockHeader,
  encodeSegmentHeader,
  formatVersion,
  paddingByte,
  pageBytes,
  payloadBytesMax,
  type SegmentHeader,
  saltBytes,
  segmentName,
} from "./format.ts"
import type { JournalError } from "./JournalError.ts"
import type { KeyRingShape } from "./KeyRing.ts"
import { pageAligned } from "./pageAligned.ts"
import type { Recovered, SegmentInfo } from "./recover.ts"
import type { StorageFile } from "./Storage.ts"
import { deriveSecrets, mac, seal, segmentPurpose } from "./seal.ts"

/** What one group commit makes durable. */
export interface BlockInput {
  /** Sequence of the first entry: the one after the last that was given. */
  readonly first: number
  /** Entries in it, at least one. */
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly time: number
  /** One after the other, the payload: at most payloadBytesMax together. They are copied before `commit` returns. */
  readonly parts: ReadonlyArray<Uint8Array>
}

export type CommitDone = (error: JournalError | undefined) => void

/** What the writer needs beside the hot path. */
export interface Background {
  /** Random bytes. */
  readonly salt: (count: number) => Uint8Array
  /** Make the file of that segment, all zeros, and give it to `attach`. */
  readonly prepare: (number: number) => void
  /** The segment is full and its last block durable: cut its unused tail, close it. */
  readonly retire: (segment: OpenSegment) => void
}

export interface OpenSegment {
  readonly info: SegmentInfo
  file: StorageFile | undefined
  /** Number of the next block, and where it goes. */
  nextBlock: number
  nextAt: number
}

/** A sealed block and the room for it. */
class Slot {
  buffer = Buffer.allocUnsafeSlow(64 << 10)
  length = 0
  at = 0
  last = 0
  begins = false
  segment: OpenSegment | undefined
  done: CommitDone | undefined
  readonly finish: (error: JournalError | undefined) => void

  constructor(finished: (slot: Slot, error: JournalError | undefined) => void) {
    this.finish = (error) => finished(this, error)
  }

  reserve(bytes: number): void {
    if (this.buffer.length < bytes) this.buffer = pageAligned(pageBytes + blockExtentMax)
  }
}

export class Writer {
  /** Last durable sequence. */
  last: number
  /** Segments with a durable block, oldest first. */
  readonly segments: Array<SegmentInfo>
  failure: JournalError | undefined
  readonly #keys: KeyRingShape
  readonly #segmentBytes: number
  readonly #background: Background
  /** Last sequence and tag that were sealed: what the next block follows. */
  #sealed: number
  #tag: Uint8Array
  /** Whoever has the journal goes on in the epoch that it finds. */
  readonly #epoch: number
  readonly #content: number
  #current: OpenSegment | undefined
  #previous: OpenSegment | undefined
  #nextSegment: number
  #prepared: { readonly number: number; readonly file: StorageFile } | undefined
  /** The block that goes to the disk now, or as soon as its segment's file is there; and the one behind it. */
  #head: Slot | undefined
  #behind: Slot | undefined
  /** Whether the head is on its way: a write is never begun while another is. */
  #flying = false
  readonly #slots: readonly [Slot, Slot]
  #idle: (() => void) | undefined
  /** Who makes the next segment's file and waits for more of it to be due. */
  #making:
    | { readonly number: number; readonly there: number; readonly then: (bytes: number) => void }
    | undefined
  #closed = false

  /** @param content version of what the payloads hold */
  constructor(
    recovered: Recovered,
    keys: KeyRingShape,
    segmentBytes: number,
    content: number,
    background: Background,
  ) {
    this.segments = recovered.segments
    this.last = recovered.last
    this.#sealed = recovered.last
    this.#tag = recovered.tag
    this.#epoch = recovered.epoch
    this.#content = content
    this.#keys = keys
    this.#segmentBytes = segmentBytes
    this.#background = background
    this.#nextSegment = (recovered.segments[recovered.segments.length - 1]?.header.number ?? 0) + 1
    const finished = (slot: Slot, error: JournalError | undefined) => this.#finished(slot, error)
    this.#slots = [new Slot(finished), new Slot(finished)]
  }

  get nextSegment(): number {
    return this.#nextSegment
  }

  /**
   * Seals the block now, writes and syncs it as soon as the one before is durable, then calls `done` on a
   * fresh stack. May be called while one block is on its way, not while two are: that, a gap in the
   * sequences, an empty or an oversized block, and a closed journal are the caller's mistakes and throw.
   */
  commit(block: BlockInput, done: CommitDone): void {
    if (this.failure !== undefined) {
      const failure = this.failure
      queueMicrotask(() => done(failure))
      return
    }
    const payload = this.#check(block)
    const slot = this.#slots[0] === this.#head ? this.#slots[1] : this.#slots[0]
    this.#seal(slot, block, payload)
    slot.done = done
    if (this.#head === undefined) this.#head = slot
    else this.#behind = slot
    this.#write()
    this.#askDue()
  }

  /**
   * Calls back once more than `there` bytes of the file of segment `number` should be there, with how many: made at twice the
   * speed at which the segment before fills, it is whole in time and its writes are spread out. All of it, at once, where
   * the segment is waited for; −1 where nobody will need it.
   */
  whenDue(number: number, there: number, then: (bytes: number) => void): void {
    this.#making = { number, there, then }
    this.#askDue()
  }

  #askDue(): void {
    const making = this.#making
    if (making === undefined) return
    const due = this.#dueOf(making.number)
    if (due >= 0 && due <= making.there) return
    this.#making = undefined
    making.then(due)
  }

  #dueOf(number: number): number {
    const current = this.#current
    if (current !== undefined && current.info.header.number >= number) return this.#segmentBytes
    if (this.#closed || this.failure !== undefined) return -1
    return current === undefined ? this.#segmentBytes : Math.min(2 * current.nextAt, this.#segmentBytes)
  }

  #check({ first, count, parts }: BlockInput): number {
    if (this.#closed) throw new Error("the journal is closed")
    if (this.#behind !== undefined) throw new Error("two blocks are on their way already")
    if (first !== this.#sealed + 1 && !(this.#sealed === 0 && first > 0)) {
      throw new Error(`a block begins with sequence ${first}, after ${this.#sealed}`)
    }
    if (!(count > 0)) throw new Error("a block has no entry")
    let payload = 0
    for (let n = 0; n < parts.length; n++) payload += parts[n]!.length
    if (payload > payloadBytesMax || pageBytes + blockExtent(payload) > this.#segmentBytes) {
      throw new Error(`a block of ${payload} bytes is over the limit`)
    }
    return payload
  }

  #seal(slot: Slot, block: BlockInput, payload: number): void {
    const extent = blockExtent(payload)
    const current = this.#current
    // A new data key is used from the next block on: a segment has one key.
    const begins =
      current === undefined ||
      current.nextAt + extent > this.#segmentBytes ||
      current.info.header.keyId !== this.#keys.current.id
    const segment = begins ? this.#begin(block) : current
    const lead = begins ? pageBytes : 0
    slot.reserve(lead + extent)
    const buffer = slot.buffer
    const { info } = segment
    if (begins) encodeSegmentHeader(buffer, info.header, (bytes) => mac(info.secrets.macKey, bytes))
    const number = segment.nextBlock
    encodeBlockHeader(
      buffer,
      lead,
      false,
      formatVersion,
      info.header.number,
      this.#epoch,
      number,
      block.first,
      block.count,
      payload,
      block.time,
      this.#tag,
    )
    const aad = buffer.subarray(lead, lead + blockHeaderBytes)
    const end = seal(info.secrets.cipherKey, number, aad, block.parts, buffer, lead + blockHeaderBytes)
    buffer.fill(paddingByte, end, lead + extent)
    // A copy: the buffer is used again before the next-but-one block is sealed.
    this.#tag = Buffer.from(buffer.subarray(end - 16, end))
    this.#sealed = block.first + block.count - 1
    slot.length = lead + extent
    slot.at = segment.nextAt - lead
    slot.last = this.#sealed
    slot.begins = begins
    slot.segment = segment
    segment.nextBlock++
    segment.nextAt += extent
  }

  /** A new segment, in mind only: its header goes to the disk with its first block. */
  #begin(block: BlockInput): OpenSegment {
    const number = this.#nextSegment++
    const dataKey = this.#keys.current
    const header: SegmentHeader = {
      format: formatVersion,
      number,
      first: block.first,
      created: block.time,
      keyId: dataKey.id,
      salt: this.#background.salt(saltBytes),
      previousTag: this.#tag,
      content: this.#content,
      epoch: this.#epoch,
    }
    const secrets = deriveSecrets(dataKey.key, header.salt, segmentPurpose)
    const info = { name: segmentName(number), header, secrets, last: block.first - 1, end: 0 }
    const segment: OpenSegment = { info, file: undefined, nextBlock: 1, nextAt: pageBytes }
    this.#current = segment
    return segment
  }

  /** Gives the writer the file of the segment that comes next. */
  attach(number: number, file: StorageFile): void {
    this.#prepared = { number, file }
    this.#write()
  }

  #write(): void {
    const slot = this.#head
    if (slot === undefined || this.#flying) return
    const segment = slot.segment!
    if (segment.file === undefined) {
      if (this.#prepared?.number !== segment.info.header.number) return
      segment.file = this.#prepared.file
      this.#prepared = undefined
    }
    this.#flying = true
    segment.file.writeDurable(slot.at, slot.buffer.subarray(0, slot.length), slot.finish)
  }

  #finished(slot: Slot, error: JournalError | undefined): void {
    const done = slot.done!
    slot.done = undefined
    this.#flying = false
    this.#head = this.#behind
    this.#behind = undefined
    if (error !== undefined) {
      this.poison(error)
      done(error)
      this.#ring()
      return
    }
    const segment = slot.segment!
    this.last = slot.last
    segment.info.last = slot.last
    segment.info.end = slot.at + slot.length
    if (slot.begins) this.#begun(segment)
    // The disk goes on with the next block before anybody hears of this one.
    this.#write()
    done(undefined)
    this.#ring()
  }

  /** Its first block is durable: the segment before is done with, and the one after is made ready. */
  #begun(segment: OpenSegment): void {
    this.segments.push(segment.info)
    if (this.#previous !== undefined) this.#background.retire(this.#previous)
    this.#previous = segment
    this.#background.prepare(segment.info.header.number + 1)
  }

  /** Tells who waits for the end that nothing is on its way any more. */
  #ring(): void {
    if (this.#head !== undefined) return
    const idle = this.#idle
    this.#idle = undefined
    idle?.()
  }

  /** From here on everything fails with this error: after a failed write or sync nobody knows what the disk holds. */
  poison(error: JournalError): void {
    if (this.failure !== undefined) return
    this.failure = error
    this.#askDue()
    // What is on its way comes to its own end.
    if (!this.#flying) {
      this.#refuse(this.#head, error)
      this.#head = undefined
    }
    this.#refuse(this.#behind, error)
    this.#behind = undefined
    this.#ring()
  }

  #refuse(slot: Slot | undefined, error: JournalError): void {
    const done = slot?.done
    if (slot === undefined || done === undefined) return
    slot.done = undefined
    queueMicrotask(() => done(error))
  }

  /** Takes no more blocks; `then` is called when those on their way have come to their end. */
  close(then: (last: OpenSegment | undefined, tag: Uint8Array, epoch: number) => void): void {
    this.#closed = true
    this.#askDue()
    this.#idle = () => then(this.#previous, this.#tag, this.#epoch)
    this.#ring()
  }

  /** The file that was made ready and not used. */
  takePrepared(): StorageFile | undefined {
    const file = this.#prepared?.file
    this.#prepared = undefined
    return file
  }
}
