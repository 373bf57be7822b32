// The command lines of `millrace backup`, `millrace backup verify` and `millrace restore`.
import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { DEFAULT_DATA } from "../Credentials.ts"
import { json, optionalInt, optionalText } from "./flags.ts"

const verify = Command.make(
  "verify",
  {
    dir: Argument.String("dir").pipe(
      Argument.withMetavar("BACKUP"),
      Argument.withDescription("Directory of the backup; it is only read"),
    ),
    json,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../backup/VerifyBackup.ts")),
      (module) => module.verifyBackup(command),
    ),
).pipe(
  Command.withDescription("Check every file of a backup, and make every decision in it again"),
  Command.withExamples([
    {
      command: "millrace backup verify /backup/millrace",
      description: "Exit code 0 when all of it can be restored, 1 with the place when not",
    },
  ]),
)

export const backup = Command.make(
  "backup",
  {
    data: Flag.String("data").pipe(
      Flag.withMetavar("DIR"),
      Flag.withDescription(`Data directory; a server may be using it; by default ${DEFAULT_DATA}`),
      Flag.withDefault(DEFAULT_DATA),
    ),
    to: optionalText("to", "BACKUP", "Directory of the backup; what is new is added to an earlier one"),
    withMasterKey: Flag.Boolean("with-master-key").pipe(
      Flag.withDescription("Take master.key along: then the backup is as secret as everything in it"),
      Flag.withDefault(false),
    ),
    keepDays: optionalInt("keep-days", "N", "Let go of what only serves to restore to more than N days ago"),
    json,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../backup/Backup.ts")),
      (module) => module.backup(command),
    ),
).pipe(
  Command.withDescription("Back up a data directory, also while it is being served"),
  Command.withSubcommands([verify]),
  Command.withExamples([
    {
      command: "millrace backup --data /var/lib/millrace --to /backup/millrace",
      description: "From cron: the first run copies all, each later one what is new",
    },
  ]),
)

export const restore = Command.make(
  "restore",
  {
    from: Flag.String("from").pipe(
      Flag.withMetavar("BACKUP"),
      Flag.withDescription("Directory of the backup"),
    ),
    to: Flag.String("to").pipe(
      Flag.withMetavar("DIR"),
      Flag.withDescription("The data directory to make; it must be empty or not there"),
    ),
    at: optionalText(
      "at",
      "WHERE",
      "Up to and with this sequence, or what was done up to a time such as 2026-01-31T12:00:00Z",
    ),
    json,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../backup/Restore.ts")),
      (module) => module.restore(command),
    ),
).pipe(
  Command.withDescription("Make a data directory from a backup, verified before it may start"),
  Command.withExamples([
    {
      command: "millrace restore --from /backup/millrace --to /var/lib/millrace --at 2026-01-31T12:00:00Z",
      description: "As it was at noon",
    },
  ]),
)
