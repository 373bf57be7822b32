/** The keys of a data directory: data keys and the scheme key, each wrapped by the master key, in `keyring.json`. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto"
import { inspect } from "node:util"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { checkDocument, damagedDocument, encodeDocument, parseDocument } from "./Document.ts"
import {
  type JournalDamaged,
  KeyMissing,
  KeyWrong,
  type StorageFailed,
  type VersionUnsupported,
} from "./JournalError.ts"
import { readWhole, Storage, type StorageShape, writeWhole } from "./Storage.ts"

const ringFile = "keyring.json"
const masterFile = "master.key"
const ringVersion = 1
const keyBytes = 32

/** A key with its number. Printing it shows the number only. */
export class DataKey {
  readonly id: number
  readonly #bytes: Uint8Array

  constructor(id: number, bytes: Uint8Array) {
    this.id = id
    this.#bytes = bytes
  }

  /** 32 bytes. */
  get key(): Uint8Array {
    return this.#bytes
  }

  toString(): string {
    return `DataKey(${this.id}, redacted)`
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

export type KeyRingError = StorageFailed | JournalDamaged | KeyMissing | KeyWrong | VersionUnsupported

export interface KeyRingOptions {
  /** The master key, 32 bytes as 64 hex digits or base64; without it the file `master.key` is used, or made on first start. */
  readonly masterKey?: Redacted.Redacted<string> | undefined
  /** Nothing is written: a directory without keys is refused. */
  readonly readOnly?: boolean
}

const Hex = (bytes: number) => Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${bytes * 2}}$`)))

/** AES-256-GCM: 12 bytes of nonce, then the 32 bytes of the key encrypted, then 16 bytes of tag. */
const Wrapped = Hex(12 + keyBytes + 16)

const RingFields = Schema.Struct({
  format: Schema.Literal("millrace-keyring"),
  version: Schema.Int,
  masterKeyId: Hex(8),
  schemeKey: Wrapped,
  dataKeys: Schema.NonEmptyArray(Schema.Struct({ id: Schema.Int, key: Wrapped })),
})
type RingFields = typeof RingFields.Type

const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest()

/** Tells one master key from another without telling anything else of it. */
const masterKeyId = (master: Uint8Array): string =>
  hmac(master, "millrace master key id 1").subarray(0, 8).toString("hex")

const ringCheck =
  (master: Uint8Array) =>
  (text: string): string =>
    hmac(hmac(master, "millrace keyring check 1"), text).toString("hex")

const wrap = (master: Uint8Array, name: string, key: Uint8Array): string => {
  const nonce = randomBytes(12)
  const cipher = createCipheriv("aes-256-gcm", master, nonce)
  cipher.setAAD(Buffer.from(`millrace keyring 1 ${name}`))
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]).toString("hex")
}

const unwrap = (master: Uint8Array, name: string, wrapped: string): Uint8Array | undefined => {
  const bytes = Buffer.from(wrapped, "hex")
  const decipher = createDecipheriv("aes-256-gcm", master, bytes.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(`millrace keyring 1 ${name}`))
  decipher.setAuthTag(bytes.subarray(12 + keyBytes))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, 12 + keyBytes)), decipher.final()])
  } catch {
    return undefined
  }
}

const parseMasterKey = (text: string): Uint8Array | undefined => {
  const trimmed = text.trim()
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return Buffer.from(trimmed, "hex")
  const bytes = /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed) ? Buffer.from(trimmed, "base64") : undefined
  return bytes?.length === keyBytes ? bytes : undefined
}

const notAKey = (key: string) =>
  new KeyWrong({
    key,
    reason: "it isn't 32 bytes as 64 hex digits or as base64",
    remedy:
      "Give the key that this data directory was made with; for a new one `openssl rand -hex 32` makes one.",
  })

/** Whether there is something here that only the keys of before can read. */
const isUsed = Effect.fnUntraced(function* (storage: StorageShape) {
  const kept = [...(yield* storage.list("journal")), ...(yield* storage.list("snapshots"))]
  return kept.length > 0
})

const readMasterFile = Effect.fnUntraced(function* (storage: StorageShape) {
  if (!(yield* storage.exists(masterFile))) return undefined
  const master = parseMasterKey(Buffer.from(yield* readWhole(storage, masterFile)).toString("utf8"))
  return master ?? (yield* notAKey(masterFile))
})

const givenMasterKey = Effect.fnUntraced(function* (options: KeyRingOptions) {
  if (options.masterKey === undefined) return undefined
  return parseMasterKey(Redacted.value(options.masterKey)) ?? (yield* notAKey("the given master key"))
})

const openRing = Effect.fnUntraced(function* (storage: StorageShape, master: Uint8Array, source: string) {
  const document = yield* parseDocument(ringFile, yield* readWhole(storage, ringFile), ringVersion)
  const ring = document.fields
  if (typeof ring["masterKeyId"] === "string" && ring["masterKeyId"] !== masterKeyId(master)) {
    return yield* new KeyWrong({
      key: source,
      reason: `${ringFile} was made with master key ${ring["masterKeyId"].slice(0, 16)}, this is ${masterKeyId(master)}`,
      remedy: "Give the master key that this data directory was made with.",
    })
  }
  const fields = yield* checkDocument(ringFile, document, ringCheck(master)).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(RingFields)),
    Effect.catchTag("SchemaError", () =>
      Effect.fail(damagedDocument(ringFile, "a field is missing or malformed")),
    ),
  )
  const schemeKey = unwrap(master, "scheme", fields.schemeKey)
  const dataKeys = fields.dataKeys.map(({ id, key }) => ({ id, bytes: unwrap(master, `data ${id}`, key) }))
  if (schemeKey === undefined || dataKeys.some(({ bytes }) => bytes === undefined)) {
    return yield* damagedDocument(ringFile, "a key doesn't unwrap")
  }
  return { fields, schemeKey, dataKeys: dataKeys.map(({ id, bytes }) => new DataKey(id, bytes!)) }
})

const saveRing = (storage: StorageShape, master: Uint8Array, fields: RingFields) =>
  writeWhole(storage, ringFile, encodeDocument(fields, ringCheck(master)))

const makeRing = Effect.fnUntraced(function* (storage: StorageShape, given: Uint8Array | undefined) {
  if (yield* isUsed(storage)) {
    return yield* new KeyMissing({
      key: ringFile,
      reason: "the data directory is in use already, and can't be read without it",
      remedy: "Restore keyring.json (and master.key, if it was there) from a backup. No new keys were made.",
    })
  }
  let master = given ?? (yield* readMasterFile(storage))
  if (master === undefined) {
    master = randomBytes(keyBytes)
    yield* writeWhole(storage, masterFile, Buffer.from(`${Buffer.from(master).toString("hex")}\n`))
  }
  yield* saveRing(storage, master, {
    format: "millrace-keyring",
    version: ringVersion,
    masterKeyId: masterKeyId(master),
    schemeKey: wrap(master, "scheme", randomBytes(keyBytes)),
    dataKeys: [{ id: 1, key: wrap(master, "data 1", randomBytes(keyBytes)) }],
  })
  return master
})

const findMaster = Effect.fnUntraced(function* (storage: StorageShape, options: KeyRingOptions) {
  const given = yield* givenMasterKey(options)
  const source = given ? "the given master key" : masterFile
  if (!(yield* storage.exists(ringFile))) {
    if (options.readOnly) {
      return yield* new KeyMissing({
        key: ringFile,
        reason: "there is none in this directory",
        remedy: "Is this a data directory? If it is, restore keyring.json from a backup.",
      })
    }
    return { source, master: yield* makeRing(storage, given) }
  }
  const master = given ?? (yield* readMasterFile(storage))
  if (master !== undefined) return { source, master }
  return yield* new KeyMissing({
    key: "the master key",
    reason: `${ringFile} is there, but neither ${masterFile} nor a key from the configuration`,
    remedy: "Give the master key that this data directory was made with. No new one was made.",
  })
})

export interface KeyRingShape {
  /** The newest data key: the one to write with. */
  readonly current: DataKey
  readonly byId: (id: number) => DataKey | undefined
  readonly ids: ReadonlyArray<number>
  /** 32 random bytes, the same for the life of the data directory: logon keys are derived from it. */
  readonly schemeKey: Uint8Array
  /** Adds a data key; from the next segment and snapshot on it is used. Older ones still read. */
  readonly rotate: Effect.Effect<DataKey, StorageFailed>
}

export class KeyRing extends Context.Service<KeyRing, KeyRingShape>()("journal/KeyRing") {
  static layer(options: KeyRingOptions = {}): Layer.Layer<KeyRing, KeyRingError, Storage> {
    return Layer.effect(
      KeyRing,
      Effect.gen(function* () {
        const storage = yield* Storage
        const { master, source } = yield* findMaster(storage, options)
        const ring = yield* openRing(storage, master, source)
        return new OpenRing(storage, master, ring)
      }),
    )
  }
}

class OpenRing implements KeyRingShape {
  readonly #storage: StorageShape
  readonly #master: Uint8Array
  readonly #schemeKey: Uint8Array
  #fields: RingFields
  #keys: ReadonlyArray<DataKey>

  constructor(storage: StorageShape, master: Uint8Array, ring: Effect.Success<ReturnType<typeof openRing>>) {
    this.#storage = storage
    this.#master = master
    this.#schemeKey = ring.schemeKey
    this.#fields = ring.fields
    this.#keys = ring.dataKeys
  }

  get current(): DataKey {
    return this.#keys[this.#keys.length - 1]!
  }

  get ids(): ReadonlyArray<number> {
    return this.#keys.map(({ id }) => id)
  }

  get schemeKey(): Uint8Array {
    return this.#schemeKey
  }

  byId = (id: number): DataKey | undefined => this.#keys.find((key) => key.id === id)

  get rotate(): Effect.Effect<DataKey, StorageFailed> {
    return Effect.suspend(() => {
      const added = new DataKey(this.current.id + 1, randomBytes(keyBytes))
      const wrapped = { id: added.id, key: wrap(this.#master, `data ${added.id}`, added.key) }
      const [oldest, ...others] = this.#fields.dataKeys
      const fields: RingFields = { ...this.#fields, dataKeys: [oldest, ...others, wrapped] }
      return Effect.as(saveRing(this.#storage, this.#master, fields), added).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            this.#fields = fields
            this.#keys = [...this.#keys, added]
          }),
        ),
      )
    })
  }

  toString(): string {
    return `KeyRing(data keys ${this.ids.join(", ")}, redacted)`
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}
