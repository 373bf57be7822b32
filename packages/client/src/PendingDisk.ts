// Where pending reversals lie: the few things that are done to a file, so that tests can cut any of them short.
import { closeSync, constants, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { type FileHandle, open, rm } from "node:fs/promises"
import { dirname, resolve } from "node:path"

export interface PendingDisk {
  read(): Promise<Uint8Array>
  write(bytes: Uint8Array, at: number): Promise<void>
  /** After it, what was written survives a crash. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  /** Lets go; with `remove` nothing in it is needed any more. */
  close(remove: boolean): Promise<void>
}

/** Only its owner reads it: it holds card numbers, encrypted. */
const MODE = 0o600

/** Opens the file, or makes it. Rejects with a sentence when it is another program's at the moment. */
export const fileDisk = async (file: string): Promise<PendingDisk> => {
  const path = resolve(file)
  const unlock = lock(`${path}.lock`)
  try {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, MODE)
    await handle.chmod(MODE)
    await syncDirectory(dirname(path))
    return diskOf(handle, path, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

const diskOf = (handle: FileHandle, path: string, unlock: () => void): PendingDisk => ({
  read: async () => {
    const { size } = await handle.stat()
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; ) {
      const { bytesRead } = await handle.read(bytes, at, size - at, at)
      if (bytesRead === 0) return bytes.subarray(0, at)
      at += bytesRead
    }
    return bytes
  },
  write: async (bytes, at) => {
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten
    }
  },
  sync: () => handle.datasync(),
  truncate: (length) => handle.truncate(length),
  close: async (remove) => {
    await handle.close()
    if (remove) await rm(path, { force: true })
    unlock()
  },
})

/** A new name is only durable with its directory. */
const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, constants.O_RDONLY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Locks of this process: two clients on one file would write over each other. */
const held = new Set<string>()

/** A file with the holder's process id: one that a dead process left is taken over. The result lets go. */
const lock = (path: string): (() => void) => {
  if (held.has(path)) throw new Error("another client of this program uses it")
  for (let taken = false; !taken; ) {
    try {
      const descriptor = openSync(path, "wx", MODE)
      writeFileSync(descriptor, String(process.pid))
      closeSync(descriptor)
      taken = true
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
      const holder = holderOf(path)
      if (holder !== undefined) throw new Error(`process ${holder} uses it (${path})`)
      rmSync(path, { force: true })
    }
  }
  held.add(path)
  return () => {
    held.delete(path)
    rmSync(path, { force: true })
  }
}

/** The living process that holds a lock, if there is one. A lock of our own id that we do not hold is a leftover. */
const holderOf = (path: string): number | undefined => {
  try {
    const pid = Number(readFileSync(path, "utf8"))
    if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return undefined
    process.kill(pid, 0)
    return pid
  } catch (error) {
    // A process of somebody else's that may not be signalled lives all the same.
    const alive = error instanceof Error && "code" in error && error.code === "EPERM"
    return alive ? Number(readFileSync(path, "utf8")) : undefined
  }
}
