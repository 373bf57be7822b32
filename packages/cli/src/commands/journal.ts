// The command lines of `millrace journal verify|dump|stat|repair`.
import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { entryKinds } from "../journal/Kinds.ts"
import { json, optional, optionalInt, optionalText } from "./flags.ts"

const dir = Argument.String("dir").pipe(
  Argument.withMetavar("DIR"),
  Argument.withDescription("Data directory; it is only read, so a server may be using it"),
)

const verify = Command.make("verify", { dir, json }, (command) =>
  Effect.flatMap(
    Effect.promise(() => import("../journal/Verify.ts")),
    (module) => module.verify(command),
  ),
).pipe(
  Command.withDescription("Check every block and snapshot, and make every decision again"),
  Command.withExamples([
    {
      command: "millrace journal verify ./millrace-data",
      description: "Exit code 0 when all is sound, 1 with the place when not",
    },
  ]),
)

const dump = Command.make(
  "dump",
  {
    dir,
    card: optionalText("card", "NUMBER", "Only this card"),
    terminal: optionalInt("terminal", "N", "Only this terminal"),
    kind: Flag.Literals("kind", entryKinds).pipe(Flag.withDescription("Only this kind"), optional),
    from: optionalText("from", "WHERE", "First sequence, or a time such as 2026-01-31T12:00:00Z"),
    to: optional(
      Flag.String("to").pipe(
        Flag.withAlias("until"),
        Flag.withMetavar("WHERE"),
        Flag.withDescription("Last sequence, or a time"),
      ),
    ),
    json: json.pipe(Flag.withDescription("One JSON object a line")),
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../journal/Dump.ts")),
      (module) => module.dump(command),
    ),
).pipe(
  Command.withDescription("Print the journal, one line an entry; card numbers are masked"),
  Command.withExamples([
    {
      command: "millrace journal dump ./millrace-data --terminal 1001 --from 2026-01-31T12:00:00Z",
      description: "What a terminal did since noon",
    },
    { command: "millrace journal dump ./millrace-data --kind reversal --json", description: "For scripts" },
  ]),
)

const stat = Command.make("stat", { dir, json }, (command) =>
  Effect.flatMap(
    Effect.promise(() => import("../journal/Stat.ts")),
    (module) => module.stat(command),
  ),
).pipe(
  Command.withDescription("Segments, blocks, sequences, times, snapshots and keys"),
  Command.withExamples([{ command: "millrace journal stat ./millrace-data", description: "What is there" }]),
)

const repair = Command.make(
  "repair",
  {
    dir: Argument.String("dir").pipe(
      Argument.withMetavar("DIR"),
      Argument.withDescription("Data directory; no server may be using it"),
    ),
    yes: Flag.Boolean("yes").pipe(
      Flag.withDescription("Do it without asking; only with --from-sequence"),
      Flag.withDefault(false),
    ),
    fromSequence: optionalInt(
      "from-sequence",
      "N",
      "The sequence that the repaired journal goes on with, as a run without --yes prints it",
    ),
    lost: optionalText(
      "lost",
      "FILE",
      "Write what is lost and can still be read to this new file, as JSON lines",
    ),
    json,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../journal/Repair.ts")),
      (module) => module.repair(command),
    ),
).pipe(
  Command.withDescription("Say what damage would cost, ask, and mend it; the original is kept"),
  Command.withExamples([
    {
      command: "millrace journal repair ./millrace-data",
      description: "Says what would be lost and asks; without a terminal it only says",
    },
  ]),
)

export const journal = Command.make("journal").pipe(
  Command.withDescription("Look into a data directory, and repair it"),
  Command.withSubcommands([verify, dump, stat, repair]),
  Command.withExamples([{ command: "millrace journal stat ./millrace-data", description: "What is there" }]),
)
