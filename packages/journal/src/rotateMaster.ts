/** Another master key for a data directory: the ring is wrapped anew, in one step that a crash can't halve. */
import { Effect, type Redacted } from "effect"
import { KeyWrong } from "./JournalError.ts"
import {
  type KeyRingError,
  type KeyRingOptions,
  openRing,
  putMasterFile,
  readRing,
  rewrapped,
  ringFile,
  saveRing,
} from "./KeyRing.ts"
import { Machine } from "./Machine.ts"
import {
  givenKey,
  keptMasterFile,
  keyBytes,
  masterFile,
  masterKeyId,
  nextMasterFile,
  readKeyFile,
  writeKeyFile,
} from "./MasterKey.ts"
import { Storage, type StorageShape } from "./Storage.ts"

export interface MasterRotation {
  /** Ids of the keys. */
  readonly from: string | undefined
  readonly to: string
  /** The file that holds the old key from now on, when it came from `master.key`. */
  readonly kept: string | undefined
  /** The ring was under the new key already: an earlier run had come so far. */
  readonly already: boolean
}

const givenSource = "the given master key"
const newSource = "the new master key"

/**
 * | old key | new key | what is done, each step durable before the next |
 * |---|---|---|
 * | given | given | the ring is replaced |
 * | in master.key | given | a copy of master.key is kept; the ring is replaced; master.key goes |
 * | in master.key | none given | a copy of master.key is kept; master.key.new is made; the ring is replaced; master.key.new becomes master.key |
 *
 * After a crash at any place the ring is under the old or the new key, and that key is where it was looked for: a
 * `master.key.new` that the ring is under is found by the next opening. Run it again to come to the end. The caller
 * holds the directory's lock. Needs a ring that is there. Errors: KeyWrong, KeyMissing, JournalDamaged,
 * VersionUnsupported, StorageFailed.
 */
export const rotateMasterKey = Effect.fnUntraced(function* (
  options: Pick<KeyRingOptions, "masterKey"> & {
    readonly newMasterKey?: Redacted.Redacted<string> | undefined
  },
): Effect.fn.Return<MasterRotation, KeyRingError, Storage> {
  const storage = yield* Storage
  const machine = yield* Machine
  const read = yield* readRing(storage)
  const given =
    options.newMasterKey === undefined ? undefined : yield* givenKey(options.newMasterKey, newSource)
  if (given !== undefined && masterKeyId(given) === read.under) return yield* finish(storage, given)

  const old = yield* oldKey(storage, options, read.under, given)
  const ring = yield* openRing(read, old.master, old.source)
  const kept = old.isFile ? keptMasterFile(old.master) : undefined
  const master = given ?? machine.randomBytes(keyBytes)
  const fields = rewrapped(machine, ring, master)
  if (kept !== undefined) yield* writeKeyFile(storage, kept, old.master)
  if (given === undefined) yield* writeKeyFile(storage, nextMasterFile, master)
  yield* saveRing(storage, master, fields)
  if (given === undefined) yield* putMasterFile(storage)
  else if (old.isFile) yield* removeMasterFile(storage)
  return { from: masterKeyId(old.master), to: masterKeyId(master), kept, already: false }
})

const oldKey = Effect.fnUntraced(function* (
  storage: StorageShape,
  options: Pick<KeyRingOptions, "masterKey">,
  under: string | undefined,
  given: Uint8Array | undefined,
) {
  if (options.masterKey !== undefined) {
    if (given === undefined) {
      return yield* new KeyWrong({
        key: newSource,
        reason: "none was given, and the old one is not kept in the data directory",
        remedy: "Give the new master key where the old one is given.",
      })
    }
    return { master: yield* givenKey(options.masterKey, givenSource), source: givenSource, isFile: false }
  }
  // An earlier run may have been cut between the ring and the name.
  const next = yield* readKeyFile(storage, nextMasterFile).pipe(
    Effect.catchTag("KeyWrong", () => Effect.undefined),
  )
  if (next !== undefined && masterKeyId(next) === under) yield* putMasterFile(storage)
  const master = yield* readKeyFile(storage, masterFile)
  if (master !== undefined) return { master, source: masterFile, isFile: true }
  return yield* new KeyWrong({
    key: "the old master key",
    reason: `neither ${masterFile} nor the configuration has one, and ${ringFile} is under one`,
    remedy: "Nothing was changed. Give the master key that this data directory was made with.",
  })
})

/** The ring is under the new key already; what may be left is a master.key that opens nothing any more. */
const finish = Effect.fnUntraced(function* (storage: StorageShape, given: Uint8Array) {
  const stale = yield* readKeyFile(storage, masterFile)
  const to = masterKeyId(given)
  if (stale === undefined || masterKeyId(stale) === to) {
    return { from: undefined, to, kept: undefined, already: true }
  }
  const kept = keptMasterFile(stale)
  yield* writeKeyFile(storage, kept, stale)
  yield* removeMasterFile(storage)
  return { from: masterKeyId(stale), to, kept, already: true }
})

const removeMasterFile = (storage: StorageShape) =>
  Effect.andThen(storage.remove(masterFile), storage.syncDirectory(""))
