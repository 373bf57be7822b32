// The engine's store opened: directory, keys, journal and snapshots, with every refusal as a line that says what to do.
import { readFileSync } from "node:fs"
import { Journal, KeyRing, type KeyRingOptions, openDirectory, Snapshots, Storage } from "@millrace/journal"
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
  readonly readOnly: boolean
  /** What opening authenticates: the end of the journal, or all of it. */
  readonly verify: "tail" | "all"
  /** Written into the manifest of a new directory. */
  readonly make: Fixed
}

/** The master key out of the environment, or undefined: then the data directory's own file is used. */
const masterKey: Effect.Effect<KeyRingOptions["masterKey"], Stop> = Effect.suspend(() => {
  const given = process.env[MASTER_KEY_VARIABLE]
  if (given !== undefined && given !== "") return Effect.succeed(Redacted.make(given))
  const file = process.env[MASTER_KEY_FILE_VARIABLE]
  if (file === undefined || file === "") return Effect.undefined
  return Effect.try({
    try: () => Redacted.make(readFileSync(file, "utf8").trim()),
    catch: () => stop(`the master key's file ${file} (${MASTER_KEY_FILE_VARIABLE}) cannot be read`),
  })
})

/** Opens the store until the scope closes. Every failure is one line. */
export const openStore = Effect.fnUntraced(
  function* (options: StoreOptions) {
    const { readOnly, verify, make } = options
    const key = yield* masterKey
    const storage = yield* Layer.build(options.ephemeral ? Storage.memory : Storage.file(options.data))
    const manifest = yield* openDirectory({ make: { ...make }, readOnly }).pipe(Effect.provide(storage))
    const keys = KeyRing.layer({ masterKey: key, readOnly })
    const rooms = Layer.mergeAll(Journal.layer({ readOnly, verify }), Snapshots.layer({ readOnly })).pipe(
      Layer.provideMerge(keys),
    )
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
