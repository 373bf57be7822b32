// `millrace demo`: an engine of its own, a small town of terminals, and a story with its sums at the end.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join, relative } from "node:path"
import type { Client } from "@millrace/client"
import { responseDigits, responseText } from "@millrace/protocol"
import { Clock, Deferred, Effect } from "effect"
import { connect, refused } from "../Connect.ts"
import { findCredential } from "../Credentials.ts"
import { defaultSettings, type Settings } from "../config/Settings.ts"
import { grouped } from "../load/Report.ts"
import { say } from "../Output.ts"
import { makeScheme } from "../provision/Make.ts"
import { pathText } from "../provision/Mistakes.ts"
import { firstSignal } from "../Signals.ts"
import { ExitCode, stop } from "../Stop.ts"
import { type Ready, serveUntilHalted } from "../serve/Serve.ts"
import { chapters } from "./Chapters.ts"
import { Crowd } from "./Crowd.ts"
import { kindText, Teller } from "./Teller.ts"
import { readTown, type Town, townFile } from "./Town.ts"

export interface DemoCommand {
  readonly data: string | undefined
  readonly duration: number
}

/** The exactly-once memory of a demo: enough for its minutes, and small. */
const REMEMBERED_TRANSACTIONS = 2 ** 19

export const demo = Effect.fnUntraced(function* (command: DemoCommand) {
  if (!(command.duration > 0)) return yield* stop("--duration must be more than 0 seconds", ExitCode.usage)
  yield* Effect.raceFirst(Effect.scoped(run(command)), firstSignal)
})

const run = Effect.fnUntraced(function* (command: DemoCommand) {
  const settings = yield* settingsOf(command)
  const ready = yield* Deferred.make<Ready>()
  const server = serveUntilHalted(
    { settings, given: new Set(), warnings: [] },
    (at) => Deferred.doneUnsafe(ready, Effect.succeed(at)),
    // The story speaks for it.
    { say: () => {}, complain: () => {} },
  )
  const play = Effect.flatMap(Deferred.await(ready), (at) => playAt(at, command))
  // The server runs beside the story and is stopped cleanly when that ends; if it fails, the story does.
  yield* Effect.raceFirst(server, Effect.scoped(play))
})

const settingsOf = Effect.fnUntraced(function* (command: DemoCommand) {
  const data = command.data ?? (yield* temporaryDirectory)
  const settings: Settings = {
    ...defaultSettings,
    data,
    ephemeral: command.data === undefined,
    tcp: { port: 0 },
    http: { port: 0 },
    engine: { ...defaultSettings.engine, rememberedTransactions: REMEMBERED_TRANSACTIONS },
  }
  return settings
})

/** For the credential of an engine that keeps nothing. */
const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "millrace-demo-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true })),
)

const playAt = Effect.fnUntraced(
  function* ({ settings, tcp }: Ready, command: DemoCommand) {
    const where = settings.ephemeral ? "in memory only" : `with its journal in ${settings.data}`
    say(`An engine is up on tcp://${tcp}, ${where}.`)
    const credential = yield* findCredential({ data: settings.data, credentials: undefined })
    const client = yield* connect({ url: `tcp://${tcp}`, credential })
    const town = yield* readTown
    yield* provision(client, town)
    yield* chapters(new Teller(client, town, say))
    yield* crowd(client, town, command.duration)
    yield* sayConserved(client)
    sayHowToGoOn(command)
  },
  Effect.catchTags({
    MessageRefused: refused,
    Unknown: (unknown) => stop(unknown.message),
    ClientClosed: (closed) => stop(closed.message),
  }),
)

/** By the same code as `millrace provision`; its lines would only repeat the file. */
const provision = Effect.fnUntraced(function* (client: Client, town: Town) {
  let made = 0
  yield* makeScheme(client, town.scheme, {
    directory: dirname(townFile),
    tell: () => {
      made++
    },
    onProgress: () => {},
    place: (path, message) => `${basename(townFile)}: ${pathText(path)}: ${message}`,
  })
  const { products = [], merchants = [] } = town.scheme
  say(
    `A town is provisioned out of ${basename(townFile)}, in ${made} steps: ` +
      `${products.length} products, ${merchants.length} merchants, ${town.terminals.length} terminals.`,
  )
})

const crowd = Effect.fnUntraced(function* (client: Client, town: Town, seconds: number) {
  const all = new Crowd(client, town, Math.random)
  say("")
  say(
    `Now all ${town.terminals.length} terminals at once, for ${seconds} s, at the pace of people: each waits up to 0.2 s ` +
      "between customers (`millrace load` is for speed).",
  )
  const began = yield* Clock.currentTimeMillis
  const everySecond = Effect.sync(() =>
    say(`  ${grouped(all.answered).padStart(7)} transactions answered`),
  ).pipe(Effect.delay("1 second"), Effect.forever)
  // A terminal fails only when the engine cannot be reached, and then so does the demo.
  yield* Effect.raceFirst(all.run(), everySecond).pipe(
    Effect.timeoutOrElse({ duration: seconds * 1_000, orElse: () => Effect.void }),
  )
  const elapsed = ((yield* Clock.currentTimeMillis) - began) / 1_000
  say("")
  say(`In ${elapsed.toFixed(0)} s:`)
  for (const [kind, count] of all.byKind) say(`  ${kindText(kind).padEnd(16)} ${grouped(count).padStart(7)}`)
  for (const [code, count] of [...all.byResponse].sort(([a], [b]) => a - b)) {
    say(`  ${responseDigits(code).padEnd(16)} ${grouped(count).padStart(7)}   ${responseText(code)}`)
  }
})

const sayConserved = Effect.fnUntraced(function* (client: Client) {
  const { accounts, sum } = yield* client.accounts()
  say("")
  say(
    "The books, over all shards (minor units; what is owed to others counts up, what others owe counts down):",
  )
  for (const [account, amount] of Object.entries(accounts)) {
    say(`  ${account.padEnd(22)} ${Number(amount).toLocaleString("en-US").padStart(12)}`)
  }
  say(`  ${"sum".padEnd(22)} ${String(sum).padStart(12)}   every posting has two sides`)
})

const sayHowToGoOn = (command: DemoCommand): void => {
  const kept = command.data !== undefined
  for (const line of [
    "",
    "How to go on:",
    ...(kept ? [`  millrace journal dump ${command.data}    every one of these, out of the journal`] : []),
    `  millrace serve${kept ? ` --data ${command.data}` : "                  "}    an engine that stays, with its journal on disk`,
    `  millrace provision ${relative(".", townFile)}    then, in another terminal: this town on it`,
    "  millrace load --duration 10        or how fast it goes",
  ]) {
    say(line)
  }
}
