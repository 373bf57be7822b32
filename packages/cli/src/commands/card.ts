// The command lines of `millrace card …`.
import type { LifecycleAction } from "@millrace/protocol/messages"
import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { credentials, data, json, optionalText, stdin, url } from "./flags.ts"

const card = Argument.String("card").pipe(
  Argument.withMetavar("NUMBER"),
  Argument.withDescription("The card's number; it is shown masked, always"),
)

const common = { card, url, json, credentials, data }

/** What examples write for a card. */
const EXAMPLE = "5970010000000018"

const module = Effect.promise(() => import("../operator/Card.ts"))

const show = Command.make("show", common, (command) =>
  Effect.flatMap(module, ({ show }) => show(command)),
).pipe(
  Command.withDescription("What a card is like: status, purses, what it used of its limits, PIN, expiry"),
  Command.withExamples([{ command: `millrace card show ${EXAMPLE}`, description: "As lines" }]),
)

const history = Command.make(
  "history",
  {
    ...common,
    count: Flag.Int("count").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("The last N transactions, at most 50; by default 10"),
      Flag.withDefault(10),
    ),
  },
  (command) => Effect.flatMap(module, ({ history }) => history(command)),
).pipe(
  Command.withDescription("A card's last transactions, newest first, those of the card it replaced too"),
  Command.withExamples([
    { command: `millrace card history ${EXAMPLE} --count 50 --json`, description: "One JSON object a line" },
  ]),
)

const reason = Flag.String("reason").pipe(
  Flag.withMetavar("TEXT"),
  Flag.withDescription("Why; it is kept in the journal together with who"),
)

const changes: ReadonlyArray<readonly [LifecycleAction, string, string]> = [
  ["activate", "An issued card may pay from now on", "handed out at the counter"],
  ["lock", "A card pays no more until it is unlocked", "forgotten in the shop"],
  ["unlock", "A locked card pays again", "fetched from the shop"],
  ["lost", "A named card was lost: terminals refuse it with 41", "reported by telephone"],
  ["stolen", "A named card was stolen: terminals refuse it with 43", "reported by telephone"],
  ["cancel", "The issue of a card that was never active is cancelled", "printed wrong"],
  ["return", "A card is handed back: balance and deposit are paid out", "holder moves away"],
  ["blacklist", "Whatever the card was, it is refused until it is released", "test purchases of a thief"],
  ["release", "A blacklisted card is again what it was before", "suspicion was wrong"],
]

const change = ([action, description, why]: (typeof changes)[number]) =>
  Command.make(action, { ...common, reason }, (command) =>
    Effect.flatMap(module, ({ change }) => change(action, command)),
  ).pipe(
    Command.withDescription(description),
    Command.withExamples([
      {
        command: `millrace card ${action} ${EXAMPLE} --reason "${why}"`,
        description: "The same again changes nothing",
      },
    ]),
  )

const namedHolder = Flag.String("holder").pipe(
  Flag.withMetavar("NAME"),
  Flag.withDescription("To whom the card belongs from now on"),
)

const name = Command.make("name", { ...common, reason, holder: namedHolder }, (command) =>
  Effect.flatMap(module, ({ change }) => change("name", command)),
).pipe(
  Command.withDescription("An anonymous card gets a holder, and can then be lost, stolen and replaced"),
  Command.withExamples([
    {
      command: `millrace card name ${EXAMPLE} --holder "Ada Miller" --reason registered`,
      description: "The holder's name is kept in the journal, encrypted like all of it",
    },
  ]),
)

const replace = Command.make(
  "replace",
  {
    ...common,
    reason,
    holder: optionalText("holder", "NAME", "To whom the new card belongs; by default as before"),
    out: Flag.String("out").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("A new CSV file for the new card's number and check value, mode 0600"),
    ),
  },
  (command) => Effect.flatMap(module, ({ change }) => change("replace", command)),
).pipe(
  Command.withDescription("A new card gets balance, holds, counters and history of a named one"),
  Command.withExamples([
    {
      command: `millrace card replace ${EXAMPLE} --reason "lost on the bus" --out new-card.csv`,
      description: "The old card answers 41 from then on, or 43 when it was stolen",
    },
  ]),
)

const pin = Command.make("pin", { ...common, stdin }, (command) =>
  Effect.flatMap(module, ({ setPin }) => setPin(command)),
).pipe(
  Command.withDescription("A card's PIN, typed twice without being shown, or read from stdin"),
  Command.withExamples([
    { command: `millrace card pin ${EXAMPLE}`, description: "Wrong tries are forgotten with it" },
    { command: `millrace card pin ${EXAMPLE} --stdin`, description: "For scripts: one line with the PIN" },
  ]),
)

export const cardCommand = Command.make("card").pipe(
  Command.withDescription("A card at the operator's desk: look at it, and change what it is"),
  Command.withSubcommands([show, history, ...changes.map(change), name, replace, pin]),
  Command.withExamples([{ command: `millrace card show ${EXAMPLE}`, description: "What it is like" }]),
)
