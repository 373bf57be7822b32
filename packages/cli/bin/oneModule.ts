/**
 * All sources of a program as one module. V8 folds the constants of a module into its code and not those that a module
 * imports, and a table of 64-byte records is read through such constants throughout.
 */
import { renameSync } from "node:fs"
import { dirname, relative } from "node:path"
import { type Plugin, rolldown } from "rolldown"

/** Files beside a module are found where they are: its own URL is told from the bundle's. */
const ownUrls = (bundle: string): Plugin => ({
  name: "own-urls",
  transform: (code, id) =>
    code.includes("import.meta.url")
      ? code.replaceAll(
          "import.meta.url",
          `new URL(${JSON.stringify(relative(dirname(bundle), id.split("?")[0]))}, import.meta.url).href`,
        )
      : null,
})

/**
 * A command's module is loaded when it is asked for; in the bundle it is there. Left as it is, each module would become
 * a function that is called once, and its constants variables.
 */
const atOnce: Plugin = {
  name: "at-once",
  transform: (code) => {
    const wanted: Array<string> = []
    const changed = code.replace(/\bimport\(("\.[^"]+")\)/g, (_, file: string) => {
      wanted.push(`import * as atOnce${wanted.length} from ${file}\n`)
      return `Promise.resolve(atOnce${wanted.length - 1})`
    })
    return wanted.length > 0 ? wanted.join("") + changed : null
  },
}

/** Puts the module of the program that begins with `input` at `bundle`, whole: another process may be making it, too. */
export const makeOneModule = async (input: string, bundle: string): Promise<void> => {
  const made = await rolldown({
    input,
    platform: "node",
    // Native code finds its own files.
    external: [/^node:/, /^uWebSockets\.js$/, /^msgpackr/, /^prom-client$/],
    plugins: [ownUrls(bundle), atOnce],
    logLevel: "warn",
  })
  const beside = `${bundle}.${process.pid}`
  await made.write({ file: beside, format: "esm", codeSplitting: false })
  renameSync(beside, bundle)
}
