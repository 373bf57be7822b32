// What SIGINT and SIGTERM do: the first asks the command to end well, the second ends the process at once.
import { Effect } from "effect"
import { ExitCode } from "./Stop.ts"

export type Signal = "SIGINT" | "SIGTERM"

export const exitCodeOf = (signal: Signal): ExitCode =>
  signal === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated

const listeners = new Set<(signal: Signal) => void>()

/** Installs the handlers, once; `unheard` is called for a first signal that no command waits for. */
export const handleSignals = (unheard: (signal: Signal) => void): void => {
  let signalled = false
  const handle = (signal: Signal) => {
    // Whoever asks twice does not want to wait; the journal recovers from this as from any crash.
    if (signalled) process.exit(exitCodeOf(signal))
    signalled = true
    if (listeners.size === 0) return unheard(signal)
    for (const listener of [...listeners]) listener(signal)
  }
  process.on("SIGINT", handle)
  process.on("SIGTERM", handle)
}

/** Succeeds with the first signal that comes while it is waited for. */
export const firstSignal: Effect.Effect<Signal> = Effect.callback<Signal>((resume) => {
  const listener = (signal: Signal) => resume(Effect.succeed(signal))
  listeners.add(listener)
  return Effect.sync(() => listeners.delete(listener))
})
