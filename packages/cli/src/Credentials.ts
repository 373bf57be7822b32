// Who a client command logs on as: a file given by a flag, or the one that `serve` wrote into its data directory.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Credential, readCredential } from "@millrace/client"
import { Effect } from "effect"
import { type Stop, stop } from "./Stop.ts"
import { begunFile } from "./serve/Begun.ts"

export const CREDENTIALS_FILE = "credentials.json"
export const DEFAULT_DATA = "./millrace-data"

export interface CredentialFlags {
  readonly credentials: string | undefined
  readonly data: string
}

export const findCredential = (flags: CredentialFlags): Effect.Effect<Credential, Stop> => {
  const path = flags.credentials ?? join(flags.data, CREDENTIALS_FILE)
  return readCredential(path).pipe(
    Effect.mapError((error) => {
      if (flags.credentials === undefined && isNeverWritten(flags.data)) {
        return stop(
          `there is no ${CREDENTIALS_FILE} in ${flags.data}: a first start writes it, no later one, and no backup has it. ` +
            "Copy it from the directory that was backed up, or give the credential of a host with --credentials FILE",
        )
      }
      const count = listed(path)
      return stop(
        count === undefined
          ? error.message
          : `${path} holds ${count === 1 ? "1 credential in a list" : `${count} credentials`}: put one in a file of its own`,
      )
    }),
  )
}

/** Of a directory that is in use already, as one that was restored: its host has its key, and the file does not come again. */
const isNeverWritten = (data: string): boolean =>
  existsSync(begunFile(data)) && !existsSync(join(data, CREDENTIALS_FILE))

/** How many credentials lie in a file of `provision --keys-out`, when it is one with several. */
const listed = (path: string): number | undefined => {
  try {
    const tree: unknown = JSON.parse(readFileSync(path, "utf8"))
    if (typeof tree !== "object" || tree === null || !("credentials" in tree)) return undefined
    return Array.isArray(tree.credentials) ? tree.credentials.length : undefined
  } catch {
    // What is wrong with it has been found already, in words that do not quote a key.
    return undefined
  }
}
