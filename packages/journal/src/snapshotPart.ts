/** One part of a snapshot on the disk: pieces, each sealed, chained by their tags. README.md has the table. */
import { Effect } from "effect"
import { pageBytes, tagBytes } from "./format.ts"
import { JournalDamaged, type JournalError, type StorageFailed } from "./JournalError.ts"
import { Machine, roundOf } from "./Machine.ts"
import { pageAligned } from "./pageAligned.ts"
import type { StorageFile, StorageShape } from "./Storage.ts"
import { type Secrets, seal } from "./seal.ts"
import { manifestName } from "./snapshotDirectory.ts"
import { asItComes, type Opening, type Pull, refused, type Walk, type WalkStep } from "./Walk.ts"

/** Sealing a piece of this size takes about a millisecond, the longest that the event loop should be held. */
export const snapshotPieceBytesMax = 1 << 20

/** Piece length and number, in front of each. */
const pieceHeaderBytes = 8
/** Pieces gather to writes of about this size; between two writes the event loop goes round. */
const writeBytes = 256 << 10
/** Synced as it goes, so that the journal's commits never wait behind a large flush. */
const syncBytes = 2 << 20

export const snapshotRemedy =
  "Nothing was changed. `millrace journal repair` says whether a start from the one before it loses nothing, and then takes " +
  "this one away; otherwise restore a backup (`millrace restore`)."

/** What the manifest says of a part. */
export interface PartRecord {
  readonly name: string
  readonly pieces: number
  readonly fileBytes: number
  /** Tag of the last piece, in hex: with the chain it stands for all of them. */
  readonly tag: string
}

const breathe = Effect.flatMap(Machine, roundOf)

/** For `writePart`, one part after the other. */
export const partBuffer = (): Buffer =>
  pageAligned(writeBytes + pageBytes + pieceHeaderBytes + snapshotPieceBytesMax + tagBytes)

/** Asked after each piece or write, with its bytes: returns when the next may be worked at. */
export type Pace = (bytes: number) => Effect.Effect<void>

/** As fast as it goes; only the event loop goes round in between. */
export const atOnce: Pace = () => breathe

/** Additional data of a piece: its header and the tag of the piece before (zeros before the first). */
const aad = Buffer.alloc(pieceHeaderBytes + tagBytes)
const setAad = (length: number, number: number, previousTag: Uint8Array): Buffer => {
  aad.writeUInt32LE(length, 0)
  aad.writeUInt32LE(number, 4)
  aad.set(previousTag, pieceHeaderBytes)
  return aad
}

class PartWriter {
  pieces = 0
  /** Given to be written so far. */
  fileBytes = 0
  tag: Uint8Array = new Uint8Array(tagBytes)
  readonly #secrets: Secrets
  readonly #buffer: Buffer
  #filled = 0
  #given = 0
  #ended = false

  constructor(secrets: Secrets, buffer: Buffer) {
    this.#secrets = secrets
    this.#buffer = buffer
  }

  /**
   * What comes next in the file, good until the next call: whole pages, and what is left at the end; empty behind that. Pulls and
   * seals pieces until there is enough; nothing else runs meanwhile.
   */
  fill(next: () => Uint8Array | null): Uint8Array {
    this.#buffer.copyWithin(0, this.#given, this.#filled)
    this.#filled -= this.#given
    while (!this.#ended && this.#filled < writeBytes) {
      const piece = next()
      if (piece === null) {
        this.#ended = true
        break
      }
      if (piece.length > snapshotPieceBytesMax)
        throw new Error(`a snapshot piece of ${piece.length} bytes is over the limit`)
      this.#add(piece)
    }
    this.#given = this.#ended ? this.#filled : this.#filled - (this.#filled % pageBytes)
    this.fileBytes += this.#given
    return this.#buffer.subarray(0, this.#given)
  }

  #add(piece: Uint8Array): void {
    const data = setAad(piece.length, ++this.pieces, this.tag)
    this.#buffer.set(data.subarray(0, pieceHeaderBytes), this.#filled)
    const from = this.#filled + pieceHeaderBytes
    this.#filled = seal(this.#secrets.cipherKey, this.pieces, data, [piece], this.#buffer, from)
    this.tag = Buffer.from(this.#buffer.subarray(this.#filled - tagBytes, this.#filled))
  }
}

/** Writes and syncs one part. Errors: StorageFailed. */
export const writePart = Effect.fnUntraced(function* (
  storage: StorageShape,
  path: string,
  name: string,
  next: () => Uint8Array | null,
  secrets: Secrets,
  pace: Pace,
  buffer: Buffer,
) {
  const writer = new PartWriter(secrets, buffer)
  yield* Effect.acquireUseRelease(
    storage.open(path, { create: true, large: true }),
    (file) => writePieces(file, writer, next, pace),
    (file) => file.close,
  )
  const record: PartRecord = {
    name,
    pieces: writer.pieces,
    fileBytes: writer.fileBytes,
    tag: Buffer.from(writer.tag).toString("hex"),
  }
  return record
})

const writePieces = Effect.fnUntraced(function* (
  file: StorageFile,
  writer: PartWriter,
  next: () => Uint8Array | null,
  pace: Pace,
) {
  yield* file.truncate(0)
  let synced = 0
  while (true) {
    const at = writer.fileBytes
    const bytes = writer.fill(next)
    if (bytes.length === 0) break
    yield* file.write(at, bytes)
    if (writer.fileBytes - synced >= syncBytes) {
      yield* file.sync
      synced = writer.fileBytes
    }
    yield* pace(bytes.length)
  }
  yield* file.sync
})

/** Gives the pieces back in order, and refuses where they aren't what was written. */
export class PartWalk implements Walk<Uint8Array> {
  readonly #storage: StorageShape
  readonly #path: string
  readonly #part: PartRecord
  readonly #secrets: Secrets
  readonly #opening: Opening
  #window: Buffer = Buffer.alloc(0)
  #base = 0
  #filled = 0
  #at = 0
  #needed = 0
  #pieces = 0
  #tag: Uint8Array = new Uint8Array(tagBytes)

  constructor(
    storage: StorageShape,
    path: string,
    part: PartRecord,
    secrets: Secrets,
    opening: Opening = asItComes,
  ) {
    this.#storage = storage
    this.#path = path
    this.#part = part
    this.#secrets = secrets
    this.#opening = opening
  }

  next(): WalkStep<Uint8Array> {
    if (this.#pieces === this.#part.pieces) {
      return this.#at === this.#part.fileBytes
        ? { kind: "end" }
        : this.#refuse("its length isn't the one of the manifest")
    }
    const available = this.#base + this.#filled - this.#at
    if (available < pieceHeaderBytes) return this.#more(pieceHeaderBytes)
    const offset = this.#at - this.#base
    const length = this.#window.readUInt32LE(offset)
    if (length > snapshotPieceBytesMax) return this.#refuse(`a piece says it has ${length} bytes`)
    const whole = pieceHeaderBytes + length + tagBytes
    if (available < whole) return this.#more(whole)
    const sealedAt = offset + pieceHeaderBytes
    const sealed = this.#window.subarray(sealedAt, sealedAt + length)
    const tag = this.#window.subarray(sealedAt + length, sealedAt + length + tagBytes)
    const number = this.#window.readUInt32LE(offset + 4)
    if (number !== this.#pieces + 1)
      return this.#refuse(`piece ${number} stands where piece ${this.#pieces + 1} belongs`)
    const data = setAad(length, number, this.#tag)
    const at = this.#at
    const refusal = () => damagedPart(this.#path, at, "a piece isn't authentic")
    const piece = this.#opening.unseal(this.#secrets.cipherKey, number, data, sealed, tag, refusal)
    if (piece === null) return refused(refusal())
    this.#tag = Buffer.from(tag)
    this.#at += whole
    this.#pieces++
    if (this.#pieces === this.#part.pieces && Buffer.from(tag).toString("hex") !== this.#part.tag) {
      return this.#refuse("the last piece isn't the one of the manifest")
    }
    return { kind: "item", item: piece }
  }

  #more(needed: number): WalkStep<never> {
    this.#needed = needed
    return { kind: "more" }
  }

  readonly refill: Effect.Effect<void, JournalError> = Effect.suspend(() => {
    const base = this.#at - (this.#at % pageBytes)
    const needed = this.#at + this.#needed - base
    const wanted = Math.max(needed, Math.min(this.#opening.windowBytes, this.#part.fileBytes - base))
    const length = Math.ceil(wanted / pageBytes) * pageBytes
    this.#window = this.#opening.window(length, this.#window)
    return Effect.acquireUseRelease(
      this.#storage
        .open(this.#path, { readOnly: true, large: this.#opening.isPageAligned })
        .pipe(Effect.catchTag("StorageFailed", (error) => this.#missing(error))),
      (file) => file.read(base, this.#window.subarray(0, length)),
      (file) => file.close,
    ).pipe(
      Effect.flatMap((filled) => {
        this.#base = base
        this.#filled = filled
        return filled < needed ? Effect.fail(this.#damaged("the file is cut short")) : Effect.void
      }),
    )
  })

  /** With a snapshot that is there a missing file is damage; without, somebody let go of all of it meanwhile. */
  #missing(error: StorageFailed): Effect.Effect<never, JournalError> {
    if (error.code !== "ENOENT") return Effect.fail(error)
    const manifest = `${this.#path.slice(0, this.#path.lastIndexOf("/"))}/${manifestName}`
    return Effect.flatMap(this.#storage.exists(manifest), (isThere) =>
      Effect.fail(isThere ? this.#damaged("the file is missing") : error),
    )
  }

  #damaged(reason: string): JournalDamaged {
    return damagedPart(this.#path, this.#at, reason)
  }

  #refuse(reason: string): WalkStep<never> {
    return refused(this.#damaged(reason))
  }
}

const damagedPart = (file: string, at: number, reason: string): JournalDamaged =>
  new JournalDamaged({ file, at, expected: 0, reason, remedy: snapshotRemedy })

/** Reads it all for nothing but to know that it can be read. `bytes` are those of a piece, on the average. */
export const verifyPart = (
  pull: Pull<Uint8Array>,
  pace: Pace,
  bytes: number,
): Effect.Effect<void, JournalError> =>
  Effect.flatMap(pull, (piece) =>
    piece === null
      ? Effect.void
      : Effect.andThen(
          pace(bytes),
          Effect.suspend(() => verifyPart(pull, pace, bytes)),
        ),
  )
