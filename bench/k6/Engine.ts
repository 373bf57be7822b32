// The engine under load: one of our own on free ports, or one elsewhere; what it counts, before and after.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Client, readCredential } from "@millrace/client"
import { Effect } from "effect"

const program = fileURLToPath(new URL("../../packages/cli/bin/millrace", import.meta.url))

export interface Address {
  /** ws://host:port */
  readonly url: string
  /** http://host:port, for its metrics. */
  readonly http: string
  /** A host that may transact and inspect; and provision, where something is to be made. */
  readonly credentials: string
}

/** Numbers of their own, far from those of a real scheme and of `millrace load`. */
export const population = {
  merchant: 960_001,
  terminalFirst: 960_000_001,
  cardFirst: 5_960_000_000_000_000,
  /** ISO 4217's code for tests. */
  currency: 963,
  openingBalance: 100_000,
} as const

/** More than any run recharges. */
const FLOAT_LIMIT = 4_000_000_000_000_000

export interface OwnEngine extends Address {
  readonly stop: () => Promise<void>
}

const readyLine = (server: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once("exit", () => reject(new Error("millrace serve ended before it was ready")))
    if (server.stdout === null) return reject(new Error("millrace serve has no output"))
    createInterface({ input: server.stdout }).on("line", (line) => {
      if (line.startsWith("ready ")) resolve(line)
    })
  })

/** A data directory of its own, removed when it is stopped. */
export const startEngine = async (): Promise<OwnEngine> => {
  const data = mkdtempSync(join(tmpdir(), "millrace-k6-"))
  const server = spawn(program, ["serve", "--data", data, "--tcp", "0", "--ws", "0", "--http", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
    // Ctrl-C is k6's: it ends its run, and then both are still asked what they counted.
    detached: true,
  })
  const abandon = (): void => {
    server.kill("SIGKILL")
    rmSync(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
  }
  process.once("exit", abandon)
  const stop = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) {
      const exited = new Promise((resolve) => server.once("exit", resolve))
      server.kill("SIGTERM")
      await exited
    }
    rmSync(data, { recursive: true, force: true })
    process.off("exit", abandon)
  }
  try {
    const ready = await readyLine(server)
    const address = (name: string): string => new RegExp(`${name}=(\\S+)`).exec(ready)?.[1] ?? ""
    return {
      url: `ws://${address("ws")}`,
      http: `http://${address("http")}`,
      credentials: join(data, "credentials.json"),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const connected = ({ url, credentials }: Address) =>
  Effect.flatMap(readCredential(credentials), (credential) =>
    Client.connect({ url, credential, deadlineMs: 120_000 }),
  )

/** What there is already stays as it is. */
export const provision = (address: Address, terminals: number, cards: number): Promise<void> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const { merchant, terminalFirst, cardFirst, currency, openingBalance } = population
        const client = yield* connected(address)
        yield* client.merchant({ number: merchant, name: "k6", currency, floatLimit: FLOAT_LIMIT })
        yield* client.terminals({ first: terminalFirst, count: terminals, merchant })
        yield* client.cards({ first: BigInt(cardFirst), count: cards, currency, openingBalance })
      }),
    ),
  )

export interface EngineCounts {
  /** First answers by response code, two digits. */
  readonly answers: ReadonlyMap<string, number>
  readonly duplicates: number
  /** What all cards hold, minor units. */
  readonly purses: bigint
}

/** By its metrics and its accounts. */
export const countsOf = async (address: Address): Promise<EngineCounts> => {
  const response = await fetch(`${address.http}/metrics`)
  const text = await response.text()
  const answers = new Map<string, number>()
  for (const [, code, count] of text.matchAll(/^millrace_transactions_total\{response="(\d\d)"\} (\d+)$/gm)) {
    answers.set(code, Number(count))
  }
  const duplicates = Number(/^millrace_duplicates_total (\d+)$/m.exec(text)?.[1])
  const { accounts } = await Effect.runPromise(
    Effect.scoped(Effect.flatMap(connected(address), (client) => client.accounts())),
  )
  return { answers, duplicates, purses: BigInt(accounts[`purses.${population.currency}`] ?? 0) }
}
