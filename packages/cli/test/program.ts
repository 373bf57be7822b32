// The real program as a child process: what it printed, how it ended.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../bin/millrace", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that is running; every one that a test left is killed by `cleanUp`. */
export class Running {
  stdout = ""
  stderr = ""
  readonly child: ChildProcess
  readonly ended: Promise<Ended>

  /** @param limit a command of the shell that runs before, such as `ulimit -f 100` */
  constructor(args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}, limit = ":") {
    const child = spawn("/bin/sh", ["-c", `${limit}; exec "$0" "$@"`, bin, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    })
    this.child = child
    child.stdout.on("data", (data) => {
      this.stdout += data
    })
    child.stderr.on("data", (data) => {
      this.stderr += data
    })
    this.ended = new Promise((resolve) => {
      child.on("close", (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
    running.add(this)
    void this.ended.then(() => running.delete(this))
  }

  /** Waits until stdout or stderr holds a match. Fails when the program ends without one. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    let over = false
    void this.ended.then(() => {
      over = true
    })
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr)
      if (match !== null) return match
      if (over) throw new Error(`ended without ${pattern}:\n${this.stdout}\n${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  signal(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }
}

const running = new Set<Running>()
const directories: Array<string> = []

/** Runs the program to its end. */
export const run = (args: ReadonlyArray<string>, env?: NodeJS.ProcessEnv): Promise<Ended> =>
  new Running(args, env).ended

/** Runs the program to its end under a limit of the shell. */
export const runLimited = (limit: string, args: ReadonlyArray<string>): Promise<Ended> =>
  new Running(args, {}, limit).ended

export interface Server {
  readonly running: Running
  readonly data: string
  readonly url: string
  readonly http: string
}

/** A server on free ports, ready. */
export const serve = async (
  data: string,
  options: { readonly tcp?: string; readonly ephemeral?: boolean } = {},
): Promise<Server> => {
  const more = options.ephemeral === true ? ["--ephemeral"] : []
  const server = new Running(["serve", "--data", data, "--tcp", options.tcp ?? "0", "--http", "0", ...more])
  const [, tcp, http] = await server.until(/^ready tcp=(\S+) http=(\S+) data=\S+$/m)
  return { running: server, data, url: `tcp://${tcp}`, http: `http://${http}` }
}

export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-cli-"))
  directories.push(directory)
  return directory
}

/** Kills what still runs and removes what was made. */
export const cleanUp = async (): Promise<void> => {
  await Promise.all([...running].map((one) => one.signal("SIGKILL")))
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
}
