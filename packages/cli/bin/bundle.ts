/** Makes dist/millrace.mjs, which `bin/millrace` runs: when a source is newer than it, `bin/millrace` calls this. */
import { fileURLToPath } from "node:url"
import { makeOneModule } from "./oneModule.ts"

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
await makeOneModule(file("../src/main.ts"), file("../dist/millrace.mjs"))
