// The bytes that both sides of a logon prove to know a key over. No cryptography here: HMAC-SHA-256 is the caller's.
import { checkInteger, U32_MAX } from "./bounds.ts"

/** A host acts for a set of terminals; a terminal for itself. */
export type Identity = { readonly host: string } | { readonly terminal: number }

/** HMAC-SHA-256's size: keys and proofs. */
export const KEY_BYTES = 32
export const PROOF_BYTES = 32
export const SERVER_NONCE_BYTES = 32
export const CLIENT_NONCE_BYTES_MIN = 16
export const CLIENT_NONCE_BYTES_MAX = 32
/** From the first byte of the connection to the welcome. */
export const LOGON_SECONDS_MAX = 10

/** 1 to 64 of A–Z a–z 0–9 . _ - : no byte of an identity can be taken for a separator. */
export const hostIdPattern: RegExp = /^[A-Za-z0-9._-]{1,64}$/

/** "host:<id>" or "terminal:<decimal>". Throws RangeError for an identity that can't exist. */
export const identityText = (identity: Identity): string => {
  if ("terminal" in identity) {
    checkInteger("terminal", identity.terminal, U32_MAX)
    if (identity.terminal === 0) throw new RangeError("terminal 0 does not exist")
    return `terminal:${identity.terminal}`
  }
  if (!hostIdPattern.test(identity.host)) throw new RangeError(`a host id matches ${hostIdPattern.source}`)
  return `host:${identity.host}`
}

// Every text here is ASCII by its pattern, and k6 has no TextEncoder.
const ascii = (text: string): Array<number> => Array.from(text, (character) => character.charCodeAt(0))

/** The identity as the proofs and the key derivation carry it. Throws RangeError like `identityText`. */
export const identityBytes = (identity: Identity): Uint8Array =>
  Uint8Array.from(ascii(identityText(identity)))

const transcript = (
  label: string,
  identity: Identity,
  serverNonce: Uint8Array,
  clientNonce: Uint8Array,
): Uint8Array => {
  if (serverNonce.length !== SERVER_NONCE_BYTES) {
    throw new RangeError(`the server's nonce has ${SERVER_NONCE_BYTES} bytes, not ${serverNonce.length}`)
  }
  if (clientNonce.length < CLIENT_NONCE_BYTES_MIN || clientNonce.length > CLIENT_NONCE_BYTES_MAX) {
    throw new RangeError(
      `the client's nonce has ${CLIENT_NONCE_BYTES_MIN} to ${CLIENT_NONCE_BYTES_MAX} bytes, not ${clientNonce.length}`,
    )
  }
  const head = [...ascii(label), 0, ...ascii(identityText(identity)), 0]
  return Uint8Array.from([...head, ...serverNonce, clientNonce.length, ...clientNonce])
}

/**
 * proof of the client = HMAC-SHA-256(key, this):
 * "millrace client 1" ‖ 0 ‖ identity ‖ 0 ‖ server nonce (32) ‖ length of client nonce (1) ‖ client nonce.
 * Throws RangeError when a nonce has the wrong size or the identity can't exist.
 */
export const clientTranscript = (
  identity: Identity,
  serverNonce: Uint8Array,
  clientNonce: Uint8Array,
): Uint8Array => transcript("millrace client 1", identity, serverNonce, clientNonce)

/** The same for the server's proof, under "millrace server 1". */
export const serverTranscript = (
  identity: Identity,
  serverNonce: Uint8Array,
  clientNonce: Uint8Array,
): Uint8Array => transcript("millrace server 1", identity, serverNonce, clientNonce)

/** An identity's logon key = HMAC-SHA-256(scheme key, this): "logon" ‖ 0 ‖ identity ‖ 0 ‖ u32 key version. */
export const logonKeyTranscript = (identity: Identity, keyVersion: number): Uint8Array => {
  checkInteger("keyVersion", keyVersion, U32_MAX)
  const version = [0, 8, 16, 24].map((shift) => (keyVersion >>> shift) & 0xff)
  return Uint8Array.from([...ascii("logon"), 0, ...ascii(identityText(identity)), 0, ...version])
}
