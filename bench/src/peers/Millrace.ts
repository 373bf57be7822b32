// Millrace itself, beside its peers: `serve` and `load` as they are shipped, the same debits and nothing else.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { CARDS } from "./Debit.ts"
import { FormGroup } from "./Peer.ts"
import { ended, owned } from "./processes.ts"

const program = fileURLToPath(new URL("../../../packages/cli/bin/millrace", import.meta.url))

export interface MillraceForm {
  readonly id: string
  readonly group: FormGroup
  readonly name: string
  readonly flags: ReadonlyArray<string>
}

const form = (id: string, group: FormGroup, name: string, flags: string): MillraceForm => ({
  id,
  group,
  name,
  flags: flags.split(" "),
})

export const millraceForms: ReadonlyArray<MillraceForm> = [
  form(
    "millrace-batch",
    FormGroup.batches,
    "batches of 512, 8 connections × 4",
    "--mode batch --connections 8 --in-flight 4 --batch 512",
  ),
  form(
    "millrace-64-64",
    FormGroup.pipelines,
    "64 clients, 64 in flight",
    "--mode terminals --connections 64 --in-flight 64",
  ),
  form("millrace-64", FormGroup.singles, "64 clients", "--mode terminals --connections 64 --in-flight 1"),
]

/** The line of `load --json`, as far as it is used here. */
export interface LoadLine {
  readonly transactions: number
  readonly throughput: number
  readonly approved: number
  readonly errors: number
  readonly latencyMs: { readonly p50: number; readonly p99: number }
}

export interface RunningMillrace {
  readonly pids: () => ReadonlyArray<number>
  readonly load: (form: MillraceForm, seconds: number) => Promise<LoadLine>
  readonly stop: () => Promise<void>
}

const outputOf = async (child: ChildProcess): Promise<string> => {
  let stdout = ""
  child.stdout?.on("data", (chunk) => {
    stdout += chunk
  })
  await new Promise((resolve) => child.once("close", resolve))
  return stdout
}

/** Peers have run their loading by then. */
const WARM_SECONDS = 3

/** With its cards made: the first load makes them. */
export const startMillrace = async (directory: string): Promise<RunningMillrace> => {
  const data = join(directory, "millrace")
  mkdirSync(data, { recursive: true })
  const child = spawn(program, ["serve", "--data", data, "--tcp", "0", "--http", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
  })
  const server = owned(child)
  const ready = await new Promise<string>((resolve, reject) => {
    server.once("exit", () => reject(new Error("serve ended before it was ready")))
    createInterface({ input: server.stdout }).on("line", (line) => {
      if (line.startsWith("ready ")) resolve(line)
    })
  })
  const url = `tcp://${/tcp=(\S+)/.exec(ready)?.[1]}`
  const load: RunningMillrace["load"] = async ({ flags }, seconds) => {
    const common = ["--url", url, "--data", data, "--cards", String(CARDS), "--mix", "purchase=100", "--json"]
    const child = owned(
      spawn(program, ["load", ...common, "--duration", String(seconds), ...flags], {
        stdio: ["ignore", "pipe", "inherit"],
      }),
    )
    const line = (await outputOf(child)).trim().split("\n").at(-1) ?? ""
    // The one line of the contract.
    return JSON.parse(line) as LoadLine
  }
  await load(millraceForms[0], WARM_SECONDS)
  return {
    pids: () => (server.pid === undefined ? [] : [server.pid]),
    load,
    stop: () => ended(server, "SIGTERM"),
  }
}
