// `millrace keys status`: what keys a data directory has, and what needs them.
import { openDirectory, Storage } from "@millrace/journal"
import { Effect } from "effect"
import { explained, openKeys, openRooms, refuseNoDirectory, storageOf } from "../journal/Open.ts"
import { counted, grouped } from "../load/Report.ts"
import { print } from "../Output.ts"
import { columns } from "../operator/Told.ts"
import { masterKey } from "../serve/Store.ts"
import { isNeeded, type KeyUsage, usageOf } from "./Usage.ts"

export interface StatusCommand {
  readonly dir: string
  readonly json: boolean
}

export const status = Effect.fnUntraced(
  function* (command: StatusCommand) {
    yield* refuseNoDirectory(command.dir)
    const storage = yield* storageOf(command.dir)
    yield* openDirectory({ readOnly: true }).pipe(Effect.provideService(Storage, storage))
    const ring = yield* openKeys(storage)
    const rooms = yield* openRooms(storage, ring, "tail")
    const dataKeys = yield* usageOf(ring, rooms)
    const given = (yield* masterKey) !== undefined
    const names = yield* storage.list("")
    const result = {
      masterKey: ring.masterKeyId,
      masterKeyFrom: given ? "configuration" : "master.key",
      masterKeysKept: names.filter((name) => /^master\.key\.[0-9a-f]{8}$/.test(name)),
      dataKeys: dataKeys.map((usage) => ({ ...usage, retirable: !isNeeded(usage) })),
    }
    if (command.json) return print(JSON.stringify(result))
    const rows = [
      ["master key", `${result.masterKey}, from ${given ? "the configuration" : "master.key"}`] as const,
      ...result.masterKeysKept.map((name) => ["kept", `${name}: an older master key`] as const),
      ...dataKeys.map((usage) => [`data key ${usage.id}`, usageText(usage)] as const),
    ]
    for (const line of columns(rows)) print(line)
  },
  explained,
  Effect.scoped,
)

export const usageText = (usage: KeyUsage): string => {
  const { current, segments, snapshots } = usage
  const by = [
    ...(segments.length === 0 ? [] : [counted(segments.length, "segment")]),
    ...snapshots.map((position) => `the snapshot at ${grouped(position)}`),
  ].join(", ")
  const needed = by === "" ? "nothing here needs it" : `needed by ${by}`
  if (current) return by === "" ? "written with from now on" : `written with; ${needed}`
  return by === "" ? `${needed}: it can be retired, if no backup needs it` : needed
}
