// The peers as processes: made ready once, then asked everything in one go, JSON lines in and out.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { FieldFormat } from "@millrace/iso8583"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const peers = join(root, "test/peers/iso8583")
const PREPARE_MS_MAX = 300_000
const ANSWER_MS_MAX = 120_000
const OUTPUT_BYTES_MAX = 512 * 2 ** 20

/** How a peer is started, or why it can't be. */
export type Ready =
  | {
      readonly ready: true
      readonly command: string
      readonly args: ReadonlyArray<string>
      readonly cwd: string
    }
  | { readonly ready: false; readonly why: string }

export interface Peer {
  readonly name: string
  /** Whether it also answers about PIN blocks and MACs. */
  readonly secrets: boolean
  readonly knows: (format: FieldFormat) => boolean
  readonly prepare: () => Ready
}

const run = (command: string, args: ReadonlyArray<string>, cwd: string): string | undefined => {
  const done = spawnSync(command, args, { cwd, encoding: "utf8", timeout: PREPARE_MS_MAX })
  if (done.error !== undefined) return `${command} can't be started (${done.error.message})`
  if (done.status === 0) return undefined
  const last = done.stderr.trim().split("\n").at(-1) ?? ""
  return `${command} ${args.slice(0, 3).join(" ")} ended with ${done.status}: ${last}`
}

/** A virtual environment of its own, kept beside the installed packages and made again when the versions change. */
const preparePython = (): Ready => {
  const cwd = join(peers, "python")
  const environment = join(root, "node_modules/.cache/millrace-peers/python")
  const wanted = readFileSync(join(cwd, "requirements.txt"), "utf8")
  const stamp = join(environment, "installed.txt")
  const command = join(environment, "bin/python")
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    const why =
      run("python3", ["-m", "venv", "--clear", environment], cwd) ??
      run(
        command,
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
        cwd,
      )
    if (why !== undefined) return { ready: false, why }
    writeFileSync(stamp, wanted)
  }
  return { ready: true, command, args: ["peer.py"], cwd }
}

const prepareGo = (): Ready => {
  const cwd = join(peers, "go")
  const why = run("go", ["build", "-o", "/dev/null", "."], cwd)
  return why === undefined ? { ready: true, command: "go", args: ["run", "."], cwd } : { ready: false, why }
}

export const allPeers: ReadonlyArray<Peer> = [
  { name: "Python pyiso8583 and psec", secrets: true, knows: () => true, prepare: preparePython },
  {
    name: "Go moov-io/iso8583",
    secrets: false,
    // It has no packed track 2 with a separator.
    knows: ({ type, digits }) => !(type === "z" && digits === "bcd"),
    prepare: prepareGo,
  },
]

/** One answer for each question, in order. Throws when the peer ends otherwise. */
export const ask = (
  ready: Extract<Ready, { ready: true }>,
  dialects: unknown,
  questions: ReadonlyArray<unknown>,
): ReadonlyArray<unknown> => {
  const input = [{ dialects }, ...questions].map((line) => JSON.stringify(line)).join("\n")
  const done = spawnSync(ready.command, ready.args, {
    cwd: ready.cwd,
    input: `${input}\n`,
    encoding: "utf8",
    timeout: ANSWER_MS_MAX,
    maxBuffer: OUTPUT_BYTES_MAX,
  })
  if (done.error !== undefined) throw done.error
  if (done.status !== 0) throw new Error(`${ready.command} ended with ${done.status}: ${done.stderr}`)
  const lines = done.stdout.trim().split("\n")
  if (lines.length !== questions.length) {
    throw new Error(`${lines.length} answers to ${questions.length} questions`)
  }
  return lines.map((line) => JSON.parse(line) as unknown)
}
