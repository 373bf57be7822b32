// Pieces of a snapshot's images: a 16-byte header and a body; the journal gives them their checksums and cipher.
import { Packr } from "msgpackr"
import { ImageRefused } from "./errors.ts"
import { PIECE_BYTES_MAX } from "./limits.ts"

/** Raised whenever the meaning of a piece changes. */
export const IMAGE_VERSION = 3
/** The oldest whose pieces are taken. */
const IMAGE_VERSION_OLDEST = 3

/** Of what a snapshot's parts hold. */
export const imageVersions = { name: "image", writes: IMAGE_VERSION, oldest: IMAGE_VERSION_OLDEST } as const

export const PieceTag = {
  schemeHead: 1,
  terms: 2,
  merchants: 3,
  terminals: 4,
  hosts: 5,
  plans: 6,
  products: 7,
  merchantStates: 8,
  terminalBatches: 9,
  terminalSettings: 10,
  hotlist: 11,
  shardHead: 16,
  general: 17,
  payable: 18,
  cards: 19,
  holds: 20,
  float: 21,
} as const

/** u16 tag, u16 version, u32 first item, u32 items, u32 body bytes. */
export const PIECE_HEADER_BYTES = 16

export interface Piece {
  readonly tag: number
  readonly first: number
  readonly count: number
  readonly body: Uint8Array
}

/** One image of a snapshot, pulled piece by piece; a piece is good until the next one is pulled. */
export interface ImageSource {
  readonly name: string
  next(): Uint8Array | null
}

const packr = new Packr({ useRecords: false })

export const packBody = (value: unknown): Uint8Array => packr.pack(value)
export const unpackBody = (body: Uint8Array): unknown => packr.unpack(own(body))

/** Bytes that nobody else writes: what was read may lie in memory that threads share, which not every decoder takes. */
const own = (body: Uint8Array): Uint8Array => new Uint8Array(body)

/** What a piece of packed items grows to, unless one item alone is longer: packing it is no long pause. */
const PACKED_BYTES = 65_536

/** Packed items one after the other, cut where a piece is long enough. The list must not change while it is pulled. */
export function* packedPieces(tag: number, list: ReadonlyArray<unknown>): Generator<Uint8Array, void> {
  for (let first = 0; first < list.length; ) {
    const items: Array<Uint8Array> = []
    let bytes = 0
    while (bytes < PACKED_BYTES && first + items.length < list.length) {
      const item = packr.pack(list[first + items.length])
      items.push(item)
      bytes += item.length
    }
    yield makePiece(tag, first, items.length, Buffer.concat(items))
    first += items.length
  }
}

/** The items of such a piece. Throws ImageRefused when they are not as many as it says. */
export const unpackItems = (image: string, piece: Piece): ReadonlyArray<unknown> => {
  const items = packr.unpackMultiple(own(piece.body)) ?? []
  if (items.length !== piece.count) throw new ImageRefused(image, "a piece has not the items that it names")
  return items
}

/** A piece whose body the caller fills in; the last one again, where that is as long. */
export const emptyPiece = (
  tag: number,
  first: number,
  count: number,
  bodyBytes: number,
  last?: Uint8Array,
): Uint8Array => {
  const length = PIECE_HEADER_BYTES + bodyBytes
  if (length > PIECE_BYTES_MAX) throw new RangeError(`a piece of ${bodyBytes} bytes`)
  const piece = last?.length === length ? last : new Uint8Array(length)
  const header = new DataView(piece.buffer)
  header.setUint16(0, tag, true)
  header.setUint16(2, IMAGE_VERSION, true)
  header.setUint32(4, first, true)
  header.setUint32(8, count, true)
  header.setUint32(12, bodyBytes, true)
  return piece
}

export const makePiece = (tag: number, first: number, count: number, body: Uint8Array): Uint8Array => {
  const piece = emptyPiece(tag, first, count, body.length)
  piece.set(body, PIECE_HEADER_BYTES)
  return piece
}

/** Throws ImageRefused. The body begins on a boundary of 8 bytes; it may be the piece's own bytes, so nobody keeps it. */
export const readPiece = (image: string, piece: Uint8Array): Piece => {
  if (piece.length < PIECE_HEADER_BYTES) throw new ImageRefused(image, `a piece of ${piece.length} bytes`)
  const header = new DataView(piece.buffer, piece.byteOffset, PIECE_HEADER_BYTES)
  const version = header.getUint16(2, true)
  if (version < IMAGE_VERSION_OLDEST || version > IMAGE_VERSION) {
    throw new ImageRefused(
      image,
      `has version ${version}, this program reads ${IMAGE_VERSION}: start one that reads version ${version}`,
    )
  }
  const bodyBytes = header.getUint32(12, true)
  const body = piece.subarray(PIECE_HEADER_BYTES)
  if (bodyBytes !== piece.length - PIECE_HEADER_BYTES) throw new ImageRefused(image, "a piece is cut short")
  return {
    tag: header.getUint16(0, true),
    first: header.getUint32(4, true),
    count: header.getUint32(8, true),
    body: body.byteOffset % 8 === 0 ? body : new Uint8Array(body),
  }
}

/** The bytes of a typed array's items `from` up to but without `to`. */
export const itemBytes = (array: Int32Array | Float64Array, from: number, to: number): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).subarray(
    from * array.BYTES_PER_ELEMENT,
    to * array.BYTES_PER_ELEMENT,
  )

/** Cuts a table of `count` items of `itemWidth` array elements each into pieces. */
export function* tablePieces(
  tag: number,
  array: Int32Array | Float64Array,
  count: number,
  itemWidth: number,
): Generator<Uint8Array, void> {
  const itemsMax = Math.floor((PIECE_BYTES_MAX - PIECE_HEADER_BYTES) / (itemWidth * array.BYTES_PER_ELEMENT))
  for (let first = 0; first < count; first += itemsMax) {
    const items = Math.min(itemsMax, count - first)
    yield makePiece(tag, first, items, itemBytes(array, first * itemWidth, (first + items) * itemWidth))
  }
}

/** A generator as an image's source. */
export const sourceOf = (name: string, pieces: Generator<Uint8Array, void>): ImageSource => ({
  name,
  next: () => {
    const step = pieces.next()
    return step.done === true ? null : step.value
  },
})
