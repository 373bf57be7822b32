// The command line of `millrace load`.
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { defaultMixText } from "../load/Mix.ts"
import { credentials, data, json, optional, optionalInt, url } from "./flags.ts"

export const load = Command.make(
  "load",
  {
    url,
    mode: Flag.Literals("mode", ["batch", "terminals"]).pipe(
      Flag.withDescription(
        "batch: hosts that send many records a frame; terminals: one record a frame; by default batch",
      ),
      Flag.withDefault("batch"),
    ),
    connections: optionalInt(
      "connections",
      "N",
      "Connections; by default 8 in batch mode, 64 in terminals mode",
    ),
    inFlight: optionalInt(
      "in-flight",
      "N",
      "Frames outstanding on a connection; by default 8 in batch mode, 1 in terminals mode",
    ),
    batch: optionalInt("batch", "N", "Records of a frame in batch mode; by default 512"),
    rate: optional(
      Flag.Finite("rate").pipe(
        Flag.withMetavar("PER_SECOND"),
        Flag.withDescription(
          "Transactions due a second (open loop: latency counts from when one was due); without it, as many as are answered",
        ),
      ),
    ),
    duration: Flag.Finite("duration").pipe(
      Flag.withMetavar("S"),
      Flag.withDescription("Seconds; by default 10"),
      Flag.withDefault(10),
    ),
    warmUp: Flag.Finite("warm-up").pipe(
      Flag.withMetavar("S"),
      Flag.withDescription("Seconds of traffic before that, which no figure counts; by default 0"),
      Flag.withDefault(0),
    ),
    cards: Flag.Int("cards").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("Cards, chosen evenly; made when missing; by default 100000"),
      Flag.withDefault(100_000),
    ),
    mix: Flag.String("mix").pipe(
      Flag.withMetavar("SHARES"),
      Flag.withDescription(`Shares of transaction kinds; by default ${defaultMixText}`),
      Flag.withDefault(defaultMixText),
    ),
    seed: Flag.Int("seed").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("The same seed draws the same cards, kinds and amounts; by default 1"),
      Flag.withDefault(1),
    ),
    json,
    credentials,
    data,
  },
  (command) =>
    Effect.flatMap(
      Effect.promise(() => import("../load/Load.ts")),
      (module) => module.load(command),
    ),
).pipe(
  Command.withDescription("Send card traffic to a server and measure it"),
  Command.withExamples([
    {
      command: "millrace load --duration 10 --cards 1000000",
      description: "Eight hosts with batches, against a server on this machine",
    },
    {
      command: "millrace load --mode terminals --connections 512 --in-flight 1 --json",
      description: "512 terminals, each with one request at a time; ends with a line of JSON",
    },
    {
      command: "millrace load --mix purchase=60,recharge=20,transfer=10,preauthorisation=5,balance=5",
      description: "All kinds that stand alone",
    },
    {
      command: "millrace load --mode terminals --rate 20000 --in-flight 64",
      description: "Open loop: 20,000 transactions are due each second, whatever the answers do",
    },
  ]),
)
