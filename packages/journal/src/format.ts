/** The bytes of a segment: its header page, block headers, end mark, padding. Little-endian; README.md has the tables. */
import { crc32 } from "node:zlib"

/** What this program writes. Format 1 is read too; README.md says what differs. */
export const formatVersion = 2
export type FormatVersion = 1 | 2

/** Blocks start at pages, so that a page that is durable is never written again. */
export const pageBytes = 4096
/** What a disk writes whole or not at all. */
export const sectorBytes = 512
export const tagBytes = 16
export const saltBytes = 32
export const blockHeaderBytes = 64
/** The most that one block carries. */
export const payloadBytesMax = 8 << 20
/** Never zero, so that a sector of zeros is one that was never written. */
export const paddingByte = 0xa5

/** "MILLRACE" */
export const segmentMagic = Buffer.from("MILLRACE", "latin1")
const blockMagic = 0x4b4c424d
const endMagic = 0x444e454d
export const blockMagics = [Buffer.from("MBLK", "latin1"), Buffer.from("MEND", "latin1")]

/** Where the segment header's parts are. */
export const segmentHeader = {
  version: 8,
  crc: 12,
  number: 16,
  first: 24,
  created: 32,
  keyId: 40,
  payloadMax: 44,
  salt: 48,
  previousTag: 80,
  content: 96,
  epoch: 100,
  mac: 112,
  bytes: 128,
} as const

const blockHeader = {
  magic: 0,
  crc: 4,
  version: 8,
  number: 12,
  first: 16,
  count: 24,
  payload: 28,
  time: 32,
  segment: 40,
  epoch: 44,
  previousTag: 48,
} as const

/** What format 1, which had no place to say it, carried. */
const firstContent = 1

export interface SegmentHeader {
  readonly format: FormatVersion
  readonly number: number
  /** Sequence of its first block. */
  readonly first: number
  /** Milliseconds since the epoch: the time of its first block. */
  readonly created: number
  readonly keyId: number
  readonly salt: Uint8Array
  /** Tag of the last block of the segment before; zeros in the very first. */
  readonly previousTag: Uint8Array
  /** Version of what its payloads hold: the caller's to give and to understand. */
  readonly content: number
  /** Of its first block. */
  readonly epoch: number
}

export interface BlockHeader {
  readonly format: FormatVersion
  readonly end: boolean
  readonly number: number
  readonly first: number
  readonly count: number
  readonly payload: number
  readonly time: number
  readonly segment: number
  /** Counts the writers of a journal that changes hands; it never goes down. A journal with one writer has 0. */
  readonly epoch: number
  readonly previousTag: Uint8Array
}

export const writeU64 = (bytes: Buffer, at: number, value: number): void => {
  bytes.writeUInt32LE(value >>> 0, at)
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4)
}

export const readU64 = (bytes: Buffer, at: number): number =>
  bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000

/** At least one byte of padding: its last byte shows whether a write came to its end. */
export const blockExtent = (payload: number): number =>
  Math.ceil((blockHeaderBytes + payload + tagBytes + 1) / pageBytes) * pageBytes

export const blockExtentMax = blockExtent(payloadBytesMax)

export const segmentName = (number: number): string => `${String(number).padStart(20, "0")}.seg`

export const segmentNumber = (name: string): number | undefined => {
  const number = /^\d{20}\.seg$/.test(name) ? Number(name.slice(0, 20)) : 0
  return Number.isSafeInteger(number) && number > 0 ? number : undefined
}

/** Covers the magic, the version and the fields; every version of the format keeps these three where they are. */
const segmentCrc = (page: Buffer): number =>
  crc32(page.subarray(segmentHeader.number, segmentHeader.bytes), crc32(page.subarray(0, segmentHeader.crc)))

/** `mac` is given the header so far and gives the 16 bytes that authenticate it. */
export const encodeSegmentHeader = (
  page: Buffer,
  header: SegmentHeader,
  mac: (bytes: Uint8Array) => Uint8Array,
): void => {
  page.fill(paddingByte, 0, pageBytes)
  page.fill(0, 0, segmentHeader.bytes)
  page.set(segmentMagic, 0)
  page.writeUInt16LE(header.format, segmentHeader.version)
  writeU64(page, segmentHeader.number, header.number)
  writeU64(page, segmentHeader.first, header.first)
  page.writeDoubleLE(header.created, segmentHeader.created)
  page.writeUInt32LE(header.keyId, segmentHeader.keyId)
  page.writeUInt32LE(payloadBytesMax, segmentHeader.payloadMax)
  page.set(header.salt, segmentHeader.salt)
  page.set(header.previousTag, segmentHeader.previousTag)
  if (header.format > 1) {
    page.writeUInt32LE(header.content, segmentHeader.content)
    page.writeUInt32LE(header.epoch, segmentHeader.epoch)
  }
  page.set(mac(segmentMacInput(page)), segmentHeader.mac)
  page.writeUInt32LE(segmentCrc(page), segmentHeader.crc)
}

/** What the header's MAC covers: everything before it, with the CRC taken as zero. */
export const segmentMacInput = (page: Uint8Array): Uint8Array => {
  const input = Uint8Array.prototype.slice.call(page, 0, segmentHeader.mac)
  input.fill(0, segmentHeader.crc, segmentHeader.crc + 4)
  return input
}

export type Reading<A> =
  | { readonly kind: "ok"; readonly header: A }
  | { readonly kind: "version"; readonly found: number }
  | { readonly kind: "bad"; readonly reason: string }

const bad = (reason: string) => ({ kind: "bad", reason }) as const

const isRead = (version: number): version is FormatVersion => version === 1 || version === formatVersion

/** Checks all but the MAC, which needs the key that the header names. */
export const decodeSegmentHeader = (page: Buffer): Reading<SegmentHeader> => {
  if (page.length < segmentHeader.bytes) return bad("the segment header is cut short")
  if (!page.subarray(0, 8).equals(segmentMagic)) return bad("the segment header has no magic number")
  if (page.readUInt32LE(segmentHeader.crc) !== segmentCrc(page))
    return bad("the segment header fails its checksum")
  const version = page.readUInt16LE(segmentHeader.version)
  if (!isRead(version)) return { kind: "version", found: version }
  const header: SegmentHeader = {
    format: version,
    number: readU64(page, segmentHeader.number),
    first: readU64(page, segmentHeader.first),
    created: page.readDoubleLE(segmentHeader.created),
    keyId: page.readUInt32LE(segmentHeader.keyId),
    salt: Buffer.from(page.subarray(segmentHeader.salt, segmentHeader.salt + saltBytes)),
    previousTag: Buffer.from(page.subarray(segmentHeader.previousTag, segmentHeader.previousTag + tagBytes)),
    content: version === 1 ? firstContent : page.readUInt32LE(segmentHeader.content),
    epoch: version === 1 ? 0 : page.readUInt32LE(segmentHeader.epoch),
  }
  if (!isPadding(page, segmentHeader.bytes, Math.min(pageBytes, page.length))) {
    return bad("the segment header's padding was changed")
  }
  return { kind: "ok", header }
}

/** Plain code without an object, because the writer calls it for every commit. */
export const encodeBlockHeader = (
  bytes: Buffer,
  at: number,
  end: boolean,
  format: FormatVersion,
  segment: number,
  epoch: number,
  number: number,
  first: number,
  count: number,
  payload: number,
  time: number,
  previousTag: Uint8Array,
): void => {
  bytes.writeUInt32LE(end ? endMagic : blockMagic, at + blockHeader.magic)
  bytes.writeUInt32LE(format, at + blockHeader.version)
  bytes.writeUInt32LE(number, at + blockHeader.number)
  writeU64(bytes, at + blockHeader.first, first)
  bytes.writeUInt32LE(count, at + blockHeader.count)
  bytes.writeUInt32LE(payload, at + blockHeader.payload)
  bytes.writeDoubleLE(time, at + blockHeader.time)
  // Format 1 had a u64 there, whose upper half was never used.
  bytes.writeUInt32LE(segment, at + blockHeader.segment)
  bytes.writeUInt32LE(epoch, at + blockHeader.epoch)
  bytes.set(previousTag, at + blockHeader.previousTag)
  bytes.writeUInt32LE(
    crc32(bytes.subarray(at + blockHeader.version, at + blockHeaderBytes)),
    at + blockHeader.crc,
  )
}

export const decodeBlockHeader = (bytes: Buffer, at: number): Reading<BlockHeader> => {
  const magic = bytes.readUInt32LE(at + blockHeader.magic)
  if (magic !== blockMagic && magic !== endMagic) return bad("there is no block header")
  const crc = crc32(bytes.subarray(at + blockHeader.version, at + blockHeaderBytes))
  if (bytes.readUInt32LE(at + blockHeader.crc) !== crc) return bad("the block header fails its checksum")
  const version = bytes.readUInt32LE(at + blockHeader.version)
  if (!isRead(version)) return { kind: "version", found: version }
  const header: BlockHeader = {
    format: version,
    end: magic === endMagic,
    number: bytes.readUInt32LE(at + blockHeader.number),
    first: readU64(bytes, at + blockHeader.first),
    count: bytes.readUInt32LE(at + blockHeader.count),
    payload: bytes.readUInt32LE(at + blockHeader.payload),
    time: bytes.readDoubleLE(at + blockHeader.time),
    segment:
      version === 1 ? readU64(bytes, at + blockHeader.segment) : bytes.readUInt32LE(at + blockHeader.segment),
    epoch: version === 1 ? 0 : bytes.readUInt32LE(at + blockHeader.epoch),
    previousTag: bytes.subarray(at + blockHeader.previousTag, at + blockHeader.previousTag + tagBytes),
  }
  if (header.payload > payloadBytesMax) return bad(`the block says it carries ${header.payload} bytes`)
  return { kind: "ok", header }
}

/** Padding is 0xA5; a zero is let pass, because a block whose payload authenticates is never dropped for a torn padding. */
export const isPadding = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (bytes[at] !== paddingByte && bytes[at] !== 0) return false
  return true
}

const zeroes = Buffer.alloc(64 << 10)

/** Bytes past the end of `bytes` count as zero: they were never written. */
export const isZero = (bytes: Buffer, from: number, to: number): boolean => {
  const end = Math.min(to, bytes.length)
  // What was written mostly shows it in its first byte; memcmp does the rest at memory speed.
  if (from < end && bytes[from] !== 0) return false
  for (let at = from; at < end; at += zeroes.length) {
    const length = Math.min(zeroes.length, end - at)
    if (bytes.compare(zeroes, 0, length, at, at + length) !== 0) return false
  }
  return true
}
