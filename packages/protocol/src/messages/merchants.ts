// Merchants and terminals: how they are made, paid and set.
import { Schema } from "effect"
import { AMOUNT_MAX, U32_MAX } from "../bounds.ts"
import { kindNames } from "../Kind.ts"
import { KEY_BYTES } from "../Logon.ts"
import {
  Activity,
  Amount,
  BasisPoints,
  bytes,
  Currency,
  FeePlan,
  HostId,
  integer,
  madeFields,
  may,
  Name,
  Number32,
  PinBlock,
  Reference,
  text,
} from "./fields.ts"
import { Permission } from "./logon.ts"

/** Terminals made by one command. */
export const TERMINALS_PER_COMMAND_MAX = 8_192
/** Ranges of terminals that one host acts for. */
export const HOST_RANGES_MAX = 64
/** Parameters that a terminal downloads. */
export const PARAMETERS_MAX = 32
export const PARAMETER_CHARACTERS_MAX = 128

/** Makes a merchant, or replaces what is said of one; its currency can't change (`conflict`). */
export const Merchant = Schema.Struct({
  type: Schema.Literal("merchant"),
  number: Number32,
  name: Name,
  currency: Currency,
  /** Of each purchase, to fee income: 100 is 1 %. Short for `purchaseFee` [{basisPoints}]. */
  feeBasisPoints: may(BasisPoints),
  purchaseFee: may(FeePlan),
  rechargeFee: may(FeePlan),
  /** What the merchant earns with a recharge. */
  commission: may(FeePlan),
  /** Merchant category (ISO 18245); 0 when left out. */
  mcc: may(integer(0, 9_999)),
  status: may(Activity),
  /** How far the float may go below zero. */
  floatLimit: may(Amount),
  /** Recharges and refunds above it need the authorisation code; left out: none does. */
  codeAbove: may(Amount),
  settlement: may(Schema.Literals(["day", "week", "month"])),
  alarm: may(Schema.Struct({ floatBelow: may(Amount) })),
}).check(
  Schema.makeFilter((merchant) =>
    merchant.feeBasisPoints === undefined || merchant.purchaseFee === undefined
      ? true
      : { path: ["feeBasisPoints"], issue: "says the same as purchaseFee: leave one out" },
  ),
)
export const MerchantOk = Schema.Struct({ type: Schema.Literal("merchant.ok"), created: Schema.Boolean })

/** A payment into a merchant's float, or out of it. */
export const Float = Schema.Struct({
  type: Schema.Literal("float"),
  merchant: Number32,
  amount: integer(-AMOUNT_MAX, AMOUNT_MAX).check(
    Schema.makeFilter((amount: number) => (amount === 0 ? "must not be 0" : true)),
  ),
  reference: Reference,
})
export const FloatOk = Schema.Struct({ type: Schema.Literal("float.ok"), ...madeFields })

/** Sets a merchant's authorisation code: a PIN block of format 4, with the merchant's number as card number. */
export const Code = Schema.Struct({ type: Schema.Literal("code"), merchant: Number32, code: PinBlock })
export const CodeOk = Schema.Struct({ type: Schema.Literal("code.ok"), ...madeFields })

/** Makes the terminals first … first + count − 1 of one merchant. */
export const Terminals = Schema.Struct({
  type: Schema.Literal("terminals"),
  first: Number32,
  count: integer(1, TERMINALS_PER_COMMAND_MAX),
  merchant: Number32,
}).check(
  Schema.makeFilter((t) => (t.first + t.count - 1 <= U32_MAX ? true : "the last terminal passes 2^32 - 1")),
)
export const TerminalsOk = Schema.Struct({
  type: Schema.Literal("terminals.ok"),
  ...madeFields,
  /** The logon key, when count was 1. */
  key: may(bytes(KEY_BYTES, KEY_BYTES)),
})

/** Begins with a letter, so that no name is one that objects treat in a way of their own. */
const parameterPattern = /^[A-Za-z][A-Za-z0-9._-]{0,39}$/

/** Texts that a terminal downloads, by name. */
const Parameters = Schema.Record(Schema.String, text(0, PARAMETER_CHARACTERS_MAX)).check(
  // Not a schema of the key: a record leaves out, without a word, what its key does not fit.
  Schema.makeFilter((all: { readonly [name: string]: string }) => {
    const names = Object.keys(all)
    const wrong = names.find((name) => !parameterPattern.test(name))
    if (wrong !== undefined) return { path: [wrong], issue: `a name matches ${parameterPattern.source}` }
    return names.length <= PARAMETERS_MAX ? true : `expected at most ${PARAMETERS_MAX} parameters`
  }),
)

/** Sets a terminal; what is left out stays as it is. */
export const Terminal = Schema.Struct({
  type: Schema.Literal("terminal"),
  number: Number32,
  status: may(Activity),
  /** What it may send. */
  kinds: may(Schema.Array(Schema.Literals(kindNames))),
  /** Of one transaction; 0: no limit. */
  amountMax: may(Amount),
  parameters: may(Parameters),
  /** For the operator, with a declined answer. */
  message: may(Name),
})
export const TerminalOk = Schema.Struct({ type: Schema.Literal("terminal.ok"), ...madeFields })

/** Makes a host, or replaces what an existing one may do. */
export const Host = Schema.Struct({
  type: Schema.Literal("host"),
  id: HostId,
  /** Both ends included. */
  terminals: Schema.Array(Schema.Tuple([Number32, Number32])).check(
    Schema.isMaxLength(HOST_RANGES_MAX),
    Schema.makeFilter((ranges: ReadonlyArray<readonly [number, number]>) =>
      ranges.every(([from, to]) => from <= to) ? true : "a range's end is before its beginning",
    ),
  ),
  permissions: Schema.Array(Permission),
})
export const HostOk = Schema.Struct({ type: Schema.Literal("host.ok"), key: bytes(KEY_BYTES, KEY_BYTES) })

/** Raises the key version of a host or a terminal: exactly one of the two. */
export const RotateKey = Schema.Struct({
  type: Schema.Literal("rotate-key"),
  host: Schema.optionalKey(HostId),
  terminal: Schema.optionalKey(Number32),
}).check(
  Schema.makeFilter((request: { readonly host?: string; readonly terminal?: number }) =>
    (request.host === undefined) !== (request.terminal === undefined) ? true : "name a host or a terminal",
  ),
)
export const RotateKeyOk = Schema.Struct({
  type: Schema.Literal("rotate-key.ok"),
  keyVersion: Number32,
  key: bytes(KEY_BYTES, KEY_BYTES),
})

/** A new data key for what is written from now on; what is on the disk stays under the keys that it has. */
export const RotateDataKey = Schema.Struct({ type: Schema.Literal("rotate-data-key") })
export const RotateDataKeyOk = Schema.Struct({
  type: Schema.Literal("rotate-data-key.ok"),
  /** Number of the new key, and of the one before. */
  keyId: Number32,
  before: Number32,
})

/** Asks for a host's zone master keys of ISO 8583. */
export const IsoKeys = Schema.Struct({ type: Schema.Literal("iso-keys"), id: HostId })
export const IsoKeysOk = Schema.Struct({
  type: Schema.Literal("iso-keys.ok"),
  /** For a host whose PIN blocks and MACs are TDES's: 16 bytes with odd parity, and the check value. */
  tdes: bytes(16, 16),
  tdesCheck: bytes(3, 3),
  /** For one with AES in either. */
  aes: bytes(KEY_BYTES, KEY_BYTES),
  aesCheck: bytes(3, 3),
})

/** The time zone by which business days begin. */
export const Calendar = Schema.Struct({
  type: Schema.Literal("calendar"),
  utcOffsetMinutes: integer(-840, 840),
})
export const CalendarOk = Schema.Struct({ type: Schema.Literal("calendar.ok"), ...madeFields })

/** How often something happened, and of what amount; a net may be below 0. */
export const CountAndSum = Schema.Struct({
  count: integer(-U32_MAX, U32_MAX),
  amount: integer(-AMOUNT_MAX, AMOUNT_MAX),
})
