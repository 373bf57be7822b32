// Who logs on, and the key that proves it: made of values, or read from the file that the server writes.
import { readFile, stat } from "node:fs/promises"
import { type Identity, identityText, KEY_BYTES } from "@millrace/protocol"
import { Effect, Redacted, Result } from "effect"
import { CredentialError } from "./ClientError.ts"

export interface Credential {
  readonly identity: Identity
  readonly key: Redacted.Redacted<Uint8Array>
}

const hexPattern = /^[0-9a-fA-F]*$/

/** The bytes of a key in hex, or why they are none. */
const parseKey = (hex: string): Result.Result<Uint8Array, string> => {
  if (!hexPattern.test(hex)) return Result.fail("key: expected hexadecimal digits")
  if (hex.length !== KEY_BYTES * 2) {
    return Result.fail(`key: expected ${KEY_BYTES * 2} hexadecimal digits, got ${hex.length}`)
  }
  return Result.succeed(Uint8Array.from(Buffer.from(hex, "hex")))
}

/** A credential from values. Throws RangeError, without the key, when identity or key can't be. */
export const makeCredential = (identity: Identity, key: Uint8Array | string): Credential => {
  identityText(identity)
  const bytes = typeof key === "string" ? parseKey(key) : Result.succeed(Uint8Array.from(key))
  if (Result.isFailure(bytes)) throw new RangeError(bytes.failure)
  if (bytes.success.length !== KEY_BYTES) throw new RangeError(`key: expected ${KEY_BYTES} bytes`)
  return { identity, key: Redacted.make(bytes.success, { label: "logon key" }) }
}

/** `{"host": "dev", "key": "<hex>"}` or `{"terminal": 1001, "key": "<hex>"}`; other fields are ignored. */
export const parseCredential = (text: string): Result.Result<Credential, string> => {
  const json = parseJson(text)
  if (typeof json !== "object" || json === null) return Result.fail("expected a JSON object")
  const { host, terminal, key } = json as { readonly [field: string]: unknown }
  if ((host === undefined) === (terminal === undefined)) {
    return Result.fail('expected either "host" or "terminal"')
  }
  if (host !== undefined && typeof host !== "string") return Result.fail("host: expected text")
  if (terminal !== undefined && typeof terminal !== "number")
    return Result.fail("terminal: expected a number")
  if (typeof key !== "string") return Result.fail("key: expected hexadecimal text")
  // One of the two is there, as was seen above.
  const identity = typeof host === "string" ? { host } : { terminal: terminal as number }
  return Result.try({
    try: () => makeCredential(identity, key),
    // RangeError carries the field and what was expected, and never the key.
    catch: (error) => (error instanceof Error ? error.message : String(error)),
  })
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse quotes the text in its message, and the text holds a key.
    return undefined
  }
}

/** Bits of a mode that let others than the owner at the file. */
const OTHERS = 0o077

const problemOf = (path: string, error: unknown): CredentialError => {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  const message =
    code === "ENOENT"
      ? `there is no credentials file at ${path}: \`millrace serve\` writes one in its data directory on its first start; name another with --credentials FILE`
      : code === "EACCES"
        ? `the credentials file ${path} may not be read by this user`
        : `the credentials file ${path} can't be read: ${error instanceof Error ? error.message : String(error)}`
  return new CredentialError({ path, message })
}

/**
 * Reads a credentials file. Errors: CredentialError, which names the path and, for a file that is missing, who writes
 * it. A file that others may read gives a warning in the log and is used all the same.
 */
export const readCredential = Effect.fnUntraced(function* (path: string) {
  const text = yield* Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) => problemOf(path, error),
  })
  const { mode } = yield* Effect.tryPromise({
    try: () => stat(path),
    catch: (error) => problemOf(path, error),
  })
  if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, "0")
    yield* Effect.logWarning(`${path} has mode ${octal}: others can read the key; set it to 0600`)
  }
  const parsed = parseCredential(text)
  if (Result.isFailure(parsed)) {
    return yield* new CredentialError({
      path,
      message: `${path} is not a credentials file: ${parsed.failure}`,
    })
  }
  return parsed.success
})
