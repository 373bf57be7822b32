/** TLS 1.3 for every listener: one certificate and key from files, read again without a restart. */
import { readFileSync } from "node:fs"
import { createSecureContext, type SecureContextOptions } from "node:tls"

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** The authority that signs the certificates of hosts. */
  readonly ca?: string
}

/** What the files hold, tried out. Throws an Error whose message names the file or says what does not fit. */
export const readTls = (files: TlsFiles): SecureContextOptions => {
  const options: SecureContextOptions = {
    cert: read("tls.cert", files.cert),
    key: read("tls.key", files.key),
    ...(files.ca === undefined ? {} : { ca: read("tls.ca", files.ca) }),
    minVersion: "TLSv1.3",
  }
  try {
    createSecureContext(options)
  } catch (error) {
    // The library's words name what is wrong with a file and quote nothing of it.
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`tls.cert ${files.cert} and tls.key ${files.key} can't be used: ${why}`)
  }
  return options
}

const read = (key: string, file: string): Buffer => {
  try {
    return readFileSync(file)
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : error
    throw new Error(`${key}: ${file} can't be read (${String(code)})`)
  }
}
