// The command tree of `millrace`. What a command does is imported when it runs: help and errors come at once.
import { Command } from "effect/cli"
import { backup, restore } from "./commands/backup.ts"
import { cardCommand } from "./commands/card.ts"
import { code } from "./commands/code.ts"
import { demo } from "./commands/demo.ts"
import { journal } from "./commands/journal.ts"
import { keys } from "./commands/keys.ts"
import { load } from "./commands/load.ts"
import { pos } from "./commands/pos.ts"
import { provision } from "./commands/provision.ts"
import { replay } from "./commands/replay.ts"
import { rotateKey } from "./commands/rotateKey.ts"
import { serve } from "./commands/serve.ts"
import { simulate } from "./commands/simulate.ts"
import { query, totals } from "./commands/terminal.ts"
import { PROGRAM } from "./Output.ts"

export const program = Command.make(PROGRAM).pipe(
  Command.withDescription("A transaction engine for prepaid cards and electronic recharge"),
  Command.withSubcommands([
    serve,
    demo,
    pos,
    provision,
    cardCommand,
    code,
    totals,
    query,
    rotateKey,
    load,
    replay,
    journal,
    backup,
    restore,
    keys,
    simulate,
  ]),
)

export const VERSION = "0.1.0"
