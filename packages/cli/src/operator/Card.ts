// `millrace card …`: what a card is like, what it did, and what an operator does to it.
import { existsSync, writeFileSync } from "node:fs"
import type { Client, MessageError } from "@millrace/client"
import {
  HISTORY_MAX,
  type LifecycleAction,
  REASON_CHARACTERS_MAX,
  type ResponseOf,
} from "@millrace/protocol/messages"
import { Effect } from "effect"
import { masked } from "../CardNumber.ts"
import { answered, connect } from "../Connect.ts"
import { type CredentialFlags, findCredential } from "../Credentials.ts"
import { grouped } from "../load/Report.ts"
import { print, say } from "../Output.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"
import { askSecret } from "./Secret.ts"
import { columns, dayText, jsonLine, pursesText, transactionLine } from "./Told.ts"

export interface OperatorCommand extends CredentialFlags {
  readonly url: string
  readonly json: boolean
}

export interface CardCommand extends OperatorCommand {
  readonly card: string
}

/** One question to the server, and its answer. */
export const ask = <A>(
  command: OperatorCommand,
  question: (client: Client) => Effect.Effect<A, MessageError>,
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const credential = yield* findCredential(command)
      const client = yield* connect({ url: command.url, credential })
      return yield* answered(question(client))
    }),
  )

const cardOf = (text: string): Effect.Effect<bigint, Stop> =>
  /^\d{1,19}$/.test(text) && BigInt(text) > 0n
    ? Effect.succeed(BigInt(text))
    : stop("NUMBER must be a card number of up to 19 digits", ExitCode.usage)

export const show = Effect.fnUntraced(function* (command: CardCommand) {
  const number = yield* cardOf(command.card)
  const { type: _, card, ...found } = yield* ask(command, (client) => client.card(number))
  if (command.json) return print(jsonLine({ card: masked(card), ...found }))
  for (const line of cardLines(card, found)) print(line)
})

const cardLines = (card: bigint, found: Omit<ResponseOf<"card">, "type" | "card">) => {
  const { counters, purses, expires, pinSet, triesLeft } = found
  const product = found.product === 0 ? "no product" : `product ${found.product}`
  const used = (count: number, amount: number, when: string) =>
    `${count === 1 ? "once" : `${grouped(count)} times`} ${when} for ${grouped(amount)}`
  return columns([
    ["card", `${masked(card)}, ${found.status}${found.named ? ", named" : ""}`],
    ...(found.replacedBy === undefined ? [] : [["replaced by", found.replacedBy] as const]),
    ["kind", `${product}, currency ${found.currency}`],
    ["available", `${grouped(found.available)} minor units`],
    ["purses", pursesText(purses)],
    ["held", grouped(found.held)],
    ...(found.deposit === 0 ? [] : [["deposit", grouped(found.deposit)] as const]),
    [
      "used",
      `${used(counters.dayCount, counters.dayAmount, "today")}, ` +
        used(counters.monthCount, counters.monthAmount, "this month"),
    ],
    ["PIN", pinSet ? `set, ${triesLeft === 1 ? "1 try" : `${triesLeft} tries`} left` : "not set"],
    ["good until", expires === 0 ? "for ever" : dayText(expires)],
  ])
}

export interface HistoryCommand extends CardCommand {
  readonly count: number
}

export const history = Effect.fnUntraced(function* (command: HistoryCommand) {
  const number = yield* cardOf(command.card)
  const { count } = command
  if (count < 1 || count > HISTORY_MAX) {
    return yield* stop(`--count must be from 1 to ${HISTORY_MAX}`, ExitCode.usage)
  }
  // One more than is shown tells whether there are more.
  const found = yield* ask(command, (client) => client.history(number, Math.min(count + 1, HISTORY_MAX)))
  for (const one of found.slice(0, count)) print(command.json ? jsonLine(one) : transactionLine(one))
  if (command.json) return
  if (found.length === 0) say(`card ${masked(number)} has no transactions yet`)
  if (found.length > count) say(`there are more: --count shows up to ${HISTORY_MAX}`)
  else if (found.length === HISTORY_MAX) say(`these are the last ${HISTORY_MAX}; there may be more`)
})

export interface PinCommand extends CardCommand {
  readonly stdin: boolean
}

export const setPin = Effect.fnUntraced(function* (command: PinCommand) {
  const card = yield* cardOf(command.card)
  const pin = yield* askSecret("PIN", command.stdin)
  yield* ask(command, (client) => client.pin(card, pin))
  print(
    command.json
      ? jsonLine({ card: masked(card), action: "pin", changed: true })
      : `card ${masked(card)} has a new PIN; wrong tries are forgotten`,
  )
})

export interface CodeCommand extends OperatorCommand {
  readonly merchant: number
  readonly stdin: boolean
}

const MERCHANT_MAX = 0xffff_ffff

/** A merchant's authorisation code. */
export const setCode = Effect.fnUntraced(function* (command: CodeCommand) {
  const { merchant } = command
  if (merchant < 1 || merchant > MERCHANT_MAX) {
    return yield* stop(`MERCHANT must be a number from 1 to ${MERCHANT_MAX}`, ExitCode.usage)
  }
  const code = yield* askSecret("code", command.stdin)
  yield* ask(command, (client) => client.code(merchant, code))
  print(
    command.json
      ? jsonLine({ merchant, action: "code", changed: true })
      : `merchant ${merchant} has a new authorisation code; wrong tries are forgotten`,
  )
})

export interface ChangeCommand extends CardCommand {
  readonly reason: string
  readonly holder?: string | undefined
  /** A new file for the number of a card that takes another's place. */
  readonly out?: string | undefined
}

/** What a card is when an action is done; an action that only does something says so. */
const done: { readonly [action in LifecycleAction]: string } = {
  activate: "active",
  lock: "locked",
  unlock: "unlocked",
  lost: "reported lost",
  stolen: "reported stolen",
  blacklist: "blacklisted",
  release: "released from the blacklist",
  cancel: "cancelled",
  return: "returned and paid out",
  replace: "replaced",
  name: "named",
}

export const change = Effect.fnUntraced(function* (action: LifecycleAction, command: ChangeCommand) {
  const card = yield* cardOf(command.card)
  const { reason, holder, out } = command
  if (reason.length < 1 || reason.length > REASON_CHARACTERS_MAX) {
    return yield* stop(`--reason must have 1 to ${REASON_CHARACTERS_MAX} characters`, ExitCode.usage)
  }
  if (out !== undefined && existsSync(out)) {
    return yield* stop(`${out} is there already: numbers are never written over; name a new file`)
  }
  const made = yield* ask(command, (client) =>
    client.lifecycle({
      card,
      action,
      reason,
      ...(holder === undefined ? {} : { holder }),
    }),
  )
  if (out !== undefined && made.card !== undefined) {
    yield* writeCard(out, made.card, made.checkValue)
  }
  const changed = made.created > 0
  const replacement = made.card === undefined ? {} : { replacement: masked(made.card) }
  if (command.json) return print(jsonLine({ card: masked(card), action, changed, ...replacement }))
  const whose = `card ${masked(card)}`
  const [is, before] = changed ? ["is", ""] : ["was", " before: nothing changed"]
  if (made.card === undefined)
    return print(`${whose} is ${done[action]}${changed ? "" : ", and was before: nothing changed"}`)
  // Asked again, the number is told again, and so this file has it, whatever another one has.
  print(`${whose} ${is} ${done[action]} by ${masked(made.card)}${before}; its number is in ${out}`)
})

/** As `provision` writes the cards that it issues. */
const writeCard = (out: string, card: bigint, checkValue: string | undefined) =>
  Effect.try({
    try: () =>
      writeFileSync(out, `number,checkValue\n${card},${checkValue ?? ""}\n`, { mode: 0o600, flag: "wx" }),
    catch: (error) =>
      stop(
        `${masked(card)} is the new card, but ${out} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      ),
  })
