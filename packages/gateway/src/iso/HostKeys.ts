/** A host's zone master key, and the session keys that are sent under it. */
import { createHmac, randomBytes } from "node:crypto"
import { type KeyCipher, keyCheckValue, withOddParity, wrapKey } from "@millrace/iso8583"
import type { IsoHost } from "./IsoHost.ts"

const TDES_KEY_BYTES = 16
const AES_KEY_BYTES = 32

/** The keys of one logon or key change. */
export interface SessionKeys {
  /** Of PIN blocks (ZPK). */
  readonly pin: Uint8Array
  /** Of MACs (ZAK); undefined for a host without. */
  readonly mac: Uint8Array | undefined
}

export const keyBytesOf = (cipher: KeyCipher): number => (cipher === "tdes" ? TDES_KEY_BYTES : AES_KEY_BYTES)

const asKey = (cipher: KeyCipher, bytes: Uint8Array): Uint8Array =>
  cipher === "tdes" ? withOddParity(bytes) : bytes

const u32 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/**
 * ZMK = HMAC-SHA-256(scheme key, "iso zmk" ‖ 0 ‖ host id ‖ 0 ‖ u32 key version): all of it for AES, the first 16 bytes
 * with odd parity for TDES. It is stored nowhere.
 */
export const zoneMasterKey = (
  schemeKey: Uint8Array,
  host: string,
  keyVersion: number,
  cipher: KeyCipher,
): Uint8Array => {
  const digest = createHmac("sha256", schemeKey).update(`iso zmk\0${host}\0`).update(u32(keyVersion)).digest()
  return asKey(cipher, digest.subarray(0, keyBytesOf(cipher)))
}

export const pinCipher = (host: IsoHost): KeyCipher => (host.pin === "format0" ? "tdes" : "aes")
export const macCipher = (host: IsoHost): KeyCipher => (host.mac === "cmac" ? "aes" : "tdes")
/** The stronger of the two: no key goes under a weaker one. */
export const masterCipher = (host: IsoHost): KeyCipher =>
  pinCipher(host) === "aes" || host.mac === "cmac" ? "aes" : "tdes"

export const makeSessionKeys = (host: IsoHost): SessionKeys => ({
  pin: asKey(pinCipher(host), randomBytes(keyBytesOf(pinCipher(host)))),
  mac: host.mac === "none" ? undefined : asKey(macCipher(host), randomBytes(keyBytesOf(macCipher(host)))),
})

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex").toUpperCase()

/**
 * Field 48: of each key, PIN key first, its cryptogram under the ZMK (ECB under TDES; RFC 3394 under AES) and the three
 * bytes of its check value, in hexadecimal.
 */
export const keysText = (host: IsoHost, master: Uint8Array, keys: SessionKeys): string => {
  const under = (cipher: KeyCipher, key: Uint8Array) =>
    hex(wrapKey(masterCipher(host), master, key)) + hex(keyCheckValue(cipher, key))
  return under(pinCipher(host), keys.pin) + (keys.mac === undefined ? "" : under(macCipher(host), keys.mac))
}
