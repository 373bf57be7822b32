// The program: runs the command line, tells errors in one line each, and ends with the exit code that says how it went.
import { layer as nodeServices } from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, Layer, Logger, Result } from "effect"
import { CliConfig, CliOutput, Command, GlobalFlag } from "effect/cli"
import { logger } from "./Log.ts"
import { complain, watchStreams } from "./Output.ts"
import { presenter } from "./Presenter.ts"
import { program, VERSION } from "./Program.ts"
import { exitCodeOf, handleSignals, type Signal } from "./Signals.ts"
import { ExitCode, Stop } from "./Stop.ts"

const run = Command.runWith(program, { version: VERSION })(process.argv.slice(2)).pipe(
  Effect.provide(
    Layer.mergeAll(
      nodeServices,
      CliOutput.layerPresenter(presenter),
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
      Logger.layer([logger]),
    ),
  ),
)

let interruptedBy: Signal | undefined

const exitCodeFor = (exit: Exit.Exit<void, unknown>): number => {
  if (Exit.isSuccess(exit)) return ExitCode.ok
  if (Cause.hasInterruptsOnly(exit.cause)) {
    return interruptedBy === undefined ? ExitCode.interrupted : exitCodeOf(interruptedBy)
  }
  const failure = Cause.findError(exit.cause)
  if (Result.isFailure(failure)) {
    // Not foreseen: the one place where a stack is shown, because only its writer can mend it.
    complain(`a defect of this program: ${Cause.pretty(exit.cause)}`)
    return ExitCode.defect
  }
  const error = failure.success
  if (error instanceof Stop) {
    if (error.message !== "") for (const line of error.message.split("\n")) complain(line)
    return error.exitCode
  }
  // The presenter has told what is wrong with the command line.
  return ExitCode.usage
}

// `millrace journal dump … | head` ends when its reader has seen enough.
watchStreams((readerLeft) => process.exit(readerLeft ? ExitCode.ok : ExitCode.failed))

const fiber = Effect.runFork(run)
handleSignals((signal) => {
  interruptedBy = signal
  fiber.interruptUnsafe()
})
fiber.addObserver((exit) => {
  const code = exitCodeFor(exit)
  // Pipes are written asynchronously: leaving before they are empty would lose the last lines.
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))
})
