// `millrace keys rotate-master`: the key ring under another master key. Neither key is ever shown.
import { rotateMasterKey, Storage } from "@millrace/journal"
import { Effect } from "effect"
import { explained } from "../journal/Open.ts"
import { complain, print } from "../Output.ts"
import { keyFrom, masterKey } from "../serve/Store.ts"
import { lockedStorage } from "./Locked.ts"

export interface RotateMasterCommand {
  readonly dir: string
  readonly json: boolean
}

const NEW_KEY_VARIABLE = "MILLRACE_NEW_MASTER_KEY"
const NEW_KEY_FILE_VARIABLE = "MILLRACE_NEW_MASTER_KEY_FILE"

export const rotateMaster = Effect.fnUntraced(
  function* (command: RotateMasterCommand) {
    const newMasterKey = yield* keyFrom(NEW_KEY_VARIABLE, NEW_KEY_FILE_VARIABLE, "new master key")
    const storage = yield* lockedStorage(command.dir)
    const told = yield* rotateMasterKey({ masterKey: yield* masterKey, newMasterKey }).pipe(
      Effect.provideService(Storage, storage),
    )
    const { from, to, kept, already } = told
    if (command.json) print(JSON.stringify({ from: from ?? null, to, kept: kept ?? null, already }))
    else if (already) print(`the key ring is under master key ${to} already: nothing is left to do`)
    else print(`the key ring is under master key ${to} now; ${from} opens it no more`)
    if (newMasterKey !== undefined)
      complain("give the new key to `serve` from now on, in place of the old one")
    const where = kept === undefined ? "" : `, which ${kept} holds: move it to a safe place`
    if (!already || kept !== undefined) complain(`backups from before need the old master key${where}`)
  },
  explained,
  Effect.scoped,
)
