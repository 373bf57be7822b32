// `millrace provision`: makes what a scheme file names, says what it changed of what was there, and writes keys to a file of their own.
import { existsSync, writeFileSync } from "node:fs"
import type { Client } from "@millrace/client"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import { connect, refused } from "../Connect.ts"
import { type CredentialFlags, findCredential } from "../Credentials.ts"
import { grouped } from "../load/Report.ts"
import { print, progress, say } from "../Output.ts"
import { stop } from "../Stop.ts"
import { readScheme, type SchemeFile } from "./SchemeFile.ts"

export interface ProvisionCommand extends CredentialFlags {
  readonly file: string
  readonly url: string
  readonly keysOut: string | undefined
}

/** An identity with its key, as a client command's `--credentials` reads it. */
export type WrittenKey =
  | { readonly host: string; readonly key: string }
  | { readonly terminal: number; readonly key: string }

const DEADLINE_MS = 120_000
const COMMANDS_IN_FLIGHT = 16

export const provision = Effect.fnUntraced(function* (command: ProvisionCommand) {
  const scheme = yield* readScheme(command.file)
  const { keysOut } = command
  if (keysOut !== undefined && existsSync(keysOut)) {
    return yield* stop(
      `${keysOut} is there already: keys are never written over; name a new file with --keys-out`,
    )
  }
  const credential = yield* findCredential(command)
  const client = yield* connect({ url: command.url, credential, deadlineMs: DEADLINE_MS })
  const keys = yield* make(client, scheme).pipe(
    Effect.catchTags({
      MessageRefused: refused,
      Unknown: () => stop("not everything was answered in time: run it again, nothing is made twice"),
      ClientClosed: (closed) => stop(closed.message),
    }),
  )
  if (keys.length === 0) return
  if (keysOut === undefined) {
    say(
      `${keysText(keys.length)} not shown here: run it again with --keys-out FILE to have ${keys.length === 1 ? "it" : "them"} in a file`,
    )
    return
  }
  yield* Effect.try({
    try: () => writeKeys(keysOut, keys),
    catch: (error) =>
      stop(`cannot write ${keysOut}: ${error instanceof Error ? error.message : String(error)}`),
  })
  say(`${keysText(keys.length)} written to ${keysOut}, mode 0600: whoever reads it can log on`)
}, Effect.scoped)

/** Hosts come last: when they can log on, all that they act for is there. */
const make = Effect.fnUntraced(function* (client: Client, scheme: SchemeFile) {
  const keys: Array<WrittenKey> = []
  for (const merchant of scheme.merchants ?? []) {
    const { created } = yield* client.merchant({ ...merchant, feeBasisPoints: merchant.feeBasisPoints ?? 0 })
    const what = created ? "created" : "there already, name and fee now as in the file"
    print(`merchant ${merchant.number} ${merchant.name}: ${what}`)
  }
  for (const { first, count = 1, merchant, keys: wanted = false } of scheme.terminals ?? []) {
    const made = yield* client.terminals({ first, count, merchant })
    print(`terminals ${span(first, count)} of merchant ${merchant}: ${madeText(made)}`)
    if (wanted) keys.push(...(yield* terminalKeys(client, first, count, merchant)))
  }
  for (const { first, count = 1, currency, openingBalance = 0 } of scheme.cards ?? []) {
    const tell = (done: number) =>
      process.stderr.isTTY && progress(`cards: ${grouped(done)} of ${grouped(count)}`)
    const made = yield* client.cards({ first, count, currency, openingBalance }, tell)
    if (process.stderr.isTTY) progress("")
    print(`cards ${masked(first)} and on, ${grouped(count)}: ${madeText(made)}`)
  }
  for (const host of scheme.hosts ?? []) {
    const { key } = yield* client.host(host)
    print(`host ${host.id}: ${rightsText(host)}`)
    keys.push({ host: host.id, key: Buffer.from(key).toString("hex") })
  }
  return keys
})

/** A terminal's key is told when it is asked for alone. */
const terminalKeys = Effect.fnUntraced(function* (
  client: Client,
  first: number,
  count: number,
  merchant: number,
) {
  return yield* Effect.forEach(
    Array.from({ length: count }, (_, index) => first + index),
    (terminal) =>
      Effect.map(
        client.terminals({ first: terminal, count: 1, merchant }),
        ({ key }): WrittenKey => ({ terminal, key: Buffer.from(key ?? []).toString("hex") }),
      ),
    { concurrency: COMMANDS_IN_FLIGHT },
  )
})

/** What a host had before is replaced. */
const rightsText = ({ terminals, permissions }: NonNullable<SchemeFile["hosts"]>[number]): string => {
  if (permissions.length === 0) return "may now do nothing"
  const ranges = terminals.map(([from, to]) => span(from, to - from + 1)).join(", ")
  const may = [permissions.slice(0, -1).join(", "), permissions.at(-1)].filter((part) => part !== "")
  return `may now ${may.join(" and ")} for ${ranges === "" ? "no terminal" : ranges}`
}

const keysText = (count: number): string => (count === 1 ? "1 key" : `${grouped(count)} keys`)

/** One key as a credentials file of its own; several as a list of such. */
const writeKeys = (file: string, keys: ReadonlyArray<WrittenKey>): void => {
  const content = keys.length === 1 ? keys[0] : { credentials: keys }
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx" })
}

const span = (first: number, count: number): string =>
  count === 1 ? String(first) : `${first}–${first + count - 1}`

const madeText = (made: { readonly created: number; readonly existing: number }): string =>
  made.existing === 0
    ? `${grouped(made.created)} created`
    : `${grouped(made.created)} created, ${grouped(made.existing)} there already`
