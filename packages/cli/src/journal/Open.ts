// A data directory opened to be looked at: nothing is written or locked, so a server may be using it.
import { existsSync, statSync } from "node:fs"
import { Journal, Snapshots } from "@millrace/journal"
import { Context, Effect } from "effect"
import { defaultSettings } from "../config/Settings.ts"
import { stop } from "../Stop.ts"
import { openStore } from "../serve/Store.ts"

export const openToLook = Effect.fnUntraced(function* (data: string, verify: "tail" | "all") {
  if (!existsSync(data) || !statSync(data).isDirectory()) {
    return yield* stop(`there is no directory ${data}: give the path of a data directory`)
  }
  const { shards, rememberedTransactions } = defaultSettings.engine
  const store = yield* openStore({
    data,
    ephemeral: false,
    readOnly: true,
    verify,
    make: { shards, rememberedTransactions },
  })
  return {
    journal: Context.get(store.context, Journal),
    snapshots: Context.get(store.context, Snapshots),
    fixed: store.fixed,
    manifest: store.manifest,
  }
})
export type Opened = Effect.Success<ReturnType<typeof openToLook>>
