// Makes of each scenario one file that k6 runs: the protocol's codec and the scripts, without k6's own modules.
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

export const scenarios = ["smoke", "steady", "peak", "spike", "soak"] as const
export type Scenario = (typeof scenarios)[number]

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The bundle's file. */
export const bundle = async (scenario: Scenario): Promise<string> => {
  const made = await rolldown({
    input: fileOf(`./src/${scenario}.ts`),
    external: /^k6(\/|$)/,
    // Neither Buffer nor TextDecoder: the codec has its own ways where these are missing.
    platform: "browser",
    logLevel: "warn",
  })
  const file = fileOf(`./dist/${scenario}.js`)
  await made.write({ file, format: "esm" })
  await made.close()
  return file
}

/** What the file's first words say the scenario is. */
export const aboutOf = (scenario: Scenario): string =>
  /^\/\/ (.*)/.exec(readFileSync(fileOf(`./src/${scenario}.ts`), "utf8"))?.[1] ?? ""
