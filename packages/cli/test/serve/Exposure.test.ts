import { Effect, Exit } from "effect"
import { expect, it } from "vitest"
import { defaultSettings, type Settings } from "../../src/config/Settings.ts"
import { warnOfExposure } from "../../src/serve/Exposure.ts"

const judge = async (settings: Partial<Settings>) => {
  const warnings: Array<string> = []
  const voice = { say: () => {}, complain: (line: string) => void warnings.push(line) }
  const exit = await Effect.runPromiseExit(
    warnOfExposure({ ...defaultSettings, ...settings }, undefined, voice),
  )
  return { refused: Exit.isFailure(exit), warnings: warnings.length }
}

it("without TLS transactions stay on this machine unless that is asked for; HTTP alone may be seen, and warns", async () => {
  expect(await judge({})).toEqual({ refused: false, warnings: 0 })
  expect(await judge({ host: "0.0.0.0" })).toEqual({ refused: true, warnings: 0 })
  expect(await judge({ host: "::" })).toEqual({ refused: true, warnings: 0 })
  expect(await judge({ host: "0.0.0.0", allowPlain: true })).toEqual({ refused: false, warnings: 2 })
  expect(await judge({ http: { port: 7103, host: "10.0.0.5" } })).toEqual({ refused: false, warnings: 1 })
  expect(await judge({ host: "0.0.0.0", http: { port: 7103, host: "127.0.0.1" } })).toEqual({
    refused: true,
    warnings: 0,
  })
})
