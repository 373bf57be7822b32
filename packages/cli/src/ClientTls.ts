// What a client command shows and trusts over TLS: files that three variables name, the same for every command.
import { readFileSync } from "node:fs"
import type { TlsOptions } from "@millrace/client"

/** Of the client commands; the server's are settings. */
export const clientTlsVariables = {
  ca: "MILLRACE_CLIENT_CA",
  cert: "MILLRACE_CLIENT_CERT",
  key: "MILLRACE_CLIENT_KEY",
} as const

let found: TlsOptions | undefined

/** Read once. Throws, naming the variable, when a file can't be read. */
export const clientTls = (): TlsOptions => {
  found ??= Object.fromEntries(
    Object.entries(clientTlsVariables).flatMap(([name, variable]) => {
      const file = process.env[variable]
      return file === undefined || file === "" ? [] : [[name, read(variable, file)]]
    }),
  )
  return found
}

const read = (variable: string, file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    throw new Error(`${variable}: ${file} can't be read`)
  }
}
