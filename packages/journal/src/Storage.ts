/** Where bytes are kept: flat directories of files behind one interface, so that a disk can be real, in memory or simulated. */
import { Context, Effect, Layer } from "effect"
import { fileStorage } from "./storage/file.ts"
import { MemoryDisk } from "./storage/memory.ts"
import type { StorageFile, StorageShape } from "./storage/shape.ts"

export type { OpenOptions, StorageFile, StorageShape } from "./storage/shape.ts"

export class Storage extends Context.Service<Storage, StorageShape>()("journal/Storage") {
  /** Files under a directory of the machine. */
  static file(root: string): Layer.Layer<Storage> {
    return Layer.sync(Storage, () => fileStorage(root))
  }

  /** Files in memory, gone with the process: for `--ephemeral`. */
  static readonly memory: Layer.Layer<Storage> = Layer.sync(Storage, () => new MemoryDisk().storage)

  /** A disk in memory that a test holds on to: it can be reopened, crashed, and made to fail. */
  static disk(disk: MemoryDisk): Layer.Layer<Storage> {
    return Layer.succeed(Storage, disk.storage)
  }
}

/** The whole of a small file. */
export const readWhole = Effect.fnUntraced(function* (storage: StorageShape, path: string) {
  const file = yield* storage.open(path, { readOnly: true })
  return yield* readRest(file, 0).pipe(Effect.ensuring(file.close))
})

/** All bytes from `at` to the end of the file. */
export const readRest = Effect.fnUntraced(function* (file: StorageFile, at: number) {
  const into = Buffer.allocUnsafeSlow(Math.max(0, (yield* file.size) - at))
  return into.subarray(0, yield* file.read(at, into))
})

/** Makes or replaces a small file: after a crash it is wholly the old one or wholly the new one. */
export const writeWhole = Effect.fnUntraced(function* (
  storage: StorageShape,
  path: string,
  bytes: Uint8Array,
) {
  const beside = `${path}.tmp`
  const file = yield* storage.open(beside, { create: true })
  yield* file
    .truncate(0)
    .pipe(Effect.andThen(file.write(0, bytes)), Effect.andThen(file.sync), Effect.ensuring(file.close))
  yield* storage.rename(beside, path)
  yield* storage.syncDirectory(directoryOf(path))
})

export const directoryOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))
