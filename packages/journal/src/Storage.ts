/** Where bytes are kept: flat directories of files behind one interface, so that a disk can be real, in memory or simulated. */
import { Context, Effect, Layer, type Scope } from "effect"
import type { DirectoryRefused, StorageFailed } from "./JournalError.ts"
import { fileStorage } from "./storage/file.ts"
import { MemoryDisk } from "./storage/memory.ts"

export interface OpenOptions {
  /** Make the file when it isn't there (mode 0600 where modes exist). */
  readonly create?: boolean
  /** Open for reading; writing fails. */
  readonly readOnly?: boolean
}

/** One open file. Offsets and lengths are bytes. Every operation can fail with StorageFailed. */
export interface StorageFile {
  readonly path: string
  readonly size: Effect.Effect<number, StorageFailed>
  /** Fills `into` from `at` and gives the number of bytes: fewer only when the file ends before. */
  readonly read: (at: number, into: Uint8Array) => Effect.Effect<number, StorageFailed>
  readonly write: (at: number, bytes: Uint8Array) => Effect.Effect<void, StorageFailed>
  /** After it, all that was written and the file's length survive a power cut (fdatasync). */
  readonly sync: Effect.Effect<void, StorageFailed>
  readonly truncate: (length: number) => Effect.Effect<void, StorageFailed>
  readonly close: Effect.Effect<void>
  /**
   * Write and sync as one operation, for the journal's hot path: plain code, `done` on a fresh stack,
   * exactly once. `bytes` must stay as they are until then.
   */
  readonly writeDurable: (
    at: number,
    bytes: Uint8Array,
    done: (error: StorageFailed | undefined) => void,
  ) => void
}

/** Paths are relative, with `/`; "" is the root. A created, renamed or removed name is durable after `syncDirectory`. */
export interface StorageShape {
  /** For people: where this is. */
  readonly location: string
  readonly open: (path: string, options?: OpenOptions) => Effect.Effect<StorageFile, StorageFailed>
  /** Names in a directory, sorted; none when there is no such directory. */
  readonly list: (directory: string) => Effect.Effect<ReadonlyArray<string>, StorageFailed>
  readonly exists: (path: string) => Effect.Effect<boolean, StorageFailed>
  /** Removes a file, or a directory that is empty. */
  readonly remove: (path: string) => Effect.Effect<void, StorageFailed>
  /** Atomic; replaces what has the new name. */
  readonly rename: (from: string, to: string) => Effect.Effect<void, StorageFailed>
  /** Makes a directory and those above it, durably; nothing when it is there. */
  readonly makeDirectory: (path: string) => Effect.Effect<void, StorageFailed>
  readonly syncDirectory: (path: string) => Effect.Effect<void, StorageFailed>
  /** Holds `path` as this process's own until the scope closes. DirectoryRefused names the process that has it. */
  readonly lock: (path: string) => Effect.Effect<void, StorageFailed | DirectoryRefused, Scope.Scope>
}

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
