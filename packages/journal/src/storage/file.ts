/** Storage on the machine's file system. */
import {
  close,
  constants,
  fdatasync,
  fdatasyncSync,
  fstat,
  fsync,
  ftruncate,
  mkdir,
  open,
  read,
  readdir,
  rename,
  rmdir,
  stat,
  unlink,
  write,
  writeSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { pageBytes } from "../format.ts"
import { StorageFailed } from "../JournalError.ts"
import { lockFile } from "./lock.ts"
import type { OpenOptions, StorageFile, StorageShape } from "./shape.ts"

/** What is in the data directory is for its owner only. */
const fileMode = 0o600
const directoryMode = 0o700

/**
 * Up to this many bytes a durable write is copied into the page cache by the thread that asks, in a few microseconds. Larger
 * writes of whole pages go to the disk past the page cache, where the file was opened for it: the copy, into memory that no
 * cache has seen, was three quarters of what the pool's threads did in batches.
 */
const smallBytesMax = 64 << 10
/**
 * While durable writes are as small and as quick as this on the average, that thread waits for the sync as well: a trip to a
 * thread of the pool and back costs as much, and far more where every core is busy. With larger ones it has better things to do.
 */
const syncedHereBytesMax = 6 << 10
const syncedHereMsMax = 1
const durableWritesRemembered = 16

type Errno = NodeJS.ErrnoException | null

const failed = (operation: string, path: string, error: NodeJS.ErrnoException): StorageFailed =>
  new StorageFailed({ operation, path, code: error.code ?? "UNKNOWN", detail: error.message })

const call = <A>(operation: string, path: string, run: (done: (error: Errno, value?: A) => void) => void) =>
  Effect.callback<A, StorageFailed>((resume) => {
    run((error, value) => {
      // The value is there whenever the error isn't: that is what Node's callbacks promise.
      resume(error ? Effect.fail(failed(operation, path, error)) : Effect.succeed(value as A))
    })
  })

class OpenFile implements StorageFile {
  readonly path: string
  readonly #fd: number
  /** Of durable writes of late, on the average. */
  #durableBytes = 0
  #durableMs = 0
  /** The same file past the page cache; −1 when that is not asked for or can't be. */
  #direct: number

  constructor(path: string, fd: number, direct = -1) {
    this.path = path
    this.#fd = fd
    this.#direct = direct
  }

  get size() {
    return call<number>("size", this.path, (done) => fstat(this.#fd, (error, s) => done(error, s?.size)))
  }

  read(at: number, into: Uint8Array) {
    return call<number>("read", this.path, (done) => {
      if (this.#direct >= 0 && isLarge(at, into)) this.#readDirect(at, into, done)
      else readAll(this.#fd, at, into, done)
    })
  }

  #readDirect(at: number, into: Uint8Array, done: (error: Errno, count?: number) => void): void {
    readAll(this.#direct, at, into, (error, count) => {
      if (error?.code === "EINVAL") this.#closeDirect(() => readAll(this.#fd, at, into, done))
      else done(error, count)
    })
  }

  write(at: number, bytes: Uint8Array) {
    return call<void>("write", this.path, (done) => this.#write(at, bytes, done))
  }

  #write(at: number, bytes: Uint8Array, done: (error: Errno) => void): void {
    const cached = (from: number) => writeAll(this.#fd, at + from, bytes.subarray(from), done)
    if (this.#direct < 0 || !isLarge(at, bytes)) {
      cached(0)
      return
    }
    write(this.#direct, bytes, 0, bytes.length, at, (error, count) => {
      if (error?.code === "EINVAL") {
        // Nothing was written: the file system has no such way, or not from this memory.
        this.#closeDirect(() => cached(0))
      } else if (error) done(error)
      else if (count === bytes.length) done(null)
      else cached(count)
    })
  }

  #closeDirect(done: () => void): void {
    const fd = this.#direct
    this.#direct = -1
    if (fd < 0) done()
    else close(fd, done)
  }

  get sync() {
    return call<void>("sync", this.path, (done) => fdatasync(this.#fd, done))
  }

  truncate(length: number) {
    return call<void>("truncate", this.path, (done) => ftruncate(this.#fd, length, done))
  }

  get close() {
    return Effect.callback<void>((resume) =>
      this.#closeDirect(() => close(this.#fd, () => resume(Effect.void))),
    )
  }

  writeDurable(at: number, bytes: Uint8Array, done: (error: StorageFailed | undefined) => void) {
    if (bytes.length > smallBytesMax) {
      this.#write(at, bytes, (error) => {
        if (error) done(failed("write", this.path, error))
        else this.#syncDurable(bytes.length, done)
      })
      return
    }
    const error = refusalOf(() => writeAllHere(this.#fd, at, bytes))
    if (error) queueMicrotask(() => done(failed("write", this.path, error)))
    else this.#syncDurable(bytes.length, done)
  }

  #syncDurable(bytes: number, done: (error: StorageFailed | undefined) => void): void {
    const began = performance.now()
    const synced = (error: Errno) => done(error ? failed("sync", this.path, error) : undefined)
    const took = () => {
      this.#durableMs += (performance.now() - began - this.#durableMs) / durableWritesRemembered
    }
    this.#durableBytes += (bytes - this.#durableBytes) / durableWritesRemembered
    if (this.#durableBytes <= syncedHereBytesMax && this.#durableMs < syncedHereMsMax) {
      const error = refusalOf(() => fdatasyncSync(this.#fd))
      took()
      queueMicrotask(() => synced(error))
    } else {
      fdatasync(this.#fd, (error) => {
        took()
        synced(error)
      })
    }
  }
}

/** Past the page cache go whole pages, many at once. */
const isLarge = (at: number, bytes: Uint8Array): boolean =>
  bytes.length > smallBytesMax && (at | bytes.length) % pageBytes === 0

/** Until it is filled, or the file ends: past the page cache a page that is not whole is the last one. */
const readAll = (
  fd: number,
  at: number,
  into: Uint8Array,
  done: (error: Errno, count?: number) => void,
): void => {
  let filled = 0
  const more = () =>
    read(fd, into, filled, into.length - filled, at + filled, (error, count) => {
      if (error) return done(error)
      filled += count
      if (count === 0 || filled === into.length) return done(null, filled)
      more()
    })
  if (into.length === 0) done(null, 0)
  else more()
}

/** A short write is finished, so that a full disk shows itself as ENOSPC of the rest. */
const writeAll = (fd: number, at: number, bytes: Uint8Array, done: (error: Errno) => void): void => {
  write(fd, bytes, 0, bytes.length, at, (error, count) => {
    if (error) return done(error)
    if (count === bytes.length) return done(null)
    writeAll(fd, at + count, bytes.subarray(count), done)
  })
}

const writeAllHere = (fd: number, at: number, bytes: Uint8Array): void => {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, at + done)
  }
}

const refusalOf = (operation: () => void): Errno => {
  try {
    operation()
    return null
  } catch (error) {
    // Node's own calls throw nothing else when the system refuses.
    return error as NodeJS.ErrnoException
  }
}

const syncAt = (directory: string, done: (error: Errno) => void): void =>
  open(directory, constants.O_RDONLY, (error, fd) => {
    if (error) return done(error)
    fsync(fd, (error) => close(fd, () => done(error)))
  })

/**
 * Not mkdir's `recursive`: where the system answers ENOENT though the directory above is there (as /proc does),
 * Node tries the two in turn for ever. EEXIST is told apart: a directory is fine, a file is not.
 */
const makeDirectories = (path: string, done: (error: Errno) => void): void => {
  const make = (otherwise: (error: NodeJS.ErrnoException) => void) =>
    mkdir(path, { mode: directoryMode }, (error) => {
      if (!error) return syncAt(dirname(path), done)
      if (error.code !== "EEXIST") return otherwise(error)
      stat(path, (_, found) => done(found?.isDirectory() ? null : error))
    })
  make((error) => {
    if (error.code !== "ENOENT" || dirname(path) === path) return done(error)
    makeDirectories(dirname(path), (above) => (above ? done(above) : make(done)))
  })
}

export const fileStorage = (root: string): StorageShape => {
  const at = (path: string) => join(root, path)
  const openFd = (path: string, flags: number) =>
    call<number>("open", path, (done) => open(at(path), flags, fileMode, done))

  const openFile = Effect.fnUntraced(function* (path: string, options?: OpenOptions) {
    const access = options?.readOnly ? constants.O_RDONLY : constants.O_RDWR
    const fd = yield* openFd(path, access | (options?.create ? constants.O_CREAT : 0))
    if (options?.large !== true || constants.O_DIRECT === undefined) return new OpenFile(path, fd)
    const direct = yield* openFd(path, access | constants.O_DIRECT).pipe(
      Effect.catchTag("StorageFailed", () => Effect.succeed(-1)),
    )
    return new OpenFile(path, fd, direct)
  })

  const list = (directory: string) =>
    call<ReadonlyArray<string>>("list", directory, (done) =>
      readdir(at(directory), (error, names) => {
        if (error?.code === "ENOENT") return done(null, [])
        done(error, names?.sort())
      }),
    )

  const exists = (path: string) =>
    call<boolean>("stat", path, (done) =>
      stat(at(path), (error) => {
        if (error?.code === "ENOENT") return done(null, false)
        done(error, true)
      }),
    )

  const remove = (path: string) =>
    call<void>("remove", path, (done) =>
      unlink(at(path), (error) => {
        // EISDIR on Linux, EPERM on macOS: it is a directory.
        if (error?.code === "EISDIR" || error?.code === "EPERM") return rmdir(at(path), done)
        done(error)
      }),
    )

  const syncDirectory = (path: string) => call<void>("sync", path, (done) => syncAt(at(path), done))

  return {
    location: root,
    open: openFile,
    list,
    exists,
    remove,
    rename: (from, to) => call<void>("rename", from, (done) => rename(at(from), at(to), done)),
    makeDirectory: (path) => call<void>("make directory", path, (done) => makeDirectories(at(path), done)),
    syncDirectory,
    lock: (path) => lockFile(root, path),
  }
}
