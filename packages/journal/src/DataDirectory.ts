/** A data directory as a whole: one process at a time, one version of the format, nothing of anybody else's. */
import { crc32 } from "node:zlib"
import { DateTime, Effect, Schema, type Scope } from "effect"
import { catalogueFile } from "./backup/Catalogue.ts"
import { checkDocument, damagedDocument, encodeDocument, parseDocument } from "./Document.ts"
import {
  DirectoryRefused,
  type JournalDamaged,
  type StorageFailed,
  type VersionUnsupported,
} from "./JournalError.ts"
import { readWhole, Storage, type StorageShape, writeWhole } from "./Storage.ts"

export const directoryVersion = 1
const manifestFile = "manifest.json"
/** Where a repair keeps the manifest while it is on its way: without one no engine starts. */
export const manifestAside = `${manifestFile}.repairing`
const lockName = "lock"

/** What may be in a directory that has no manifest yet: what an operator puts there before the first start. */
const beforeFirstStart = new Set(["master.key", "credentials.json", "lost+found"])
/** Signs of a directory that was used: without their manifest it was lost, and making a new one would hide that. */
const used = new Set(["keyring.json", "journal", "snapshots"])

const crc = (text: string): string => crc32(text).toString(16).padStart(8, "0")

const ManifestFields = Schema.StructWithRest(
  Schema.Struct({ format: Schema.Literal("millrace"), version: Schema.Int, created: Schema.String }),
  [Schema.Record(Schema.String, Schema.Unknown)],
)

/** `manifest.json`: these fields, and those that the caller gave when the directory was made. */
export type Manifest = typeof ManifestFields.Type

export interface DirectoryOptions {
  /** Fields of the caller's own, kept when the directory is made: the number of shards, for one. */
  readonly make?: { readonly [field: string]: unknown }
  /** Only look: nothing is made or locked, and a directory without a manifest is refused. */
  readonly readOnly?: boolean
}

const refused = (storage: StorageShape, reason: string, remedy: string) =>
  new DirectoryRefused({ path: storage.location, reason, remedy })

/** A failed first touch of the directory, in words of the directory. */
const explain =
  (storage: StorageShape) =>
  (error: StorageFailed): StorageFailed | DirectoryRefused => {
    switch (error.code) {
      case "ENOTDIR":
      case "EEXIST":
        return refused(storage, "it, or a part of its path, is a file", "Give the path of a directory.")
      case "EACCES":
      case "EPERM":
      case "EROFS":
        return refused(
          storage,
          `it can't be written (${error.code})`,
          "Give its owner and mode to the user that runs this program, or use another directory.",
        )
      case "ENOENT":
        return refused(
          storage,
          "it can't be made there (ENOENT)",
          "Use a directory on an ordinary file system.",
        )
      default:
        return error
    }
  }

const isOwnLeftover = (name: string): boolean =>
  name.endsWith(".tmp") || name === lockName || name.startsWith(`${lockName}.`)

const finishRepair = "Run `millrace journal repair` on it again: it goes on where it was."
const manifestLost = `Copy ${manifestFile} from a backup of it; \`millrace journal repair\` makes it anew where a sound snapshot says what was in it.`

/** What to do about a directory that is only looked at: it may be none, or one that lost its manifest. */
const whyNoManifest = Effect.fnUntraced(function* (storage: StorageShape) {
  const names = yield* storage.list("")
  if (names.includes(manifestAside)) return `A repair of it was cut short. ${finishRepair}`
  return names.some((name) => used.has(name)) ? manifestLost : "Give the path of a data directory."
})

const checkContents = Effect.fnUntraced(function* (storage: StorageShape) {
  const names = yield* storage.list("")
  if (names.includes(manifestAside)) {
    return yield* refused(storage, "a repair of it was cut short", finishRepair)
  }
  const lost = names.filter((name) => used.has(name))
  if (lost.length > 0) {
    const reason = `it holds ${lost.join(", ")} but no ${manifestFile}`
    return yield* refused(storage, reason, `${manifestLost} Or use another directory.`)
  }
  const foreign = names.filter((name) => !beforeFirstStart.has(name) && !isOwnLeftover(name))
  if (foreign.length === 0) return
  const shown = foreign.slice(0, 3).join(", ") + (foreign.length > 3 ? ` and ${foreign.length - 3} more` : "")
  return yield* refused(storage, `it holds files that aren't Millrace's: ${shown}`, "Use an empty directory.")
})

const readManifest = Effect.fnUntraced(function* (storage: StorageShape) {
  const document = yield* parseDocument(
    manifestFile,
    yield* readWhole(storage, manifestFile),
    directoryVersion,
  )
  return yield* checkDocument(manifestFile, document, crc).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(ManifestFields)),
    Effect.catchTag("SchemaError", () => Effect.fail(damagedDocument(manifestFile, "a field is missing"))),
  )
})

const makeManifest = Effect.fnUntraced(function* (storage: StorageShape, fields: DirectoryOptions["make"]) {
  yield* checkContents(storage)
  const created = DateTime.formatIso(yield* DateTime.now)
  const manifest: Manifest = { ...fields, format: "millrace", version: directoryVersion, created }
  yield* writeManifest(storage, manifest)
})

/** For a repair, which knows its fields from elsewhere. */
export const writeManifest = (storage: StorageShape, manifest: Manifest) =>
  writeWhole(storage, manifestFile, encodeDocument(manifest, crc))

/**
 * Opens the data directory of the given storage, makes it on first use, and holds its lock until the scope closes.
 * Gives what its manifest says.
 */
export const openDirectory = Effect.fn("journal.openDirectory")(function* (
  options: DirectoryOptions = {},
): Effect.fn.Return<
  Manifest,
  DirectoryRefused | StorageFailed | JournalDamaged | VersionUnsupported,
  Storage | Scope.Scope
> {
  const storage = yield* Storage
  if (options.readOnly) {
    if (!(yield* storage.exists(manifestFile).pipe(Effect.mapError(explain(storage))))) {
      return yield* refused(storage, `there is no ${manifestFile} in it`, yield* whyNoManifest(storage))
    }
    return yield* readManifest(storage)
  }
  yield* Effect.gen(function* () {
    yield* storage.makeDirectory("")
    if (yield* storage.exists(catalogueFile)) {
      const remedy =
        "Make a data directory of it with `millrace restore`: what writes into it spoils the backup."
      return yield* refused(storage, "it is a backup", remedy)
    }
    if (!(yield* storage.exists(manifestFile))) yield* checkContents(storage)
    yield* storage.lock(lockName)
  }).pipe(Effect.catchTag("StorageFailed", (error) => Effect.fail(explain(storage)(error))))
  if (!(yield* storage.exists(manifestFile))) yield* makeManifest(storage, options.make)
  return yield* readManifest(storage)
})
