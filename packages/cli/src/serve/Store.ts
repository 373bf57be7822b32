// The engine's store opened: directory, keys, journal and snapshots, with every refusal as a line that says what to do.
import { readFileSync } from "node:fs"
import { Journal, KeyRing, type KeyRingOptions, openDirectory, Snapshots, Storage } from "@millrace/journal"
import { imageVersions, slotVersions } from "@millrace/ledger"
import { Context, Effect, Layer, Redacted } from "effect"
import { type Stop, stop } from "../Stop.ts"

export const MASTER_KEY_VARIABLE = "MILLRACE_MASTER_KEY"
export const MASTER_KEY_FILE_VARIABLE = "MILLRACE_MASTER_KEY_FILE"

/** What a data directory was made with and keeps for life. */
export interface Fixed {
  readonly shards: number
  /** Recovery and `journal verify` decide again with the memory that decided first. */
  readonly rememberedTransactions: number
}

export interface StoreOptions {
  readonly data: string
  readonly ephemeral: boolean
  /** Of segments that are begun from now on; 64 MiB when it is left out. */
  readonly segmentBytes?: number
  /** Written into the manifest of a new directory. */
  readonly make: Fixed
}

/** A key out of the environment, itself or as a file's name; undefined when neither variable is there. */
export const keyFrom = (
  variable: string,
  fileVariable: string,
  name: string,
): Effect.Effect<KeyRingOptions["masterKey"], Stop> =>
  Effect.suspend(() => {
    const given = process.env[variable]
    if (given !== undefined && given !== "") return Effect.succeed(Redacted.make(given))
    const file = process.env[fileVariable]
    if (file === undefined || file === "") return Effect.undefined
    return Effect.try({
      try: () => Redacted.make(readFileSync(file, "utf8").trim()),
      catch: () => stop(`the ${name}'s file ${file} (${fileVariable}) cannot be read`),
    })
  })

/** The master key out of the environment, or undefined: then the data directory's own file is used. */
export const masterKey = keyFrom(MASTER_KEY_VARIABLE, MASTER_KEY_FILE_VARIABLE, "master key")

/** Opens the store until the scope closes. Every failure is one line. */
export const openStore = Effect.fnUntraced(
  function* (options: StoreOptions) {
    const { make } = options
    const key = yield* masterKey
    const storage = yield* Layer.build(options.ephemeral ? Storage.memory : Storage.file(options.data))
    const manifest = yield* openDirectory({ make: { ...make } }).pipe(Effect.provide(storage))
    const keys = KeyRing.layer({ masterKey: key })
    // The journal comes last: opening it may cut and mark its end, and until then nothing that is refused was changed.
    const rooms = Journal.layer({
      content: slotVersions,
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    }).pipe(Layer.provideMerge(Snapshots.layer({ content: imageVersions })), Layer.provideMerge(keys))
    const built = yield* Layer.build(rooms).pipe(Effect.provide(storage))
    const fixed: Fixed = {
      shards: numberOr(manifest["shards"], make.shards),
      rememberedTransactions: numberOr(manifest["rememberedTransactions"], make.rememberedTransactions),
    }
    return { context: Context.merge(built, storage), manifest, fixed }
  },
  // All of the journal's errors say what is wrong, where, and what to do, in their message.
  (effect) => Effect.mapError(effect, (error): Stop => (error._tag === "Stop" ? error : stop(error.message))),
)

const numberOr = (value: unknown, otherwise: number): number =>
  typeof value === "number" ? value : otherwise
