// Clients that nobody here wrote with this project's code: the terminal in C, compiled and run against the real server.
import { execFile, execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Client, type Credential, readCredential } from "@millrace/client"
import { Effect, Redacted } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { endAll, Server, temporaryDirectory } from "./src/Server.ts"

const source = fileURLToPath(new URL("../examples/c/terminal.c", import.meta.url))
const directory = temporaryDirectory()
const program = join(directory, "terminal")

const CARD = 5_970_990_000_000_000_017n
const TERMINAL = 990_001
const CURRENCY = 978

const compiler = ["cc", "gcc", "clang"].find((name) => {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})

/** Merchant, terminal and a card with 20.00; gives the terminal's own key. */
const provision = (url: string, credential: Credential) =>
  Effect.gen(function* () {
    const client = yield* Client.connect({ url, credential })
    yield* client.merchant({ number: 990_001, name: "Shop in C", currency: CURRENCY })
    const { key } = yield* client.terminals({ first: TERMINAL, count: 1, merchant: 990_001 })
    yield* client.cards({ first: CARD, count: 1, currency: CURRENCY, openingBalance: 2_000 })
    return Buffer.from(key ?? []).toString("hex")
  }).pipe(Effect.scoped)

describe.skipIf(compiler === undefined)("the terminal in C", () => {
  let server: Server
  let terminalKey: string
  let hostKey: string

  beforeAll(async () => {
    execFileSync(compiler ?? "cc", ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source])
    const data = temporaryDirectory()
    server = await Server.start({ data })
    const credential = await Effect.runPromise(readCredential(join(data, "credentials.json")))
    hostKey = Buffer.from(Redacted.value(credential.key)).toString("hex")
    terminalKey = await Effect.runPromise(provision(`tcp://127.0.0.1:${server.port}`, credential))
  })
  afterAll(endAll)

  const run = (identity: string, key: string, amount: number, terminal = TERMINAL) =>
    new Promise<{ code: number; stdout: string }>((resolve) => {
      const args = ["127.0.0.1", server.port, identity, key, terminal, CARD, CURRENCY, amount]
      execFile(program, args.map(String), (error, stdout) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout })
      })
    })

  it("is under 200 lines, and uses nothing of ours", () => {
    const text = readFileSync(source, "utf8")
    expect(text.trimEnd().split("\n").length).toBeLessThan(200)
    expect(text.match(/#include "(.*)"/)).toBeNull()
  })

  it("logs on as its terminal and as a host, sells once, and reads the balance that is left", async () => {
    expect(await run(`terminal:${TERMINAL}`, terminalKey, 1_250)).toEqual({
      code: 0,
      stdout: "purchase response 00 available 750\nbalance  response 00 available 750\n",
    })
    expect(await run("host:dev", hostKey, 250)).toEqual({
      code: 0,
      stdout: "purchase response 00 available 500\nbalance  response 00 available 500\n",
    })
  })

  it("tells a refusal from an approval, and a terminal that is not its own from both", async () => {
    expect(await run(`terminal:${TERMINAL}`, terminalKey, 1_250)).toEqual({
      code: 1,
      stdout: "purchase response 51 available 500\nbalance  response 00 available 500\n",
    })
    expect(await run(`terminal:${TERMINAL}`, terminalKey, 100, TERMINAL + 1)).toEqual({
      code: 1,
      stdout: "purchase response 58 available 0\nbalance  response 58 available 0\n",
    })
  })

  it("does not get in with another key", async () => {
    const wrong = terminalKey.replace(/^./, (digit) => (digit === "0" ? "1" : "0"))
    expect(await run(`terminal:${TERMINAL}`, wrong, 100)).toEqual({ code: 3, stdout: "no logon\n" })
  })
})
