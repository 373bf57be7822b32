// Children and their directories: whatever ends this process, none of them outlives it.
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** With retries: who was just killed may still be writing. */
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 20 } as const

const children = new Map<ChildProcess, NodeJS.Signals>()
const directories = new Set<string>()
let held: ReadonlyArray<number> = []

const signal = (pids: ReadonlyArray<number>, name: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // A connection's process may have ended since it was listed.
    }
  }
}

process.on("exit", () => {
  signal(held, "SIGCONT")
  for (const [child, name] of children) child.kill(name)
  for (const directory of directories) rmSync(directory, removal)
})
// Without these a signal ends the process with no 'exit'.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => process.exit(130))

/** @param abandon what ends it at once when this process has to go */
export const owned = <T extends ChildProcess>(child: T, abandon: NodeJS.Signals = "SIGKILL"): T => {
  children.set(child, abandon)
  child.once("exit", () => children.delete(child))
  return child
}

export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-peers-"))
  directories.add(directory)
  return directory
}

/** Stops these processes where they are, and lets those go on that were stopped before. */
export const hold = (pids: ReadonlyArray<number>): void => {
  signal(held, "SIGCONT")
  held = pids
  signal(held, "SIGSTOP")
}

/** A port that is free now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** Sends the signal and waits for the end. */
export const ended = async (child: ChildProcess, name: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once("exit", resolve))
  child.kill(name)
  await exit
}
