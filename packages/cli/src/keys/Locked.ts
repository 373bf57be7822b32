// A data directory that is this process's own for as long as its keys are changed.
import { openDirectory, Storage } from "@millrace/journal"
import { Effect } from "effect"
import { refuseNoDirectory, storageOf } from "../journal/Open.ts"

/** Its storage, with its lock held until the scope closes. Nothing is made: it must be a data directory already. */
export const lockedStorage = Effect.fnUntraced(function* (data: string) {
  yield* refuseNoDirectory(data)
  const storage = yield* storageOf(data)
  yield* openDirectory({ readOnly: true }).pipe(Effect.provideService(Storage, storage))
  yield* openDirectory().pipe(Effect.provideService(Storage, storage))
  return storage
})
