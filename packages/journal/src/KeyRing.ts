/** The keys of a data directory: data keys and the scheme key, each wrapped by the master key, in `keyring.json`. */
import { createCipheriv, createDecipheriv } from "node:crypto"
import { inspect } from "node:util"
import { Context, Effect, Layer, type Redacted, Schema, Semaphore } from "effect"
import { checkDocument, checkVersion, damagedDocument, encodeDocument, parseDocument } from "./Document.ts"
import {
  DirectoryRefused,
  type JournalDamaged,
  KeyMissing,
  KeyWrong,
  type StorageFailed,
  type VersionUnsupported,
} from "./JournalError.ts"
import { Machine, type MachineShape } from "./Machine.ts"
import {
  givenKey,
  hmac,
  keyBytes,
  masterFile,
  masterKeyId,
  nextMasterFile,
  readKeyFile,
  writeKeyFile,
} from "./MasterKey.ts"
import { readWhole, Storage, type StorageShape, writeWhole } from "./Storage.ts"

export const ringFile = "keyring.json"
const ringVersion = 1
/** Each is looked at when a segment is opened, and a ring that only grows is one that nobody looks after. */
export const dataKeysMax = 256

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
export type RingFields = typeof RingFields.Type

const ringCheck =
  (master: Uint8Array) =>
  (text: string): string =>
    hmac(hmac(master, "millrace keyring check 1"), text).toString("hex")

const wrap = (machine: MachineShape, master: Uint8Array, name: string, key: Uint8Array): string => {
  const nonce = machine.randomBytes(12)
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

/** Whether there is something here that only the keys of before can read. */
const isUsed = Effect.fnUntraced(function* (storage: StorageShape) {
  const kept = [...(yield* storage.list("journal")), ...(yield* storage.list("snapshots"))]
  return kept.length > 0
})

export interface Ring {
  readonly fields: RingFields
  readonly schemeKey: Uint8Array
  readonly dataKeys: ReadonlyArray<DataKey>
}

/** Gives the id of the master key that the ring says it is under; its check is for who has that key. */
export const readRing = Effect.fnUntraced(function* (storage: StorageShape) {
  const document = yield* parseDocument(ringFile, yield* readWhole(storage, ringFile), ringVersion)
  yield* checkVersion(ringFile, document)
  const id = document.fields["masterKeyId"]
  return { document, under: typeof id === "string" ? id.slice(0, 16) : undefined }
})

export const openRing = Effect.fnUntraced(function* (
  { document, under }: Effect.Success<ReturnType<typeof readRing>>,
  master: Uint8Array,
  source: string,
) {
  if (under !== undefined && under !== masterKeyId(master)) {
    return yield* new KeyWrong({
      key: source,
      reason: `${ringFile} was made with master key ${under}, this is ${masterKeyId(master)}`,
      remedy: "Nothing was changed. Give the master key that this data directory was made with.",
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
  const ring: Ring = {
    fields,
    schemeKey,
    dataKeys: dataKeys.map(({ id, bytes }) => new DataKey(id, bytes!)),
  }
  return ring
})

/** The same keys under another master key. */
export const rewrapped = (machine: MachineShape, ring: Ring, master: Uint8Array): RingFields => {
  const [oldest, ...others] = ring.dataKeys.map(({ id, key }) => ({
    id,
    key: wrap(machine, master, `data ${id}`, key),
  }))
  return {
    ...ring.fields,
    masterKeyId: masterKeyId(master),
    schemeKey: wrap(machine, master, "scheme", ring.schemeKey),
    // A ring has a data key: its schema says so.
    dataKeys: [oldest!, ...others],
  }
}

export const saveRing = (storage: StorageShape, master: Uint8Array, fields: RingFields) =>
  writeWhole(storage, ringFile, encodeDocument(fields, ringCheck(master)))

const makeRing = Effect.fnUntraced(function* (storage: StorageShape, given: Uint8Array | undefined) {
  const machine = yield* Machine
  if (yield* isUsed(storage)) {
    return yield* new KeyMissing({
      key: ringFile,
      reason: "the data directory is in use already, and can't be read without it",
      remedy: "Restore keyring.json (and master.key, if it was there) from a backup. No new keys were made.",
    })
  }
  let master = given ?? (yield* readKeyFile(storage, masterFile))
  if (master === undefined) {
    master = machine.randomBytes(keyBytes)
    yield* writeKeyFile(storage, masterFile, master)
  }
  yield* saveRing(storage, master, {
    format: "millrace-keyring",
    version: ringVersion,
    masterKeyId: masterKeyId(master),
    schemeKey: wrap(machine, master, "scheme", machine.randomBytes(keyBytes)),
    dataKeys: [{ id: 1, key: wrap(machine, master, "data 1", machine.randomBytes(keyBytes)) }],
  })
  return master
})

const givenSource = "the given master key"

/**
 * Where no key is given, the one of `master.key`; or of `master.key.new`, when a crash came between the rewrapping of
 * the ring and the renaming of the file, which is then made good.
 */
const findMaster = Effect.fnUntraced(function* (
  storage: StorageShape,
  options: KeyRingOptions,
  under: string | undefined,
) {
  if (options.masterKey !== undefined) {
    return { source: givenSource, master: yield* givenKey(options.masterKey, givenSource) }
  }
  const next = yield* readKeyFile(storage, nextMasterFile).pipe(
    // A crash may have left it half made; the ring is not under such a key.
    Effect.catchTag("KeyWrong", () => Effect.undefined),
  )
  if (next !== undefined && masterKeyId(next) === under) {
    if (!options.readOnly) yield* putMasterFile(storage)
    return { source: nextMasterFile, master: next }
  }
  const master = yield* readKeyFile(storage, masterFile)
  if (master !== undefined) return { source: masterFile, master }
  return yield* new KeyMissing({
    key: "the master key",
    reason: `${ringFile} is there, but neither ${masterFile} nor a key from the configuration`,
    remedy:
      "Give the master key that this data directory was made with (the program takes it from MILLRACE_MASTER_KEY or " +
      "MILLRACE_MASTER_KEY_FILE, else from the file master.key). No new one was made.",
  })
})

/** `master.key.new` gets its name. */
export const putMasterFile = (storage: StorageShape) =>
  Effect.andThen(storage.rename(nextMasterFile, masterFile), storage.syncDirectory(""))

const openOrMake = Effect.fnUntraced(function* (storage: StorageShape, options: KeyRingOptions) {
  if (!(yield* storage.exists(ringFile))) {
    if (options.readOnly) {
      return yield* new KeyMissing({
        key: ringFile,
        reason: "there is none in this directory",
        remedy: "Is this a data directory? If it is, restore keyring.json from a backup.",
      })
    }
    const given =
      options.masterKey === undefined ? undefined : yield* givenKey(options.masterKey, givenSource)
    const master = yield* makeRing(storage, given)
    return { master, ring: yield* openRing(yield* readRing(storage), master, masterFile) }
  }
  const read = yield* readRing(storage)
  const { master, source } = yield* findMaster(storage, options, read.under)
  return { master, ring: yield* openRing(read, master, source) }
})

export interface KeyRingShape {
  /** The newest data key: the one to write with. */
  readonly current: DataKey
  readonly byId: (id: number) => DataKey | undefined
  readonly ids: ReadonlyArray<number>
  /** 32 random bytes, the same for the life of the data directory: logon keys are derived from it. */
  readonly schemeKey: Uint8Array
  /** Adds a data key: from the next block on, which begins a segment, and the next snapshot it is used. Older ones still read. */
  readonly rotate: Effect.Effect<DataKey, StorageFailed | DirectoryRefused>
  /** Takes a data key away for good: what is encrypted with it is never read again. A defect for the newest and for one that isn't there. */
  readonly retire: (id: number) => Effect.Effect<void, StorageFailed>
  /** Tells the master key from others, and nothing else of it. */
  readonly masterKeyId: string
}

export class KeyRing extends Context.Service<KeyRing, KeyRingShape>()("journal/KeyRing") {
  static layer(options: KeyRingOptions = {}): Layer.Layer<KeyRing, KeyRingError, Storage> {
    return Layer.effect(
      KeyRing,
      Effect.gen(function* () {
        const storage = yield* Storage
        const { master, ring } = yield* openOrMake(storage, options)
        return new OpenRing(storage, yield* Machine, master, ring)
      }),
    )
  }
}

class OpenRing implements KeyRingShape {
  readonly #storage: StorageShape
  readonly #machine: MachineShape
  readonly #master: Uint8Array
  readonly #schemeKey: Uint8Array
  #fields: RingFields
  #keys: ReadonlyArray<DataKey>

  constructor(storage: StorageShape, machine: MachineShape, master: Uint8Array, ring: Ring) {
    this.#alone = Semaphore.makeUnsafe(1).withPermit
    this.#storage = storage
    this.#machine = machine
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

  get masterKeyId(): string {
    return this.#fields.masterKeyId
  }

  get rotate(): Effect.Effect<DataKey, StorageFailed | DirectoryRefused> {
    return this.#alone(
      Effect.suspend((): Effect.Effect<DataKey, StorageFailed | DirectoryRefused> => {
        if (this.#keys.length >= dataKeysMax) return Effect.fail(this.#full())
        const added = new DataKey(this.current.id + 1, this.#machine.randomBytes(keyBytes))
        const key = wrap(this.#machine, this.#master, `data ${added.id}`, added.key)
        const [oldest, ...others] = this.#fields.dataKeys
        const fields = { ...this.#fields, dataKeys: [oldest, ...others, { id: added.id, key }] as const }
        return Effect.as(this.#save(fields, [...this.#keys, added]), added)
      }),
    )
  }

  retire = (id: number): Effect.Effect<void, StorageFailed> =>
    this.#alone(
      Effect.suspend(() => {
        const [oldest, ...others] = this.#fields.dataKeys.filter((key) => key.id !== id)
        if (id === this.current.id || oldest === undefined || this.byId(id) === undefined) {
          return Effect.die(new Error(`data key ${id} can't be retired`))
        }
        const fields = { ...this.#fields, dataKeys: [oldest, ...others] as const }
        return this.#save(
          fields,
          this.#keys.filter((key) => key.id !== id),
        )
      }),
    )

  #full(): DirectoryRefused {
    return new DirectoryRefused({
      path: this.#storage.location,
      reason: `its key ring holds ${dataKeysMax} data keys already`,
      remedy: "Retire those that nothing needs any more: `millrace keys status` names them.",
    })
  }

  /** One change at a time: two that begin with the same ring would give two keys the same number. */
  readonly #alone: <A, E>(change: Effect.Effect<A, E>) => Effect.Effect<A, E>

  /** Durable first, then known. Not cut short in between: what is on the disk must be what is used. */
  #save(fields: RingFields, keys: ReadonlyArray<DataKey>): Effect.Effect<void, StorageFailed> {
    const known = Effect.sync(() => {
      this.#fields = fields
      this.#keys = keys
    })
    return Effect.uninterruptible(Effect.andThen(saveRing(this.#storage, this.#master, fields), known))
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
