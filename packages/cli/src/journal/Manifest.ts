// What the manifest says, and where it is damaged what a sound snapshot says instead: nothing of it is guessed.
import {
  directoryVersion,
  type KeyRingShape,
  type Manifest,
  manifestAside,
  openDirectory,
  Storage,
  type StorageShape,
  selected,
  snapshotsIn,
} from "@millrace/journal"
import { Ledger, TRANSACTIONS_MIN } from "@millrace/ledger"
import { DateTime, Effect } from "effect"
import { stop } from "../Stop.ts"
import { explained, openRooms } from "./Open.ts"
import { attempt } from "./Walk.ts"

export interface FoundManifest {
  readonly manifest: Manifest
  /** Why it must be written anew; undefined when it is sound. */
  readonly damage: string | undefined
  /** A repair that was cut short has put it aside. */
  readonly isAside: boolean
}

const manifestFile = "manifest.json"

/** Where a repair that was cut short has put it. */
const wherever = (storage: StorageShape, isAside: boolean): StorageShape =>
  isAside
    ? {
        ...storage,
        exists: (path) => storage.exists(path === manifestFile ? manifestAside : path),
        open: (path, options) => storage.open(path === manifestFile ? manifestAside : path, options),
      }
    : storage

export const findManifest = Effect.fnUntraced(function* (storage: StorageShape, keys: KeyRingShape) {
  const isAside = !(yield* storage.exists(manifestFile)) && (yield* storage.exists(manifestAside))
  const read = openDirectory({ readOnly: true }).pipe(
    Effect.provideService(Storage, wherever(storage, isAside)),
    Effect.map((manifest): FoundManifest => ({ manifest, damage: undefined, isAside })),
  )
  return yield* read.pipe(
    Effect.catchTags({
      JournalDamaged: (error) => fromSnapshot(storage, keys, error.reason),
      DirectoryRefused: () => fromSnapshot(storage, keys, "it is missing"),
    }),
  )
}, explained)

const SHARD = /^shard-\d+$/

/** Its scheme knows with how many shards and remembered transactions it was made; only when the directory was made is lost. */
const fromSnapshot = Effect.fnUntraced(
  function* (storage: StorageShape, keys: KeyRingShape, damage: string) {
    for (const position of (yield* snapshotsIn(storage)).reverse()) {
      const one = selected(storage, { segments: new Map(), snapshots: new Set([position]) })
      const { snapshots } = yield* openRooms(one, keys, "tail")
      const names = (yield* snapshots.latest)?.names ?? []
      const shards = names.filter((name) => SHARD.test(name)).length
      const ledger = new Ledger({ shards, transactions: TRANSACTIONS_MIN })
      const pull = yield* snapshots.read(position, "scheme")
      for (let piece = yield* pull; piece !== null; piece = yield* pull) {
        const bytes = piece
        yield* attempt(`the snapshot at ${position}`, () => ledger.restore("scheme", bytes))
      }
      const head = ledger.scheme.restored("scheme")
      if (head === undefined) continue
      const created = DateTime.formatIso(yield* DateTime.now)
      const manifest: Manifest = {
        shards: head.shards,
        rememberedTransactions: head.transactions,
        format: "millrace",
        version: directoryVersion,
        created,
      }
      const found: FoundManifest = { manifest, damage, isAside: false }
      return found
    }
    return yield* stop(
      `manifest.json can't be used (${damage}), and there is no snapshot that says what was in it. ` +
        "Nothing was changed. Copy manifest.json from a backup of this directory: it never changes",
    )
  },
  explained,
  Effect.scoped,
)
