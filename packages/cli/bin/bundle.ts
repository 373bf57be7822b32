/**
 * Makes one module of the program: dist/millrace.mjs. V8 folds the constants of a module into its code and not those
 * that a module imports, and a table of 64-byte records is read through such constants throughout: one module decides
 * in two thirds of the instructions. `bin/millrace` calls this when a source is newer than the bundle.
 */
import { renameSync } from "node:fs"
import { dirname, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { type Plugin, rolldown } from "rolldown"

const home = dirname(dirname(fileURLToPath(import.meta.url)))
const bundle = `${home}/dist/millrace.mjs`

/** Files beside a module are found where they are: its own URL is told from the bundle's. */
const ownUrls: Plugin = {
  name: "own-urls",
  transform: (code, id) =>
    code.includes("import.meta.url")
      ? code.replaceAll(
          "import.meta.url",
          `new URL(${JSON.stringify(relative(dirname(bundle), id.split("?")[0]))}, import.meta.url).href`,
        )
      : null,
}

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

const made = await rolldown({
  input: `${home}/src/main.ts`,
  platform: "node",
  // Native code finds its own files.
  external: [/^node:/, /^uWebSockets\.js$/, /^msgpackr/, /^prom-client$/],
  plugins: [ownUrls, atOnce],
  logLevel: "warn",
})
// Another start may be making it, too: it is put in place whole.
const beside = `${bundle}.${process.pid}`
await made.write({ file: beside, format: "esm", codeSplitting: false })
renameSync(beside, bundle)
