// A data directory opened to be looked at: nothing is written or locked, so a server may be using it.
import { existsSync, statSync } from "node:fs"
import { join } from "node:path"
import {
  type BackupRefused,
  catalogueFile,
  Journal,
  type JournalError,
  type JournalShape,
  KeyRing,
  type KeyRingShape,
  openDirectory,
  Snapshots,
  type SnapshotsShape,
  Storage,
  type StorageShape,
} from "@millrace/journal"
import { imageVersions, slotVersions, TRANSACTIONS_DEFAULT } from "@millrace/ledger"
import { Context, Effect, Layer, Schedule } from "effect"
import { defaultSettings } from "../config/Settings.ts"
import { type Stop, stop } from "../Stop.ts"
import { refuseLostJournal } from "../serve/Begun.ts"
import { type Fixed, masterKey } from "../serve/Store.ts"

export interface Look {
  readonly journal: JournalShape
  readonly snapshots: SnapshotsShape
  readonly fixed: Fixed
}

const numberOr = (value: unknown, otherwise: number): number =>
  typeof value === "number" ? value : otherwise

/** What the manifest says, with what directories were made with before they said it. */
export const fixedOf = (manifest: { readonly [field: string]: unknown }): Fixed => ({
  shards: numberOr(manifest["shards"], defaultSettings.engine.shards),
  rememberedTransactions: numberOr(manifest["rememberedTransactions"], TRANSACTIONS_DEFAULT),
})

/** All of the journal's errors say what is wrong, where, and what to do, in their message. */
export const explained = <A, E extends Stop | JournalError | BackupRefused, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<A, Stop, R> =>
  Effect.mapError(effect, (error: Stop | JournalError | BackupRefused) =>
    error._tag === "Stop" ? error : stop(letGoOf(error) ?? error.message),
  )

/** What is told where a server took away what nobody needs any more, while it was looked at. */
export const letGoOf = (error: JournalError | BackupRefused): string | undefined =>
  error._tag === "StorageFailed" && error.code === "ENOENT" && /^(journal|snapshots)\//.test(error.path)
    ? `the server let go of ${error.path} while it was looked at: run it again`
    : undefined

export const storageOf = (directory: string): Effect.Effect<StorageShape> =>
  Effect.provide(Effect.service(Storage), Storage.file(directory))

/** The key ring of a directory or of a backup, with the master key from the environment or beside it. */
export const openKeys = Effect.fnUntraced(function* (storage: StorageShape) {
  const layer = KeyRing.layer({ masterKey: yield* masterKey, readOnly: true })
  const context = yield* Layer.build(layer).pipe(Effect.provideService(Storage, storage))
  return Context.get(context, KeyRing)
})

/** Journal and snapshots of a storage, read only, until the scope closes. */
export const openRooms = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  verify: "tail" | "all",
) {
  const rooms = Layer.mergeAll(
    Journal.layer({ readOnly: true, verify, content: slotVersions }),
    Snapshots.layer({ readOnly: true, content: imageVersions }),
  )
  const context = yield* Layer.build(rooms).pipe(
    Effect.provideService(Storage, storage),
    Effect.provideService(KeyRing, keys),
  )
  return { journal: Context.get(context, Journal), snapshots: Context.get(context, Snapshots) }
})

/**
 * A block that a server is just writing is torn in one look and whole in the next, and a segment or snapshot that it lets go
 * of is gone in between. Damage stays where it is.
 */
const looksAgain = { schedule: Schedule.spaced("25 millis"), times: 5 }
const mayPass = (error: { readonly _tag: string }): boolean =>
  error._tag === "JournalDamaged" || error._tag === "StorageFailed" || error._tag === "DirectoryRefused"

const refuseNone = (path: string, what: string): Effect.Effect<void, Stop> =>
  Effect.suspend(() => {
    if (!existsSync(path)) return stop(`there is no directory ${path}: give the path of ${what}`)
    return statSync(path).isDirectory() ? Effect.void : stop(`${path} is a file: give the path of ${what}`)
  })

/** A backup has the files of a data directory, too: what works on the one would spoil the other. */
export const refuseNoDirectory = (data: string): Effect.Effect<void, Stop> =>
  Effect.andThen(
    refuseNone(data, "a data directory"),
    Effect.suspend(() =>
      existsSync(join(data, catalogueFile))
        ? stop(
            `${data} is a backup: \`millrace backup verify ${data}\` looks into it, and ` +
              `\`millrace restore --from ${data} --to DIR\` makes a data directory of it`,
          )
        : Effect.void,
    ),
  )

export const refuseNoBackup = (backup: string): Effect.Effect<void, Stop> =>
  Effect.andThen(
    refuseNone(backup, "a backup"),
    Effect.suspend(() => {
      if (existsSync(join(backup, catalogueFile))) return Effect.void
      const isData = existsSync(join(backup, "keyring.json"))
      return stop(
        `${backup} is ${isData ? "a data directory and no backup" : "no backup: it has no catalogue.json"}. ` +
          "Give the directory that `millrace backup --to` was given",
      )
    }),
  )

/** @param watch is told of bytes as they are read */
export const openToLook = Effect.fnUntraced(function* (
  data: string,
  verify: "tail" | "all",
  watch?: (bytes: number) => void,
) {
  yield* refuseNoDirectory(data)
  yield* refuseLostJournal(data)
  const files = yield* storageOf(data)
  const storage = watch === undefined ? files : watched(files, watch)
  const manifest = yield* openDirectory({ readOnly: true }).pipe(Effect.provideService(Storage, storage))
  const keys = yield* openKeys(storage)
  const rooms = yield* openRooms(storage, keys, verify).pipe(Effect.retry({ ...looksAgain, while: mayPass }))
  return { ...rooms, fixed: fixedOf(manifest), manifest }
}, explained)
export type Opened = Effect.Success<ReturnType<typeof openToLook>>

/** The same storage, which tells how much of it is read. */
export const watched = (storage: StorageShape, watch: (bytes: number) => void): StorageShape => ({
  ...storage,
  open: (path, options) =>
    Effect.map(storage.open(path, options), (file) => ({
      path: file.path,
      size: file.size,
      read: (at: number, into: Uint8Array) =>
        Effect.tap(file.read(at, into), (bytes) => Effect.sync(() => watch(bytes))),
      write: (at: number, bytes: Uint8Array) => file.write(at, bytes),
      sync: file.sync,
      truncate: (length: number) => file.truncate(length),
      close: file.close,
      writeDurable: file.writeDurable.bind(file),
    })),
})
