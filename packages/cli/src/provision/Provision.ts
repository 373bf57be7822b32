// `millrace provision`: makes what a scheme file names, says what it changed of what was there, and writes keys to a file of their own.
import { existsSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { Effect } from "effect"
import { connect, refused } from "../Connect.ts"
import { type CredentialFlags, findCredential } from "../Credentials.ts"
import { grouped } from "../load/Report.ts"
import { print, progress, say } from "../Output.ts"
import { ExitCode, stop } from "../Stop.ts"
import { schemeJsonSchema } from "./JsonSchema.ts"
import { makeScheme, type WrittenKey } from "./Make.ts"
import type { Mistake } from "./Mistakes.ts"
import { outMistakes, serverMistakes } from "./Preflight.ts"
import { readScheme } from "./SchemeFile.ts"

export interface ProvisionCommand extends CredentialFlags {
  readonly file: string | undefined
  readonly url: string
  readonly keysOut: string | undefined
  readonly schema: boolean
}

const DEADLINE_MS = 120_000

export const provision = Effect.fnUntraced(function* (command: ProvisionCommand) {
  if (command.schema) return void process.stdout.write(schemeJsonSchema())
  const { file, keysOut } = command
  if (file === undefined) return yield* stop("FILE is missing: name a scheme in YAML or JSON", ExitCode.usage)
  const { scheme, sentence } = yield* readScheme(file)
  const refuseAll = (mistakes: ReadonlyArray<Mistake>) =>
    mistakes.length === 0 ? Effect.void : stop(mistakes.map(sentence).join("\n"))
  if (keysOut !== undefined && existsSync(keysOut)) {
    return yield* stop(
      `${keysOut} is there already: keys are never written over; name a new file with --keys-out`,
    )
  }
  const directory = dirname(file)
  yield* refuseAll(outMistakes(scheme, directory))
  const credential = yield* findCredential(command)
  const client = yield* connect({ url: command.url, credential, deadlineMs: DEADLINE_MS })
  const keys = yield* Effect.flatMap(serverMistakes(client, scheme), refuseAll).pipe(
    Effect.andThen(
      makeScheme(client, scheme, {
        directory,
        place: (path, message) => sentence({ path, at: "value", message }),
        tell: (line) => {
          if (process.stderr.isTTY) progress("")
          print(line)
        },
        onProgress: (done, count) =>
          void (process.stderr.isTTY && progress(`cards: ${grouped(done)} of ${grouped(count)}`)),
      }),
    ),
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

const keysText = (count: number): string => (count === 1 ? "1 key" : `${grouped(count)} keys`)

/** One key as a credentials file of its own; several as a list of such. */
const writeKeys = (file: string, keys: ReadonlyArray<WrittenKey>): void => {
  const content = keys.length === 1 ? keys[0] : { credentials: keys }
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx" })
}
