// The command line of `millrace pos`.
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { credentials, data, json, optionalInt, optionalText, url } from "./flags.ts"

const PATIENCE_SECONDS = 15

export const pos = Command.make(
  "pos",
  {
    url,
    credentials,
    data,
    terminal: optionalInt(
      "terminal",
      "N",
      "Which terminal this is; by default the credential's, or a small shop's",
    ),
    card: optionalText("card", "NUMBER", "The card to begin with; a single digit is one of the shop's"),
    script: optionalText(
      "script",
      "FILE",
      "Commands from a file, or from stdin with -, one a line, in place of keys",
    ),
    yes: Flag.Boolean("yes").pipe(
      Flag.withDescription("Make the small shop without asking, if the terminal is not there"),
      Flag.withDefault(false),
    ),
    patience: Flag.Finite("patience").pipe(
      Flag.withMetavar("S"),
      Flag.withDescription(
        `Seconds to wait for an answer, before it is turned round; by default ${PATIENCE_SECONDS}`,
      ),
      Flag.withDefault(PATIENCE_SECONDS),
    ),
    json: json.pipe(
      Flag.withDescription("With --script: one JSON object for each command, in place of receipts"),
    ),
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../pos/Pos.ts")),
      (module) => module.pos(command),
    ),
).pipe(
  Command.withDescription("A till: sell, recharge, refund, void, hold, transfer, reprint, close the day"),
  Command.withExamples([
    { command: "millrace pos", description: "On the server of `npm start`; offers to make a small shop" },
    {
      command: "millrace pos --credentials till-7.json --url tcp://10.0.0.5:7100",
      description: "As one terminal, with its own credential",
    },
    {
      command: "millrace pos --yes --script day.txt",
      description: "card 1 / sell 12.50 / expect 00 / refund 2.00 / reprint / close",
    },
  ]),
)
