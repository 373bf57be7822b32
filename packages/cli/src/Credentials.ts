// Who a client command logs on as: a file given by a flag, or the one that `serve` wrote into its data directory.
import { join } from "node:path"
import { type Credential, readCredential } from "@millrace/client"
import { Effect } from "effect"
import { type Stop, stop } from "./Stop.ts"

export const CREDENTIALS_FILE = "credentials.json"
export const DEFAULT_DATA = "./millrace-data"

export interface CredentialFlags {
  readonly credentials: string | undefined
  readonly data: string
}

export const findCredential = (flags: CredentialFlags): Effect.Effect<Credential, Stop> =>
  readCredential(flags.credentials ?? join(flags.data, CREDENTIALS_FILE)).pipe(
    Effect.mapError((error) => stop(error.message)),
  )
