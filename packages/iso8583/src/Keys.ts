// Keys on their way: check values, DES parity, and keys wrapped under a zone master key.
import { createCipheriv, createDecipheriv } from "node:crypto"
import { aesEcb, tdesEcb } from "./Ciphers.ts"
import { aesCmac } from "./Mac.ts"

export type KeyCipher = "tdes" | "aes"

/** Bytes of a check value: three, as six hexadecimal digits, is what the field uses. */
export const KCV_BYTES = 3

/**
 * Key check value: of a TDES key the first bytes of zeros encrypted; of an AES key those of the CMAC over a block of
 * zeros (ANSI X9.24-1:2017, annex A), which tells nothing that ECB would.
 */
export const keyCheckValue = (cipher: KeyCipher, key: Uint8Array): Uint8Array =>
  (cipher === "tdes" ? tdesEcb("encrypt", key, new Uint8Array(8)) : aesCmac(key, new Uint8Array(16))).slice(
    0,
    KCV_BYTES,
  )

/** The older check value of an AES key: the first bytes of a block of zeros encrypted. */
export const legacyAesCheckValue = (key: Uint8Array): Uint8Array =>
  aesEcb("encrypt", key, new Uint8Array(16)).slice(0, KCV_BYTES)

/** The key with odd parity in every byte, as DES keys are exchanged. The lowest bits hold no key. */
export const withOddParity = (key: Uint8Array): Uint8Array =>
  key.map((byte) => {
    let ones = 0
    for (let bit = 1; bit < 8; bit++) ones += (byte >> bit) & 1
    return (byte & 0xfe) | ((ones + 1) & 1)
  })

/** RFC 3394's initial value. */
const WRAP_IV = new Uint8Array(8).fill(0xa6)

const wrapName = (key: Uint8Array): string => {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new RangeError("an AES key has 16, 24 or 32 bytes")
  }
  return `id-aes${key.length * 8}-wrap`
}

/**
 * A key under a zone master key. "tdes": ECB (ANSI X9.17), as long as the key, which has 16 or 24 bytes. "aes": key wrap
 * (RFC 3394), 8 bytes longer. Throws RangeError for sizes that are none.
 */
export const wrapKey = (cipher: KeyCipher, master: Uint8Array, key: Uint8Array): Uint8Array => {
  if (key.length !== 16 && key.length !== 24 && (cipher === "tdes" || key.length !== 32)) {
    throw new RangeError("a key to be wrapped has 16, 24 or, for AES, 32 bytes")
  }
  if (cipher === "tdes") return tdesEcb("encrypt", master, key)
  const wrap = createCipheriv(wrapName(master), master, WRAP_IV)
  return Uint8Array.from(wrap.update(key))
}

/** The key, or undefined when it was not wrapped like this: with "tdes" only its size and parity can tell. */
export const unwrapKey = (
  cipher: KeyCipher,
  master: Uint8Array,
  wrapped: Uint8Array,
): Uint8Array | undefined => {
  const size = cipher === "tdes" ? wrapped.length : wrapped.length - 8
  if (size !== 16 && size !== 24 && (cipher === "tdes" || size !== 32)) return undefined
  if (cipher === "tdes") {
    const key = tdesEcb("decrypt", master, wrapped)
    return withOddParity(key).every((byte, i) => byte === key[i]) ? key : undefined
  }
  const unwrap = createDecipheriv(wrapName(master), master, WRAP_IV)
  try {
    return Uint8Array.from(unwrap.update(wrapped))
  } catch {
    // One call, which throws when the integrity check fails.
    return undefined
  }
}
