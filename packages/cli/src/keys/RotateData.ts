// `millrace keys rotate-data`: a new data key, for a server that runs or for a directory that rests.
import { KeyRing, Storage } from "@millrace/journal"
import { Context, Effect, Layer } from "effect"
import { explained } from "../journal/Open.ts"
import { print } from "../Output.ts"
import { ask } from "../operator/Card.ts"
import { stop } from "../Stop.ts"
import { masterKey } from "../serve/Store.ts"
import { lockedStorage } from "./Locked.ts"

export interface RotateDataCommand {
  readonly dir: string
  /** Of the server that has the directory; undefined when none runs. */
  readonly url: string | undefined
  readonly credentials: string | undefined
  readonly json: boolean
}

export const rotateData = Effect.fnUntraced(function* (command: RotateDataCommand) {
  const { dir, url, credentials, json } = command
  const { keyId, before } =
    url === undefined
      ? yield* atRest(dir)
      : yield* ask({ url, credentials, data: dir, json }, (client) => client.rotateDataKey())
  if (json) return print(JSON.stringify({ keyId, before }))
  const when = url === undefined ? "from the next start on" : "from the next block on"
  print(`data key ${keyId} is written with ${when}; what is on the disk stays under the keys that it has`)
})

const atRest = Effect.fnUntraced(
  function* (dir: string) {
    const storage = yield* lockedStorage(dir).pipe(
      Effect.catchTag("DirectoryRefused", (error) =>
        stop(`${error.message} Or give --url of the server that has it: it goes on serving`),
      ),
    )
    const context = yield* Layer.build(KeyRing.layer({ masterKey: yield* masterKey })).pipe(
      Effect.provideService(Storage, storage),
    )
    const ring = Context.get(context, KeyRing)
    const before = ring.current.id
    const { id } = yield* ring.rotate
    return { keyId: id, before }
  },
  explained,
  Effect.scoped,
)
