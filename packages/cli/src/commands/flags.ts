// Flags that several commands share, each described once.
import { Option } from "effect"
import { Flag } from "effect/cli"
import { DEFAULT_DATA } from "../Credentials.ts"

export const data = Flag.String("data").pipe(
  Flag.withMetavar("DIR"),
  Flag.withDescription(`Data directory of the server, for its credentials; by default ${DEFAULT_DATA}`),
  Flag.withDefault(DEFAULT_DATA),
)

export const url = Flag.String("url").pipe(
  Flag.withMetavar("URL"),
  Flag.withDescription("Server: tcp://HOST:PORT, tls://, ws:// or wss://; by default tcp://127.0.0.1:7100"),
  Flag.filter(
    (text) => isServerUrl(text),
    () => "tcp://HOST:PORT, tls://…, ws://… or wss://…",
  ),
  Flag.withDefault("tcp://127.0.0.1:7100"),
)

/** A server that may be left out. */
export const optionalUrl = (description: string) =>
  optional(
    Flag.String("url").pipe(
      Flag.withMetavar("URL"),
      Flag.withDescription(description),
      Flag.filter(
        (text) => isServerUrl(text),
        () => "tcp://HOST:PORT, tls://…, ws://… or wss://…",
      ),
    ),
  )

const schemes = new Set(["tcp:", "tls:", "ws:", "wss:"])

function isServerUrl(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && schemes.has(url.protocol) && url.hostname !== "" && url.port !== "0"
}

export const credentials = optional(
  Flag.String("credentials").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Who to log on as; by default credentials.json of the data directory"),
  ),
)

export const stdin = Flag.Boolean("stdin").pipe(
  Flag.withDescription("Read it as the first line of stdin, in place of being asked twice"),
  Flag.withDefault(false),
)

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("End with one line of JSON on stdout"),
  Flag.withDefault(false),
)

/** A flag that may be left out, as a value that may be undefined. */
export function optional<A>(flag: Flag.Flag<A>): Flag.Flag<A | undefined> {
  return flag.pipe(Flag.optional, Flag.map(Option.getOrUndefined))
}

export const optionalInt = (name: string, metavar: string, description: string) =>
  optional(Flag.Int(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description)))

export const optionalText = (name: string, metavar: string, description: string) =>
  optional(Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description)))

/** Text to the parser, NaN when it is no number: the command refuses it in the words of its other ports. */
export const optionalPort = (name: string, description: string) =>
  optional(
    Flag.String(name).pipe(
      Flag.withMetavar("PORT"),
      Flag.withDescription(description),
      Flag.map((text) => (/^\d+$/.test(text) ? Number(text) : Number.NaN)),
    ),
  )
