// The command lines of `millrace totals` and `millrace query`.
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { credentials, data, json, url } from "./flags.ts"

const terminal = Argument.Int("terminal").pipe(
  Argument.withMetavar("TERMINAL"),
  Argument.withDescription("The terminal's number"),
)

const common = { url, json, credentials, data }

const module = Effect.promise(() => import("../operator/Terminal.ts"))

export const totals = Command.make("totals", { terminal, ...common }, (command) =>
  Effect.flatMap(module, ({ totals }) => totals(command)),
).pipe(
  Command.withDescription("What a terminal did since its last close, by kind, and what a close has to say"),
  Command.withExamples([
    { command: "millrace totals 970000001", description: "Counts and sums in minor units" },
  ]),
)

export const query = Command.make(
  "query",
  {
    terminal,
    reference: Argument.String("reference").pipe(
      Argument.withMetavar("REFERENCE"),
      Argument.withDescription("Under which the terminal sent it"),
    ),
    ...common,
  },
  (command) => Effect.flatMap(module, ({ query }) => query(command)),
).pipe(
  Command.withDescription("What became of a transaction"),
  Command.withExamples([
    {
      command: "millrace query 970000001 7435929600000000001",
      description: "Exit code 1 when the engine knows of none, or no more",
    },
  ]),
)
