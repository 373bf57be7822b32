// A till that is told what to do by a text: one command a line, receipts on stdout, and what is expected checked.
import { Effect, Result } from "effect"
import { print } from "../Output.ts"
import { jsonLine } from "../operator/Told.ts"
import { ExitCode, stop } from "../Stop.ts"
import { parseLine, type TillCommand } from "./Command.ts"
import type { Till } from "./Till.ts"
import type { Told } from "./Told.ts"

/** Receipts as lines, or one object a line. */
export const show = (told: Told, json: boolean): void => {
  if (json) print(jsonLine(told.json))
  else for (const line of told.lines) print(line)
}

/** Errors: Stop, with 1 for an expectation that failed and 2 for a line that is none of the language's. */
export const play = Effect.fnUntraced(function* (till: Till, lines: AsyncIterable<string>, json: boolean) {
  const iterator = lines[Symbol.asyncIterator]()
  let last: string | undefined
  for (let number = 1; ; number++) {
    const { done, value } = yield* Effect.promise(() => iterator.next())
    if (done === true) return
    const parsed = parseLine(value)
    if (Result.isFailure(parsed)) return yield* stop(`line ${number}: ${parsed.failure}`, ExitCode.usage)
    const command: TillCommand | undefined = parsed.success
    if (command === undefined) continue
    if (command.do === "expect") {
      if (command.response === last) continue
      const got = last === undefined ? "nothing was sent yet" : `it was ${last}`
      return yield* stop(`line ${number}: expected ${command.response}, and ${got}`)
    }
    const told = yield* till.do(command)
    last = told.response ?? last
    show(told, json)
  }
})
