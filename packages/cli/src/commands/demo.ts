// The command line of `millrace demo`.
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { optionalText } from "./flags.ts"

export const demo = Command.make(
  "demo",
  {
    duration: Flag.Finite("duration").pipe(
      Flag.withMetavar("S"),
      Flag.withDescription("Seconds that the terminals are busy; by default 10"),
      Flag.withDefault(10),
    ),
    data: optionalText("data", "DIR", "Keep the journal there; by default nothing is kept"),
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../demo/Demo.ts")),
      (module) => module.demo(command),
    ),
).pipe(
  Command.withDescription("Start an engine of its own and play a small town of terminals on it"),
  Command.withExamples([
    { command: "millrace demo", description: "Ten seconds, in memory" },
    {
      command: "millrace demo --duration 60 --data ./town",
      description: "Longer, with a journal to look at afterwards",
    },
  ]),
)
