// `millrace pos`: logs on, finds the shop or makes a small one, and opens the till, at a keyboard or by a script.
import { createReadStream, existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import type { Client, Credential, Forwarded } from "@millrace/client"
import { Effect } from "effect"
import { connect } from "../Connect.ts"
import { type CredentialFlags, findCredential } from "../Credentials.ts"
import { say } from "../Output.ts"
import { ExitCode, stop } from "../Stop.ts"
import { Counter } from "./Counter.ts"
import { Keyboard, type KeyInput } from "./Keyboard.ts"
import { play, show } from "./Script.ts"
import { findPlace, makeShop, mayMakeShop, shop } from "./Shop.ts"
import { Till } from "./Till.ts"

export interface PosCommand extends CredentialFlags {
  readonly url: string
  readonly terminal: number | undefined
  readonly card: string | undefined
  readonly script: string | undefined
  readonly yes: boolean
  readonly json: boolean
  /** Seconds. */
  readonly patience: number
}

/** A keyboard and a display. */
export interface Console {
  readonly input: KeyInput
  readonly write: (text: string) => void
}

const TERMINAL_MAX = 0xffff_ffff

export const pos = Effect.fnUntraced(function* (command: PosCommand) {
  if (!(command.patience > 0)) return yield* stop("--patience must be more than 0 seconds", ExitCode.usage)
  const { terminal = 1 } = command
  if (terminal < 1 || terminal > TERMINAL_MAX) {
    return yield* stop(`--terminal must be a number from 1 to ${TERMINAL_MAX}`, ExitCode.usage)
  }
  if (command.script === undefined && process.stdin.isTTY !== true) {
    return yield* stop("a till needs a keyboard: run it in a terminal, or with --script FILE", ExitCode.usage)
  }
  if (command.script !== undefined && command.script !== "-" && !existsSync(command.script)) {
    return yield* stop(`there is no script ${command.script}`)
  }
  const keyboard = { input: process.stdin, write: (text: string) => void process.stdout.write(text) }
  // A signal interrupts it, as any client command; Ctrl-C at a keyboard is a key.
  yield* Effect.scoped(till(command, keyboard))
})

/** A terminal's credential stands for that terminal; a host's for the one that is named, or the small shop's. */
const terminalOf = (command: PosCommand, { identity }: Credential): number =>
  command.terminal ?? ("terminal" in identity ? identity.terminal : shop.terminal)

export const till = Effect.fnUntraced(function* (command: PosCommand, console: Console) {
  const { url, script, json } = command
  const credential = yield* findCredential(command)
  const terminal = terminalOf(command, credential)
  const beside = command.credentials === undefined ? command.data : dirname(command.credentials)
  const pendingFile = join(beside, `pos-${terminal}.pending`)
  // What the last till left may be settled before this one is open: it is told then.
  const early: Array<Forwarded> = []
  let forwarded = (one: Forwarded): void => void early.push(one)
  const client = yield* connect({
    url,
    credential,
    deadlineMs: command.patience * 1_000,
    pendingFile,
    onForwarded: (one) => forwarded(one),
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => sayPending(client, pendingFile)))
  const keyboard = yield* Effect.acquireRelease(
    Effect.sync(() => (script === undefined ? new Keyboard(console.input, console.write) : undefined)),
    (keyboard) => Effect.sync(() => keyboard?.close()),
  )
  const place = yield* placeOf(client, terminal, keyboard, command)
  if (place === undefined) return
  const till = new Till(client, place)
  forwarded = (one) => show(till.forwarded(one), json)
  early.forEach(forwarded)
  if (command.card !== undefined) {
    const told = yield* till.do({ do: "card", card: command.card })
    if (told.response !== undefined) return yield* stop(`--card: ${told.lines.join(" ")}`, ExitCode.usage)
  }
  if (keyboard !== undefined) return yield* new Counter(till, keyboard, console.write).open()
  const input = script === undefined || script === "-" ? process.stdin : createReadStream(script)
  yield* play(till, createInterface({ input }), json)
})

const sayPending = (client: Client, file: string): void => {
  const left = client.pending().length
  if (left === 0) return
  const what = left === 1 ? "1 transaction is" : `${left} transactions are`
  say(`${what} without an answer, and ${file} remembers: the next till here turns it round first.`)
}

/** Undefined when nobody wants a shop. */
const placeOf = Effect.fnUntraced(function* (
  client: Client,
  terminal: number,
  keyboard: Keyboard | undefined,
  { yes }: PosCommand,
) {
  const found = yield* findPlace(client, terminal)
  if (found !== undefined) return found
  if (!mayMakeShop(client)) {
    return yield* stop(
      `the server knows no terminal ${terminal} that this credential acts for: name another with --terminal, or have it provisioned`,
    )
  }
  if (!yes) {
    if (keyboard === undefined) {
      return yield* stop(`there is no terminal ${terminal} yet: --yes makes it, with a small shop around it`)
    }
    say(`There is no terminal ${terminal} yet.`)
    const answer = yield* Effect.promise(() =>
      keyboard.line("Make a small shop to try it, with a terminal and three cards? [Y/n] "),
    )
    if (answer === undefined || !/^(y(es)?)?$/i.test(answer.trim())) return undefined
  }
  const made = yield* makeShop(client, terminal)
  const free = (shop.pinFreeMax / 100).toFixed(2)
  say(
    `Made: ${shop.name}, terminal ${terminal}, ${shop.balances.length} cards. PIN ${shop.pin} for more than ${free}.`,
  )
  return made
})
