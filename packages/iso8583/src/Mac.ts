// Message authentication codes of a line: ANSI X9.19 (ISO/IEC 9797-1 algorithm 3) under double DES, and AES-CMAC.
import { createCipheriv, timingSafeEqual } from "node:crypto"

const DES_BLOCK_BYTES = 8
const AES_BLOCK_BYTES = 16
export const RETAIL_KEY_BYTES = 16

/**
 * ANSI X9.19 retail MAC, 8 bytes: DES-CBC under the key's first half, the last block under both (ISO/IEC 9797-1 MAC
 * algorithm 3), filled with zeros to whole blocks (padding method 1). Throws RangeError for a key of another size.
 *
 * What is covered has no length of its own, so trailing zeros are as good as none: in a message the MAC's own field
 * stands behind, at a place that the bitmap tells.
 */
export const retailMac = (key: Uint8Array, bytes: Uint8Array): Uint8Array => {
  if (key.length !== RETAIL_KEY_BYTES) throw new RangeError(`the key has ${RETAIL_KEY_BYTES} bytes`)
  const padded = new Uint8Array(Math.max(1, Math.ceil(bytes.length / DES_BLOCK_BYTES)) * DES_BLOCK_BYTES)
  padded.set(bytes)
  const last = padded.length - DES_BLOCK_BYTES
  const first = key.subarray(0, DES_BLOCK_BYTES)
  let chain = new Uint8Array(DES_BLOCK_BYTES)
  if (last > 0) {
    // Single DES is not in OpenSSL's default provider: three times the same key is the same cipher.
    const single = Buffer.concat([first, first, first])
    const cipher = createCipheriv("des-ede3-cbc", single, chain).setAutoPadding(false)
    chain = new Uint8Array(cipher.update(padded.subarray(0, last)).subarray(last - DES_BLOCK_BYTES))
  }
  // E(K1, D(K2, E(K1, last ⊕ chain))) is one block of CBC under the double key.
  const cipher = createCipheriv("des-ede3-cbc", Buffer.concat([key, first]), chain).setAutoPadding(false)
  return new Uint8Array(cipher.update(padded.subarray(last)))
}

const aesName = (key: Uint8Array, mode: "cbc" | "ecb"): string => {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new RangeError("the key has 16, 24 or 32 bytes")
  }
  return `aes-${key.length * 8}-${mode}`
}

/** x · 2 in GF(2^128), NIST SP 800-38B 6.1. */
const doubled = (block: Uint8Array): Uint8Array => {
  const out = new Uint8Array(AES_BLOCK_BYTES)
  for (let i = 0; i < AES_BLOCK_BYTES; i++) {
    out[i] = (block[i] << 1) | (i + 1 < AES_BLOCK_BYTES ? block[i + 1] >> 7 : 0)
  }
  if ((block[0] & 0x80) !== 0) out[AES_BLOCK_BYTES - 1] ^= 0x87
  return out
}

/** AES-CMAC, NIST SP 800-38B, 16 bytes; a field of 8 takes the first 8. Throws RangeError for a key of no AES. */
export const aesCmac = (key: Uint8Array, bytes: Uint8Array): Uint8Array => {
  const zero = new Uint8Array(AES_BLOCK_BYTES)
  const ecb = createCipheriv(aesName(key, "ecb"), key, null).setAutoPadding(false)
  let subkey = doubled(ecb.update(zero))
  const padded = new Uint8Array(Math.max(1, Math.ceil(bytes.length / AES_BLOCK_BYTES)) * AES_BLOCK_BYTES)
  padded.set(bytes)
  if (padded.length !== bytes.length) {
    subkey = doubled(subkey)
    padded[bytes.length] = 0x80
  }
  const last = padded.length - AES_BLOCK_BYTES
  for (let i = 0; i < AES_BLOCK_BYTES; i++) padded[last + i] ^= subkey[i]
  const cbc = createCipheriv(aesName(key, "cbc"), key, zero).setAutoPadding(false)
  return new Uint8Array(cbc.update(padded).subarray(last))
}

/** Whether two MACs are the same, in a time that depends on their sizes only. Of different sizes they are not. */
export const sameMac = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other)
