// The command line of `millrace rotate-key`.
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { credentials, data, json, optionalText, url } from "./flags.ts"

export const rotateKey = Command.make(
  "rotate-key",
  {
    identity: Argument.String("identity").pipe(
      Argument.withMetavar("IDENTITY"),
      Argument.withDescription("host:ID or terminal:NUMBER"),
    ),
    out: optionalText("out", "FILE", "New file for the new key (mode 0600) (required)"),
    url,
    json,
    credentials,
    data,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../operator/RotateKey.ts")),
      (module) => module.rotateKey(command),
    ),
).pipe(
  Command.withDescription("Give a host or terminal a new key; the one of before logs on no more"),
  Command.withExamples([
    {
      command: "millrace rotate-key host:acquirer --out acquirer-key.json",
      description: "Hand the file to the acquirer; its open sessions go on until they end",
    },
  ]),
)
