/** Snapshots: the state at a journal position, in encrypted parts, seen only when whole and read back. */
import { Context, Effect, Layer, Schema } from "effect"
import { type ContentVersions, checkContent } from "./content.ts"
import { checkDocument, checkVersion, encodeDocument, parseDocument } from "./Document.ts"
import { saltBytes } from "./format.ts"
import { DirectoryRefused, JournalDamaged, type JournalError, KeyMissing } from "./JournalError.ts"
import { type DataKey, KeyRing, type KeyRingShape } from "./KeyRing.ts"
import { Machine, type MachineShape } from "./Machine.ts"
import { makeReadAhead, type ReadAhead } from "./ReadAhead.ts"
import { readWhole, Storage, type StorageShape, writeWhole } from "./Storage.ts"
import { deriveSecrets, mac, type Secrets } from "./seal.ts"
import { manifestName, removeSnapshot, snapshotDirectory, snapshotsDirectory } from "./snapshotDirectory.ts"
import {
  atOnce,
  type Pace,
  type PartRecord,
  PartWalk,
  partBuffer,
  snapshotRemedy,
  verifyPart,
  writePart,
} from "./snapshotPart.ts"
import { type Opening, onlyLooking, type Pull, pullOf } from "./Walk.ts"

const snapshotVersion = 2
const verifiedAheadFromBytes = 512 << 20
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export interface SnapshotPart {
  /** Letters, digits, dots and dashes, at most 64. */
  readonly name: string
  /** The next piece, at most snapshotPieceBytesMax, or null at the end. It is encrypted before anything else runs. */
  readonly next: () => Uint8Array | null
}

export interface SnapshotInfo {
  readonly position: number
  readonly names: ReadonlyArray<string>
  /** Of the parts' files. */
  readonly bytes: number
  /** Of the data key that it is encrypted with. */
  readonly keyId: number
  /** Version of what the parts hold; undefined where nobody said. */
  readonly content: number | undefined
  /** Tag of the block that holds its position, in hex; undefined where nobody said. */
  readonly block: string | undefined
}

export interface SnapshotsOptions {
  /** Only look. */
  readonly readOnly?: boolean
  /** Versions of what the parts hold. Opening refuses a snapshot that says another. */
  readonly content?: ContentVersions
}

export interface SnapshotWriting {
  /** Tag of the journal's block that holds the position: it tells of which history the snapshot is. */
  readonly block?: Uint8Array | undefined
  /** Spreads it out: its bytes are told twice, when they were written and when they were read back. At once by default. */
  readonly pace?: Pace
}

export interface SnapshotsShape {
  /** Returns when the snapshot is durable, was read back and is seen. Does nothing when there is a sound one at that position. */
  readonly write: (
    position: number,
    parts: ReadonlyArray<SnapshotPart>,
    writing?: SnapshotWriting,
  ) => Effect.Effect<void, JournalError>
  readonly latest: Effect.Effect<SnapshotInfo | null>
  /** Oldest first. */
  readonly list: Effect.Effect<ReadonlyArray<SnapshotInfo>>
  /** The same pieces that were written. A part that was changed fails with JournalDamaged, before its last piece at the latest. With `ahead` it is read on meanwhile. */
  readonly read: (
    position: number,
    name: string,
    ahead?: ReadAhead,
  ) => Effect.Effect<Pull<Uint8Array>, JournalError>
  /** Removes all but the newest `keep`. */
  readonly prune: (keep: number) => Effect.Effect<void, JournalError>
}

export class Snapshots extends Context.Service<Snapshots, SnapshotsShape>()("journal/Snapshots") {
  /** Errors of opening: StorageFailed, JournalDamaged, KeyMissing, VersionUnsupported, DirectoryRefused. */
  static layer(options: SnapshotsOptions = {}): Layer.Layer<Snapshots, JournalError, Storage | KeyRing> {
    return Layer.effect(Snapshots, open(options))
  }
}

const Hex = (bytes: number) => Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${bytes * 2}}$`)))

const ManifestFields = Schema.Struct({
  format: Schema.Literal("millrace-snapshot"),
  version: Schema.Int,
  position: Schema.Int,
  /** Since format 2. */
  content: Schema.optionalKey(Schema.Int),
  block: Schema.optionalKey(Hex(16)),
  keyId: Schema.Int,
  salt: Hex(saltBytes),
  parts: Schema.Array(
    Schema.Struct({
      name: Schema.String.check(Schema.isPattern(namePattern)),
      pieces: Schema.Int,
      fileBytes: Schema.Int,
      tag: Hex(16),
    }),
  ),
})
type ManifestFields = typeof ManifestFields.Type

interface Snapshot {
  readonly manifest: ManifestFields
  readonly dataKey: DataKey
}

/** Every part has a key of its own, so that the number of a piece is all that a nonce needs. */
const partSecrets = (dataKey: DataKey, salt: Uint8Array, name: string): Secrets =>
  deriveSecrets(dataKey.key, salt, `millrace snapshot part 1 ${name}`)

const manifestCheck =
  (dataKey: DataKey, salt: Uint8Array) =>
  (text: string): string =>
    Buffer.from(
      mac(deriveSecrets(dataKey.key, salt, "millrace snapshot manifest 1").macKey, Buffer.from(text)),
    ).toString("hex")

const damaged = (file: string, reason: string) =>
  new JournalDamaged({ file, at: 0, expected: 0, reason, remedy: snapshotRemedy })

const Header = Schema.Struct({ keyId: Schema.Int, salt: Hex(saltBytes) })

const readManifest = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  content: ContentVersions | undefined,
  position: number,
) {
  const file = `${snapshotDirectory(position)}/${manifestName}`
  const document = yield* parseDocument(file, yield* readWhole(storage, file), snapshotVersion)
  const malformed = () => damaged(file, "a field is missing or malformed")
  yield* checkVersion(file, document)
  const { keyId, salt } = yield* Schema.decodeUnknownEffect(Header)(document.fields).pipe(
    Effect.mapError(malformed),
  )
  const dataKey = keys.byId(keyId)
  if (dataKey === undefined) {
    return yield* new KeyMissing({
      key: `data key ${keyId}`,
      reason: `${file} is authenticated with it, and keyring.json doesn't have it`,
      remedy: "Restore the keyring.json that belongs to this snapshot from a backup.",
    })
  }
  const manifest = yield* checkDocument(
    file,
    document,
    manifestCheck(dataKey, Buffer.from(salt, "hex")),
  ).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(ManifestFields)),
    Effect.catchTag("SchemaError", () => Effect.fail(malformed())),
  )
  if (manifest.position !== position)
    return yield* damaged(file, `it is the manifest of ${manifest.position}`)
  if (manifest.content !== undefined && content !== undefined)
    yield* checkContent(file, manifest.content, content)
  const snapshot: Snapshot = { manifest, dataKey }
  return snapshot
})

/** Reads only, so that whatever is refused by anybody, nothing was changed. */
const survey = Effect.fnUntraced(function* (
  storage: StorageShape,
  keys: KeyRingShape,
  content: ContentVersions | undefined,
) {
  const snapshots: Array<Snapshot> = []
  const unfinished: Array<number> = []
  for (const name of yield* storage.list(snapshotsDirectory)) {
    if (!/^\d{20}$/.test(name)) {
      return yield* new DirectoryRefused({
        path: `${storage.location}/${snapshotsDirectory}`,
        reason: `it holds ${name}, which isn't a snapshot`,
        remedy: "Move that file away.",
      })
    }
    const directory = `${snapshotsDirectory}/${name}`
    if (yield* storage.exists(`${directory}/${manifestName}`)) {
      snapshots.push(yield* readManifest(storage, keys, content, Number(name)))
    } else {
      unfinished.push(Number(name))
    }
  }
  return { snapshots, unfinished }
})

const open = Effect.fnUntraced(function* ({ readOnly, content }: SnapshotsOptions) {
  const storage = yield* Storage
  const keys = yield* KeyRing
  const found = yield* survey(storage, keys, content)
  if (readOnly !== true) yield* storage.makeDirectory(snapshotsDirectory)
  return new OpenSnapshots(storage, keys, yield* Machine, content?.writes, found)
})

const infoOf = ({ manifest }: Snapshot): SnapshotInfo => ({
  position: manifest.position,
  names: manifest.parts.map(({ name }) => name),
  bytes: manifest.parts.reduce((sum, { fileBytes }) => sum + fileBytes, 0),
  keyId: manifest.keyId,
  content: manifest.content,
  block: manifest.block,
})

class OpenSnapshots implements SnapshotsShape {
  readonly #storage: StorageShape
  readonly #keys: KeyRingShape
  readonly #machine: MachineShape
  readonly #content: number | undefined
  /** Oldest first. */
  #snapshots: ReadonlyArray<Snapshot>
  /** Directories of snapshots that were not finished: removed before the next one is written. */
  #unfinished: ReadonlyArray<number>
  /** Both stay: fresh memory for each snapshot costs the lane its page faults, and collections. */
  readonly #looking = onlyLooking()
  #buffer: Buffer | undefined

  constructor(
    storage: StorageShape,
    keys: KeyRingShape,
    machine: MachineShape,
    content: number | undefined,
    { snapshots, unfinished }: Effect.Success<ReturnType<typeof survey>>,
  ) {
    this.#storage = storage
    this.#keys = keys
    this.#machine = machine
    this.#content = content
    this.#snapshots = snapshots
    this.#unfinished = unfinished
  }

  readonly list = Effect.sync(() => this.#snapshots.map(infoOf))

  readonly latest = Effect.sync(() => {
    const newest = this.#snapshots[this.#snapshots.length - 1]
    return newest === undefined ? null : infoOf(newest)
  })

  read = (position: number, name: string, ahead?: ReadAhead): Effect.Effect<Pull<Uint8Array>, JournalError> =>
    Effect.suspend(() => {
      const snapshot = this.#find(position)
      const part = snapshot?.manifest.parts.find((part) => part.name === name)
      if (snapshot === undefined || part === undefined) {
        return Effect.die(new Error(`there is no part ${name} of a snapshot at ${position}`))
      }
      const walk = (opening?: Opening) => this.#walk(snapshot, part, opening)
      return ahead === undefined ? Effect.succeed(pullOf(walk())) : ahead.pullOf(walk)
    })

  write = Effect.fnUntraced(function* (
    this: OpenSnapshots,
    position: number,
    parts: ReadonlyArray<SnapshotPart>,
    { block, pace = atOnce }: SnapshotWriting = {},
  ) {
    yield* this.#clear
    const there = this.#find(position)
    if (there !== undefined) {
      if (yield* this.#isSound(there)) return
      yield* this.#drop(there)
    }
    // Whatever ends it before its time, what it took of the disk is given back: now, or before the next one.
    this.#unfinished = [...this.#unfinished, position]
    const directory = snapshotDirectory(position)
    yield* this.#storage.makeDirectory(directory)
    yield* this.#storage.syncDirectory(snapshotsDirectory)
    const snapshot = yield* this.#writeParts(position, parts, block, pace).pipe(
      Effect.tapCause(() => Effect.ignore(this.#clear)),
    )
    this.#unfinished = this.#unfinished.filter((other) => other !== position)
    this.#snapshots = [...this.#snapshots, snapshot].sort((a, b) => a.manifest.position - b.manifest.position)
  })

  prune = Effect.fnUntraced(function* (this: OpenSnapshots, keep: number) {
    const surplus = this.#snapshots.slice(0, Math.max(0, this.#snapshots.length - keep))
    for (const snapshot of surplus) yield* this.#drop(snapshot)
  })

  readonly #clear = Effect.suspend(() =>
    Effect.forEach(this.#unfinished, (position) =>
      Effect.map(removeSnapshot(this.#storage, position), () => {
        this.#unfinished = this.#unfinished.filter((other) => other !== position)
      }),
    ),
  )

  #find(position: number): Snapshot | undefined {
    return this.#snapshots.find(({ manifest }) => manifest.position === position)
  }

  #walk({ manifest, dataKey }: Snapshot, part: PartRecord, opening?: Opening): PartWalk {
    const secrets = partSecrets(dataKey, Buffer.from(manifest.salt, "hex"), part.name)
    const path = `${snapshotDirectory(manifest.position)}/${part.name}`
    return new PartWalk(this.#storage, path, part, secrets, opening)
  }

  #isSound(snapshot: Snapshot): Effect.Effect<boolean, JournalError> {
    return Effect.forEach(snapshot.manifest.parts, (part) =>
      verifyPart(pullOf(this.#walk(snapshot, part, this.#looking)), atOnce, 0),
    ).pipe(
      Effect.as(true),
      Effect.catchTag("JournalDamaged", () => Effect.succeed(false)),
    )
  }

  /** Very much is read by another thread; to start one for less disturbs the traffic more than it takes off this one. */
  #verifyWritten = Effect.fnUntraced(function* (this: OpenSnapshots, snapshot: Snapshot, pace: Pace) {
    const { parts } = snapshot.manifest
    const ahead = infoOf(snapshot).bytes >= verifiedAheadFromBytes ? yield* makeReadAhead : undefined
    if (ahead !== undefined) yield* ahead.begun
    for (const part of parts) {
      const walk = (opening: Opening) => this.#walk(snapshot, part, opening)
      const pull = ahead === undefined ? pullOf(walk(this.#looking)) : yield* ahead.pullOf(walk)
      yield* verifyPart(pull, pace, part.fileBytes / part.pieces)
    }
  }, Effect.scoped)

  #drop(snapshot: Snapshot): Effect.Effect<void, JournalError> {
    return Effect.suspend(() => {
      this.#snapshots = this.#snapshots.filter((other) => other !== snapshot)
      return removeSnapshot(this.#storage, snapshot.manifest.position)
    })
  }

  #writeParts = Effect.fnUntraced(function* (
    this: OpenSnapshots,
    position: number,
    parts: ReadonlyArray<SnapshotPart>,
    block: Uint8Array | undefined,
    pace: Pace,
  ) {
    const directory = snapshotDirectory(position)
    const dataKey = this.#keys.current
    const salt = Buffer.from(this.#machine.randomBytes(saltBytes))
    const records: Array<PartRecord> = []
    this.#buffer ??= partBuffer()
    const buffer = this.#buffer
    for (const part of parts) {
      const { name } = part
      if (!namePattern.test(name) || name.startsWith(manifestName) || records.some((r) => r.name === name)) {
        return yield* Effect.die(new Error(`${name} can't be the name of a snapshot's part`))
      }
      records.push(
        yield* writePart(
          this.#storage,
          `${directory}/${name}`,
          name,
          () => part.next(),
          partSecrets(dataKey, salt, name),
          pace,
          buffer,
        ),
      )
    }
    const manifest: ManifestFields = {
      format: "millrace-snapshot",
      version: snapshotVersion,
      position,
      ...(this.#content === undefined ? {} : { content: this.#content }),
      ...(block === undefined ? {} : { block: Buffer.from(block).toString("hex") }),
      keyId: dataKey.id,
      salt: salt.toString("hex"),
      parts: records,
    }
    const snapshot: Snapshot = { manifest, dataKey }
    yield* this.#verifyWritten(snapshot, pace)
    yield* this.#storage.syncDirectory(directory)
    const bytes = encodeDocument({ ...manifest }, manifestCheck(dataKey, salt))
    yield* writeWhole(this.#storage, `${directory}/${manifestName}`, bytes)
    return snapshot
  })
}

export { type Pace, snapshotPieceBytesMax } from "./snapshotPart.ts"
