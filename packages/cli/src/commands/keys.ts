// The command lines of `millrace keys status|rotate-data|rotate-master|retire`.
import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { credentials, json, optionalInt, optionalUrl } from "./flags.ts"

const dir = Argument.String("dir").pipe(
  Argument.withMetavar("DIR"),
  Argument.withDescription("Data directory; its master key comes from where `serve` has it"),
)

const status = Command.make("status", { dir, json }, (command) =>
  Effect.flatMap(
    Effect.promise(() => import("../keys/Status.ts")),
    (module) => module.status(command),
  ),
).pipe(
  Command.withDescription("Which keys there are, and what needs each; no key is shown"),
  Command.withExamples([
    { command: "millrace keys status ./millrace-data", description: "A server may be using it" },
  ]),
)

const rotateData = Command.make(
  "rotate-data",
  {
    dir,
    url: optionalUrl("Ask the server that has DIR, over its port: tcp://127.0.0.1:7100"),
    credentials,
    json,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../keys/RotateData.ts")),
      (module) => module.rotateData(command),
    ),
).pipe(
  Command.withDescription("A new data key for what is written from now on; nothing is rewritten"),
  Command.withExamples([
    {
      command: "millrace keys rotate-data ./millrace-data --url tcp://127.0.0.1:7100",
      description: "While the server runs; needs the permission administer",
    },
    { command: "millrace keys rotate-data ./millrace-data", description: "While no server has it" },
  ]),
)

const rotateMaster = Command.make("rotate-master", { dir, json }, (command) =>
  Effect.flatMap(
    Effect.promise(() => import("../keys/RotateMaster.ts")),
    (module) => module.rotateMaster(command),
  ),
).pipe(
  Command.withDescription("Put the key ring under another master key; stop the server before"),
  Command.withExamples([
    {
      command: "millrace keys rotate-master /var/lib/millrace",
      description:
        "From MILLRACE_MASTER_KEY (or _FILE) to MILLRACE_NEW_MASTER_KEY (or _FILE); from master.key to a new one without",
    },
  ]),
)

const retire = Command.make(
  "retire",
  {
    dir,
    key: optionalInt("key", "N", "Number of the data key (required)"),
    noBackupNeedsIt: Flag.Boolean("no-backup-needs-it").pipe(
      Flag.withDescription("No backup that is still kept was made under it without a key ring of its own"),
      Flag.withDefault(false),
    ),
    json,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../keys/Retire.ts")),
      (module) => module.retire(command),
    ),
).pipe(
  Command.withDescription(
    "Take away, for good, a data key that nothing needs any more; stop the server before",
  ),
  Command.withExamples([
    {
      command: "millrace keys retire ./millrace-data --key 1 --no-backup-needs-it",
      description: "Refused while a segment or snapshot needs it",
    },
  ]),
)

export const keys = Command.make("keys").pipe(
  Command.withDescription("The keys of a data directory: see, change and retire them"),
  Command.withSubcommands([status, rotateData, rotateMaster, retire]),
  Command.withExamples([{ command: "millrace keys status ./millrace-data", description: "What is there" }]),
)
