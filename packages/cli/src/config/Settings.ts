// Everything that can be set of `millrace serve`, in one schema; what has no default has none on purpose.
import { defaultEngineOptions } from "@millrace/engine"
import { defaultGatewayLimits } from "@millrace/gateway"
import { segmentBytesDefault } from "@millrace/journal"
import { Schema } from "effect"

/** `expected` is what an error says of the value; `description` is what help and documentation say of the key. */
const whole = (min: number, max: number, description: string) =>
  Schema.Finite.check(
    Schema.makeFilter((value: number) => Number.isInteger(value) && value >= min && value <= max),
  ).annotate({ expected: `a whole number from ${min} to ${max}`, description })

const powerOfTwo = (min: number, max: number, description: string) =>
  Schema.Finite.check(
    Schema.makeFilter((value: number) => value >= min && value <= max && Number.isInteger(Math.log2(value))),
  ).annotate({ expected: `a power of two from ${min} to ${max}`, description })

const text = (expected: string, description: string) =>
  Schema.String.check(Schema.makeFilter((value: string) => value.trim() !== "")).annotate({
    expected,
    description,
  })

const file = (description: string) => text("the path of a file", description)

const originPattern = /^https?:\/\/[^/\s]+$/

const origins = (description: string) =>
  Schema.Array(Schema.String)
    .check(
      Schema.makeFilter((value: ReadonlyArray<string>) =>
        value.every((origin) => originPattern.test(origin)),
      ),
    )
    .annotate({ expected: "a list of origins such as https://desk.example", description })

const flag = (description: string) => Schema.Boolean.annotate({ expected: "true or false", description })

const port = (description: string) => whole(0, 65_535, `${description}; 0 takes any free one`)

export const mailboxRecordsMin = 2 ** 6

export const Settings = Schema.Struct({
  data: text("the path of a directory", "the data directory: journal, snapshots, keys"),
  ephemeral: flag("keep nothing: journal in memory, gone at the end"),
  host: text("an address of this machine", "the address that every listener binds"),
  tcp: Schema.Struct({ port: port("the TCP port of terminals and hosts") }),
  http: Schema.Struct({
    port: port("the HTTP port of health and metrics"),
    host: Schema.optionalKey(
      text("an address of this machine", "the address that HTTP binds; without it that of host"),
    ),
  }),
  allowPlain: flag("listen without TLS on an address that others can reach"),
  ws: Schema.Struct({
    port: Schema.optionalKey(port("the WebSocket port; without it there is no such listener")),
    origins: origins("origins whose pages may connect; browsers from elsewhere are refused"),
    optional: flag("serve without WebSocket when its native library does not load here"),
  }),
  tls: Schema.Struct({
    cert: Schema.optionalKey(file("the certificate chain of every listener, PEM; with tls.key")),
    key: Schema.optionalKey(file("its private key, PEM")),
    ca: Schema.optionalKey(file("the authority that signs the certificates of hosts, PEM")),
    requireClientCert: flag("hosts must show a certificate that tls.ca signed; over TCP only"),
  }),
  iso: Schema.Struct({
    port: Schema.optionalKey(port("the ISO 8583 port; without it there is no such listener")),
    // What each one is, IsoHosts.ts decodes: with all of its mistakes by their keys.
    hosts: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)).annotate({
      expected: "a list of hosts, each with an id",
      description: "hosts that speak ISO 8583, each with its id in the scheme and what it speaks",
    }),
  }),
  journal: Schema.Struct({
    segmentBytes: powerOfTwo(
      2 ** 24,
      2 ** 30,
      "bytes of a segment file, written with zeros before it is used",
    ),
  }),
  engine: Schema.Struct({
    shards: powerOfTwo(1, 64, "shards of the lane; fixed when a data directory is made"),
    rememberedTransactions: powerOfTwo(
      2 ** 12,
      2 ** 26,
      "transactions remembered for repeats, reversals and refunds; fixed when a data directory is made",
    ),
    snapshotEverySlots: whole(1, 2 ** 40, "journaled slots after which a snapshot is taken"),
    mailboxRecordsMax: powerOfTwo(mailboxRecordsMin, 2 ** 20, "records that wait for a shard"),
    turnRecordsMax: whole(1, 2 ** 20, "records a shard decides before the others get their turn"),
    seatsMax: whole(1, 2 ** 20, "sessions that the engine answers"),
  }),
  limits: Schema.Struct({
    sessionsMax: whole(1, 1_000_000, "connections at a time"),
    recordsInFlightMax: whole(1, 2 ** 20, "unanswered records of one session"),
    messagesInFlightMax: whole(1, 4_096, "unanswered messages of one session"),
    unreadBytesMax: whole(4_096, 2 ** 30, "bytes written to a session that it has not read"),
    logonSecondsMax: whole(1, 600, "seconds from connect to welcome"),
    frameSecondsMax: whole(1, 600, "seconds of silence inside a frame"),
    idleSecondsMax: whole(1, 86_400, "seconds that a session may be silent"),
    logonBytesMax: whole(1_024, 65_536, "bytes of one message before the welcome"),
    batchRecordsMax: whole(1, 4_096, "records of one batch"),
    messageBytesMax: whole(1_024, 65_536, "bytes of one message"),
    logonsPerSecondMax: whole(1, 1_000_000, "logons a second, over all addresses"),
    logonsPerAddressSecondMax: whole(
      1,
      1_000_000,
      "logons a second from one address; a failed one counts as 256",
    ),
    logonFailuresMax: whole(
      1,
      1_000,
      "failed logons of an identity from an address before it is locked there",
    ),
    lockSecondsMax: whole(1, 86_400, "the longest lock, in seconds; it begins with one and doubles"),
  }),
})
export type Settings = typeof Settings.Type

export const defaultSettings: Settings = {
  data: "./millrace-data",
  ephemeral: false,
  host: "127.0.0.1",
  tcp: { port: 7100 },
  http: { port: 7103 },
  allowPlain: false,
  ws: { origins: [], optional: false },
  tls: { requireClientCert: false },
  iso: { hosts: [] },
  journal: { segmentBytes: segmentBytesDefault },
  engine: defaultEngineOptions,
  limits: defaultGatewayLimits,
}
