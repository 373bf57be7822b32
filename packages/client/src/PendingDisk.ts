// Where pending reversals lie: the few things that are done to a file, so that tests can cut any of them short.
import { constants } from "node:fs"
import { type FileHandle, open, rm } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { lock } from "./PendingLock.ts"

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
