/** AES-256-GCM for blocks, and the keys of one segment or snapshot part. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type DecipherGCM,
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

/**
 * That output is garbage once it is copied, and all that V8 sees of it is that memory outside of its heap grows: at the
 * rate of batches it marked the whole heap four times a second, with threads of its own and pauses of 2 to 10 ms, and
 * each output lay in memory that no cache had seen. A collection of the young alone after so many bytes takes a third of
 * a millisecond, and the next outputs lie where the last ones did: 1.16 times the transactions in batches (medians of
 * eight rounds, taking turns). Where Node does not offer it (`--expose-gc`, see bin/millrace) V8 does as it likes.
 */
const collectBytes = 4 << 20
let uncollected = 0
const collect = (bytes: number): void => {
  uncollected += bytes
  if (uncollected < collectBytes) return
  uncollected = 0
  globalThis.gc?.({ type: "minor" })
}

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
  collect(end - at)
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
  const decipher = decipherOf({ key, number, aad, tag })
  const plain =
    sealed.length <= pieceBytes
      ? decipher.update(sealed)
      : updateInPieces(decipher, sealed, Buffer.allocUnsafeSlow(sealed.length))
  return isFinal(decipher) ? plain : null
}

/** Whether it is what was sealed; the plain bytes are nobody's. */
export const isAuthentic = (
  key: KeyObject,
  number: number,
  aad: Uint8Array,
  sealed: Uint8Array,
  tag: Uint8Array,
): boolean => {
  const decipher = decipherOf({ key, number, aad, tag })
  for (let at = 0; at < sealed.length; at += pieceBytes) decipher.update(sealed.subarray(at, at + pieceBytes))
  collect(sealed.length)
  return isFinal(decipher)
}

export interface Sealed {
  readonly key: KeyObject
  readonly number: number
  readonly aad: Uint8Array
  readonly sealed: Uint8Array
  readonly tag: Uint8Array
}

/** Puts the plain bytes in the place of the sealed ones. Returns how many, from the first, were what was sealed. */
export const openInPlace = (all: ReadonlyArray<Sealed>): number => {
  for (const [n, one] of all.entries()) {
    const decipher = decipherOf(one)
    updateInPieces(decipher, one.sealed, one.sealed)
    if (!isFinal(decipher)) return n
  }
  return all.length
}

const decipherOf = ({ key, number, aad, tag }: Omit<Sealed, "sealed">): DecipherGCM => {
  const decipher = createDecipheriv("aes-256-gcm", key, setNonce(number), { authTagLength: tagBytes })
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  return decipher
}

const isFinal = (decipher: DecipherGCM): boolean => {
  try {
    decipher.final()
    return true
  } catch {
    return false
  }
}

const updateInPieces = (decipher: DecipherGCM, sealed: Uint8Array, plain: Uint8Array): Uint8Array => {
  for (let at = 0; at < sealed.length; at += pieceBytes) {
    plain.set(decipher.update(sealed.subarray(at, at + pieceBytes)), at)
  }
  return plain
}
