/** An acquirer's host as the configuration has it, and which one a connection is of. */
import { type Dialect, type FieldFormat, type Framing, withLengths } from "@millrace/iso8583"

export type MacMethod = "none" | "x919" | "cmac"
export type PinFormat = "format0" | "format4"

export interface IsoHost {
  /** The scheme's host: its terminals and permissions are those that it has there. */
  readonly id: string
  readonly dialect: Dialect
  readonly framing: Framing
  readonly mac: MacMethod
  /** Format 0 is under a TDES key, format 4 under AES. */
  readonly pin: PinFormat
  /** When it gets its session keys: with each logon, or only when it asks with a key change. */
  readonly keys: "logon" | "request"
  /** Its own port; the listener's when left out. */
  readonly port?: number | undefined
  /** Addresses that it connects from; any when left out. */
  readonly from?: ReadonlyArray<string> | undefined
  /** Terminals by what stands in field 41, where that is not their number. */
  readonly terminals: ReadonlyMap<string, number>
}

/** `::ffff:192.0.2.1` is how a listener on both families sees 192.0.2.1. */
const plain = (address: string): string => address.replace(/^::ffff:/i, "")

/** The host of a connection from this address, out of those of its port: one that names it goes before one that names none. */
export const hostOf = (hosts: ReadonlyArray<IsoHost>, address: string): IsoHost | undefined =>
  hosts.find((host) => host.from?.some((from) => plain(from) === plain(address))) ??
  hosts.find((host) => host.from === undefined)

/**
 * The hosts by port; `shared` is where those listen that have none of their own. Undefined stands for good, else a
 * sentence that says which two cannot be told apart.
 */
export const conflictOf = (hosts: ReadonlyArray<IsoHost>, shared: number): string | undefined => {
  const seen = new Map<string, string>()
  for (const { id, port = shared, from } of hosts) {
    for (const address of from ?? ["any address"]) {
      // Port 0 is another one each time, but for those that share it.
      const place = `${plain(address)} on port ${port}`
      const other = seen.get(place)
      if (other !== undefined)
        return `hosts ${other} and ${id} both connect from ${place}: give one its own port`
      seen.set(place, id)
    }
  }
  return undefined
}

const PIN_BLOCK = 52
const MAC_FIELDS = [64, 128]
const MAC_BYTES = 8
const FORMAT_4_BYTES = 16

/** The dialect as this host speaks it: a PIN block of format 4 has 16 bytes. */
export const dialectFor = (dialect: Dialect, pin: PinFormat): Dialect =>
  pin === "format4" && dialect.fields.get(PIN_BLOCK)?.max !== FORMAT_4_BYTES && dialect.fields.has(PIN_BLOCK)
    ? withLengths(dialect, { [PIN_BLOCK]: `b ${FORMAT_4_BYTES}` })
    : dialect

const isFixed = (format: FieldFormat | undefined, bytes: number): boolean =>
  format !== undefined && format.type === "b" && format.lengthDigits === 0 && format.max === bytes

/** Characters of both keys under the ZMK and their check values. */
const KEYS_CHARACTERS_MAX = 172

/** What of its dialect can't do what the host is configured for, or undefined. */
export const mistakeOf = ({ dialect, mac, keys }: IsoHost): string | undefined => {
  const { uses, fields, name, operations } = dialect
  if (mac !== "none" && MAC_FIELDS.some((field) => !isFixed(fields.get(field), MAC_BYTES))) {
    return `dialect ${name} must have fields 64 and 128 as "b ${MAC_BYTES}" for a MAC`
  }
  // The change itself would need a MAC, and there is no key for one yet.
  if (mac !== "none" && keys === "request") {
    return `keys "request" needs mac "none": with a MAC the first keys come with the logon (keys "logon")`
  }
  const needsKeys = keys === "logon" || operations.some(({ kind }) => kind === "keyChange")
  const keysField = uses.keys === undefined ? undefined : fields.get(uses.keys)
  if (
    needsKeys &&
    (keysField === undefined || keysField.type !== "ans" || keysField.max < KEYS_CHARACTERS_MAX)
  ) {
    return `dialect ${name} must name a field under uses.keys, of type ans and ${KEYS_CHARACTERS_MAX} characters, for session keys`
  }
  if (!operations.some(({ kind }) => kind === "logon")) return `dialect ${name} has no operation logon`
  return undefined
}
