/** What a place for bytes must offer: a disk, memory, and later a simulated disk or a replicated one. */
import type { Effect, Scope } from "effect"
import type { DirectoryRefused, StorageFailed } from "../JournalError.ts"

export interface OpenOptions {
  /** Make the file when it isn't there (mode 0600 where modes exist). */
  readonly create?: boolean
  /**
   * Much will be written or read in large pieces. Those that begin on a page, in the file and in memory, and are whole
   * pages need no copy in the page cache; what is read is then what the disk holds.
   */
  readonly large?: boolean
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
