// The command line of `millrace simulate`.
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { json, optional, optionalInt, optionalText } from "./flags.ts"

export const simulate = Command.make(
  "simulate",
  {
    seed: Flag.Int("seed").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("Everything is drawn from it; the same seed is the same run. By default 1"),
      Flag.withDefault(1),
    ),
    seeds: Flag.Int("seeds").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("So many seeds, counting up; 0: until it is stopped. By default 1"),
      Flag.withDefault(1),
    ),
    minutes: optional(
      Flag.Finite("minutes").pipe(
        Flag.withMetavar("M"),
        Flag.withDescription("Stop after so many minutes, however many seeds are left"),
      ),
    ),
    steps: optionalInt("steps", "N", "Requests, batches and commands of all clients together; by default 40"),
    clients: optionalInt("clients", "N", "Terminals, beside a host and an office; by default 3"),
    without: optionalText(
      "without",
      "FAULT,…",
      "Switch faults off; --faults lists them, all switches off all",
    ),
    shrink: Flag.Boolean("shrink").pipe(
      Flag.withDescription(
        "Make the first run that fails smaller, and print the smallest command that still does; when all pass, say so",
      ),
      Flag.withDefault(false),
    ),
    trace: Flag.Boolean("trace").pipe(
      Flag.withDescription("Print all that happens, a line each, on stdout"),
      Flag.withDefault(false),
    ),
    faults: Flag.Boolean("faults").pipe(
      Flag.withDescription("List the faults that there are, and end"),
      Flag.withDefault(false),
    ),
    json,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../simulate/Simulate.ts")),
      (module) => module.simulateSeeds(command),
    ),
).pipe(
  Command.withDescription(
    "Run the whole engine under a simulated disk, network and clock, and check every promise",
  ),
  Command.withExamples([
    { command: "millrace simulate --seeds 1000", description: "A thousand runs, each with its own faults" },
    { command: "millrace simulate --seed 7 --trace", description: "One run, told line by line" },
    {
      command: "millrace simulate --seed 7 --shrink",
      description: "The smallest run of this seed that still fails, as a command",
    },
    {
      command: "millrace simulate --seed 1 --without rot,clock --steps 200",
      description: "A longer run with fewer faults",
    },
  ]),
)
