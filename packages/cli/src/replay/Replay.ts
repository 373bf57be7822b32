// `millrace replay`: a file of movements sent as card traffic, in order, and the balances asked for at the end.
import { readFile } from "node:fs/promises"
import { type Client, type ClientClosed, Standing } from "@millrace/client"
import {
  encodeRecord,
  Kind,
  OUTCOME_BYTES,
  OutcomeAt,
  RECORD_BYTES,
  ReferenceSource,
  ResponseCode,
} from "@millrace/protocol"
import { Effect, Result } from "effect"
import { connect, refused } from "../Connect.ts"
import { findCredential } from "../Credentials.ts"
import { parseTarget } from "../load/Plan.ts"
import { declinedOf, grouped } from "../load/Report.ts"
import { print, progress, progressEnds, say } from "../Output.ts"
import { ExitCode, type Stop, stop } from "../Stop.ts"
import { type Movement, parseMovements } from "./Movements.ts"
import {
  BALANCE_TERMINAL,
  cardPrefix,
  MOVEMENT_TERMINAL,
  REPLAY_CURRENCY,
  rangesOf,
  replayMerchant,
  writeMovement,
} from "./Scheme.ts"

export interface ReplayCommand {
  readonly file: string
  readonly url: string
  readonly json: boolean
  readonly data: string
  readonly credentials: string | undefined
  /** Seconds without an answer after which it is given up. */
  readonly patience: number
}

/** One line; its keys are a contract. */
export interface ReplayResult {
  readonly sent: number
  readonly approved: number
  readonly declined: { readonly [response: string]: number }
  /** First answers given again; they count under approved or declined too. */
  readonly duplicates: number
  readonly cards: number
  readonly balanceTotal: number
}

const BATCH_RECORDS = 256
const BATCHES_IN_FLIGHT = 8
/** Commands that make cards, under way at a time: accounts have gaps, so there are many small ones. */
const COMMANDS_IN_FLIGHT = 32
const RESPONSES = 128
const PROGRESS_MS = 1_000

export const replay = Effect.fnUntraced(function* (command: ReplayCommand) {
  const target = parseTarget(command.url)
  if (Result.isFailure(target)) return yield* stop(target.failure, ExitCode.usage)
  if (!(command.patience > 0)) return yield* stop("--patience must be more than 0 seconds", ExitCode.usage)
  const movements = yield* readMovements(command.file)
  const credential = yield* findCredential(command)
  const client = yield* connect({ url: command.url, credential, deadlineMs: command.patience * 1_000 })
  const accounts = new Set(movements.map((movement) => movement.account))
  yield* provision(client, accounts)
  const counts = yield* send(client, movements, command)
  const balanceTotal = yield* askBalances(client, [...accounts], command)
  const result: ReplayResult = {
    sent: movements.length,
    approved: counts.responses[ResponseCode.approved],
    declined: declinedOf(counts.responses),
    duplicates: counts.duplicates,
    cards: accounts.size,
    balanceTotal,
  }
  if (command.json) print(JSON.stringify(result))
  else for (const line of table(result)) say(line)
}, Effect.scoped)

const readMovements = (file: string): Effect.Effect<ReadonlyArray<Movement>, Stop> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (error) => {
      const code = error instanceof Error && "code" in error ? error.code : undefined
      return stop(code === "ENOENT" ? `there is no file ${file}` : `${file} cannot be read (${String(code)})`)
    },
  }).pipe(
    Effect.flatMap((text) => Effect.fromResult(parseMovements(text, file))),
    Effect.mapError((error) => (typeof error === "string" ? stop(error) : error)),
  )

const gaveUp = (command: ReplayCommand): Stop =>
  stop(
    `no answer from ${command.url} for ${command.patience} s: what was sent last may have been done or not. ` +
      "Run the same replay again: nothing is done twice.",
  )

const closed = (error: ClientClosed): Stop => stop(error.message)

const provision = (client: Client, accounts: ReadonlySet<number>) =>
  Effect.gen(function* () {
    yield* client.merchant(replayMerchant)
    for (const first of [MOVEMENT_TERMINAL, BALANCE_TERMINAL]) {
      yield* client.terminals({ first, count: 1, merchant: replayMerchant.number })
    }
    yield* Effect.forEach(
      rangesOf(accounts),
      ({ first, count }) =>
        client.cards({
          first: BigInt(cardPrefix + first),
          count,
          currency: REPLAY_CURRENCY,
          openingBalance: 0,
        }),
      { concurrency: COMMANDS_IN_FLIGHT, discard: true },
    )
  }).pipe(
    Effect.catchTags({
      MessageRefused: refused,
      Unknown: () => stop("provisioning was not answered in time: see how the server is, and run this again"),
      ClientClosed: closed,
    }),
  )

interface Counts {
  readonly responses: Float64Array
  duplicates: number
}

/** All movements, in the file's order, several batches under way. */
const send = Effect.fnUntraced(function* (
  client: Client,
  movements: ReadonlyArray<Movement>,
  command: ReplayCommand,
) {
  const counts: Counts = { responses: new Float64Array(RESPONSES), duplicates: 0 }
  let done = 0
  let toldAt = performance.now()
  const starts = Array.from(
    { length: Math.ceil(movements.length / BATCH_RECORDS) },
    (_, index) => index * BATCH_RECORDS,
  )
  // Started one after the other, and the client sends in the order of submission: a card's movements stay in order.
  yield* Effect.forEach(
    starts,
    Effect.fnUntraced(function* (start) {
      const count = Math.min(BATCH_RECORDS, movements.length - start)
      const records = new Uint8Array(count * RECORD_BYTES)
      const view = new DataView(records.buffer)
      for (let index = 0; index < count; index++) writeMovement(movements[start + index], view, index)
      yield* exchange(client, records, command, (outcome) => {
        counts.responses[outcome.getUint16(OutcomeAt.response, true)]++
        counts.duplicates += outcome.getUint16(OutcomeAt.flags, true) & 1
      })
      done += count
      if (!command.json && performance.now() - toldAt > PROGRESS_MS) {
        toldAt = performance.now()
        progress(`${grouped(done)} of ${grouped(movements.length)} movements answered`)
      }
    }),
    { concurrency: BATCHES_IN_FLIGHT, discard: true },
  )
  if (!command.json && process.stderr.isTTY) progressEnds()
  return counts
})

/** Sends records and calls `each` with every outcome; fails when one stays without an answer. */
const exchange = Effect.fnUntraced(function* (
  client: Client,
  records: Uint8Array,
  command: ReplayCommand,
  each: (outcome: DataView) => void,
) {
  const { outcomes, standing } = yield* Effect.mapError(client.exchange(records), closed)
  if (standing.some((one) => one !== Standing.answered)) return yield* gaveUp(command)
  for (let at = outcomes.byteOffset; at < outcomes.byteOffset + outcomes.byteLength; at += OUTCOME_BYTES) {
    each(new DataView(outcomes.buffer, at, OUTCOME_BYTES))
  }
})

const askBalances = Effect.fnUntraced(function* (
  client: Client,
  accounts: ReadonlyArray<number>,
  command: ReplayCommand,
) {
  const references = new ReferenceSource()
  let total = 0
  let refusedCards = 0
  for (let start = 0; start < accounts.length; start += BATCH_RECORDS) {
    const some = accounts.slice(start, start + BATCH_RECORDS)
    const records = new Uint8Array(some.length * RECORD_BYTES)
    const view = new DataView(records.buffer)
    for (const [index, account] of some.entries()) {
      const record = {
        reference: references.next(),
        card: BigInt(cardPrefix + account),
        amount: 0,
        terminal: BALANCE_TERMINAL,
        kind: Kind.balance,
        currency: REPLAY_CURRENCY,
      }
      encodeRecord(record, view, index * RECORD_BYTES)
    }
    yield* exchange(client, records, command, (outcome) => {
      if (outcome.getUint16(OutcomeAt.response, true) === ResponseCode.approved) {
        total += Number(outcome.getBigUint64(OutcomeAt.available, true))
      } else refusedCards++
    })
  }
  if (refusedCards > 0) return yield* stop(`${refusedCards} cards did not tell their balance`)
  return total
})

const table = (result: ReplayResult): ReadonlyArray<string> =>
  [
    ["movements", grouped(result.sent)],
    ["approved", grouped(result.approved)],
    ...Object.entries(result.declined).map(([code, count]) => [`declined ${code}`, grouped(count)]),
    ["given again", grouped(result.duplicates)],
    ["cards", grouped(result.cards)],
    ["balances", `${grouped(result.balanceTotal)} minor units in all`],
  ].map(([name, value]) => `  ${name.padEnd(14)}${value}`)
