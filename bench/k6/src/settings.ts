// What a run is told from outside: `k6 run -e NAME=VALUE`. bench/k6/README.md has the table.
import { KEY_BYTES } from "@millrace/protocol"

interface K6Globals {
  readonly __ENV: { readonly [name: string]: string | undefined }
  readonly open: (file: string) => string
}

// k6 puts these two beside the language's own globals.
const { __ENV: environment, open } = globalThis as unknown as K6Globals

const text = (name: string): string => {
  const value = environment[name]
  if (value === undefined || value === "") throw new Error(`${name} is not set: k6 run -e ${name}=…`)
  return value
}

const number = (name: string, otherwise: number): number => {
  const value = Number(environment[name] ?? otherwise)
  if (!(value >= 0)) throw new Error(`${name} is a number from 0, not ${environment[name]}`)
  return value
}

interface CredentialFile {
  readonly host?: string
  readonly terminal?: number
  readonly key?: string
}

const readCredential = (file: string) => {
  // The file of `millrace serve` and `millrace provision --keys-out`; what is missing is said below.
  const { host, terminal, key = "" } = JSON.parse(open(file)) as CredentialFile
  if (!/^[0-9a-fA-F]*$/.test(key) || key.length !== 2 * KEY_BYTES) throw new Error(`${file} has no key`)
  const bytes = Uint8Array.from({ length: KEY_BYTES }, (_, n) =>
    Number.parseInt(key.slice(2 * n, 2 * n + 2), 16),
  )
  if (host !== undefined) return { identity: { host }, key: bytes }
  if (terminal !== undefined) return { identity: { terminal }, key: bytes }
  throw new Error(`${file} names neither a host nor a terminal`)
}

export const settings = {
  url: text("URL"),
  credential: readCredential(text("CREDENTIALS")),
  terminalFirst: number("TERMINAL_FIRST", 960_000_001),
  terminals: number("TERMINALS", 1_000),
  cardFirst: number("CARD_FIRST", 5_960_000_000_000_000),
  cards: number("CARDS", 100_000),
  currency: number("CURRENCY", 963),
  /** Sessions that begin in a second, at rest. */
  rate: number("RATE", 5),
  /** Seconds of the scenario's longest part. */
  seconds: number("SECONDS", 60),
  /** Of one session. */
  transactions: number("TRANSACTIONS", 10),
  /** Between an answer and the next request. */
  thinkMs: number("THINK_MS", 20),
  /** What 99 of 100 answers must be within. */
  p99Ms: number("P99_MS", 250),
  /** How many of all lines are cut before the answer, 0 … 1. */
  lose: number("LOSE", 0.002),
  /** A terminal that waits longer drops the line and sends the same again. */
  answerMs: number("ANSWER_MS", 5_000),
  /** After so long without any answer a terminal gives up, and the run has failed. */
  patienceMs: number("PATIENCE_MS", 60_000),
  summary: environment["SUMMARY"],
} as const
