/** The key files of a backup: replaced only by a ring that opens what the catalogue names. */
import { Context, Effect, Layer, type Redacted } from "effect"
import { segmentPath } from "../cursor.ts"
import { KeyRing, type KeyRingShape, putMasterFile, ringFile } from "../KeyRing.ts"
import { masterFile, masterKeyId, nextMasterFile, readKeyFile, writeKeyFile } from "../MasterKey.ts"
import { readHeader } from "../recover.ts"
import { Snapshots } from "../Snapshots.ts"
import { readWhole, Storage, type StorageShape, writeWhole } from "../Storage.ts"
import { snapshotDirectory } from "../snapshotDirectory.ts"
import { refused } from "./BackupRefused.ts"
import { type Catalogue, type CatalogueSnapshot, directoryId, fileOf } from "./Catalogue.ts"
import { selected } from "./Selection.ts"

export interface KeyOptions {
  /** The directory's master key, where it isn't in a file of its own. */
  readonly masterKey?: Redacted.Redacted<string> | undefined
  /** The directory's own master key goes along, as `master.key`. */
  readonly withMasterKey?: boolean
}

interface SourceKeys {
  readonly ring: KeyRingShape
  /** Of the `keyring.json` that was opened. */
  readonly bytes: Uint8Array
  /** Only where it is to go along. */
  readonly master: Uint8Array | undefined
}

const manifestFile = "manifest.json"
const looksMax = 5
const unchanged = "Nothing of this backup was changed. Back up into a new directory, and keep this one."

/** The master key beside a ring that is under it: a rotation that was cut leaves one beside it that isn't. */
export const heldMasterKey = Effect.fnUntraced(function* (storage: StorageShape, under: string) {
  for (const file of [nextMasterFile, masterFile]) {
    const master = yield* keyIn(storage, file)
    if (master !== undefined && masterKeyId(master) === under) return master
  }
  return undefined
})

/** What a crash left half made opens nothing. */
const keyIn = (storage: StorageShape, file: string) =>
  readKeyFile(storage, file).pipe(Effect.catchTag("KeyWrong", () => Effect.undefined))

const openRingOf = Effect.fnUntraced(function* (
  storage: StorageShape,
  masterKey: Redacted.Redacted<string> | undefined,
) {
  const layer = KeyRing.layer({ masterKey, readOnly: true })
  const context = yield* Layer.build(layer).pipe(Effect.provideService(Storage, storage))
  return Context.get(context, KeyRing)
}, Effect.scoped)

/** The directory's ring as it is now: a data key may have come, or another master key, since the run began. */
export const readKeys = Effect.fnUntraced(function* (
  source: StorageShape,
  backup: StorageShape,
  { masterKey, withMasterKey }: KeyOptions,
) {
  for (let look = 1; ; look++) {
    const bytes = yield* readWhole(source, ringFile)
    const ring = yield* openRingOf(source, masterKey)
    if (!Buffer.from(bytes).equals(yield* readWhole(source, ringFile))) {
      if (look < looksMax) continue
      return yield* refused(backup, `the directory's ${ringFile} changes all the time`, "Run it again.")
    }
    if (!withMasterKey) return { ring, bytes, master: undefined } satisfies SourceKeys
    const master = yield* heldMasterKey(source, ring.masterKeyId)
    if (master !== undefined) return { ring, bytes, master } satisfies SourceKeys
    return yield* refused(
      backup,
      `the data directory has no ${masterFile} to take along that opens its ${ringFile}: its master key was given from outside`,
      "Keep a copy of that key yourself, and back up without taking it along.",
    )
  }
})

/** One file of each data key is opened: two directories of one origin may each have a key 2 of its own. */
export const refuseOtherKeys = Effect.fnUntraced(function* (
  backup: StorageShape,
  { directory, segments, snapshots }: Catalogue,
  ring: KeyRingShape,
) {
  if (directoryId(ring) !== directory) {
    const remedy = "Give each data directory a backup of its own."
    return yield* refused(backup, "it is the backup of another data directory", remedy)
  }
  for (const id of new Set([...segments, ...snapshots].map(({ keyId }) => keyId))) {
    if (ring.byId(id) === undefined) {
      const reason = `what it holds needs data key ${id}, and the directory's ${ringFile} has it no longer`
      return yield* refused(backup, reason, unchanged)
    }
    const segment = segments.find(({ keyId }) => keyId === id)
    const snapshot = snapshots.find(({ keyId }) => keyId === id)
    const why =
      segment !== undefined
        ? yield* whyNotSegment(backup, ring, fileOf(segment))
        : yield* whyNotSnapshot(backup, ring, snapshot!)
    if (why === undefined) continue
    const reason = `what it holds under data key ${id} doesn't open with the directory's ${ringFile} (${why})`
    return yield* refused(backup, `${reason}: it is damaged, or of another history`, unchanged)
  }
})

const whyNotSegment = (backup: StorageShape, ring: KeyRingShape, name: string) =>
  Effect.scoped(readHeader(backup, ring, name)).pipe(
    Effect.map(({ reason }) => (reason === undefined ? undefined : `${segmentPath(name)}: ${reason}`)),
    Effect.catch((error) => Effect.succeed(error.message)),
  )

const whyNotSnapshot = (backup: StorageShape, ring: KeyRingShape, { position }: CatalogueSnapshot) =>
  Layer.build(Snapshots.layer({ readOnly: true })).pipe(
    Effect.provideService(Storage, selected(backup, { segments: new Map(), snapshots: new Set([position]) })),
    Effect.provideService(KeyRing, ring),
    Effect.scoped,
    Effect.as(undefined),
    Effect.catch((error) => Effect.succeed(`${snapshotDirectory(position)}: ${error.message}`)),
  )

/** Just before the catalogue that they open. Each file replaces the one before whole, and the ring has its master key at any moment. */
export const copyKeys = Effect.fnUntraced(function* (
  source: StorageShape,
  backup: StorageShape,
  options: KeyOptions,
  catalogue: Catalogue,
) {
  const { ring, bytes, master } = yield* readKeys(source, backup, options)
  yield* refuseOtherKeys(backup, catalogue, ring)
  yield* writeWhole(backup, manifestFile, yield* readWhole(source, manifestFile))
  if (master !== undefined) yield* writeKeyFile(backup, nextMasterFile, master)
  yield* writeWhole(backup, ringFile, bytes)
  if (master !== undefined) yield* putMasterFile(backup)
  for (const file of [nextMasterFile, masterFile]) {
    if (!(yield* backup.exists(file))) continue
    const kept = yield* keyIn(backup, file)
    if (kept !== undefined && masterKeyId(kept) === ring.masterKeyId) continue
    yield* backup.remove(file)
    yield* backup.syncDirectory("")
  }
  return ring
})

/** Whether the backup opens by itself. When it has a key, that is tried. */
export const opensAlone = Effect.fnUntraced(function* (
  backup: StorageShape,
  catalogue: Catalogue,
  under: string,
) {
  if ((yield* heldMasterKey(backup, under)) === undefined) return false
  yield* refuseOtherKeys(backup, catalogue, yield* openRingOf(backup, undefined))
  return true
})
