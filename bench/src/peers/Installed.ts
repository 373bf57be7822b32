// What `npm ci --prefix bench/peers` brings: a package of its own, so that nobody downloads a database to run the tests.
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { delimiter, join } from "node:path"
import { pathToFileURL } from "node:url"

const here = createRequire(new URL("../../peers/package.json", import.meta.url))

/** Undefined when the package is there. */
export const installLine = (name: string): string | undefined => {
  try {
    here.resolve(name)
    return undefined
  } catch {
    return "npm ci --prefix bench/peers"
  }
}

/** `T` is what is used of it: types are checked without these packages. */
export const installed = async <T>(name: string): Promise<T> =>
  (await import(pathToFileURL(here.resolve(name)).href)) as T

/** A program named by the environment variable, or found in PATH under one of these names. */
export const programOf = (variable: string, ...names: ReadonlyArray<string>): string | undefined => {
  const named = process.env[variable]
  if (named !== undefined) return existsSync(named) ? named : undefined
  const folders = (process.env["PATH"] ?? "").split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file))
}
