// Makes what a scheme names, in the order in which one thing needs the other; all of it may be made again.
import type { Client, MessageError } from "@millrace/client"
import { Effect } from "effect"
import { masked, maskedIn } from "../CardNumber.ts"
import { grouped } from "../load/Report.ts"
import { type Stop, stop } from "../Stop.ts"
import { type IssueOptions, issueCards, type NextSerials } from "./Issue.ts"
import { payFloat, payFund } from "./Payments.ts"
import type { SchemeFile } from "./SchemeFile.ts"
import type { NumberedCards } from "./scheme/Cards.ts"
import type { Host, Merchant, Terminals } from "./scheme/Places.ts"

/** An identity with its key, as a client command's `--credentials` reads it. */
export type WrittenKey =
  | { readonly host: string; readonly key: string; readonly iso?: ZoneKeys }
  | { readonly terminal: number; readonly key: string }

/** A host's zone master keys, in hex: which one holds is in ops/README.md. */
interface ZoneKeys {
  readonly tdes: string
  readonly tdesCheck: string
  readonly aes: string
  readonly aesCheck: string
}

export interface MakeOptions extends IssueOptions {
  /** What is wrong at a place, as a sentence that names it. */
  readonly place: (path: ReadonlyArray<PropertyKey>, message: string) => string
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const COMMANDS_IN_FLIGHT = 16

/** Hosts come last: when they can log on, all that they act for is there. */
export const makeScheme = Effect.fnUntraced(function* (
  client: Client,
  scheme: SchemeFile,
  options: MakeOptions,
) {
  const { tell } = options
  /** What is refused is said of its place in the file. */
  const at = <A, R>(
    path: ReadonlyArray<PropertyKey>,
    step: Effect.Effect<A, MessageError | Stop, R>,
    /** The key that names what may not be there. */
    named?: string,
  ) =>
    step.pipe(
      Effect.mapError((error) => {
        if (error._tag === "Stop") return stop(options.place(path, error.message))
        if (error._tag !== "MessageRefused") return error
        const place = error.code === "not-found" && named !== undefined ? [...path, named] : path
        return stop(options.place(place, `${maskedIn(error.message)} (${error.code})`))
      }),
    )
  const keys: Array<WrittenKey> = []
  if (scheme.calendar !== undefined) {
    yield* at(["calendar"], client.calendar(scheme.calendar.utcOffsetMinutes))
    tell(`calendar: the day begins at UTC${offsetText(scheme.calendar.utcOffsetMinutes)}`)
  }
  for (const [index, product] of (scheme.products ?? []).entries()) {
    const { created } = yield* at(["products", index], client.product(product))
    tell(`product ${product.number} ${product.name}: ${putText(created > 0)}`)
  }
  for (const [index, merchant] of (scheme.merchants ?? []).entries()) {
    yield* at(["merchants", index], makeMerchant(client, merchant, tell))
    yield* at(["merchants", index, "float"], payFloat(client, merchant, tell))
  }
  for (const [index, terminals] of (scheme.terminals ?? []).entries()) {
    keys.push(...(yield* at(["terminals", index], makeTerminals(client, terminals, tell), "merchant")))
  }
  const serials: NextSerials = new Map()
  for (const [index, cards] of (scheme.cards ?? []).entries()) {
    yield* at(
      ["cards", index],
      "first" in cards ? makeCards(client, cards, options) : issueCards(client, cards, serials, options),
      "product",
    )
  }
  const funds = scheme.funds ?? []
  for (const [index, fund] of funds.entries()) {
    const later = new Set(funds.slice(index + 1).map(({ reference }) => reference))
    yield* at(["funds", index], payFund(client, fund, later, tell), "card" in fund ? "card" : "product")
  }
  for (const [index, host] of (scheme.hosts ?? []).entries()) {
    const { iso = false, ...told } = host
    const { key } = yield* at(["hosts", index], client.host(told))
    tell(`host ${host.id}: ${rightsText(host)}`)
    const zone = iso ? { iso: yield* at(["hosts", index, "iso"], zoneKeys(client, host.id)) } : {}
    keys.push({ host: host.id, key: hex(key), ...zone })
  }
  return keys
})

const zoneKeys = (client: Client, host: string) =>
  Effect.map(
    client.isoKeys(host),
    ({ tdes, tdesCheck, aes, aesCheck }): ZoneKeys => ({
      tdes: hex(tdes),
      tdesCheck: hex(tdesCheck),
      aes: hex(aes),
      aesCheck: hex(aesCheck),
    }),
  )

const makeMerchant = Effect.fnUntraced(function* (
  client: Client,
  merchant: Merchant,
  tell: (line: string) => void,
) {
  const { code, float: _, ...told } = merchant
  const { created } = yield* client.merchant(told)
  tell(`merchant ${merchant.number} ${merchant.name}: ${putText(created)}`)
  if (code !== undefined) {
    yield* client.code(merchant.number, code)
    tell(`merchant ${merchant.number}: its authorisation code is set`)
  }
})

const makeTerminals = Effect.fnUntraced(function* (
  client: Client,
  terminals: Terminals,
  tell: (line: string) => void,
) {
  const { first, count = 1, merchant, keys = false, ...settings } = terminals
  const made = yield* client.terminals({ first, count, merchant })
  tell(`terminals ${span(first, count)} of merchant ${merchant}: ${madeText(made)}`)
  const all = Array.from({ length: count }, (_, index) => first + index)
  if (Object.keys(settings).length > 0) {
    yield* Effect.forEach(all, (number) => client.terminal({ number, ...settings }), {
      concurrency: COMMANDS_IN_FLIGHT,
      discard: true,
    })
    tell(`terminals ${span(first, count)}: ${Object.keys(settings).join(", ")} as in the file`)
  }
  // A terminal's key is told when it is asked for alone.
  return !keys
    ? []
    : yield* Effect.forEach(
        all,
        (terminal) =>
          Effect.map(
            client.terminals({ first: terminal, count: 1, merchant }),
            ({ key }): WrittenKey => ({ terminal, key: Buffer.from(key ?? []).toString("hex") }),
          ),
        { concurrency: COMMANDS_IN_FLIGHT },
      )
})

const makeCards = Effect.fnUntraced(function* (client: Client, cards: NumberedCards, options: IssueOptions) {
  const { first, count = 1, openingBalance = 0, ...kind } = cards
  const made = yield* client.cards({ first, count, openingBalance, ...kind }, (done) =>
    options.onProgress(done, count),
  )
  options.tell(`cards ${masked(first)} and on, ${grouped(count)}: ${madeText(made)}`)
})

/** What a host had before is replaced. */
const rightsText = ({ terminals, permissions }: Host): string => {
  if (permissions.length === 0) return "may now do nothing"
  const ranges = terminals.map(([from, to]) => span(from, to - from + 1)).join(", ")
  const may = [permissions.slice(0, -1).join(", "), permissions.at(-1)].filter((part) => part !== "")
  return `may now ${may.join(" and ")} for ${ranges === "" ? "no terminal" : ranges}`
}

const putText = (created: boolean): string => (created ? "created" : "there already, now as in the file")

const span = (first: number, count: number): string =>
  count === 1 ? String(first) : `${first}–${first + count - 1}`

const madeText = (made: { readonly created: number; readonly existing: number }): string =>
  made.existing === 0
    ? `${grouped(made.created)} created`
    : `${grouped(made.created)} created, ${grouped(made.existing)} there already`

/** 90 → "+01:30" */
const offsetText = (minutes: number): string => {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
  return `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`
}
