// `npm run test:hosts`: hosts made of what others wrote talk ISO 8583 to a running `millrace serve`, through the whole list.
import { spawn } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Client, readCredential } from "@millrace/client"
import { type Dialect, loadDialect, responseOf, withLengths } from "@millrace/iso8583"
import { Effect, Result } from "effect"
import { allPeers, type Ready } from "./peers/Peer.ts"
import { temporaryDirectory } from "./Server.ts"

const program = fileURLToPath(new URL("../../packages/cli/bin/millrace", import.meta.url))
const RUN_MS_MAX = 120_000
const CURRENCY = 840
const FIRST_CARD = 6_000_000_000_000_001n
const CARDS = 10
const PIN = "4321"

const { values } = parseArgs({ options: { "skip-missing": { type: "boolean", default: false } } })

/** What a host speaks, as `iso.hosts` has it. */
interface Line {
  readonly peer: "python" | "go"
  readonly dialect: "iso1987" | "iso1987-bcd" | "iso1993"
  readonly framing: "binary2" | "binary2-tpdu" | "ascii4"
  readonly mac: "x919" | "cmac"
  readonly pin: "format0" | "format4"
}

/** The first is what `serve --iso` has for the development host without any setting. */
const lines: ReadonlyArray<Line> = [
  { peer: "go", dialect: "iso1987", framing: "binary2", mac: "x919", pin: "format0" },
  { peer: "python", dialect: "iso1987-bcd", framing: "binary2-tpdu", mac: "x919", pin: "format0" },
  { peer: "python", dialect: "iso1993", framing: "ascii4", mac: "cmac", pin: "format4" },
  { peer: "python", dialect: "iso1987", framing: "binary2", mac: "cmac", pin: "format0" },
]

const requestTypes = ["100", "200", "220", "400", "420", "500", "800", "804"]
const responses = ["00", "51", "55", "68", "94", "95", "96"]

const dialectOf = ({ dialect, pin }: Line): Dialect => {
  const loaded = Result.getOrThrow(loadDialect(dialect))
  return pin === "format4" ? withLengths(loaded, { 52: "b 16" }) : loaded
}

/** All that a host is told. */
const configOf = (line: Line, port: number, zmk: Uint8Array) => {
  const dialect = dialectOf(line)
  const is1993 = dialect.version === "1"
  const codes = requestTypes.map((type) => {
    const mti = dialect.version + type
    return [mti, Object.fromEntries(responses.map((code) => [code, responseOf(dialect, code, mti)]))] as const
  })
  return {
    ...line,
    host: "127.0.0.1",
    port,
    zmk: Buffer.from(zmk).toString("hex"),
    zmkCipher: cipherOf(line),
    dialect: {
      version: dialect.version,
      mti: dialect.mti,
      fields: [...dialect.fields.values()],
      time: dialect.uses.time,
      original: dialect.uses.original,
      network: is1993
        ? [24, { logon: "801", logoff: "802", keyChange: "811", echo: "831" }]
        : [70, { logon: "001", logoff: "002", keyChange: "161", echo: "301" }],
    },
    codes: Object.fromEntries(codes),
    cards: Array.from({ length: CARDS - 1 }, (_, i) => String(FIRST_CARD + BigInt(i + 1))),
    pinCard: String(FIRST_CARD),
    pinDigits: PIN,
  }
}

const cipherOf = ({ mac, pin }: Line): "tdes" | "aes" =>
  mac === "cmac" || pin === "format4" ? "aes" : "tdes"

const provision = Effect.fnUntraced(function* (client: Client) {
  yield* client.merchant({ number: 1, name: "Kiosk", currency: CURRENCY, floatLimit: 1_000_000 })
  yield* client.terminals({ first: 1001, count: 4, merchant: 1 })
  yield* client.cards({ first: FIRST_CARD, count: CARDS, currency: CURRENCY, openingBalance: 10_000 })
  yield* client.pin(FIRST_CARD, PIN)
  return yield* client.isoKeys("dev")
})

/** A server that keeps nothing, and its addresses. */
const serve = async (line: Line) => {
  const data = temporaryDirectory()
  const { peer: _, ...host } = line
  const isDefault = line === lines[0]
  const env = isDefault ? {} : { MILLRACE_ISO_HOSTS: JSON.stringify([{ id: "dev", ...host }]) }
  const args = ["serve", "--ephemeral", "--data", data, "--tcp", "0", "--iso", "0", "--http", "0"]
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] })
  process.once("exit", () => child.kill("SIGKILL"))
  let out = ""
  let err = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text
  })
  const found = await new Promise<RegExpExecArray>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text
      const ready = /^ready tcp=(\S+) (?:ws=\S+ )?iso=\S+:(\d+) /m.exec(out)
      if (ready !== null) resolve(ready)
    })
    child.once("exit", () => reject(new Error(`serve ended before it was ready\n${err}`)))
  })
  return { data, url: `tcp://${found[1]}`, port: Number(found[2]), end: () => void child.kill("SIGTERM") }
}

/** The steps that the host got through, and what it said of the one that failed. */
const talk = (ready: Extract<Ready, { ready: true }>, args: ReadonlyArray<string>, config: unknown) =>
  new Promise<{ readonly steps: ReadonlyArray<string>; readonly failure: string | undefined }>((resolve) => {
    const child = spawn(ready.command, args, { cwd: ready.cwd, stdio: "pipe", timeout: RUN_MS_MAX })
    let out = ""
    let err = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text
    })
    child.on("close", (code) => {
      const steps = out.split("\n").filter((step) => step !== "")
      resolve({ steps, failure: code === 0 ? undefined : err.trim() || `it ended with ${code}` })
    })
    child.stdin.end(JSON.stringify(config))
  })

const peerOf = { python: allPeers[0], go: allPeers[1] }
const argsOf = { python: ["-W", "ignore", "host.py"], go: ["run", "./host"] }

const run = async (line: Line): Promise<boolean> => {
  const peer = peerOf[line.peer]
  const name = `${peer.name}: ${line.dialect}, ${line.framing}, ${line.mac}, ${line.pin}`
  const ready = peer.prepare()
  if (!ready.ready) {
    console.log(`${name}: ${values["skip-missing"] ? "skipped" : "missing"}: ${ready.why}`)
    return values["skip-missing"]
  }
  const server = await serve(line)
  try {
    const keys = await Effect.runPromise(
      Effect.gen(function* () {
        const credential = yield* readCredential(join(server.data, "credentials.json"))
        return yield* provision(yield* Client.connect({ url: server.url, credential }))
      }).pipe(Effect.scoped),
    )
    const config = configOf(line, server.port, keys[cipherOf(line)])
    const { steps, failure } = await talk(ready, argsOf[line.peer], config)
    console.log(`${name}: ${steps.length} steps: ${steps.join(", ")}`)
    if (failure !== undefined) console.error(`  then it failed: ${failure}`)
    return failure === undefined
  } finally {
    server.end()
  }
}

let good = true
for (const line of lines) good = (await run(line)) && good
process.exit(good ? 0 : 1)
