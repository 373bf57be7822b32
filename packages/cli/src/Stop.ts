// How the program ends when it does not succeed: a sentence for the person who ran it, and an exit code.
import { Schema } from "effect"

/** Told in packages/cli/README.md; scripts rely on them. */
export const ExitCode = {
  ok: 0,
  /** What was asked for could not be done; stderr says why and what to do. */
  failed: 1,
  /** The command line itself was wrong: nothing was tried. */
  usage: 2,
  /** A defect of the program. */
  defect: 70,
  /** The journal could not be written: the engine stopped at once and recovers at its next start. */
  journalFailed: 74,
  interrupted: 130,
  terminated: 143,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The program ends with these lines on stderr, each after its name, and nothing else. */
export class Stop extends Schema.TaggedError<Stop>()("Stop", {
  message: Schema.String,
  exitCode: Schema.Finite,
}) {}

export const stop = (message: string, exitCode: ExitCode = ExitCode.failed): Stop =>
  new Stop({ message, exitCode })
