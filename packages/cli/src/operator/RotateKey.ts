// `millrace rotate-key`: the next key of a host or terminal, into a file of its own.
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { Effect } from "effect"
import { print } from "../Output.ts"
import { ExitCode, stop } from "../Stop.ts"
import { ask, type OperatorCommand } from "./Card.ts"
import { jsonLine } from "./Told.ts"

export interface RotateKeyCommand extends OperatorCommand {
  readonly identity: string
  readonly out: string | undefined
}

const TERMINAL_MAX = 0xffff_ffff

const identityOf = (text: string): { readonly host: string } | { readonly terminal: number } | undefined => {
  const host = /^host:([A-Za-z0-9._-]{1,64})$/.exec(text)?.[1]
  if (host !== undefined) return { host }
  const terminal = Number(/^terminal:(\d{1,10})$/.exec(text)?.[1] ?? 0)
  return terminal >= 1 && terminal <= TERMINAL_MAX ? { terminal } : undefined
}

export const rotateKey = Effect.fnUntraced(function* (command: RotateKeyCommand) {
  const { out } = command
  const identity = identityOf(command.identity)
  if (identity === undefined)
    return yield* stop("IDENTITY must be host:ID or terminal:NUMBER", ExitCode.usage)
  // Before anything is done: a key that can't be written would be lost, and the old one with it.
  if (out === undefined) return yield* stop("name a new file for the key with --out", ExitCode.usage)
  if (existsSync(out))
    return yield* stop(`${out} is there already: keys are never written over; name a new file with --out`)
  yield* Effect.try({
    try: () => writeFileSync(out, "", { mode: 0o600, flag: "wx" }),
    catch: (error) => stop(`cannot write ${out}: ${error instanceof Error ? error.message : String(error)}`),
  })
  const { keyVersion, key } = yield* ask(command, (client) => client.rotateKey(identity)).pipe(
    Effect.onError(() => Effect.sync(() => rmSync(out, { force: true }))),
  )
  const content = { ...identity, key: Buffer.from(key).toString("hex") }
  yield* Effect.sync(() => writeFileSync(out, `${JSON.stringify(content, null, 2)}\n`))
  print(
    command.json
      ? jsonLine({ ...identity, keyVersion, out })
      : `${command.identity} has key version ${keyVersion} now, written to ${out}; the key of before logs on no more`,
  )
})
