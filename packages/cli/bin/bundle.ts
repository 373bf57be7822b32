/** Makes dist/millrace.mjs, which `bin/millrace` runs: when a source is newer than it, `bin/millrace` calls this. */
import { utimesSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { makeOneModule } from "./oneModule.ts"

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const bundle = file("../dist/millrace.mjs")
// As old as its sources were read: one that is saved meanwhile is newer.
const began = new Date()
await makeOneModule(file("../src/main.ts"), bundle)
utimesSync(bundle, began, began)
