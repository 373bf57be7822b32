// The command line of `millrace code`.
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { credentials, data, json, stdin, url } from "./flags.ts"

export const code = Command.make(
  "code",
  {
    merchant: Argument.Int("merchant").pipe(
      Argument.withMetavar("MERCHANT"),
      Argument.withDescription("The merchant's number"),
    ),
    stdin,
    url,
    json,
    credentials,
    data,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../operator/Card.ts")),
      (module) => module.setCode(command),
    ),
).pipe(
  Command.withDescription("A merchant's authorisation code, typed twice without being shown"),
  Command.withExamples([
    { command: "millrace code 970002", description: "For recharges and refunds above codeAbove" },
  ]),
)
