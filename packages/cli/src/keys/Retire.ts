// `millrace keys retire`: takes a data key away that nothing needs any more. Never by itself: only people know their backups.
import { Journal, KeyRing, Snapshots, Storage } from "@millrace/journal"
import { imageVersions, slotVersions } from "@millrace/ledger"
import { Context, Effect, Layer } from "effect"
import { explained } from "../journal/Open.ts"
import { print } from "../Output.ts"
import { ExitCode, stop } from "../Stop.ts"
import { masterKey } from "../serve/Store.ts"
import { lockedStorage } from "./Locked.ts"
import { usageText } from "./Status.ts"
import { isNeeded, usageOf } from "./Usage.ts"

export interface RetireCommand {
  readonly dir: string
  readonly key: number | undefined
  /** The operator says that no backup needs it. */
  readonly noBackupNeedsIt: boolean
  readonly json: boolean
}

export const retire = Effect.fnUntraced(
  function* ({ dir, key, noBackupNeedsIt, json }: RetireCommand) {
    if (key === undefined) return yield* stop("name the data key with --key N", ExitCode.usage)
    const storage = yield* lockedStorage(dir)
    // The journal is only looked at, but under the lock: nobody begins a segment meanwhile.
    const rooms = Journal.layer({ readOnly: true, content: slotVersions }).pipe(
      Layer.provideMerge(Snapshots.layer({ readOnly: true, content: imageVersions })),
      Layer.provideMerge(KeyRing.layer({ masterKey: yield* masterKey })),
    )
    const context = yield* Layer.build(rooms).pipe(Effect.provideService(Storage, storage))
    const ring = Context.get(context, KeyRing)
    const usage = yield* usageOf(ring, {
      journal: Context.get(context, Journal),
      snapshots: Context.get(context, Snapshots),
    })
    const found = usage.find(({ id }) => id === key)
    if (found === undefined) return yield* stop(`there is no data key ${key} in ${dir}: nothing was changed`)
    if (isNeeded(found)) {
      return yield* stop(
        `data key ${key} can't be retired: it is ${usageText(found)}. Nothing was changed. Segments and snapshots go ` +
          "as newer snapshots take their place; `millrace keys status` says when nothing needs it",
      )
    }
    if (!noBackupNeedsIt) {
      return yield* stop(
        `data key ${key} is needed by nothing in ${dir}. It can't be had back: a backup that has no key ring of its own ` +
          "and was made under it can be read by nobody then. Give --no-backup-needs-it when there is none. Nothing was changed",
      )
    }
    yield* ring.retire(key)
    print(json ? JSON.stringify({ retired: key, dataKeys: ring.ids }) : `data key ${key} is gone`)
  },
  explained,
  Effect.scoped,
)
