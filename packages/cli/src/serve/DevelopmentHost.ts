// The credential that a new data directory comes with, so that the first commands work; for development only.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import type { Engine } from "@millrace/engine"
import type { Identities } from "@millrace/gateway"
import { Effect } from "effect"
import { CREDENTIALS_FILE } from "../Credentials.ts"
import { stop } from "../Stop.ts"

export const DEVELOPMENT_HOST = "dev"
const FIRST_KEY_VERSION = 1
const TERMINAL_MAX = 0xffff_ffff
const permissions = ["transact", "provision", "inspect", "administer", "operate"]

const note =
  "for development: this host may act for every terminal, make cards and money, and make other hosts"

interface Written {
  readonly host: string
  readonly key: string
  readonly note: string
  /** The engine that knows this key keeps nothing: the file is worth nothing after it. */
  readonly ephemeral?: true
}

const read = (file: string): Partial<Written> | undefined => {
  if (!existsSync(file)) return undefined
  try {
    // Compared field by field below; a file of somebody else's is left alone whatever it holds.
    return JSON.parse(readFileSync(file, "utf8")) as Partial<Written>
  } catch {
    return {}
  }
}

/**
 * | the file | the host | what is done |
 * |---|---|---|
 * | none, or left by an ephemeral engine | unknown | both are made |
 * | with this engine's key | unknown | the host is made: the first start was cut short |
 * | none | known | nothing: somebody took it away |
 * | anything else | | nothing: it is left as it is |
 *
 * The file is written before the host is made, so that a crash in between leaves no host without its key.
 * Gives whether the file is now one to log on with.
 */
export const ensureDevelopmentHost = Effect.fnUntraced(function* (
  engine: Engine["Service"],
  identities: Identities,
  { data, ephemeral }: { readonly data: string; readonly ephemeral: boolean },
  complain: (line: string) => void,
) {
  const file = join(data, CREDENTIALS_FILE)
  const keyVersion = engine.lane.ledger.scheme.host(DEVELOPMENT_HOST)?.keyVersion ?? FIRST_KEY_VERSION
  const key = Buffer.from(identities.keyOf({ host: DEVELOPMENT_HOST }, keyVersion)).toString("hex")
  const found = yield* Effect.sync(() => read(file))
  const stale = found?.ephemeral === true
  if (engine.lane.ledger.scheme.host(DEVELOPMENT_HOST) !== undefined) return found?.key === key
  if (found !== undefined && !stale && found.key !== key) {
    if (ephemeral) {
      complain(
        `${file} belongs to another engine and is left as it is: give --data DIR to get a credential for this one`,
      )
    }
    return false
  }
  const written: Written = { host: DEVELOPMENT_HOST, key, note, ...(ephemeral ? { ephemeral: true } : {}) }
  yield* Effect.try({
    try: () => write(data, file, written),
    catch: (error) => stop(`cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`),
  })
  if (ephemeral) yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(file, { force: true })))
  const result = yield* engine
    .control({
      type: "host",
      by: "first start",
      id: DEVELOPMENT_HOST,
      terminals: [[1, TERMINAL_MAX]],
      permissions,
    })
    .pipe(Effect.orDie)
  if (!result.ok) return yield* stop(`the development host could not be made: ${result.message}`)
  complain(`WARNING: ${file} was written for DEVELOPMENT. Who reads it can do everything, money included.`)
  complain(
    `WARNING: before real traffic make hosts of your own and take its permissions away: ops/README.md says how.`,
  )
  return true
})

const write = (data: string, file: string, content: Written): void => {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  // Beside and renamed: nobody ever reads half a credential.
  const beside = `${file}.tmp`
  rmSync(beside, { force: true })
  writeFileSync(beside, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx", flush: true })
  renameSync(beside, file)
  // The host outlives a power cut, being journaled; so must its key, which is not made again.
  const directory = openSync(data, "r")
  fsyncSync(directory)
  closeSync(directory)
}
