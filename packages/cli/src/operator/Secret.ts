// A PIN or code that somebody types twice without seeing it, or that a script gives as one line.
import { createInterface } from "node:readline"
import { Effect } from "effect"
import { Keyboard, type KeyInput } from "../pos/Keyboard.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"

export interface SecretSource {
  readonly input: KeyInput & NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly write: (text: string) => void
}

/** The process's own: the prompt is for people, so it goes to stderr. */
export const ownSource = (): SecretSource => ({
  input: process.stdin,
  write: (text) => void process.stderr.write(text),
})

const pattern = /^\d{4,12}$/

/** @param name what is asked for: PIN, code */
export const askSecret = Effect.fnUntraced(function* (
  name: string,
  fromLine: boolean,
  source: SecretSource = ownSource(),
) {
  if (!fromLine && source.input.isTTY !== true) {
    return yield* stop(`the ${name} is typed at a terminal; a script gives it with --stdin`, ExitCode.usage)
  }
  const secret = yield* fromLine ? firstLine(source) : typedTwice(name, source)
  // Without what was typed: whoever reads the line must not learn it.
  return pattern.test(secret) ? secret : yield* stop(`a ${name} has 4 to 12 digits: nothing was changed`)
})

const firstLine = ({ input }: SecretSource): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const lines = createInterface({ input })
    lines.once("line", (line) => {
      resume(Effect.succeed(line.trim()))
      lines.close()
    })
    lines.once("close", () => resume(Effect.succeed("")))
    return Effect.sync(() => lines.close())
  })

const typedTwice = (name: string, { input, write }: SecretSource): Effect.Effect<string, Stop> =>
  Effect.gen(function* () {
    const keyboard = yield* Effect.acquireRelease(
      Effect.sync(() => new Keyboard(input, write)),
      (open) => Effect.sync(() => open.close()),
    )
    const ask = (prompt: string) =>
      Effect.promise(() => keyboard.line(prompt, "hidden")).pipe(
        Effect.filterOrFail(
          (text): text is string => text !== undefined,
          () => stop("given up: nothing was changed"),
        ),
      )
    const first = yield* ask(`New ${name}: `)
    if (!pattern.test(first)) return first
    const second = yield* ask(`The same again: `)
    return first === second ? first : yield* stop("the two are not the same: nothing was changed")
  }).pipe(Effect.scoped)
