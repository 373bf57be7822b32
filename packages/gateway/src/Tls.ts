/** TLS 1.3 for every listener: one certificate and key from files, read again without a restart. */
import { X509Certificate } from "node:crypto"
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
    ...(files.ca === undefined ? {} : { ca: authorities(files.ca) }),
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

/** The library takes a file without a certificate for an authority that signs nobody. */
const authorities = (file: string): Buffer => {
  const pem = read("tls.ca", file)
  const found =
    pem.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    for (const one of found) new X509Certificate(one)
  } catch {
    throw new Error(`tls.ca ${file} has a certificate that can't be read`)
  }
  if (found.length === 0) throw new Error(`tls.ca ${file} has no certificate`)
  return pem
}

const read = (key: string, file: string): Buffer => {
  try {
    return readFileSync(file)
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : error
    throw new Error(`${key}: ${file} can't be read (${String(code)})`)
  }
}
