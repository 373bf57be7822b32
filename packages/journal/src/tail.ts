/** Torn or damaged? Judges what stands at the journal's very end where the next block should be. */
import {
  type BlockHeader,
  blockExtent,
  blockExtentMax,
  blockHeaderBytes,
  blockMagics,
  decodeBlockHeader,
  isZero,
  paddingByte,
  pageBytes,
  sectorBytes,
  segmentHeader,
  segmentMagic,
} from "./format.ts"

/**
 * `undefined` when the write was torn by a crash and may be cut, else why it is damage.
 *
 * Only one write is ever on its way, so nothing that is whole may follow a torn one. A disk writes sectors
 * whole or not at all, in any order; and nothing that is written holds a sector of zeros, or ends in a zero.
 * So a torn write shows a zero where there should be none; what shows none was whole once, and was changed.
 *
 * | header | what is there | judged |
 * |---|---|---|
 * | sound | something after the block's extent | damage |
 * | sound | a sector of zeros in the extent, or its last byte zero or beyond the file's end | torn |
 * | sound | neither | damage |
 * | first sector zero | a sound header at a later page, padding before the last page, a sector of mostly zeros, or bytes beyond the largest extent | damage |
 * | first sector zero | none of these | torn |
 * | unsound, not zero | the magic number or a part of it, and after the header nothing but zeros (cut inside it) | torn |
 * | unsound, not zero | something else | damage |
 *
 * `rest` is the segment from the doubtful place to the file's end; bytes beyond it count as zeros. `lead` is
 * the length of the segment header page when that is where the doubt begins, else 0: it is one write with
 * the segment's first block.
 */
export const judgeTail = (
  rest: Buffer,
  header: BlockHeader | undefined,
  lead: 0 | typeof pageBytes,
): string | undefined => {
  if (header !== undefined) {
    const extent = blockExtent(header.payload)
    if (!isZero(rest, extent, rest.length)) return "it fails, and something follows it"
    return isIncomplete(rest, extent) ? undefined : "it was written whole, and was changed since"
  }
  const headerEnd = lead === 0 ? blockHeaderBytes : segmentHeader.bytes
  if (!isZero(rest, 0, sectorBytes)) {
    const begun = beginsAs(rest, lead === 0 ? blockMagics : [segmentMagic])
    return begun && isZero(rest, headerEnd, rest.length) ? undefined : "it was written, and was changed since"
  }
  if (!isZero(rest, lead + blockExtentMax, rest.length)) return "more follows than one block can hold"
  for (let at = sectorBytes; at < rest.length; at += sectorBytes) {
    if (isStray(rest, at)) return "there are bytes where nothing was written"
  }
  for (let at = pageBytes; at + blockHeaderBytes <= rest.length; at += pageBytes) {
    const reading = decodeBlockHeader(rest, at)
    const ownFirstBlock = at === lead && reading.kind === "ok" && reading.header.number === 1
    if (reading.kind !== "bad" && !ownFirstBlock) return "a block follows it"
    // A block's padding is at its end: what comes after it is another.
    if (at > lead && endsInPadding(rest, at) && !isZero(rest, at, rest.length)) return "a block follows it"
  }
  return undefined
}

/** Neither zeros nor a sector that was written: those are dense. */
const isStray = (rest: Buffer, from: number): boolean => {
  const end = Math.min(from + sectorBytes, rest.length)
  let zeros = 0
  for (let at = from; at < end; at++) if (rest[at] === 0) zeros++
  return zeros > sectorBytes / 2 && zeros < end - from
}

/** So much of it is never in ciphertext by chance. */
const paddingSignBytes = 16

const endsInPadding = (rest: Buffer, end: number): boolean => {
  for (let at = end - paddingSignBytes; at < end; at++) if (rest[at] !== paddingByte) return false
  return true
}

/** Whether it has one of the magic numbers, or the beginning of one and zeros. */
const beginsAs = (rest: Buffer, magics: ReadonlyArray<Uint8Array>): boolean =>
  magics.some((magic) => {
    let same = 0
    while (same < magic.length && rest[same] === magic[same]) same++
    return same === magic.length || (same > 0 && isZero(rest, same, rest.length))
  })

const isIncomplete = (rest: Buffer, extent: number): boolean => {
  if (rest.length < extent || rest[extent - 1] === 0) return true
  for (let at = 0; at < extent; at += sectorBytes) if (isZero(rest, at, at + sectorBytes)) return true
  return false
}
