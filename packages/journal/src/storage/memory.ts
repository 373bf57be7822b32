/** Storage in memory; with `crashable` it knows, as a disk does, what is durable and what only was written. */
import { Effect } from "effect"
import { DirectoryRefused, StorageFailed } from "../JournalError.ts"
import type { OpenOptions, StorageFile, StorageShape } from "./shape.ts"

const sectorBytes = 512

export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "list"
  | "remove"
  | "rename"
  | "syncDirectory"

export interface MemoryDiskOptions {
  /** Keep what is durable beside what was written (twice the memory), so that `crash` works. */
  readonly crashable?: boolean
}

/**
 * Chooses what reached the disk before the crash though it was not synced: sectors (512 B) of a file, and with
 * `unsyncedName` whether its name was made or removed.
 */
export type SectorChoice = (path: string, sector: number) => boolean
export const unsyncedName = -1

class Content {
  bytes = new Uint8Array(0)
  size = 0
  /** The part that a crash leaves; only kept when the disk is crashable. */
  durable = new Uint8Array(0)
  durableSize = 0
  readonly dirty = new Set<number>()
  shrunk = false

  resize(size: number): void {
    if (size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.bytes.length * 2))
      grown.set(this.bytes.subarray(0, this.size))
      this.bytes = grown
    }
    if (size < this.size) this.bytes.fill(0, size, this.size)
    this.size = size
  }

  sync(): void {
    if (this.shrunk || this.durable.length < this.size) {
      this.durable = this.bytes.slice(0, this.size)
    } else {
      for (const sector of this.dirty) {
        const at = sector * sectorBytes
        this.durable.set(this.bytes.subarray(at, Math.min(at + sectorBytes, this.size)), at)
      }
    }
    this.durableSize = this.size
    this.dirty.clear()
    this.shrunk = false
  }

  failSync(keep: (sector: number) => boolean): void {
    for (const sector of this.dirty) {
      if (keep(sector)) continue
      const at = sector * sectorBytes
      this.bytes.fill(0, at, Math.min(at + sectorBytes, this.size))
      this.bytes.set(this.durable.subarray(at, Math.min(at + sectorBytes, this.size)), at)
    }
    this.sync()
  }

  afterCrash(keep: (sector: number) => boolean): Content {
    const left = new Content()
    left.bytes = this.durable.slice(0, this.durableSize)
    left.size = this.durableSize
    for (const sector of this.dirty) {
      if (!keep(sector)) continue
      const at = sector * sectorBytes
      const end = Math.min(at + sectorBytes, this.size)
      if (end > left.size) left.resize(end)
      left.bytes.set(this.bytes.subarray(at, end), at)
    }
    left.durable = left.bytes.slice(0, left.size)
    left.durableSize = left.size
    return left
  }
}

export class MemoryDisk {
  /** For tests: called before each operation; a code such as "ENOSPC" makes it fail. */
  fault: ((operation: DiskOperation, path: string) => string | undefined) | undefined
  readonly storage: StorageShape
  readonly crashable: boolean
  readonly #files = new Map<string, Content>()
  readonly #durableFiles = new Map<string, Content>()
  /** Old names to new ones, of renames that are not synced. */
  readonly #renamed = new Map<string, string>()
  readonly #directories = new Set<string>([""])
  readonly #locks = new Set<string>()

  constructor(options: MemoryDiskOptions = {}) {
    this.crashable = options.crashable ?? false
    this.storage = this.#shape()
  }

  /** What the disk holds after the power went: only what was synced, and the unsynced sectors that `keep` chooses. */
  crash(keep: SectorChoice = () => false): MemoryDisk {
    if (!this.crashable)
      throw new Error("this disk was not made to be crashed: MemoryDisk({ crashable: true })")
    const after = new MemoryDisk({ crashable: true })
    for (const directory of this.#directories) after.#directories.add(directory)
    for (const [path, content] of this.#namesAfterCrash(keep)) {
      after.#addDirectories(path)
      const left = content.afterCrash((sector) => keep(path, sector))
      after.#files.set(path, left)
      after.#durableFiles.set(path, left)
    }
    return after
  }

  /** A rename happens whole or not at all; other names come and go in any order. */
  #namesAfterCrash(keep: SectorChoice): Map<string, Content> {
    const names = new Map(this.#durableFiles)
    const changed = [...new Set([...this.#files.keys(), ...this.#durableFiles.keys()])].filter(
      (path) => this.#files.get(path) !== this.#durableFiles.get(path) && !this.#renamed.has(path),
    )
    for (const path of changed) {
      if (!keep(path, unsyncedName)) continue
      const content = this.#files.get(path)
      if (content === undefined) names.delete(path)
      else names.set(path, content)
      for (const [from, to] of this.#renamed) if (to === path) names.delete(from)
    }
    return names
  }

  /** Every file with its bytes (views): for tests that look at or change what is on the disk. */
  files(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.#files].map(([path, content]) => [path, content.bytes.subarray(0, content.size)]))
  }

  /** Puts a file there, durable; or takes it away. */
  put(path: string, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      this.#files.delete(path)
      this.#durableFiles.delete(path)
      return
    }
    const content = new Content()
    content.resize(bytes.length)
    content.bytes.set(bytes)
    if (this.crashable) content.sync()
    this.#files.set(path, content)
    this.#durableFiles.set(path, content)
    this.#addDirectories(path)
  }

  /** All that `path` is in. */
  #addDirectories(path: string): void {
    for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
      this.#directories.add(path.slice(0, at))
    }
  }

  /**
   * What a failed sync of a file leaves: some of its sectors reached the disk, and the system has forgotten the others,
   * so that no later sync will ever write them.
   */
  failSync(path: string, keep: SectorChoice): void {
    this.#files.get(path)?.failSync((sector) => keep(path, sector))
  }

  copy(): MemoryDisk {
    const twin = new MemoryDisk({ crashable: this.crashable })
    for (const directory of this.#directories) twin.#directories.add(directory)
    for (const [path, bytes] of this.files()) twin.put(path, bytes)
    return twin
  }

  #check(operation: DiskOperation, path: string): StorageFailed | undefined {
    const code = this.fault?.(operation, path)
    return code === undefined
      ? undefined
      : new StorageFailed({ operation, path, code, detail: "made to fail" })
  }

  #run<A>(
    operation: DiskOperation,
    path: string,
    run: () => A | StorageFailed,
  ): Effect.Effect<A, StorageFailed> {
    return Effect.suspend(() => {
      const result = this.#check(operation, path) ?? run()
      return result instanceof StorageFailed ? Effect.fail(result) : Effect.succeed(result)
    })
  }

  #open(path: string, options?: OpenOptions): StorageFile | StorageFailed {
    let content = this.#files.get(path)
    if (content === undefined) {
      if (!options?.create) return missing("open", path)
      content = new Content()
      this.#renamed.delete(path)
      this.#files.set(path, content)
    }
    return this.#file(path, content)
  }

  #file(path: string, content: Content): StorageFile {
    const write = (at: number, bytes: Uint8Array): void => {
      if (at + bytes.length > content.size) content.resize(at + bytes.length)
      content.bytes.set(bytes, at)
      if (!this.crashable) return
      const end = Math.ceil((at + bytes.length) / sectorBytes)
      for (let sector = Math.floor(at / sectorBytes); sector < end; sector++) content.dirty.add(sector)
    }
    const sync = (): void => {
      if (this.crashable) content.sync()
    }
    return {
      path,
      size: Effect.sync(() => content.size),
      read: (at, into) =>
        this.#run("read", path, () => {
          const bytes = content.bytes.subarray(at, Math.max(at, Math.min(at + into.length, content.size)))
          into.set(bytes)
          return bytes.length
        }),
      write: (at, bytes) => this.#run("write", path, () => write(at, bytes)),
      sync: this.#run("sync", path, sync),
      truncate: (length) =>
        this.#run("truncate", path, () => {
          if (length < content.size) content.shrunk = true
          content.resize(length)
          for (const sector of content.dirty) if (sector * sectorBytes >= length) content.dirty.delete(sector)
        }),
      close: Effect.void,
      writeDurable: (at, bytes, done) => {
        setImmediate(() => {
          const failedWrite = this.#check("write", path)
          if (failedWrite) return done(failedWrite)
          write(at, bytes)
          const failedSync = this.#check("sync", path)
          if (failedSync) return done(failedSync)
          sync()
          done(undefined)
        })
      },
    }
  }

  #list(directory: string): ReadonlyArray<string> {
    const prefix = directory === "" ? "" : `${directory}/`
    const names = new Set<string>()
    for (const path of [...this.#files.keys(), ...this.#directories]) {
      if (path !== "" && path.startsWith(prefix)) names.add(path.slice(prefix.length).split("/")[0]!)
    }
    names.delete("")
    return [...names].sort()
  }

  #shape(): StorageShape {
    return {
      location: "memory",
      open: (path, options) => this.#run("open", path, () => this.#open(path, options)),
      list: (directory) => this.#run("list", directory, () => this.#list(directory)),
      exists: (path) => Effect.sync(() => this.#files.has(path) || this.#directories.has(path)),
      remove: (path) =>
        this.#run("remove", path, () => {
          const isFull = this.#directories.has(path) && this.#list(path).length > 0
          if (isFull)
            return new StorageFailed({ operation: "remove", path, code: "ENOTEMPTY", detail: "not empty" })
          const there = this.#files.delete(path) || this.#directories.delete(path)
          return there ? undefined : missing("remove", path)
        }),
      rename: (from, to) =>
        this.#run("rename", from, () => {
          const content = this.#files.get(from)
          if (content === undefined) return missing("rename", from)
          this.#files.delete(from)
          this.#files.set(to, content)
          this.#renamed.set(from, to)
          return undefined
        }),
      makeDirectory: (path) =>
        Effect.sync(() => {
          const parts = path.split("/")
          for (let n = 1; n <= parts.length; n++) this.#directories.add(parts.slice(0, n).join("/"))
        }),
      syncDirectory: (directory) =>
        this.#run("syncDirectory", directory, () => {
          const inside = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/"))) === directory
          for (const from of this.#renamed.keys()) if (inside(from)) this.#renamed.delete(from)
          for (const path of this.#durableFiles.keys()) {
            if (inside(path) && !this.#files.has(path)) this.#durableFiles.delete(path)
          }
          for (const [path, content] of this.#files) if (inside(path)) this.#durableFiles.set(path, content)
        }),
      lock: (path) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            if (this.#locks.has(path)) {
              return Effect.fail(
                new DirectoryRefused({
                  path: "memory",
                  reason: `process ${process.pid} is using it`,
                  remedy: "Close it first.",
                }),
              )
            }
            this.#locks.add(path)
            return Effect.void
          }),
          () => Effect.sync(() => this.#locks.delete(path)),
        ),
    }
  }
}

const missing = (operation: string, path: string): StorageFailed =>
  new StorageFailed({ operation, path, code: "ENOENT", detail: "no such file" })
