// The program's command line in this process: what it would print and how it would end, without the time that a start takes.
import { layer as nodeServices } from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, Layer } from "effect"
import { CliOutput, Command } from "effect/cli"
import { vi } from "vitest"
import { presenter } from "../src/Presenter.ts"
import { program } from "../src/Program.ts"
import { ExitCode, Stop } from "../src/Stop.ts"
import type { Ended } from "./program.ts"

const layers = Layer.mergeAll(nodeServices, CliOutput.layerPresenter(presenter))

/** One at a time: the streams are the process's. */
export const runHere = async (args: ReadonlyArray<string>): Promise<Ended> => {
  let stdout = ""
  let stderr = ""
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      stdout += String(text)
      return true
    }),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      stderr += String(text)
      return true
    }),
  ]
  try {
    const running = Command.runWith(program, { version: "0" })(args).pipe(Effect.provide(layers))
    const exit = await Effect.runPromiseExit(running)
    if (Exit.isSuccess(exit)) return { code: ExitCode.ok, stdout, stderr }
    const error = Cause.squash(exit.cause)
    if (!(error instanceof Stop)) return { code: ExitCode.usage, stdout, stderr }
    const lines = error.message === "" ? [] : error.message.split("\n")
    return {
      code: error.exitCode,
      stdout,
      stderr: stderr + lines.map((line) => `millrace: ${line}\n`).join(""),
    }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}
