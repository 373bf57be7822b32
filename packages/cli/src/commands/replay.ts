// The command line of `millrace replay`.
import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { credentials, data, json, url } from "./flags.ts"

export const replay = Command.make(
  "replay",
  {
    file: Argument.String("file").pipe(
      Argument.withMetavar("FILE.csv"),
      Argument.withDescription(
        "Movements, with columns account, date, side (credit or debit) and amount_minor",
      ),
    ),
    url,
    patience: Flag.Finite("patience").pipe(
      Flag.withMetavar("S"),
      Flag.withDescription("Seconds without an answer, reconnecting, before it gives up; by default 30"),
      Flag.withDefault(30),
    ),
    json,
    credentials,
    data,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../replay/Replay.ts")),
      (module) => module.replay(command),
    ),
).pipe(
  Command.withDescription(
    "Send a file of movements as card traffic: an account is a card, a credit a recharge, a debit a purchase",
  ),
  Command.withExamples([
    { command: "millrace replay test/data/bank-movements-1993.csv", description: "A year of a real bank" },
    {
      command: "millrace replay test/data/bank-movements-1993.csv --json",
      description: "Again: the references are the same, so every answer is the first one and nothing moves",
    },
  ]),
)
