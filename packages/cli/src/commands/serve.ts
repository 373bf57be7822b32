// The command line of `millrace serve`.
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { optionalPort, optionalText } from "./flags.ts"

export const serve = Command.make(
  "serve",
  {
    data: optionalText("data", "DIR", "Data directory, made when missing; by default ./millrace-data"),
    config: optionalText(
      "config",
      "FILE",
      "Settings as JSON; environment (MILLRACE_TCP_PORT=…) and flags go before it",
    ),
    ephemeral: Flag.Boolean("ephemeral").pipe(
      Flag.withDescription("Keep nothing: the journal is in memory and gone at the end"),
      Flag.withDefault(false),
    ),
    tcp: optionalPort("tcp", "Port of terminals and hosts, 0 for any; by default 7100"),
    ws: optionalPort("ws", "WebSocket port, 0 for any; without it there is no such listener"),
    wsOptional: Flag.Boolean("ws-optional").pipe(
      Flag.withDescription("Serve without WebSocket when its native library does not load here"),
      Flag.withDefault(false),
    ),
    allowPlain: Flag.Boolean("allow-plain").pipe(
      Flag.withDescription("Listen without TLS on an address that others can reach"),
      Flag.withDefault(false),
    ),
    iso: optionalPort("iso", "ISO 8583 port, 0 for any; without it there is no such listener"),
    http: optionalPort("http", "Port of health and metrics, 0 for any; by default 7103"),
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../serve/Serve.ts")),
      (module) => module.serve(command),
    ),
).pipe(
  Command.withDescription("Start the engine: journal, recovery, listeners"),
  Command.withExamples([
    {
      command: "millrace serve",
      description: "Embedded defaults: data in ./millrace-data, TCP 7100, HTTP 7103",
    },
    {
      command: "millrace serve --data /var/lib/millrace --config /etc/millrace/millrace.json",
      description: "As a service",
    },
    {
      command: "millrace serve --ephemeral --tcp 0 --http 0",
      description: "For a test: nothing is kept, any free ports",
    },
  ]),
)
