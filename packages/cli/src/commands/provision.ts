// The command line of `millrace provision`.
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { credentials, data, optionalText, url } from "./flags.ts"

export const provision = Command.make(
  "provision",
  {
    file: Argument.String("file").pipe(
      Argument.withMetavar("FILE"),
      Argument.withDescription("A scheme as JSON: merchants, terminals, hosts, cards"),
    ),
    url,
    keysOut: optionalText("keys-out", "FILE", "A new file for the keys of hosts and terminals, mode 0600"),
    credentials,
    data,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../provision/Provision.ts")),
      (module) => module.provision(command),
    ),
).pipe(
  Command.withDescription("Make the merchants, terminals, hosts and cards that a file names"),
  Command.withExamples([
    {
      command: "millrace provision scheme.json --keys-out acquirer.json",
      description: "May be run again: nothing is made twice; keys are never shown, only written to the file",
    },
  ]),
)
