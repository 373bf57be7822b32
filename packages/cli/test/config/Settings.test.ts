import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { leavesOf } from "../../src/config/Leaves.ts"
import { defaultSettings, Settings } from "../../src/config/Settings.ts"

const page = readFileSync(new URL("../../../../ops/README.md", import.meta.url), "utf8")

const defaultOf = (path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    // A group of settings; its members are looked up by the schema's own names.
    (group, name) => (group as { readonly [name: string]: unknown })[name],
    defaultSettings,
  )

it("the operator's page lists every setting with its variable, default and meaning", () => {
  const rows = page
    .split("\n")
    .filter((line) => line.includes("| `MILLRACE_"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
    .map(([, key, variable, byDefault, meaning]) => [key, variable, byDefault.replaceAll(",", ""), meaning])
  expect(rows).toEqual(
    leavesOf(Settings).map(({ key, variable, path, description }) => [
      key,
      variable,
      String(defaultOf(path) ?? "–"),
      description,
    ]),
  )
})
