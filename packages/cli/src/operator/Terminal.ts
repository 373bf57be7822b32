// `millrace totals` and `millrace query`: what a terminal did since its last close, and what became of a transaction.
import { Effect } from "effect"
import { grouped } from "../load/Report.ts"
import { print } from "../Output.ts"
import { ExitCode, stop } from "../Stop.ts"
import { ask, type OperatorCommand } from "./Card.ts"
import { columns, jsonLine, transactionLine } from "./Told.ts"

export interface TerminalCommand extends OperatorCommand {
  readonly terminal: number
}

const TERMINAL_MAX = 0xffff_ffff
const REFERENCE_MAX = (1n << 64n) - 1n

const checked = (terminal: number) =>
  terminal >= 1 && terminal <= TERMINAL_MAX
    ? Effect.succeed(terminal)
    : stop(`TERMINAL must be a number from 1 to ${TERMINAL_MAX}`, ExitCode.usage)

export const totals = Effect.fnUntraced(function* (command: TerminalCommand) {
  const terminal = yield* checked(command.terminal)
  const { type: _, ...found } = yield* ask(command, (client) => client.totals(terminal))
  if (command.json) return print(jsonLine(found))
  const row = ({ count, amount }: { readonly count: number; readonly amount: number }) =>
    `${grouped(count).padStart(9)}${grouped(amount).padStart(16)}`
  for (const line of columns([
    [`terminal ${found.terminal}`, `batch ${found.batch}`],
    ...Object.entries(found.rows).map(([name, one]) => [name, row(one)] as const),
    ["debits", row(found.debits)],
    ["credits", row(found.credits)],
  ])) {
    print(line)
  }
})

export interface QueryCommand extends TerminalCommand {
  readonly reference: string
}

export const query = Effect.fnUntraced(function* (command: QueryCommand) {
  const terminal = yield* checked(command.terminal)
  const reference = /^\d{1,20}$/.test(command.reference) ? BigInt(command.reference) : REFERENCE_MAX + 1n
  if (reference > REFERENCE_MAX) return yield* stop("REFERENCE must be a number below 2^64", ExitCode.usage)
  const transaction = yield* ask(command, (client) => client.query(terminal, reference))
  print(command.json ? jsonLine(transaction) : `${transaction.card}  ${transactionLine(transaction)}`)
})
