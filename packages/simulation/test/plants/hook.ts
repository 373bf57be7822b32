/** Preloaded (`node --import`): changes one place of the sources as they are loaded. MILLRACE_PLANT names the plant. */
import { registerHooks } from "node:module"
import { plants } from "./plants.ts"

const name = process.env["MILLRACE_PLANT"]
const plant = plants.find((one) => one.name === name)
if (plant === undefined) throw new Error(`there is no plant "${name}"`)
const suffix = `/packages/${plant.file}`

const textOf = (source: string | ArrayBuffer | NodeJS.TypedArray | undefined): string =>
  typeof source === "string" ? source : Buffer.from(source as Uint8Array).toString("utf8") // a module's bytes

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(suffix)) return loaded
    const parts = textOf(loaded.source).split(plant.find)
    if (parts.length !== 2) {
      throw new Error(`plant "${plant.name}": its place is in ${plant.file} ${parts.length - 1} times`)
    }
    return { ...loaded, source: parts.join(plant.replace) }
  },
})
