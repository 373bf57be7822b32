// The command line of `millrace provision`.
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { credentials, data, optionalText, url } from "./flags.ts"

export const provision = Command.make(
  "provision",
  {
    file: Argument.String("file").pipe(
      Argument.withMetavar("FILE"),
      Argument.withDescription(
        "A scheme as YAML or JSON: calendar, products, merchants, terminals, hosts, cards, funds",
      ),
      Argument.optional,
      Argument.map(Option.getOrUndefined),
    ),
    url,
    keysOut: optionalText("keys-out", "FILE", "A new file for the keys of hosts and terminals, mode 0600"),
    schema: Flag.Boolean("schema").pipe(
      Flag.withDescription("Print the JSON Schema of scheme files and do nothing else"),
      Flag.withDefault(false),
    ),
    credentials,
    data,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../provision/Provision.ts")),
      (module) => module.provision(command),
    ),
).pipe(
  Command.withDescription("Make the products, merchants, terminals, hosts and cards that a file names"),
  Command.withExamples([
    {
      command: "millrace provision scheme.yaml --keys-out acquirer.json",
      description: "May be run again: nothing is made twice; keys are never shown, only written to the file",
    },
    { command: "millrace provision --schema", description: "For an editor that checks scheme files" },
  ]),
)
