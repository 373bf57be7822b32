// The real program as a child: started, watched, killed. Whatever happens, none of them and no directory outlives us.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Credential } from "./RawConnection.ts"
import { within } from "./within.ts"

const program = fileURLToPath(new URL("../../packages/cli/bin/millrace", import.meta.url))

const outputCharactersMax = 262_144

/** With retries: a child that was just killed may still be writing into it. */
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 20 } as const

const living = new Set<ChildProcess>()
const directories = new Set<string>()

/** Ends every child and removes every directory: when a test file is done, whatever became of it. */
export const endAll = (): void => {
  for (const child of living) child.kill("SIGKILL")
  for (const directory of directories) rmSync(directory, removal)
  living.clear()
  directories.clear()
}

process.on("exit", endAll)
// Without these a signal ends the process with no 'exit'.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130))

/** A directory of our own, gone when this process ends at the latest. */
export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-test-"))
  directories.add(directory)
  return directory
}

export const removeDirectory = (directory: string): void => {
  rmSync(directory, removal)
  directories.delete(directory)
}

/** It is needed to find out what went wrong. */
export const keepDirectory = (directory: string): void => {
  directories.delete(directory)
}

export interface ServeOptions {
  readonly data: string
  /** Settings as environment variables, such as MILLRACE_ENGINE_SHARDS. */
  readonly settings?: { readonly [variable: string]: string | number }
  /** 0, any free port, unless a test wants a particular one. */
  readonly tcp?: number
  /** A command that runs the program under some limit: `prlimit --nofile=300 --`. */
  readonly through?: ReadonlyArray<string>
  /** The user that it runs as; only root can choose one. */
  readonly uid?: number
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Settings that come from outside must not change what a test sees. */
const environmentOf = ({ settings = {} }: ServeOptions): NodeJS.ProcessEnv => {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("MILLRACE_"))
  const given = Object.entries(settings).map(([name, value]) => [name, String(value)])
  return Object.fromEntries([...inherited, ...given])
}

export class Server {
  readonly data: string
  readonly exited: Promise<Exit>
  exit: Exit | undefined
  stdout = ""
  stderr = ""
  port = 0
  httpPort = 0
  readonly #child: ChildProcess
  readonly #ready: Promise<void>

  private constructor(options: ServeOptions) {
    this.data = options.data
    const flags = ["--data", options.data, "--tcp", String(options.tcp ?? 0), "--http", "0"]
    const [command = program, ...prefix] = [...(options.through ?? []), program]
    const child = spawn(command, [...prefix, "serve", ...flags], {
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
      env: environmentOf(options),
      stdio: ["ignore", "pipe", "pipe"],
    })
    this.#child = child
    living.add(child)
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject)
      // 'close' and not 'exit': by then all that it wrote has been read.
      child.once("close", (code, signal) => {
        living.delete(child)
        this.exit = { code, signal }
        resolve(this.exit)
      })
    })
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-outputCharactersMax)
    })
    this.#ready = new Promise((resolve, reject) => {
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        this.stdout = (this.stdout + text).slice(-outputCharactersMax)
        if (this.#readAddresses()) resolve()
      })
      this.exited.then(({ code, signal }) => {
        reject(new Error(`serve ended with ${signal ?? code} before it was ready\n${this.stderr}`))
      }, reject)
    })
    // Who only waits for the end must not be bothered by a promise that nobody awaits.
    this.#ready.catch(() => {})
  }

  static spawn(options: ServeOptions): Server {
    return new Server(options)
  }

  /** Spawns and waits for the line `ready`. */
  static async start(options: ServeOptions): Promise<Server> {
    const server = new Server(options)
    await server.ready()
    return server
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  ready(seconds?: number): Promise<void> {
    return within("serve to be ready", this.#ready, seconds)
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#child.kill(signal)
  }

  /** SIGKILL, and the end of the process. */
  async killed(): Promise<Exit> {
    this.kill()
    return within("the end after SIGKILL", this.exited)
  }

  /** SIGTERM, and the end of the process. */
  async stopped(): Promise<Exit> {
    this.kill("SIGTERM")
    return within("a clean shutdown", this.exited)
  }

  /** The development credential that the first start wrote. */
  credential(): Credential {
    return credentialIn(this.data)
  }

  #readAddresses(): boolean {
    const found = /^ready tcp=127\.0\.0\.1:(\d+) http=127\.0\.0\.1:(\d+) data=/m.exec(this.stdout)
    if (found === null) return false
    this.port = Number(found[1])
    this.httpPort = Number(found[2])
    return true
  }
}

export const credentialIn = (data: string): Credential => {
  const parsed: unknown = JSON.parse(readFileSync(join(data, "credentials.json"), "utf8"))
  if (
    typeof parsed === "object" &&
    parsed !== null &&
    "host" in parsed &&
    "key" in parsed &&
    typeof parsed.host === "string" &&
    typeof parsed.key === "string"
  ) {
    return { identity: { host: parsed.host }, key: Uint8Array.from(Buffer.from(parsed.key, "hex")) }
  }
  throw new Error("credentials.json has no host and key")
}
