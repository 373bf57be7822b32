/** Files from one storage to another, with what was written read back and told by its SHA-256. */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { isZero, pageBytes } from "../format.ts"
import type { StorageShape } from "../Storage.ts"

const chunkBytes = 1 << 20
/** Synced as it goes, so that an engine on the same disk never waits behind a large flush. */
const syncBytes = 8 << 20

export type Copied = (bytes: number) => void

const opened = (storage: StorageShape, path: string, options: { create?: boolean; readOnly?: boolean }) =>
  Effect.acquireRelease(storage.open(path, options), (file) => file.close)

/**
 * The bytes of a file from `at` to `end` or its end; what the copy held after `at` is gone. Zeros, a segment's unused rest,
 * are read and not written.
 */
export const copyFrom = Effect.fnUntraced(function* (
  source: StorageShape,
  target: StorageShape,
  path: string,
  at: number,
  end: number,
  copied: Copied,
) {
  const from = yield* opened(source, path, { readOnly: true })
  const to = yield* opened(target, path, { create: true })
  yield* to.truncate(at)
  const chunk = Buffer.allocUnsafeSlow(chunkBytes)
  let done = at
  let synced = at
  while (done < end) {
    const filled = yield* from.read(done, chunk.subarray(0, Math.min(chunkBytes, end - done)))
    if (filled === 0) break
    const used = usedOf(chunk, filled)
    if (used > 0) {
      yield* to.write(done, chunk.subarray(0, used))
      copied(used)
    }
    done += filled
    if (done - synced >= syncBytes) {
      yield* to.sync
      synced = done
    }
  }
  yield* to.sync
}, Effect.scoped)

/** Without pages of zeros at its end. */
const usedOf = (chunk: Buffer, filled: number): number => {
  let used = filled
  while (used > 0 && isZero(chunk, Math.max(0, used - pageBytes), used)) used = Math.max(0, used - pageBytes)
  return used
}

/** SHA-256 of a file's first `bytes`, in hex; of fewer where it has fewer. */
export const sha256Of = Effect.fnUntraced(function* (storage: StorageShape, path: string, bytes: number) {
  const file = yield* opened(storage, path, { readOnly: true })
  const hash = createHash("sha256")
  const chunk = Buffer.allocUnsafeSlow(chunkBytes)
  for (let at = 0; at < bytes; ) {
    const filled = yield* file.read(at, chunk.subarray(0, Math.min(chunkBytes, bytes - at)))
    if (filled === 0) break
    hash.update(chunk.subarray(0, filled))
    at += filled
  }
  return hash.digest("hex")
}, Effect.scoped)
