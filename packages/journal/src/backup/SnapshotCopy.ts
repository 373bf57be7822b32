/** A snapshot into a backup or out of it, read back piece by piece. */
import { Effect, Layer, Schema } from "effect"
import { KeyRing, type KeyRingShape } from "../KeyRing.ts"
import { Snapshots } from "../Snapshots.ts"
import { readWhole, Storage, type StorageShape, writeWhole } from "../Storage.ts"
import { manifestName, removeSnapshot, snapshotDirectory, snapshotsDirectory } from "../snapshotDirectory.ts"
import type { CatalogueSnapshot } from "./Catalogue.ts"
import { type Copied, copyFrom, sha256Of } from "./Copy.ts"
import { selected } from "./Selection.ts"

const KeyId = Schema.fromJsonString(Schema.Struct({ keyId: Schema.Int }))

/** Positions of those that are finished, oldest first. */
export const snapshotsIn = Effect.fnUntraced(function* (storage: StorageShape) {
  const positions: Array<number> = []
  for (const name of yield* storage.list(snapshotsDirectory)) {
    if (!/^\d{20}$/.test(name)) continue
    if (yield* storage.exists(`${snapshotsDirectory}/${name}/${manifestName}`)) positions.push(Number(name))
  }
  return positions
})

/** Every piece of it. Errors: JournalDamaged and what opening it fails with. */
export const readSnapshot = (storage: StorageShape, keys: KeyRingShape, position: number) => {
  const one = selected(storage, { segments: new Map(), snapshots: new Set([position]) })
  const layer = Snapshots.layer({ readOnly: true }).pipe(
    Layer.provide(Layer.mergeAll(Layer.succeed(Storage, one), Layer.succeed(KeyRing, keys))),
  )
  return Effect.gen(function* () {
    const snapshots = yield* Snapshots
    for (const { names } of yield* snapshots.list) {
      for (const name of names) {
        const pull = yield* snapshots.read(position, name)
        while ((yield* pull) !== null);
      }
    }
  }).pipe(Effect.provide(layer))
}

/** Its manifest comes last: a copy that was cut short is none. */
export const copySnapshot = Effect.fnUntraced(function* (
  source: StorageShape,
  target: StorageShape,
  keys: KeyRingShape,
  position: number,
  copied: Copied,
) {
  const directory = snapshotDirectory(position)
  yield* removeSnapshot(target, position)
  yield* target.makeDirectory(directory)
  yield* target.syncDirectory(snapshotsDirectory)
  const names = (yield* source.list(directory)).filter((name) => !name.endsWith(".tmp"))
  const manifest = yield* readWhole(source, `${directory}/${manifestName}`)
  for (const name of names) {
    if (name === manifestName) continue
    yield* copyFrom(source, target, `${directory}/${name}`, 0, Number.POSITIVE_INFINITY, copied)
  }
  yield* target.syncDirectory(directory)
  yield* writeWhole(target, `${directory}/${manifestName}`, manifest)
  yield* readSnapshot(target, keys, position)
  const { keyId } = yield* Effect.orDie(
    // It was just authenticated, so it is what it should be.
    Schema.decodeEffect(KeyId)(Buffer.from(manifest).toString("utf8")),
  )
  const files: Array<CatalogueSnapshot["files"][number]> = []
  for (const name of names) {
    const path = `${directory}/${name}`
    const file = yield* target.open(path, { readOnly: true })
    const bytes = yield* file.size.pipe(Effect.ensuring(file.close))
    files.push({ name, bytes, sha256: yield* sha256Of(target, path, bytes) })
  }
  const copy: CatalogueSnapshot = { position, keyId, files }
  return copy
})
