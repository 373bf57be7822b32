/** `catalogue.json`: what a backup holds. It is replaced whole, and what it doesn't name isn't part of the backup. */
import { createHmac } from "node:crypto"
import { crc32 } from "node:zlib"
import { Effect, Schema } from "effect"
import { checkDocument, damagedDocument, encodeDocument, parseDocument } from "../Document.ts"
import { segmentName } from "../format.ts"
import { JournalDamaged } from "../JournalError.ts"
import type { KeyRingShape } from "../KeyRing.ts"
import { readWhole, type StorageShape, writeWhole } from "../Storage.ts"

export const catalogueFile = "catalogue.json"
const catalogueVersion = 1

const Hex = (bytes: number) => Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${bytes * 2}}$`)))
const Sha256 = Hex(32)

const CatalogueSegment = Schema.Struct({
  number: Schema.Int,
  first: Schema.Int,
  last: Schema.Int,
  blocks: Schema.Int,
  /** Of the file in the backup: what follows them was left by a run that was cut short. */
  bytes: Schema.Int,
  sha256: Sha256,
  /** Times of the first and last block, ms since the epoch. */
  from: Schema.Finite,
  to: Schema.Finite,
  keyId: Schema.Int,
  /** Of its last block: what the next segment must follow. */
  tag: Hex(16),
  /** Nothing is added to it any more. */
  sealed: Schema.Boolean,
})
export type CatalogueSegment = typeof CatalogueSegment.Type

const CatalogueSnapshot = Schema.Struct({
  position: Schema.Int,
  /** Of the block that holds its position, ms since the epoch. A run adds it where an earlier program left it out. */
  time: Schema.optionalKey(Schema.Finite),
  keyId: Schema.Int,
  files: Schema.Array(Schema.Struct({ name: Schema.String, bytes: Schema.Int, sha256: Sha256 })),
})
export type CatalogueSnapshot = typeof CatalogueSnapshot.Type

const CatalogueFields = Schema.Struct({
  format: Schema.Literal("millrace-backup"),
  version: Schema.Int,
  /** Which data directory it is of. */
  directory: Hex(16),
  /** When the last run ended, ISO 8601. */
  taken: Schema.String,
  /** In order. Numbers may be left out where the engine let go of a segment before it was backed up. */
  segments: Schema.Array(CatalogueSegment),
  /** By position. */
  snapshots: Schema.Array(CatalogueSnapshot),
})
export type Catalogue = typeof CatalogueFields.Type

export const emptyCatalogue = (directory: string, taken: string): Catalogue => ({
  format: "millrace-backup",
  version: catalogueVersion,
  directory,
  taken,
  segments: [],
  snapshots: [],
})

/** Tells one directory's journal from another's, for as long as the directory lives, and nothing of its keys. */
export const directoryId = (keys: KeyRingShape): string =>
  createHmac("sha256", keys.schemeKey)
    .update("millrace backup directory 1")
    .digest()
    .subarray(0, 16)
    .toString("hex")

const crc = (text: string): string => crc32(text).toString(16).padStart(8, "0")

const asOfABackup = <A, E, R>(reading: Effect.Effect<A, E | JournalDamaged, R>) =>
  Effect.mapError(reading, (error) =>
    error instanceof JournalDamaged
      ? new JournalDamaged({ ...error, remedy: "Use another backup, or another copy of this file." })
      : error,
  )

/** Errors: StorageFailed, JournalDamaged, VersionUnsupported. */
export const readCatalogue = Effect.fnUntraced(function* (backup: StorageShape) {
  const bytes = yield* readWhole(backup, catalogueFile)
  const document = yield* parseDocument(catalogueFile, bytes, catalogueVersion)
  return yield* checkDocument(catalogueFile, document, crc).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(CatalogueFields)),
    Effect.catchTag("SchemaError", () =>
      Effect.fail(damagedDocument(catalogueFile, "a field is missing or malformed")),
    ),
  )
}, asOfABackup)

export const writeCatalogue = (backup: StorageShape, catalogue: Catalogue) =>
  writeWhole(backup, catalogueFile, encodeDocument(catalogue, crc))

export const fileOf = ({ number }: CatalogueSegment): string => segmentName(number)

export const bytesOf = ({ segments, snapshots }: Catalogue): number =>
  segments.reduce((sum, { bytes }) => sum + bytes, 0) +
  snapshots.reduce((sum, { files }) => sum + files.reduce((of, { bytes }) => of + bytes, 0), 0)
