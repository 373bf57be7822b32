// The command tree of `millrace`. What a command does is imported when it runs: help and errors come at once.
import { Command } from "effect/cli"
import { cardCommand } from "./commands/card.ts"
import { demo } from "./commands/demo.ts"
import { journal } from "./commands/journal.ts"
import { load } from "./commands/load.ts"
import { provision } from "./commands/provision.ts"
import { replay } from "./commands/replay.ts"
import { serve } from "./commands/serve.ts"
import { query, totals } from "./commands/terminal.ts"
import { PROGRAM } from "./Output.ts"

export const program = Command.make(PROGRAM).pipe(
  Command.withDescription("A transaction engine for prepaid cards and electronic recharge"),
  Command.withSubcommands([serve, demo, provision, cardCommand, totals, query, load, replay, journal]),
)

export const VERSION = "0.1.0"
