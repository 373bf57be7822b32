// The hosts of the ISO 8583 listener as a configuration names them, and what they become for the gateway.
import { isIP } from "node:net"
import { conflictOf, dialectFor, type IsoHost, mistakeOf } from "@millrace/gateway"
import { type Dialect, framings, loadDialect } from "@millrace/iso8583"
import { hostIdPattern } from "@millrace/protocol"
import { Result, Schema, SchemaIssue } from "effect"

const oneOf = <const T extends ReadonlyArray<string>>(texts: T) =>
  Schema.Literals(texts).annotate({ expected: texts.join(" or ") })

const TERMINAL_MAX = 0xffff_ffff
const PORT_MAX = 65_535

const whole = (min: number, max: number) =>
  Schema.Finite.check(
    Schema.makeFilter(
      (value: number) =>
        (Number.isInteger(value) && value >= min && value <= max) ||
        `expected a whole number from ${min} to ${max}`,
    ),
  )

const IsoHostSetting = Schema.Struct({
  /** The scheme's host: its terminals and permissions are those that it has there. */
  id: Schema.String.check(
    Schema.makeFilter(
      (id: string) =>
        hostIdPattern.test(id) || "expected 1 to 64 letters, digits, dots, dashes or underscores",
    ),
  ),
  /** A dialect that comes along, or the path of a file. */
  dialect: Schema.optionalKey(Schema.NonEmptyString),
  framing: Schema.optionalKey(oneOf(framings)),
  mac: Schema.optionalKey(oneOf(["none", "x919", "cmac"])),
  pin: Schema.optionalKey(oneOf(["format0", "format4"])),
  keys: Schema.optionalKey(oneOf(["logon", "request"])),
  port: Schema.optionalKey(whole(1, PORT_MAX)),
  from: Schema.optionalKey(
    Schema.Array(
      Schema.String.check(
        Schema.makeFilter((address: string) => isIP(address) !== 0 || "expected an IP address"),
      ),
    ).check(Schema.isMinLength(1)),
  ),
  terminals: Schema.optionalKey(Schema.Record(Schema.String, whole(1, TERMINAL_MAX))),
})
type IsoHostSetting = typeof IsoHostSetting.Type

const decode = Schema.decodeUnknownResult(Schema.Array(IsoHostSetting), {
  errors: "all",
  onExcessProperty: "error",
})
const format = SchemaIssue.makeFormatterStandardSchemaV1()

type Refused = ReadonlyArray<string>

/**
 * The hosts, or every mistake as a sentence that names its key.
 *
 * @param port where hosts without their own connect to
 */
export const readIsoHosts = (
  hosts: ReadonlyArray<unknown>,
  port: number,
): Result.Result<ReadonlyArray<IsoHost>, Refused> => {
  const decoded = decode(hosts)
  if (Result.isFailure(decoded)) {
    return Result.fail(
      format(decoded.failure.issue).issues.map((issue) => {
        const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part))
        return `${["iso.hosts", ...path].join(".")}: ${issue.message.replaceAll(/\s+/g, " ")}`
      }),
    )
  }
  const read: Array<IsoHost> = []
  for (const [index, setting] of decoded.success.entries()) {
    const dialect = loadDialect(setting.dialect ?? "iso1987")
    if (Result.isFailure(dialect)) {
      return Result.fail(dialect.failure.map((mistake) => `iso.hosts.${index}.dialect: ${mistake}`))
    }
    const host = hostOf(setting, dialect.success)
    const mistake = mistakeOf(host)
    if (mistake !== undefined) return Result.fail([`iso.hosts.${index}: ${mistake}`])
    read.push(host)
  }
  const conflict = conflictOf(read, port)
  return conflict === undefined ? Result.succeed(read) : Result.fail([`iso.hosts: ${conflict}`])
}

const hostOf = (setting: IsoHostSetting, dialect: Dialect): IsoHost => {
  const { id, framing = "binary2", mac = "x919", pin = "format0", keys = "logon", port, from } = setting
  const terminals = new Map(Object.entries(setting.terminals ?? {}))
  return { id, dialect: dialectFor(dialect, pin), framing, mac, pin, keys, port, from, terminals }
}
