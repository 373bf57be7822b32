import { PassThrough } from "node:stream"
import { Cause, Effect, Exit } from "effect"
import { expect, it } from "vitest"
import { askSecret } from "../src/operator/Secret.ts"
import { Stop } from "../src/Stop.ts"

const typed = async (keys: string) => {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  let shown = ""
  input.write(keys)
  const write = (text: string) => {
    shown += text
  }
  const exit = await Effect.runPromiseExit(askSecret("PIN", false, { input, write }))
  if (Exit.isSuccess(exit)) return { secret: exit.value, shown }
  const error = Cause.squash(exit.cause)
  return { refused: error instanceof Stop ? error.message : String(error), shown }
}

it("a PIN is asked for twice and never shown", async () => {
  const { secret, shown } = await typed("2468\r2468\r")
  expect(secret).toBe("2468")
  expect(shown).toBe("New PIN: ****\nThe same again: ****\n")
})

it.each([
  ["2468\r2469\r", "the two are not the same: nothing was changed"],
  ["246\r", "a PIN has 4 to 12 digits: nothing was changed"],
  ["2468\r\u001b", "given up: nothing was changed"],
])("what is typed as %j changes nothing", async (keys, message) => {
  const { refused, shown } = await typed(keys)
  expect(refused).toBe(message)
  expect(shown).not.toMatch(/\d/)
})
