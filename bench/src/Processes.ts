/** The programs that are measured, each a process of its own: `serve`, `load`, and bare echoes. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { LoadResult, Target } from "@millrace/cli"
import { openChannel } from "@millrace/cli"

const program = fileURLToPath(new URL("../../packages/cli/bin/millrace", import.meta.url))

export interface Server {
  readonly data: string
  readonly target: (scheme: Target["scheme"]) => Target
  /** Milliseconds from its start to the line `ready`. */
  readonly readyMs: number
  /** What it keeps in memory now, bytes. Linux tells. */
  readonly residentBytes: () => number
  /** SIGTERM: answers what is in flight and takes a snapshot. */
  readonly stop: () => Promise<void>
  /** SIGKILL: the next start recovers from the journal. */
  readonly kill: () => Promise<void>
}

const targetOf = (scheme: Target["scheme"], ready: string): Target => {
  const address = new RegExp(`${scheme}=(\\S+):(\\d+)`).exec(ready)
  return { scheme, host: address?.[1] ?? "", port: Number(address?.[2]) }
}

/** Starts a program and waits for its line `ready …`. */
const start = (
  command: string,
  args: ReadonlyArray<string>,
  env: NodeJS.ProcessEnv = {},
): Promise<readonly [ChildProcess, string]> => {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  })
  let said = ""
  child.stderr.on("data", (chunk) => {
    said = `${said}${chunk}`.slice(-2_000)
  })
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(`${command} ${args[0]} ended before it was ready: ${said}`)))
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("ready ")) resolve([child, line])
    })
  })
}

const ended = (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  child.kill(signal)
  return exited
}

/** @param env settings, such as MILLRACE_ENGINE_SNAPSHOT_EVERY_SLOTS */
export const serve = async (data: string, env: NodeJS.ProcessEnv = {}): Promise<Server> => {
  const began = performance.now()
  const [child, ready] = await start(
    program,
    ["serve", "--data", data, "--tcp", "0", "--http", "0", "--ws", "0"],
    env,
  )
  return {
    data,
    target: (scheme) => targetOf(scheme, ready),
    readyMs: performance.now() - began,
    residentBytes: () =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) * 1_024,
    stop: () => ended(child, "SIGTERM"),
    kill: () => ended(child, "SIGKILL"),
  }
}

/** A data directory for `work`, removed afterwards. */
export const withData = async <A>(work: (data: string) => Promise<A>): Promise<A> => {
  const data = mkdtempSync(join(tmpdir(), "millrace-bench-"))
  try {
    return await work(data)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

/** A server on a directory of its own, stopped and removed after `work`. */
export const withServer = <A>(
  work: (server: Server) => Promise<A>,
  env: NodeJS.ProcessEnv = {},
): Promise<A> =>
  withData(async (data) => {
    const server = await serve(data, env)
    try {
      return await work(server)
    } finally {
      await server.kill()
    }
  })

/** One `load`. Throws with what it said when it gave no figures. */
export const load = (
  server: Server,
  flags: string,
  scheme: Target["scheme"] = "tcp",
): Promise<LoadResult> => {
  const { host, port } = server.target(scheme)
  const args = ["load", "--url", `${scheme}://${host}:${port}`, "--data", server.data, "--json"]
  const child = spawn(program, [...args, ...flags.split(" ")], { stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (chunk) => {
    stdout += chunk
  })
  child.stderr.on("data", (chunk) => {
    stderr += chunk
  })
  return new Promise((resolve, reject) => {
    child.once("close", () => {
      const line = stdout.trim().split("\n").at(-1) ?? ""
      // The one line of the contract.
      if (line.startsWith("{")) resolve(JSON.parse(line) as LoadResult)
      else reject(new Error(`load ${flags} failed: ${stderr.trim()}`))
    })
  })
}

export type EchoKind = "tcp" | "ws"

/** A server that says again what it hears: node:net, or uWebSockets.js. Ended after `work`. */
export const withEcho = async <A>(kind: EchoKind, work: (target: Target) => Promise<A>): Promise<A> => {
  const file = fileURLToPath(new URL("./echo.ts", import.meta.url))
  const [child, ready] = await start(process.execPath, [file, kind])
  try {
    return await work(targetOf(kind, ready))
  } finally {
    await ended(child, "SIGKILL")
  }
}

export interface EchoShape {
  readonly connections: number
  /** Frames on their way on each connection. */
  readonly inFlight: number
  readonly frame: Uint8Array
  readonly seconds: number
}

/** Frames a second that a bare echo gives back, over the very channels that the load sends with. */
export const echoPerSecond = async (target: Target, shape: EchoShape): Promise<number> => {
  const { connections, inFlight, frame, seconds } = shape
  let count = 0
  const open = () =>
    new Promise<ReturnType<typeof openChannel>>((resolve, reject) => {
      let bytes = 0
      const channel = openChannel(
        target,
        {},
        {
          opened: () => resolve(channel),
          bytes: (chunk) => {
            bytes += chunk.length
          },
          read: () => {
            for (; bytes >= frame.length; bytes -= frame.length) {
              count++
              channel.write(frame)
            }
          },
          error: reject,
          closed: () => reject(new Error("the echo closed a connection")),
        },
      )
    })
  const channels = await Promise.all(Array.from({ length: connections }, open))
  const began = performance.now()
  for (const channel of channels) for (let sent = 0; sent < inFlight; sent++) channel.write(frame)
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  const perSecond = (count * 1_000) / (performance.now() - began)
  for (const channel of channels) channel.destroy()
  return perSecond
}
