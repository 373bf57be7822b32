// Block ciphers on whole blocks, one call each: TDES with keys of two or three parts, AES.
import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from "node:crypto"

/** Whole blocks in, as many out. */
export type Way = "encrypt" | "decrypt"

export const DES_KEY_BYTES = 8

const run = (cipher: Cipher | Decipher, blocks: Uint8Array): Uint8Array => {
  cipher.setAutoPadding(false)
  // In memory of its own: Node's small buffers are slices of one that everybody shares.
  return Uint8Array.from(cipher.update(blocks))
}

/** TDES-ECB under 16 bytes (K1 K2 K1) or 24. Throws RangeError for a key of another size. */
export const tdesEcb = (way: Way, key: Uint8Array, blocks: Uint8Array): Uint8Array => {
  if (key.length !== 16 && key.length !== 24) throw new RangeError("a TDES key has 16 or 24 bytes")
  const three = key.length === 24 ? key : Buffer.concat([key, key.subarray(0, DES_KEY_BYTES)])
  return run(
    way === "encrypt" ? createCipheriv("des-ede3", three, null) : createDecipheriv("des-ede3", three, null),
    blocks,
  )
}

/** AES-ECB. Throws RangeError for a key that is none of 16, 24 or 32 bytes. */
export const aesEcb = (way: Way, key: Uint8Array, blocks: Uint8Array): Uint8Array => {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new RangeError("an AES key has 16, 24 or 32 bytes")
  }
  const name = `aes-${key.length * 8}-ecb`
  return run(way === "encrypt" ? createCipheriv(name, key, null) : createDecipheriv(name, key, null), blocks)
}
