// Where a client's randomness comes from: of nonces, of the filling of PIN blocks, of the salt of its file.
import * as crypto from "node:crypto"

/** So many bytes that nobody can guess. */
export type RandomBytes = (count: number) => Uint8Array

export const randomBytes: RandomBytes = (count) => crypto.randomBytes(count)
