/** What the tests of backups share: a directory that is written, a backup of it, and what comes back. */
import { Effect, Layer } from "effect"
import { writeCatalogue } from "../src/backup/Catalogue.ts"
import {
  type BackupOptions,
  Journal,
  KeyRing,
  MemoryDisk,
  openDirectory,
  planRestore,
  readCatalogue,
  restoreFiles,
  Snapshots,
  Storage,
  takeBackup,
  type Until,
} from "../src/index.ts"
import { drain, onDisk, payloadOf, type Room, sequencesIn } from "./scene.ts"

/** A start from a snapshot reads it and four sequences before. */
export const window = 5
const pieces = (n: number) => {
  const left = [payloadOf(n, 300), payloadOf(n + 1, 200)]
  return [{ name: "state", next: () => left.shift() ?? null }]
}

export const keysOf = (disk: MemoryDisk) =>
  Effect.provide(
    Effect.service(KeyRing),
    KeyRing.layer({ readOnly: true }).pipe(Layer.provide(Storage.disk(disk))),
  )

export const back = (source: MemoryDisk, target: MemoryDisk, options: Partial<BackupOptions> = {}) =>
  Effect.gen(function* () {
    return yield* takeBackup(source.storage, target.storage, yield* keysOf(source), { window, ...options })
  })

/** A directory with a journal that is written, as long as `work` runs. */
export const directory = async <A, E>(disk: MemoryDisk, work: Effect.Effect<A, E, Room>) => {
  await Effect.runPromise(Effect.scoped(Effect.provide(openDirectory(), Storage.disk(disk))))
  return await onDisk(disk, work)
}

export const snapshot = Effect.fnUntraced(function* (position: number) {
  const snapshots = yield* Snapshots
  yield* snapshots.write(position, pieces(position))
})

/** What an engine lets go of behind its newest snapshot. */
export const letGo = Effect.fnUntraced(function* (sequence: number) {
  const journal = yield* Journal
  const snapshots = yield* Snapshots
  yield* snapshots.prune(1)
  yield* journal.release(sequence)
  return journal.first
})

/** The catalogue of an earlier program, which didn't say when a snapshot's state was. */
export const withoutTimes = Effect.fnUntraced(function* (backup: MemoryDisk) {
  const catalogue = yield* readCatalogue(backup.storage)
  const snapshots = catalogue.snapshots.map(({ position, keyId, files }) => ({ position, keyId, files }))
  yield* writeCatalogue(backup.storage, { ...catalogue, snapshots })
})

export const restored = async (backup: MemoryDisk, master: MemoryDisk, until?: Until) => {
  const target = new MemoryDisk()
  const plan = await Effect.runPromise(
    Effect.gen(function* () {
      const keys = yield* keysOf(master)
      const catalogue = yield* readCatalogue(backup.storage)
      const plan = yield* planRestore(backup.storage, keys, catalogue, window, until)
      yield* restoreFiles(backup.storage, target.storage, keys, plan, { withMasterKey: false })
      return plan
    }),
  )
  target.put("master.key", master.files().get("master.key"))
  return { target, plan }
}

/** What a directory holds: its sequences, and that its snapshots can be read. */
export const contentsOf = (disk: MemoryDisk) =>
  onDisk(
    disk,
    Effect.gen(function* () {
      const journal = yield* Journal
      const snapshots = yield* Snapshots
      for (const { position, names } of yield* snapshots.list) {
        for (const name of names) yield* Effect.flatMap(snapshots.read(position, name), drain)
      }
      const blocks = yield* Effect.flatMap(journal.read(journal.first), drain)
      return {
        sequences: sequencesIn(blocks),
        snapshots: (yield* snapshots.list).map(({ position }) => position),
      }
    }),
    { readOnly: true, verify: "all" },
  )
