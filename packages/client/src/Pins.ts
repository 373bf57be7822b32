// PINs leave this client as PIN blocks under the session's key, and in no other way.
import { createCipheriv, createHmac } from "node:crypto"
import {
  type BlockCipher,
  checkPin,
  encodePinBlock,
  flagsOf,
  Kind,
  PAN_DIGITS_MAX,
  PIN_BLOCK_BYTES,
  PIN_FILL_BYTES,
  pinKeyTranscript,
  RecordAt,
  RecordFlag,
  type RecordInput,
} from "@millrace/protocol"
import { Redacted } from "effect"
import type { Credential } from "./Credential.ts"
import { type RandomBytes, randomBytes } from "./Random.ts"

/** A record as a caller says it: PINs in clear, flags by their names. */
export interface Submission extends RecordInput {
  /** 4 to 12 digits; with `code` the merchant's authorisation code. */
  readonly pin?: string | undefined
  /** pinChange: the PIN from now on, in the place of `original` and `counterparty`. */
  readonly newPin?: string | undefined
  /** recharge, refund: `pin` is the merchant's authorisation code. */
  readonly code?: boolean | undefined
  /** purchase: less than the amount will do, answered with response 10. */
  readonly partial?: boolean | undefined
  /** close: even when the totals do not agree. */
  readonly forced?: boolean | undefined
}

/** Makes the PIN block of a card (or of a merchant's number), fresh each time. */
export type Seal = (card: bigint, pin: string) => Uint8Array

/** A card number that no PIN block can be bound to is the caller's defect, like a PIN that is none. */
const PAN_MAX = 10n ** BigInt(PAN_DIGITS_MAX) - 1n

/** Throws RangeError, which never carries the PIN. */
export const checkSealable = (name: string, card: bigint, pin: string): void => {
  checkPin(name, pin)
  if (card < 0n || card > PAN_MAX) {
    throw new RangeError(`card must have at most ${PAN_DIGITS_MAX} digits for a ${name}`)
  }
}

/** The PINs of a record: kept in clear until it is answered, because each session has a key of its own. */
export interface RecordPins {
  readonly card: bigint
  readonly pin: string | undefined
  readonly newPin: string | undefined
}

/** Throws RangeError for a PIN that is none, or that does not go with the record. */
export const pinsOf = (record: Submission): RecordPins | undefined => {
  const { card, kind, pin, newPin } = record
  if (pin === undefined && newPin === undefined) return undefined
  if (pin !== undefined) {
    checkSealable("pin", card, pin)
    if (record.pinBlock != null) throw new RangeError("pin takes the place of pinBlock")
  }
  if (newPin !== undefined) {
    checkSealable("newPin", card, newPin)
    if (kind !== Kind.pinChange) throw new RangeError("newPin goes with a pinChange alone")
    if ((record.original ?? 0n) !== 0n || (record.counterparty ?? 0n) !== 0n) {
      throw new RangeError("newPin takes the place of original and counterparty")
    }
  }
  return { card, pin, newPin }
}

/** The flag bits that a record's names stand for. Throws RangeError for one that does not go with its kind. */
export const flagsIn = (record: Submission): number => {
  let flags = record.flags ?? 0
  for (const name of ["code", "partial", "forced"] as const) {
    if (record[name] !== true) continue
    if ((flagsOf(record.kind) & RecordFlag[name]) === 0) {
      throw new RangeError(`${name} does not go with kind ${record.kind}`)
    }
    flags |= RecordFlag[name]
  }
  return flags
}

/** Writes a record's PIN blocks into its bytes. */
export const writePins = (seal: Seal, pins: RecordPins, out: Uint8Array, at: number): void => {
  if (pins.pin !== undefined) out.set(seal(pins.card, pins.pin), at + RecordAt.pinBlock)
  if (pins.newPin !== undefined) out.set(seal(pins.card, pins.newPin), at + RecordAt.original)
}

/** The seal of a session. The cipher is made with the first PIN: most sessions have none. */
export const makeSeal = (
  credential: Credential,
  serverNonce: Uint8Array,
  clientNonce: Uint8Array,
  random: RandomBytes = randomBytes,
): Seal => {
  let encrypt: BlockCipher | null = null
  return (card, pin) => {
    encrypt ??= blockCipher(
      createHmac("sha256", Redacted.value(credential.key))
        .update(pinKeyTranscript(serverNonce, clientNonce))
        .digest(),
    )
    return encodePinBlock(encrypt, card, pin, random(PIN_FILL_BYTES))
  }
}

const blockCipher = (key: Uint8Array): BlockCipher => {
  const cipher = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false)
  return (block) => cipher.update(block.subarray(0, PIN_BLOCK_BYTES))
}
