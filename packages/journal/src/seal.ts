/** AES-256-GCM for blocks, and the keys of one segment or snapshot part. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto"
import { tagBytes } from "./format.ts"

/**
 * Cipher output comes in fresh memory each call; over about 64 KiB a call the allocator asks the system
 * for new pages every time, and the cipher falls from 1.5 to 1.0 GB/s.
 */
const pieceBytes = 64 << 10
const nonceBytes = 12

export interface Secrets {
  readonly cipherKey: KeyObject
  readonly macKey: KeyObject
}

/** 64 bytes of HKDF-SHA-256: the first 32 encrypt, the rest authenticates headers and marks. */
export const deriveSecrets = (dataKey: Uint8Array, salt: Uint8Array, purpose: string): Secrets => {
  const bytes = Buffer.from(hkdfSync("sha256", dataKey, salt, purpose, 64))
  return {
    cipherKey: createSecretKey(bytes.subarray(0, 32)),
    macKey: createSecretKey(bytes.subarray(32)),
  }
}

export const segmentPurpose = "millrace segment 1"

/** The first 16 bytes of HMAC-SHA-256. */
export const mac = (key: KeyObject, bytes: Uint8Array): Uint8Array =>
  createHmac("sha256", key).update(bytes).digest().subarray(0, tagBytes)

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b)

/** A 96-bit nonce out of a number: unique as long as the number is, under keys that are used for one file each. */
const nonce = Buffer.alloc(nonceBytes)
const setNonce = (number: number): Buffer => {
  nonce.writeUInt32LE(number, 0)
  return nonce
}

/** Encrypts `parts` one after the other into `out` from `at`, then writes the tag. Returns where it ended. */
export const seal = (
  key: KeyObject,
  number: number,
  aad: Uint8Array,
  parts: ReadonlyArray<Uint8Array>,
  out: Buffer,
  at: number,
): number => {
  const cipher = createCipheriv("aes-256-gcm", key, setNonce(number))
  cipher.setAAD(aad)
  let end = at
  for (let n = 0; n < parts.length; n++) {
    const part = parts[n]!
    for (let from = 0; from < part.length; from += pieceBytes) {
      const piece = part.length <= pieceBytes ? part : part.subarray(from, from + pieceBytes)
      out.set(cipher.update(piece), end)
      end += piece.length
    }
  }
  cipher.final()
  out.set(cipher.getAuthTag(), end)
  return end + tagBytes
}

/** The plain bytes, in memory of their own; null when they are not what was sealed. */
export const unseal = (
  key: KeyObject,
  number: number,
  aad: Uint8Array,
  sealed: Uint8Array,
  tag: Uint8Array,
): Uint8Array | null => {
  const decipher = createDecipheriv("aes-256-gcm", key, setNonce(number), { authTagLength: tagBytes })
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  const plain = sealed.length <= pieceBytes ? decipher.update(sealed) : updateInPieces(decipher, sealed)
  try {
    decipher.final()
    return plain
  } catch {
    return null
  }
}

const updateInPieces = (decipher: ReturnType<typeof createDecipheriv>, sealed: Uint8Array): Uint8Array => {
  const plain = Buffer.allocUnsafeSlow(sealed.length)
  for (let at = 0; at < sealed.length; at += pieceBytes) {
    plain.set(decipher.update(sealed.subarray(at, at + pieceBytes)), at)
  }
  return plain
}
