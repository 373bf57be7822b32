/** The master key: what it looks like, how one is told from another, and the files that may hold it. */
import { createHmac } from "node:crypto"
import { Effect, Redacted } from "effect"
import { KeyWrong } from "./JournalError.ts"
import { readWhole, type StorageShape, writeWhole } from "./Storage.ts"

export const keyBytes = 32

export const masterFile = "master.key"
/** There only between the moment when the ring is rewrapped under it and the one when it gets its name. */
export const nextMasterFile = "master.key.new"
/** Where a master key that was replaced is kept: backups from before need it. */
export const keptMasterFile = (master: Uint8Array): string =>
  `${masterFile}.${masterKeyId(master).slice(0, 8)}`

export const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest()

/** Tells one master key from another without telling anything else of it. */
export const masterKeyId = (master: Uint8Array): string =>
  hmac(master, "millrace master key id 1").subarray(0, 8).toString("hex")

export const parseMasterKey = (text: string): Uint8Array | undefined => {
  const trimmed = text.trim()
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return Buffer.from(trimmed, "hex")
  const bytes = /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed) ? Buffer.from(trimmed, "base64") : undefined
  return bytes?.length === keyBytes ? bytes : undefined
}

/** `source` is what people call the place that it came from. */
export const givenKey = (
  key: Redacted.Redacted<string>,
  source: string,
): Effect.Effect<Uint8Array, KeyWrong> =>
  Effect.suspend(() => {
    const master = parseMasterKey(Redacted.value(key))
    return master === undefined ? Effect.fail(notAKey(source)) : Effect.succeed(master)
  })

const notAKey = (key: string) =>
  new KeyWrong({
    key,
    reason: "it isn't 32 bytes as 64 hex digits or as base64",
    remedy:
      "Give the key that this data directory was made with; for a new one `openssl rand -hex 32` makes one.",
  })

/** The key in one of these files; undefined when there is no such file. */
export const readKeyFile = Effect.fnUntraced(function* (storage: StorageShape, file: string) {
  if (!(yield* storage.exists(file))) return undefined
  const master = parseMasterKey(Buffer.from(yield* readWhole(storage, file)).toString("utf8"))
  return master ?? (yield* notAKey(file))
})

export const writeKeyFile = (storage: StorageShape, file: string, master: Uint8Array) =>
  writeWhole(storage, file, Buffer.from(`${Buffer.from(master).toString("hex")}\n`))
